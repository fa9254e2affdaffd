//! Datasets: the same columns in every form, the same bytes for the same rows, and nothing lost on the way.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::sync::Arc;

use bytes::Bytes;
use sentinel_core::apy::window_report;
use sentinel_core::artifact::datasets::{
    self, ApyRow, BlockRow, Dataset, Digits, EpochRow, EventRow, ExtrinsicRow, FindingRow, Form,
    HyperparameterChangeRow, HyperparameterRow, ItemId, JsonText, NeuronRow, Row, WeightRow, Window,
};
use sentinel_core::artifact::raw::Digest;
use sentinel_core::artifact::{ArtifactError, NetworkWord};
use sentinel_core::chain::{AccountId, BlockHash, BlockId, NetUid};
use sentinel_core::source::{ArchiveSource, BlockSource, SimSource};
use sentinel_core::storage::{Key, ObjectStorage};
use sentinel_core::subnet::hyperparameters::history;
use sentinel_core::subnet::metagraph::{self, Depth};
use sentinel_core::subnet::{hyperparameters, returns, weights};
use sentinel_support::rng::Rng;

fn network() -> NetworkWord {
    "local".parse().unwrap()
}

fn place() -> Key {
    Key::new("local/file").unwrap()
}

/// A fact that is absent as often as not, and otherwise as large as it can be as often as not.
fn maybe<T>(rng: &mut Rng, most: T, other: impl Fn(u64) -> T) -> Option<T> {
    match rng.below(3) {
        0 => None,
        1 => Some(most),
        _ => {
            let value = rng.bits();
            Some(other(value))
        }
    }
}

fn account(rng: &mut Rng) -> AccountId {
    let mut bytes = [0; 32];
    bytes.chunks_mut(8).for_each(|part| part.copy_from_slice(&rng.bits().to_le_bytes()));
    AccountId(bytes)
}

fn ratio(value: u64) -> f64 {
    f64::from_bits(value % 0x7ff0_0000_0000_0000)
}

/// Names that break lines, quotes, terminals and spreadsheets.
const HOSTILE: &str = "=cmd|'\"\n\r\t,\u{1b}[31m\u{202e}\0𝛕";

fn hyperparameter(rng: &mut Rng, at: u64) -> HyperparameterRow {
    HyperparameterRow {
        block: u64::MAX - at,
        timestamp_ms: maybe(rng, u64::MAX, |value| value),
        netuid: NetUid(at as u16 % 3),
        name: HOSTILE.to_owned(),
        raw: u128::MAX.to_string(),
        value: maybe(rng, f64::MAX, ratio),
        unit: "fixed128".to_owned(),
    }
}

fn hyperparameter_change(rng: &mut Rng, at: u64) -> HyperparameterChangeRow {
    HyperparameterChangeRow {
        block: at / 2,
        timestamp_ms: maybe(rng, u64::MAX, |value| value),
        netuid: NetUid(at as u16 % 2),
        name: format!("{HOSTILE}{}", at % 5),
        old_raw: maybe(rng, u128::MAX.to_string(), |value| value.to_string()),
        old_value: maybe(rng, f64::MAX, ratio),
        new_raw: maybe(rng, "true".to_owned(), |value| value.to_string()),
        new_value: maybe(rng, 1.0, ratio),
        unit: "bool".to_owned(),
        extrinsic: maybe(rng, format!("{}-0007", u64::MAX), |value| format!("{value}-0000")),
        call: maybe(rng, HOSTILE.to_owned(), |_| String::new()),
        events: maybe(rng, "SubtensorModule.TempoSet".to_owned(), |_| String::new()),
        old_runtime: maybe(rng, u32::MAX, |value| value as u32),
        new_runtime: maybe(rng, 0, |value| value as u32),
    }
}

