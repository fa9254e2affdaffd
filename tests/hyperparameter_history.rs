//! Changes of hyperparameters: all that the simulator makes are found, old and new, and stay right in whatever order.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;

use sentinel_core::chain::NetUid;
use sentinel_core::source::{
    ArchiveSource, BlockSource, Happened, RpcOptions, RpcSource, SimAction, SimBuilder, SimSource,
};
use sentinel_core::storage::ObjectStorage;
use sentinel_core::subnet::hyperparameters::history::{self, Change, Found, History, Search};
use sentinel_core::subnet::hyperparameters::{self, Changes, Raw, SubnetHyperparameters, is_automatic, storage_items};
use sentinel_support::node::Node;
use sentinel_support::rng::Rng;
use sentinel_support::runtimes;

const ONE: NetUid = NetUid(1);

fn quiet(head: u64) -> SimBuilder {
    SimSource::builder().subnets(4).uids(12).tempo(30).traffic(0).head(head)
}

fn set(netuid: u16, name: &'static str, raw: u128) -> SimAction {
    SimAction::SetHyperparameter { netuid, name, raw }
}

async fn search(source: &dyn BlockSource, first: u64, last: u64, stride: u64) -> Found {
    let search = Search { netuids: None, stride: NonZeroU64::new(stride).unwrap() };
    history::discover(source, first..=last, &search, &mut |_| {}).await.unwrap()
}

async fn stored(source: &dyn BlockSource, block: u64) -> Vec<SubnetHyperparameters> {
    let at = source.header(block.into()).await.unwrap().reference();
    hyperparameters::stored(source, &at).await.unwrap()
}

type Short<'c> = (u64, u16, &'c str, Option<Raw>, Option<Raw>);

fn short(changes: &[Change]) -> Vec<Short<'_>> {
    changes.iter().map(|own| (own.block, own.netuid.0, own.name.as_str(), own.old, own.new)).collect()
}

/// A value that every setter accepts and that is not the one before.
fn other(item: &str, old: &BTreeMap<String, Raw>) -> Option<u128> {
    Some(match item {
        // No call sets it any more, or the simulator has none.
        "MaxWeightsLimit" | "Burn" | "MechanismCountCurrent" => return None,
        "AlphaValues" => 11_111 | 22_222 << 16,
        "Yuma3On" => u128::from(old.get(item) == Some(&Raw::Unsigned(2))),
        "RecycleOrBurn" => 1,
        "LiquidAlphaConsensusMode" => 0,
        "Tempo" => 47,
        _ => match old.get(item)? {
            Raw::Bool(old) => u128::from(!old),
            Raw::Unsigned(old) => old + 7,
            Raw::Signed(old) => (old + 7) as u128,
        },
    })
}

/// Values of a subnet by storage item.
fn by_item(subnet: &SubnetHyperparameters, changes: &dyn Fn(&str) -> Changes) -> BTreeMap<String, Raw> {
    let item = |name: &str| changes(name).storage.map(|item| item.trim_start_matches("SubtensorModule.").to_owned());
    subnet.hyperparameters.iter().filter_map(|own| Some((item(&own.name)?, own.raw))).collect()
}

