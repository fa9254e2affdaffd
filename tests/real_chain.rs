//! Every block of a live chain against what `@polkadot/api` reads from it; see `tests/real_chain/README.md`.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;

use sentinel_core::chain::BlockId;
use sentinel_core::decode::{BlockIndex, Outcome, Phase, Value};
use sentinel_core::source::{BlockSource, RpcOptions, RpcSource};
use sentinel_core::subnet::hyperparameters::{self, Raw};
use serde_json::{Value as Json, json};

const REASON: &str = "set SENTINEL_TEST_ENDPOINT and SENTINEL_TEST_TRUTH (and SENTINEL_TEST_HYPERPARAMETERS)";

fn lines(variable: &str) -> Vec<Json> {
    let file = std::env::var(variable).expect(REASON);
    let file = std::io::BufReader::new(std::fs::File::open(file).expect("the file can be read"));
    file.lines().map(|line| serde_json::from_str(&line.expect("a line")).expect("a JSON line")).collect()
}

async fn source() -> Arc<dyn BlockSource> {
    let endpoint = std::env::var("SENTINEL_TEST_ENDPOINT").expect(REASON);
    Arc::new(RpcSource::connect(&endpoint, RpcOptions::default()).await.expect("the node answers"))
}

#[tokio::test]
#[ignore = "needs a live chain and what @polkadot/api says of it: SENTINEL_TEST_ENDPOINT, SENTINEL_TEST_TRUTH"]
async fn every_block_reads_as_polkadot_js_reads_it() {
    let source = source().await;
    let mut counts = BTreeMap::<String, u64>::new();
    for truth in lines("SENTINEL_TEST_TRUTH") {
        let number = truth["number"].as_u64().expect("a number");
        let block = source.block(BlockId::Number(number)).await.expect("the block can be read");
        let at = block.reference();
        assert_eq!(truth["hash"], at.hash.to_string(), "block {number}");
        let spec = block.runtime.version().spec_version;
        assert_eq!(truth["spec_version"], spec, "block {number}");
        if number > 0 {
            assert_eq!(truth["parent_hash"], at.parent_hash.to_string(), "block {number}");
            assert_eq!(truth["timestamp"].as_u64(), block.timestamp_ms, "block {number}");
        }
        let index = block.runtime.index(&block.extrinsics, &block.events).expect("the block is indexed");
        extrinsics(number, &index, truth["extrinsics"].as_array().expect("extrinsics"), &mut counts);
        events(number, &index, truth["events"].as_array().expect("events"), &mut counts);
        *counts.entry(format!("blocks of spec {spec}")).or_default() += 1;
    }
    println!("compared: {counts:#?}");
    assert!(counts.keys().filter(|key| key.starts_with("blocks")).count() > 1, "no upgrade was crossed");
}

fn extrinsics(number: u64, index: &BlockIndex<'_, '_>, truth: &[Json], counts: &mut BTreeMap<String, u64>) {
    assert_eq!(index.extrinsics().len(), truth.len(), "extrinsics of block {number}");
    for (at, truth) in truth.iter().enumerate() {
        let place = format!("extrinsic {at} of block {number}");
        let extrinsic = index.extrinsics()[at].as_ref().unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(truth["hash"], hex(&extrinsic.hash()), "{place}");
        assert_eq!(truth["pallet"], extrinsic.pallet(), "{place}");
        assert_eq!(truth["call"], extrinsic.name(), "{place}");
        assert_eq!(truth["signer"], json!(extrinsic.signer()), "{place}");
        assert_eq!(truth["nonce"], json!(extrinsic.nonce().map(|nonce| nonce.to_string())), "{place}");
        assert_eq!(truth["tip"], json!(extrinsic.tip().map(|tip| tip.to_string())), "{place}");
        assert_eq!(truth["era"], json!(extrinsic.era().map(hex)), "{place}");
        let facts = index.facts(at).expect("an extrinsic").unwrap_or_else(|error| panic!("{place}: {error}"));
        let args = truth["args"].as_array().expect("arguments");
        assert_eq!(facts.call.args.len(), args.len(), "{place}");
        for (ours, truth) in facts.call.args.iter().zip(args) {
            assert_eq!(truth["name"], ours.name, "{place}");
            same(&ours.value, &truth["value"])
                .unwrap_or_else(|difference| panic!("{place}, {}: {difference}", ours.name));
            *counts.entry("arguments".into()).or_default() += 1;
        }
        let (status, error) = match &facts.outcome {
            Some(Outcome::Success) => (json!("success"), Json::Null),
            Some(Outcome::Failed(error)) => (json!("failed"), json!({ "pallet": error.pallet, "name": error.name })),
            None => (Json::Null, Json::Null),
        };
        assert_eq!(truth["status"], status, "{place}");
        assert_eq!(truth["error"], error, "{place}");
        *counts.entry(format!("extrinsics {}", truth["status"])).or_default() += 1;
    }
}