fn neuron(rng: &mut Rng, at: u64) -> NeuronRow {
    let hotkey = account(rng);
    NeuronRow {
        block: at / 7,
        timestamp_ms: maybe(rng, u64::MAX, |value| value),
        netuid: NetUid(u16::MAX - at as u16 % 3),
        uid: at as u16,
        hotkey: maybe(rng, hotkey, |value| AccountId([value as u8; 32])),
        coldkey: Some(hotkey),
        active: maybe(rng, true, |value| value % 2 == 0),
        validator_permit: None,
        is_immune: maybe(rng, false, |value| value % 2 == 0),
        registered_at: maybe(rng, u64::MAX, |value| value),
        last_update: maybe(rng, 0, |value| value),
        total_stake: maybe(rng, u64::MAX, |value| value),
        alpha_stake: maybe(rng, u64::MAX, |value| value),
        tao_stake: maybe(rng, u64::MAX - 1, |value| value),
        own_stake: None,
        emission: maybe(rng, 1 << 63, |value| value),
        alpha_dividends: maybe(rng, (1 << 53) + 1, |value| value),
        tao_dividends: Some(0),
        incentive: maybe(rng, u16::MAX, |value| value as u16),
        dividends: maybe(rng, u16::MAX, |value| value as u16),
        consensus: maybe(rng, u16::MAX, |value| value as u16),
        validator_trust: None,
        trust: maybe(rng, 0, |value| value as u16),
        rank: maybe(rng, 0, |value| value as u16),
        pruning_score: maybe(rng, u16::MAX, |value| value as u16),
        axon: maybe(rng, "[2001:db8::1]:8091".to_owned(), |value| format!("10.0.0.1:{}", value as u16)),
        axon_version: maybe(rng, u32::MAX, |value| value as u32),
        evm_address: maybe(rng, format!("0x{}", "ff".repeat(20)), |value| format!("0x{value:040x}")),
        identity_name: maybe(rng, HOSTILE.to_owned(), |_| String::new()),
        collateral_locked: maybe(rng, u64::MAX, |value| value),
        collateral_min: None,
        collateral_earned: None,
        incentive_by_mechanism: maybe(rng, vec![u16::MAX, 0], |value| vec![value as u16; value as usize % 17]),
        consensus_by_mechanism: None,
        last_update_by_mechanism: maybe(rng, vec![], |value| vec![value, u64::MAX]),
    }
}

fn weight(rng: &mut Rng, at: u64) -> WeightRow {
    WeightRow {
        block: 5,
        timestamp_ms: Some(at),
        netuid: NetUid(1),
        mechanism: rng.below(16) as u8,
        from_uid: at as u16,
        to_uid: rng.below(65_536) as u16,
        weight: maybe(rng, u16::MAX, |value| value as u16),
        bond: maybe(rng, 0, |value| value as u16),
    }
}

fn epoch(rng: &mut Rng, at: u64) -> EpochRow {
    EpochRow {
        block: at,
        timestamp_ms: u64::MAX,
        netuid: NetUid(7),
        registered_at: maybe(rng, 0, |value| value),
        registration_counter: maybe(rng, u64::MAX, |value| value),
        tempo: maybe(rng, u16::MAX, |value| value as u16),
        hotkey: account(rng),
        uid: maybe(rng, u16::MAX, |value| value as u16),
        dividend: maybe(rng, u64::MAX, |value| value),
        dividend_share: maybe(rng, u16::MAX, |value| value as u16),
        emission: maybe(rng, u64::MAX, |value| value),
        stake_after: Some(u64::MAX),
        stake: maybe(rng, u64::MAX, |value| value),
        take: maybe(rng, 11_796, |value| value as u16),
        missing_before: u32::MAX,
        pool_epoch: maybe(rng, u64::MAX, |value| value),
        shares: maybe(rng, Digits(u128::MAX), |value| Digits(value.into())),
        shares_exponent: maybe(rng, i64::MIN, |value| value as i64),
        spot_price: maybe(rng, 0.1 + 0.2, ratio),
    }
}

fn apy(rng: &mut Rng, at: u64) -> ApyRow {
    ApyRow {
        block_start: at,
        block_end: at + 7_200,
        timestamp_start_ms: rng.bits(),
        timestamp_end_ms: rng.bits(),
        netuid: NetUid(0),
        hotkey: None,
        uid: maybe(rng, 0, |value| value as u16),
        take: None,
        stake: maybe(rng, u64::MAX, |value| value),
        apy: maybe(rng, f64::MIN_POSITIVE, ratio),
        apr: maybe(rng, 1.0 / 3.0, ratio),
        growth: maybe(rng, -0.0, ratio),
        coverage: 0.999_999_999_999_999_9,
        epochs: u64::MAX,
        missing_epochs: rng.bits(),
        reason: maybe(rng, "overflow".to_owned(), |_| String::new()),
        short: at.is_multiple_of(2),
        overflow: at.is_multiple_of(3),
        check_agrees: maybe(rng, true, |value| value % 2 == 0),
        tao_apy: maybe(rng, 1e300, ratio),
        tao_apr: None,
        tao_growth: None,
        tao_reason: Some("price_unknown".to_owned()),
    }
}