/// Every setter that there is, the pair of alphas among them: one change for each parameter, the value before, the value
/// after, the block, the extrinsic and the call that did it.
#[tokio::test]
async fn every_setter_is_found_with_old_and_new() {
    let runtime = runtimes::subtensor_461();
    let genesis = stored(&quiet(1).build().unwrap(), 1).await;
    let before = genesis.iter().find(|subnet| subnet.netuid == ONE).unwrap();
    let old = by_item(before, &|name| Changes::of(name, &runtime));
    let (mut sim, mut block, mut items) = (quiet(400), 10, Vec::new());
    for item in storage_items() {
        let Some(raw) = other(item, &old) else { continue };
        sim = sim.at(block, set(1, item, raw));
        items.push((block, item));
        block += 5;
    }
    let sim = sim.build().unwrap();
    let told = sim.history(400).unwrap();
    let told = told.iter().filter(|entry| matches!(entry.what, Happened::HyperparameterSet { .. }));
    assert_eq!(told.count(), items.len(), "the simulator did all of them");
    assert!(items.len() > 45 && block < 400, "{}", items.len());

    let found = search(&sim, 2, 400, 1).await;
    for (block, item) in &items {
        if *item == "Difficulty" {
            continue;
        }
        let changes: Vec<&Change> = found.changes.iter().filter(|change| change.block == *block).collect();
        let own: BTreeSet<&str> = changes.iter().map(|change| change.name.as_str()).collect();
        let expected: Vec<&str> = match *item {
            "AlphaValues" => vec!["alpha_high", "alpha_low"],
            "Tempo" => vec!["activity_cutoff", "tempo"],
            "ActivityCutoffFactorMilli" => vec!["activity_cutoff", "activity_cutoff_factor"],
            _ => {
                assert_eq!(own.len(), 1, "{item}: {own:?}");
                own.iter().copied().collect()
            }
        };
        assert_eq!(own, expected.into_iter().collect(), "{item}");
        let (was, is) = (stored(&sim, block - 1).await, stored(&sim, *block).await);
        for change in changes {
            let value = |of: &[SubnetHyperparameters]| {
                of.iter().find(|subnet| subnet.netuid == ONE).unwrap().get(&change.name).unwrap().raw
            };
            assert_eq!((change.old, change.new), (Some(value(&was)), Some(value(&is))), "{change:?}");
            let known = Changes::of(&change.name, &runtime);
            let call = change.cause.call.as_ref().unwrap_or_else(|| panic!("{change:?}"));
            assert!(known.calls.contains(call) && call.starts_with("AdminUtils.sudo_set_"), "{change:?}");
            let extrinsic = change.cause.extrinsic.unwrap();
            let raw = sim.block((*block).into()).await.unwrap();
            assert_eq!(raw.runtime.extrinsic(&raw.extrinsics[extrinsic as usize]).unwrap().name(), "sudo");
            assert!(change.cause.events.iter().all(|event| known.events.contains(event)), "{change:?}");
            assert_eq!(change.cause.runtimes, None);
        }
    }
    let of = |name: &str| found.changes.iter().find(|change| change.name == name).unwrap();
    assert_eq!((of("alpha_low").new, of("alpha_high").new), (Some(Raw::Unsigned(11_111)), Some(Raw::Unsigned(22_222))));
    assert_eq!(of("alpha_low").cause.call.as_deref(), Some("AdminUtils.sudo_set_alpha_values"));
    assert_eq!(of("alpha_low").cause.events, [] as [&str; 0], "it has none");
    assert_eq!(of("kappa").cause.events, ["SubtensorModule.KappaSet"]);
    // Nothing else happened, and halving finds the same by reading fewer states.
    let blocks: BTreeSet<u64> = found.changes.iter().map(|change| change.block).collect();
    assert_eq!(blocks.len(), items.len() - 1, "all but the difficulty, which moves by itself");
    let halved = search(&sim, 2, 400, 399).await;
    assert_eq!(halved.changes, found.changes);
    assert_eq!(halved.seeds, found.seeds);
}

/// Whatever can be set for one subnet has a name under which its changes are found.
#[test]
fn every_setter_of_the_runtime_belongs_to_a_parameter() {
    let runtime = runtimes::subtensor_461();
    let subnets = quiet(1).build().unwrap();
    let names = tokio::runtime::Runtime::new().unwrap().block_on(stored(&subnets, 1)).remove(1);
    let known: BTreeSet<String> =
        names.hyperparameters.iter().flat_map(|own| Changes::of(&own.name, &runtime).calls).collect();
    let setters = runtime.names().filter(|name| name.starts_with("sudo_set_"));
    let unknown: BTreeSet<&str> = setters
        .filter(|name| runtime.call_index("AdminUtils", name).is_some())
        .filter(|name| !known.contains(&format!("AdminUtils.{name}")))
        .collect();
    insta::assert_snapshot!(unknown.into_iter().collect::<Vec<_>>().join("\n"));
}