fn events(number: u64, index: &BlockIndex<'_, '_>, truth: &[Json], counts: &mut BTreeMap<String, u64>) {
    assert_eq!(index.events().len(), truth.len(), "events of block {number}");
    for (event, truth) in index.events().iter().zip(truth) {
        let place = format!("event {} of block {number}", event.position());
        let (phase, extrinsic) = match event.phase() {
            Phase::ApplyExtrinsic(at) => ("ApplyExtrinsic", Some(at)),
            Phase::Finalization => ("Finalization", None),
            Phase::Initialization => ("Initialization", None),
        };
        assert_eq!(truth["phase"], phase, "{place}");
        assert_eq!(truth["extrinsic_idx"], json!(extrinsic), "{place}");
        assert_eq!(truth["pallet"], event.pallet(), "{place}");
        assert_eq!(truth["event"], event.name(), "{place}");
        let topics: Vec<String> = event.topics().map(hex).collect();
        assert_eq!(truth["topics"], json!(topics), "{place}");
        let Ok(Value::Event(decoded)) = event.event().to_value() else { panic!("{place} does not decode") };
        let names = truth["field_names"].as_array().expect("names");
        let ours: Vec<Value> = match (decoded.fields, names.as_slice()) {
            (Value::Null, []) => Vec::new(),
            (field, [Json::Null]) => vec![field],
            (Value::Record(fields), names) => {
                assert_eq!(json!(fields.iter().map(|(name, _)| name).collect::<Vec<_>>()), json!(names), "{place}");
                fields.into_iter().map(|(_, value)| value).collect()
            }
            (Value::List(fields), _) => fields,
            (other, names) => panic!("{place}: {other:?} for the fields {names:?}"),
        };
        let fields = truth["fields"].as_array().expect("fields");
        assert_eq!(ours.len(), fields.len(), "{place}");
        for (ours, truth) in ours.iter().zip(fields) {
            same(ours, truth).unwrap_or_else(|difference| panic!("{place}: {difference}"));
            *counts.entry("event fields".into()).or_default() += 1;
        }
        *counts.entry(format!("events in {phase}")).or_default() += 1;
    }
}

#[tokio::test]
#[ignore = "needs a live chain: SENTINEL_TEST_ENDPOINT, SENTINEL_TEST_HYPERPARAMETERS"]
async fn hyperparameters_are_those_that_polkadot_js_reads() {
    let source = source().await;
    let mut compared = BTreeMap::<u64, u64>::new();
    let mut by_block = BTreeMap::<u64, Vec<Json>>::new();
    for line in lines("SENTINEL_TEST_HYPERPARAMETERS") {
        by_block.entry(line["number"].as_u64().expect("a number")).or_default().push(line);
    }
    for (number, truth) in by_block {
        let at = source.header(BlockId::Number(number)).await.expect("a header").reference();
        let ours = hyperparameters::read(&*source, &at, None).await.unwrap_or_else(|error| panic!("{number}: {error}"));
        let netuids: Vec<Json> = ours.iter().map(|subnet| json!(subnet.netuid)).collect();
        assert_eq!(
            json!(netuids),
            json!(truth.iter().map(|line| &line["netuid"]).collect::<Vec<_>>()),
            "block {number}"
        );
        for (subnet, truth) in ours.iter().zip(&truth) {
            for (name, value) in truth["values"].as_object().expect("values") {
                let name = if name == "commit_reveal_weights_interval" { "commit_reveal_period" } else { name };
                let place = format!("{name} of subnet {} at block {number}", subnet.netuid);
                let ours = subnet.get(name).unwrap_or_else(|| panic!("no {place}"));
                let raw = match ours.raw {
                    Raw::Bool(raw) => json!(raw),
                    Raw::Unsigned(raw) => json!(raw.to_string()),
                    Raw::Signed(raw) => json!(raw.to_string()),
                };
                assert_eq!(*value, raw, "{place}");
                *compared.entry(u64::from(subnet.netuid.0)).or_default() += 1;
            }
        }
    }
    println!("values compared by netuid: {compared:?}");
    assert!(!compared.is_empty());
}