fn block(rng: &mut Rng, at: u64) -> BlockRow {
    BlockRow {
        block: u64::MAX - at,
        timestamp_ms: maybe(rng, u64::MAX, |value| value),
        block_hash: BlockHash(account(rng).0),
        parent_hash: BlockHash([0; 32]),
        spec_version: u32::MAX,
        extrinsics: 0,
        failed_extrinsics: rng.bits() as u32,
        events: u32::MAX,
    }
}

fn text(rng: &mut Rng) -> Option<JsonText> {
    maybe(rng, serde_json::json!([{ HOSTILE: [1, null, u64::MAX] }]), |value| value.into())
        .map(|value| JsonText::of(&value))
}

fn extrinsic(rng: &mut Rng, at: u64) -> ExtrinsicRow {
    ExtrinsicRow {
        block: at / 3,
        timestamp_ms: Some(at),
        id: ItemId { block: at / 3, index: (at % 3) as u32 },
        index: (at % 3) as u32,
        extrinsic_hash: Digest(account(rng).0),
        call_module: maybe(rng, HOSTILE.into(), |_| "System".into()),
        call_function: None,
        address: maybe(rng, AccountId([0xff; 32]), |value| AccountId([value as u8; 32])),
        nonce: maybe(rng, u64::MAX, |value| value),
        tip: maybe(rng, 0, |value| value),
        era: maybe(rng, "00".to_owned(), |_| "e500".to_owned()),
        status: maybe(rng, "failed".into(), |_| "success".into()),
        error: maybe(rng, HOSTILE.to_owned(), |_| String::new()),
        netuid: maybe(rng, NetUid(u16::MAX), |value| NetUid(value as u16)),
        call_args: text(rng),
        nested: text(rng),
        decode_error: maybe(rng, HOSTILE.to_owned(), |_| String::new()),
    }
}

fn event(rng: &mut Rng, at: u64) -> EventRow {
    EventRow {
        block: at / 3,
        timestamp_ms: None,
        id: ItemId { block: at / 3, index: (at % 3) as u32 },
        index: (at % 3) as u32,
        phase: "Finalization".into(),
        extrinsic_idx: maybe(rng, u32::MAX, |value| value as u32),
        module_id: HOSTILE.into(),
        event_id: "".into(),
        attributes: text(rng),
        topics: text(rng),
    }
}

fn finding(rng: &mut Rng, at: u64) -> FindingRow {
    FindingRow {
        block: at / 3,
        timestamp_ms: maybe(rng, 0, |value| value),
        id: format!("{at:064x}"),
        block_hash: BlockHash([9; 32]),
        detector: "detector".into(),
        severity: "critical".into(),
        netuid: maybe(rng, NetUid(0), |value| NetUid(value as u16)),
        hotkey: maybe(rng, AccountId([0; 32]), |value| AccountId([value as u8; 32])),
        coldkey: None,
        parameter: maybe(rng, HOSTILE.to_owned(), |_| String::new()),
        extrinsic: maybe(rng, "1-0002".to_owned(), |_| String::new()),
        title: HOSTILE.to_owned(),
        body: String::new(),
        payload: JsonText::of(&serde_json::json!({ "text": HOSTILE })),
    }
}

fn rows<R>(count: u64, row: impl Fn(&mut Rng, u64) -> R) -> Vec<R> {
    let mut rng = Rng::new(count);
    (0..count).map(|at| row(&mut rng, at)).collect()
}

/// The keys of a JSON object, in their order.
fn keys(json: &[u8]) -> Vec<String> {
    struct Keys(Vec<String>);

    impl<'de> serde::Deserialize<'de> for Keys {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Collect;

            impl<'de> serde::de::Visitor<'de> for Collect {
                type Value = Keys;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                    let mut keys = Vec::new();
                    while let Some((key, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                        keys.push(key);
                    }
                    Ok(Keys(keys))
                }
            }

            deserializer.deserialize_map(Collect)
        }
    }

    serde_json::from_slice::<Keys>(json).unwrap().0
}