/// Changed and changed back: seen where states in between are compared, and said not to be where they are not.
#[tokio::test]
async fn what_returns_is_found_by_comparing_every_block() {
    let before = stored(&quiet(1).build().unwrap(), 1).await;
    let before = before.iter().find(|subnet| subnet.netuid == ONE).unwrap().get("kappa").unwrap().raw;
    let Raw::Unsigned(usual) = before else { panic!("{before:?}") };
    let sim = quiet(400).at(100, set(1, "Kappa", 5)).at(130, set(1, "Kappa", usual)).build().unwrap();
    let close = search(&sim, 1, 400, 1).await;
    let (low, high) = (Some(Raw::Unsigned(5)), Some(before));
    assert_eq!(short(&close.changes), [(100, 1, "kappa", high, low), (130, 1, "kappa", low, high)]);
    assert_eq!(search(&sim, 1, 400, 20).await.changes, close.changes);
    assert_eq!(search(&sim, 1, 400, 400).await.changes, []);
    // Owners wait for two epochs: at the usual tempo, the usual stride misses none of theirs.
    assert!(Search::default().stride.get() * 2 <= 720);
}

/// Changes, swapped takes of a number, and everything else by which an order could matter.
fn eventful() -> SimSource {
    quiet(1_500)
        .at(50, set(1, "Kappa", 5))
        .at(60, set(4, "Kappa", 6))
        .at(210, SimAction::SetTempo { netuid: 2, tempo: 45 })
        .at(333, set(1, "AlphaValues", 1 | 2 << 16))
        .at(334, set(1, "AlphaValues", 1 | 3 << 16))
        .at(500, SimAction::Dissolve { netuid: 4 })
        .at(700, SimAction::RegisterNetwork)
        .at(900, set(4, "Kappa", 7))
        .at(1_200, set(1, "Kappa", 9))
        .at(1_201, set(3, "MinBurn", 700_000))
        .build()
        .unwrap()
}

#[tokio::test]
async fn few_states_are_read_and_each_block_is_asked_once() {
    let sim = eventful();
    let found = search(&sim, 1, 1_500, 360).await;
    let blocks: BTreeSet<u64> = found.changes.iter().map(|change| change.block).collect();
    assert_eq!(blocks.into_iter().collect::<Vec<_>>(), [50, 60, 210, 333, 334, 900, 1_200, 1_201]);
    // Of 1,500: five to compare, some nine to halve each of ten stretches.
    assert!(found.states < 90, "{}", found.states);
    assert_eq!(found.ended, [(500, NetUid(4))]);
    let seeds: Vec<(u64, u16)> = found.seeds.iter().map(|seed| (seed.block, seed.subnet.netuid.0)).collect();
    assert_eq!(seeds, [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (700, 4)]);

    let only = Search { netuids: Some([NetUid(3)].into()), ..Search::default() };
    let mut seen = Vec::new();
    let third = history::discover(&sim, 1..=1_500, &only, &mut |progress| seen.push(progress)).await.unwrap();
    assert_eq!(short(&third.changes).len(), 1);
    assert_eq!(seen.last().map(|last| (last.done, last.total)), Some((1_500, 1_500)));
    assert!(seen.windows(2).all(|pair| pair[0].done < pair[1].done));

    // Over a network: a state takes five requests: two headers, a hash, the version of the runtime, and all values at once.
    let node = Node::serve(Arc::new(sim)).await.unwrap();
    let source = RpcSource::connect(&node.ws_url(), RpcOptions::default()).await.unwrap();
    let remote = history::discover(&source, 1..=1_500, &only, &mut |_| {}).await.unwrap();
    assert_eq!(remote.changes, third.changes);
    println!("{} states, {} requests: {:?}", remote.states, node.calls().len(), node.counts());
    assert!(node.calls().len() as u64 <= 5 * remote.states + 10, "{:?}", node.counts());
}

/// One step of what was found.
#[derive(Clone)]
enum Step {
    Seed(u64, SubnetHyperparameters),
    Change(Change),
    End(u64, NetUid),
}