fn hex(bytes: &(impl AsRef<[u8]> + ?Sized)) -> String {
    const_hex::encode_prefixed(bytes.as_ref())
}

/// Whether a value is the one in the neutral form of `tests/real_chain/lib/normal.mjs`.
fn same(ours: &Value, truth: &Json) -> Result<(), String> {
    let differ = || Err(format!("{ours:?} is not {truth}"));
    // An address that is an account or an index stands for itself with us.
    if let (Value::Account(_) | Value::Unsigned(_), Json::Object(address)) = (ours, truth) {
        return match address.iter().next() {
            Some((kind, inner)) if address.len() == 1 && ["Id", "Index"].contains(&kind.as_str()) => same(ours, inner),
            _ => differ(),
        };
    }
    let equal = match ours {
        Value::Null => truth.is_null(),
        Value::Bool(value) => *truth == *value,
        Value::Unsigned(value) => *truth == value.to_string(),
        Value::Signed(value) => *truth == value.to_string(),
        Value::U256(_) => *truth == serde_json::to_string(ours).unwrap_or_default().trim_matches('"'),
        Value::Text(text) => *truth == *text,
        Value::Bytes(bytes) | Value::ByteArray(bytes) => *truth == hex(bytes),
        Value::Account(account) => *truth == account.to_ss58(),
        Value::List(items) => return all(items.iter(), truth.as_array().map(Vec::as_slice).unwrap_or_default()),
        Value::Record(fields) if fields.is_empty() => *truth == json!([]),
        Value::Record(fields) => {
            let Some(object) = truth.as_object().filter(|object| object.len() == fields.len()) else { return differ() };
            for (name, value) in fields {
                same(value, object.get(name).unwrap_or(&Json::Null))
                    .map_err(|difference| format!("{name}: {difference}"))?;
            }
            true
        }
        Value::Map(entries) => {
            let flat: Vec<&Value> = entries.iter().flat_map(|(key, value)| [key, value]).collect();
            let truth: Vec<Json> =
                truth.as_array().into_iter().flatten().filter_map(Json::as_array).flatten().cloned().collect();
            return all(flat.into_iter(), &truth);
        }
        Value::Variant { name, fields } => match (truth.get(name), fields) {
            (Some(inner), None) => *inner == json!([]),
            (Some(inner), Some(fields)) => {
                return same(fields, inner).map_err(|difference| format!("{name}: {difference}"));
            }
            (None, _) => false,
        },
        Value::Call(call) => {
            let args = truth["args"].as_array().map(Vec::as_slice).unwrap_or_default();
            if truth["pallet"] != call.pallet || truth["call"] != call.name || args.len() != call.args.len() {
                return differ();
            }
            for (ours, truth) in call.args.iter().zip(args) {
                same(&ours.value, &truth["value"]).map_err(|difference| format!("{}: {difference}", ours.name))?;
            }
            true
        }
        _ => false,
    };
    if equal { Ok(()) } else { differ() }
}

fn all<'v>(ours: impl ExactSizeIterator<Item = &'v Value>, truth: &[Json]) -> Result<(), String> {
    if ours.len() != truth.len() {
        return Err(format!("{} items, expected {}", ours.len(), truth.len()));
    }
    ours.zip(truth).try_for_each(|(ours, truth)| same(ours, truth))
}