/// Columns, bytes and values of one dataset.
fn check<R: Row + Clone + PartialEq + std::fmt::Debug>(rows: &[R]) {
    let dataset = R::DATASET;
    let mut jsonl = Vec::new();
    datasets::write_jsonl(rows, &mut jsonl).unwrap();
    let file = datasets::write_parquet(rows, &network()).unwrap();
    let batch = datasets::to_record_batch(rows).unwrap();

    for line in jsonl.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        assert_eq!(keys(line), R::columns(), "{dataset}");
    }
    let names =
        |schema: &arrow_schema::Schema| schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    assert_eq!(names(&batch.schema()), R::columns(), "{dataset}");
    assert_eq!(batch.schema(), dataset.schema());
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
    assert_eq!(reader.schema().fields(), dataset.schema().fields(), "{dataset}: what any other reader sees");

    // Others come in another order and give the same files.
    let mut shuffled = rows.to_vec();
    shuffled.reverse();
    let half = shuffled.len() / 2;
    shuffled.rotate_left(half);
    assert_eq!(datasets::write_parquet(&shuffled, &network()).unwrap(), file, "{dataset}");
    let mut again = Vec::new();
    datasets::write_jsonl(&shuffled, &mut again).unwrap();
    assert_eq!(again, jsonl, "{dataset}");

    let mut sorted = rows.to_vec();
    sorted.sort_by(R::order);
    assert_eq!(datasets::read_parquet::<R>(&place(), file).unwrap(), sorted, "{dataset}");
    assert_eq!(datasets::read_jsonl::<R>(&place(), &jsonl).unwrap(), sorted, "{dataset}");
    assert_eq!(datasets::from_record_batch::<R>(&batch).unwrap(), rows, "{dataset}");
}

#[test]
fn every_form_has_the_same_columns_the_same_bytes_and_every_value() {
    for count in [0, 1, 2, 500] {
        check(&rows(count, hyperparameter));
        check(&rows(count, hyperparameter_change));
        check(&rows(count, neuron));
        check(&rows(count, weight));
        check(&rows(count, epoch));
        check(&rows(count, apy));
        check(&rows(count, block));
        check(&rows(count, extrinsic));
        check(&rows(count, event));
        check(&rows(count, finding));
    }
}

/// More rows than are handed over at once, and than a row group has.
#[test]
fn many_rows_are_one_table() {
    check(&rows(150_000, weight));
}

/// Rows of one place, two readings of it or a name that the chain gave twice, come in an order of their own as well.
#[test]
fn rows_of_one_place_have_an_order_too() {
    let mut all = rows(40, hyperparameter);
    all.iter_mut()
        .zip(0..)
        .for_each(|(row, at)| (row.block, row.netuid, row.raw) = (7, NetUid(1), (at % 9).to_string()));
    let files = |rows: &[HyperparameterRow]| {
        let mut jsonl = Vec::new();
        datasets::write_jsonl(rows, &mut jsonl).unwrap();
        (jsonl, datasets::write_parquet(rows, &network()).unwrap())
    };
    let first = files(&all);
    all.reverse();
    all.rotate_left(13);
    assert_eq!(files(&all), first);
}