fn steps(found: &Found) -> Vec<Step> {
    let seeds = found.seeds.iter().map(|seed| Step::Seed(seed.block, seed.subnet.clone()));
    let changes = found.changes.iter().cloned().map(Step::Change);
    seeds.chain(changes).chain(found.ended.iter().map(|(block, netuid)| Step::End(*block, *netuid))).collect()
}

fn take(history: &mut History, step: Step) {
    match step {
        Step::Seed(block, subnet) => history.seed(block, &subnet).unwrap(),
        Step::Change(change) => history.record(change).unwrap(),
        Step::End(block, netuid) => history.end(block, netuid),
    }
}

/// The values that the chain has now, as a table.
fn rows(subnets: &[SubnetHyperparameters]) -> BTreeMap<(NetUid, String), Raw> {
    let each = subnets.iter().flat_map(|subnet| subnet.hyperparameters.iter().map(|own| (subnet.netuid, own)));
    each.filter(|(_, own)| !is_automatic(&own.name))
        .map(|(netuid, own)| ((netuid, own.name.clone()), own.raw))
        .collect()
}

fn table(history: &History) -> BTreeMap<(NetUid, String), Raw> {
    history.table().map(|now| ((now.netuid, now.name), now.raw)).collect()
}

/// What is learnt late takes its place in the past, and the newer value stays: any order gives the same.
#[tokio::test]
async fn any_order_gives_the_same_history() {
    let sim = eventful();
    let found = search(&sim, 1, 1_500, 360).await;
    let mut whole = History::default();
    whole.extend(&found).unwrap();
    assert_eq!(table(&whole), rows(&stored(&sim, 1_500).await), "what the chain has for every netuid");
    assert_eq!(whole.holes().count(), 0);
    let kappa = whole.current(ONE, "kappa").unwrap();
    assert_eq!((kappa.raw, kappa.changed_at), (Raw::Unsigned(9), Some(1_200)));
    assert_eq!(whole.changes(ONE, "kappa").map(|change| change.block).collect::<Vec<_>>(), [50, 1_200]);
    for block in [0, 49, 50, 333, 334, 499, 1_199, 1_200] {
        for ((netuid, name), raw) in rows(&stored(&sim, block).await) {
            assert_eq!(whole.value_at(netuid, &name, block), Some(raw), "{name} of {netuid} at {block}");
        }
    }
    // Between its two lives the number has no values, and the second one does not inherit.
    assert_eq!(whole.value_at(NetUid(4), "kappa", 499), Some(Raw::Unsigned(6)));
    assert_eq!(whole.value_at(NetUid(4), "kappa", 600), None);
    let first = stored(&sim, 700).await.into_iter().find(|subnet| subnet.netuid == NetUid(4)).unwrap();
    assert_eq!(whole.value_at(NetUid(4), "kappa", 700), first.get("kappa").map(|own| own.raw));
    assert_eq!(whole.current(NetUid(4), "kappa").unwrap().changed_at, Some(900));

    let mut rng = Rng::new(83);
    for _ in 0..50 {
        let mut left = steps(&found);
        // Some come twice.
        left.extend_from_within(..5);
        let mut history = History::default();
        while !left.is_empty() {
            let next = rng.below(left.len());
            take(&mut history, left.swap_remove(next));
        }
        assert_eq!(history, whole);
    }
}

/// The newest stretch first, then the ones before it, as a backfill comes after the live part.
#[tokio::test]
async fn a_backfill_leaves_the_newer_value() {
    let sim = eventful();
    let mut history = History::default();
    history.extend(&search(&sim, 1_101, 1_500, 360).await).unwrap();
    let live = history.current(ONE, "kappa").unwrap();
    assert_eq!(live.changed_at, Some(1_200));
    assert_eq!(history.current(ONE, "alpha_high").unwrap().changed_at, None, "so for as long as is known");
    for (first, last) in [(601, 1_100), (1, 300), (301, 600)] {
        history.extend(&search(&sim, first, last, 360).await).unwrap();
        assert_eq!(history.current(ONE, "kappa").unwrap(), live);
        assert_eq!(table(&history), rows(&stored(&sim, 1_500).await));
    }
    assert_eq!(history.current(ONE, "alpha_high").unwrap().changed_at, Some(334));
    assert_eq!(history.holes().count(), 0);
}

/// Values of one block for all netuids, without any search; and what does not follow from them is a hole.
#[tokio::test]
async fn one_state_is_a_table_and_what_is_missing_shows() {
    let sim = eventful();
    let mut seeded = History::default();
    for subnet in stored(&sim, 1_500).await {
        seeded.seed(1_500, &subnet).unwrap();
    }
    assert_eq!(table(&seeded), rows(&stored(&sim, 1_500).await));
    let at = sim.header(1_500.into()).await.unwrap().reference();
    let asked = hyperparameters::read(&sim, &at, None).await.unwrap();
    for ((netuid, name), raw) in table(&seeded) {
        let answered = asked.iter().find(|subnet| subnet.netuid == netuid).and_then(|subnet| subnet.get(&name));
        assert_eq!(answered.map(|own| own.raw), Some(raw), "the runtime's answer for {name} of {netuid}");
    }
    // The first values of all, and the last change of a pair: the one before it is missing.
    let mut holed = seeded;
    for subnet in stored(&sim, 0).await.iter().filter(|subnet| subnet.netuid == ONE) {
        holed.seed(0, subnet).unwrap();
    }
    let found = search(&sim, 334, 334, 1).await;
    found.changes.iter().for_each(|change| holed.record(change.clone()).unwrap());
    let holes: Vec<_> = holed.holes().map(|hole| (hole.name, hole.after, hole.before)).collect();
    assert_eq!(
        holes,
        [("alpha_high".to_owned(), 0, 334), ("alpha_low".to_owned(), 0, 1_500), ("kappa".to_owned(), 0, 1_500)]
    );
    let mut wrong = found.changes[0].clone();
    wrong.new = Some(Raw::Unsigned(77));
    let error = holed.record(wrong).unwrap_err().to_string();
    assert!(error.contains("alpha_high of subnet 1 in block 334") && error.contains("77"), "{error}");
}

/// A recording of real runtimes: every state follows from the one before by the changes, upgrades among them.
#[tokio::test]
async fn changes_of_real_runtimes_lead_from_state_to_state() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sentinel-cli/assets/sample");
    let source = ArchiveSource::open(Arc::new(ObjectStorage::local(folder).unwrap()), None).await.unwrap();
    let found = search(&source, 1, 303, 1).await;
    let mut history = History::default();
    history.extend(&found).unwrap();
    for block in (0..=303).step_by(7).chain([176, 177, 178, 303]) {
        for ((netuid, name), raw) in rows(&stored(&source, block).await) {
            assert_eq!(history.value_at(netuid, &name, block), Some(raw), "{name} of {netuid} at {block}");
        }
    }
    assert_eq!(history.holes().count(), 0);
    let of = |block: u64, name: &str| {
        found.changes.iter().find(|change| change.block == block && change.name == name).unwrap()
    };
    assert_eq!(of(139, "kappa").cause.extrinsic, Some(1), "sudo inside a batch inside a multisig");
    assert_eq!(of(139, "kappa").cause.call.as_deref(), Some("AdminUtils.sudo_set_kappa"));
    // A default that lies in the code changes with the code.
    let upgraded = of(177, "bonds_moving_avg");
    assert_eq!((upgraded.cause.extrinsic, upgraded.cause.runtimes), (None, Some([143, 218])));
    let began = found.changes.iter().filter(|change| change.old.is_none());
    assert!(began.clone().count() > 0 && began.clone().all(|change| change.cause.runtimes.is_some()));

    // Halving the whole finds a part of them, each where it is.
    let halved = search(&source, 1, 303, 303).await;
    assert!(halved.changes.iter().all(|change| found.changes.contains(change)));
    println!("{} of {} changes in {} states", halved.changes.len(), found.changes.len(), halved.states);
    assert!(halved.changes.len() * 2 > found.changes.len(), "{} {}", halved.changes.len(), found.changes.len());
}