/// Scripts depend on these names. A change is another version of the schema.
#[test]
fn names_of_columns_are_a_promise() {
    let all: Vec<String> = Dataset::ALL
        .iter()
        .map(|dataset| {
            let schema = dataset.schema();
            let fields = schema.fields().iter().map(|field| {
                let null = if field.is_nullable() { " or null" } else { "" };
                format!("  {}: {}{null}", field.name(), field.data_type())
            });
            format!("{dataset}\n{}", fields.collect::<Vec<_>>().join("\n"))
        })
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn what_is_no_number_is_null_everywhere() {
    let mut row = rows(1, epoch).remove(0);
    row.spot_price = Some(f64::NAN);
    let file = datasets::write_parquet(&[row.clone()], &network()).unwrap();
    assert_eq!(datasets::read_parquet::<EpochRow>(&place(), file).unwrap()[0].spot_price, None);
    let mut jsonl = Vec::new();
    datasets::write_jsonl(&[row], &mut jsonl).unwrap();
    assert_eq!(datasets::read_jsonl::<EpochRow>(&place(), &jsonl).unwrap()[0].spot_price, None);
}

#[test]
fn keys_have_network_dataset_version_and_window() {
    let window = Window::new(7, 999).unwrap();
    let all = datasets::key(&network(), Dataset::Epochs, None, window, Form::Parquet).unwrap();
    assert_eq!(all.as_str(), "local/epochs/v1/0000000007-0000000999.parquet");
    let one = datasets::key(&network(), Dataset::Apy, Some(NetUid(12)), window, Form::Jsonl).unwrap();
    assert_eq!(one.as_str(), "local/apy/v1/00012/0000000007-0000000999.jsonl");
}

/// Files of others, and of ours that were damaged, are errors that name the object; never a panic.
#[test]
fn other_files_are_refused() {
    let file = datasets::write_parquet(&rows(50, neuron), &network()).unwrap();
    let message = |file: Bytes| match datasets::read_parquet::<EpochRow>(&place(), file) {
        Err(ArtifactError::Damaged { object, message }) => (object, message).1,
        other => panic!("{other:?}"),
    };
    assert!(message(file.clone()).contains("`epochs`"));
    assert!(message(Bytes::from_static(b"PAR1 and nothing")).contains("Parquet"));
    assert!(message(Bytes::new()).contains("Parquet"));
    for end in (0..file.len()).step_by(97) {
        assert!(datasets::read_parquet::<NeuronRow>(&place(), file.slice(..end)).is_err(), "{end} bytes");
    }
    let mut rng = Rng::new(5);
    for _ in 0..500 {
        let mut bytes = file.to_vec();
        let at = rng.below(bytes.len());
        bytes[at] ^= 1 << rng.below(8);
        // Whatever comes out, it comes out as rows or as an error.
        let _ = datasets::read_parquet::<NeuronRow>(&place(), bytes.into());
    }
    let error = datasets::read_jsonl::<WeightRow>(&place(), b"{\"block\":1}\n").unwrap_err().to_string();
    assert!(error.contains("local/file") && error.contains("line 1"), "{error}");
    let mut jsonl = Vec::new();
    datasets::write_jsonl(&rows(1, epoch), &mut jsonl).unwrap();
    let wrong = String::from_utf8(jsonl).unwrap().replace("\"dividend\"", "\"earned\"");
    assert!(datasets::read_jsonl::<EpochRow>(&place(), wrong.as_bytes()).is_err());
}

/// What the views say of real blocks is what the rows say.
#[tokio::test]
async fn rows_of_real_subnets_are_what_the_views_say() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sentinel-cli/assets/sample");
    let source = ArchiveSource::open(Arc::new(ObjectStorage::local(folder).unwrap()), None).await.unwrap();
    for number in [50, 150, 303] {
        let at = source.header(BlockId::Number(number)).await.unwrap().reference();
        let netuid = NetUid(1);
        let graph = metagraph::read(&source, &at, netuid, Depth::Full).await.unwrap();
        let neurons = NeuronRow::of(&graph, Some(9));
        assert_eq!(neurons.len(), graph.len());
        for (row, neuron) in neurons.iter().zip(graph.iter()) {
            assert_eq!((row.block, row.netuid, row.uid, row.hotkey), (number, netuid, neuron.uid, neuron.hotkey));
            assert_eq!((row.total_stake, row.dividends), (neuron.total_stake, neuron.dividends));
            assert_eq!(row.incentive_by_mechanism.as_deref(), neuron.incentive.as_ref().map(std::slice::from_ref));
            assert_eq!(row.alpha_dividends, None, "no dynamic TAO yet");
        }
        check(&neurons);
        let found = weights::read(&source, &at, netuid).await.unwrap();
        let rows = WeightRow::of(&found, None);
        let own = &found.mechanisms[0];
        assert_eq!(rows.iter().filter(|row| row.weight.is_some()).count(), own.weights.entries());
        assert_eq!(rows.iter().filter(|row| row.bond.is_some()).count(), own.bonds.entries());
        assert!(rows.iter().all(|row| row.weight == own.weights.get(row.from_uid, row.to_uid)));
        check(&rows);
        let settings = hyperparameters::read(&source, &at, Some(netuid)).await.unwrap();
        let rows = HyperparameterRow::of(&settings[0], &at, Some(9));
        assert_eq!(rows.len(), settings[0].hyperparameters.len());
        let tempo = rows.iter().find(|row| row.name == "tempo").unwrap();
        assert_eq!((tempo.raw.parse().ok(), tempo.unit.as_str()), (tempo.value, "blocks"));
        let kappa = rows.iter().find(|row| row.name == "kappa").unwrap();
        assert!(kappa.value.unwrap() < 1.0 && kappa.raw.parse::<u16>().unwrap() > 1);
        check(&rows);
    }
}

#[tokio::test]
async fn rows_of_changes_are_the_changes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sentinel-cli/assets/sample");
    let source = ArchiveSource::open(Arc::new(ObjectStorage::local(folder).unwrap()), None).await.unwrap();
    let found = history::discover(&source, 130..=180, &history::Search::default(), &mut |_| {}).await.unwrap();
    let rows: Vec<HyperparameterChangeRow> = found.changes.iter().map(HyperparameterChangeRow::of).collect();
    let kappa = rows.iter().find(|row| row.block == 139).unwrap();
    assert_eq!((kappa.old_raw.as_deref(), kappa.new_raw.as_deref()), (Some("31700"), Some("31900")));
    assert!((kappa.new_value.unwrap() - 31_900.0 / 65_535.0).abs() < 1e-9);
    assert_eq!(kappa.extrinsic.as_deref(), Some("139-0001"));
    let upgraded = rows.iter().find(|row| row.block == 177 && row.name == "alpha_low").unwrap();
    assert_eq!((&upgraded.old_raw, upgraded.old_runtime, upgraded.new_runtime), (&None, Some(143), Some(218)));
    check(&rows);
}

/// A window of a simulated subnet: its rows are the figures of the window, and hold what the figures were made of.
#[tokio::test]
async fn rows_of_a_window_are_its_returns() {
    let sim = SimSource::builder().subnets(3).uids(16).tempo(20).head(300).build().unwrap();
    let at = sim.header(BlockId::Number(300)).await.unwrap().reference();
    let found = returns::window(&sim, &at, NetUid(3), "200".parse().unwrap(), &mut |_| {}).await.unwrap();
    let yields = ApyRow::of(&found);
    assert_eq!(yields.len(), found.validators.len() + 1);
    for (row, validator) in yields.iter().zip(&found.validators) {
        assert_eq!(
            (row.hotkey, row.apy, row.epochs),
            (Some(validator.hotkey), validator.report.alpha.apy, validator.report.alpha.epochs)
        );
        assert_eq!((row.tao_apy, row.check_agrees), (validator.report.tao.apy, Some(true)));
    }
    assert_eq!(yields.last().map(|row| (row.hotkey, row.apy)), Some((None, found.subnet.apy)));
    check(&yields);
    let epochs: Vec<EpochRow> = found.read.iter().flat_map(EpochRow::of).collect();
    assert!(epochs.len() > 10 && epochs.iter().any(|row| row.dividend > Some(0)), "{}", epochs.len());
    let validator = found.validators.iter().find(|validator| validator.report.alpha.epochs > 5).unwrap();
    // The product over its rows after the first block of the window is the growth that was found.
    let mut growth = 1.0;
    for row in epochs.iter().filter(|row| row.hotkey == validator.hotkey && row.block > found.first) {
        let (stake, dividend) = (row.stake_after.unwrap(), row.dividend.unwrap());
        growth *= stake as f64 / (stake - dividend) as f64;
    }
    assert!((growth - 1.0 - validator.report.alpha.growth.unwrap()).abs() < 1e-7, "{growth} {validator:?}");
    check(&epochs);

    // What was stored says the same as what was read: the windows of all validators, from the files alone.
    let mut jsonl = Vec::new();
    datasets::write_jsonl(&epochs, &mut jsonl).unwrap();
    let stored = datasets::read_jsonl::<EpochRow>(&place(), &jsonl).unwrap();
    for validator in found.validators.iter().filter(|validator| validator.formerly.is_empty()) {
        let own = stored.iter().filter(|row| row.hotkey == validator.hotkey);
        let again = window_report(&found.window, &own.map(EpochRow::observation).collect::<Vec<_>>()).unwrap();
        assert_eq!((again.alpha, again.check), (validator.report.alpha, validator.report.check));
        assert_eq!((again.splits, again.nulls), (validator.report.splits.clone(), validator.report.nulls.clone()));
        let (tao, expected) = (again.tao.growth.unwrap(), validator.report.tao.growth.unwrap());
        assert!((tao - expected).abs() < 1e-12, "{tao} {expected}");
    }
}
