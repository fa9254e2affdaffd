//! Answers with neurons, as each kind of runtime gives them: every field is the one that was encoded.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use parity_scale_codec::{Compact, Encode};
use sentinel_core::chain::{AccountId, BlockHash, BlockRef, NetUid, Rao};
use sentinel_core::decode::{Runtime, Value};
use sentinel_core::subnet::hyperparameters::Raw;
use sentinel_core::subnet::metagraph::{Api, Metagraph, decode_answer, field_names};
use sentinel_core::subnet::{ChainIdentity, SubnetError};
use sentinel_support::apis::answer_type;
use sentinel_support::metagraphs::{FOUNDED, MadeUp, OWNER};
use sentinel_support::registry::Registry;
use sentinel_support::runtimes::{self, FINNEY_393_V16, SUBTENSOR_461_V14, SUBTENSOR_461_V15};
use sentinel_support::samples::Samples;

const AT: BlockRef = BlockRef { number: 7, hash: BlockHash([7; 32]), parent_hash: BlockHash([6; 32]) };
const NETUID: u16 = 3;

fn try_decode(runtime: &Runtime, api: Api, answer: &[u8]) -> Result<Option<Metagraph>, SubnetError> {
    decode_answer(runtime, api, answer, (NetUid(NETUID), 0), &AT)
}

fn decode(runtime: &Runtime, api: Api, answer: &[u8]) -> Metagraph {
    try_decode(runtime, api, answer).unwrap().expect("the subnet exists")
}

fn numbers<T: Copy + Into<u64>>(column: Option<&Vec<T>>) -> Value {
    column.map_or(Value::Null, |column| {
        Value::List(column.iter().map(|number| Value::Unsigned(u128::from((*number).into()))).collect())
    })
}

fn amounts(column: Option<&Vec<(AccountId, u64)>>) -> Value {
    let pair = |(account, amount): &(AccountId, u64)| {
        Value::List(vec![Value::Account(*account), Value::Unsigned((*amount).into())])
    };
    column.map_or(Value::Null, |column| Value::List(column.iter().map(pair).collect()))
}

fn one(number: Option<impl Into<u128>>) -> Value {
    number.map_or(Value::Null, |number| Value::Unsigned(number.into()))
}

/// What a metagraph has for a field of the answer, in the form of the plain decoder; a text is its characters.
fn ours(metagraph: &Metagraph, name: &str) -> Value {
    let (info, neurons) = (&metagraph.info, &metagraph.neurons);
    let text = |text: &Option<String>| text.as_ref().map_or(Value::Null, |text| Value::Text(text.clone()));
    let flags = |column: &Option<Vec<bool>>| match column {
        Some(column) => Value::List(column.iter().map(|flag| Value::Bool(*flag)).collect()),
        None => Value::Null,
    };
    let accounts = |column: &Option<Vec<AccountId>>| match column {
        Some(column) => Value::List(column.iter().map(|account| Value::Account(*account)).collect()),
        None => Value::Null,
    };
    match name {
        "name" => text(&info.name),
        "symbol" => text(&info.symbol),
        "network_registered_at" => one(info.registered_at),
        "owner_hotkey" => info.owner_hotkey.map_or(Value::Null, Value::Account),
        "owner_coldkey" => info.owner_coldkey.map_or(Value::Null, Value::Account),
        "block" => one(metagraph.answered_at),
        "tempo" => one(info.tempo),
        "last_step" => one(info.last_step),
        "blocks_since_last_step" => one(info.blocks_since_last_step),
        "subnet_emission" => one(info.subnet_emission),
        "alpha_in" => one(info.alpha_in),
        "alpha_out" => one(info.alpha_out),
        "tao_in" => one(info.tao_in.map(|Rao(rao)| rao)),
        "alpha_out_emission" => one(info.alpha_out_emission),
        "alpha_in_emission" => one(info.alpha_in_emission),
        "tao_in_emission" => one(info.tao_in_emission.map(|Rao(rao)| rao)),
        "pending_alpha_emission" => one(info.pending_emission),
        "pending_root_emission" => one(info.pending_root_emission.map(|Rao(rao)| rao)),
        "subnet_volume" => one(info.subnet_volume),
        "moving_price" => info.moving_price_bits.map_or(Value::Null, Value::Signed),
        "num_uids" => one(info.num_uids),
        "max_uids" => one(info.max_uids),
        "burn" => one(info.burn.map(|Rao(rao)| rao)),
        "hotkeys" => accounts(&neurons.hotkeys),
        "coldkeys" => accounts(&neurons.coldkeys),
        "active" => flags(&neurons.active),
        "validator_permit" => flags(&neurons.validator_permit),
        "pruning_score" => numbers(neurons.pruning_score.as_ref()),
        "last_update" => numbers(neurons.last_update.as_ref()),
        "emission" => numbers(neurons.emission.as_ref()),
        "dividends" => numbers(neurons.dividends.as_ref()),
        "incentives" => numbers(neurons.incentive.as_ref()),
        "consensus" => numbers(neurons.consensus.as_ref()),
        "trust" => numbers(neurons.trust.as_ref()),
        "rank" => numbers(neurons.rank.as_ref()),
        "block_at_registration" => numbers(neurons.registered_at.as_ref()),
        "alpha_stake" => numbers(neurons.alpha_stake.as_ref()),
        "tao_stake" => numbers(neurons.tao_stake.as_ref()),
        "total_stake" => numbers(neurons.total_stake.as_ref()),
        "collateral_locked" => numbers(neurons.collateral_locked.as_ref()),
        "collateral_min" => numbers(neurons.collateral_min.as_ref()),
        "collateral_earned" => numbers(neurons.collateral_earned.as_ref()),
        "validators" => numbers(metagraph.validators.as_ref()),
        "tao_dividends_per_hotkey" => amounts(metagraph.tao_dividends.as_ref()),
        "alpha_dividends_per_hotkey" => amounts(metagraph.alpha_dividends.as_ref()),
        _ => {
            let name = name.replace("pow_registration", "network_pow_registration");
            let found = metagraph.hyperparameters.iter().find(|parameter| parameter.name == name);
            match found.map(|parameter| parameter.raw) {
                None => Value::Null,
                Some(Raw::Bool(flag)) => Value::Bool(flag),
                Some(Raw::Unsigned(number)) => Value::Unsigned(number),
                Some(Raw::Signed(number)) => Value::Signed(number),
            }
        }
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Bytes(bytes) => bytes.clone(),
        Value::List(items) => items.iter().map(|item| item.as_u64().unwrap() as u8).collect(),
        other => panic!("{other:?} are no bytes"),
    }
}

fn same_identity(get: impl Fn(&str) -> Option<String>, truth: &Value) {
    let Value::Record(fields) = truth else { panic!("{truth:?} is no identity") };
    for (name, text) in fields {
        assert_eq!(get(name), Some(String::from_utf8_lossy(&bytes(text)).into_owned()), "{name}");
    }
}

/// Compares one field of an answer with what the plain decoder makes of the same bytes.
fn same(metagraph: &Metagraph, name: &str, truth: &Value) {
    let count = metagraph.len();
    let place = format!("{name}, of {count} neurons");
    match (name, truth) {
        ("netuid", _) => assert_eq!(metagraph.netuid, NetUid(NETUID), "the caller knows better"),
        ("identity", Value::Null) => assert_eq!(metagraph.info.identity, None),
        ("identity", truth) => {
            let found = metagraph.info.identity.as_ref().expect("an identity");
            same_identity(|name| found.get(name).map(str::to_owned), truth);
        }
        ("identities" | "axons" | "commitments", Value::Null) => {
            let (neurons, commitments) = (&metagraph.neurons, metagraph.commitments.is_none());
            assert!(if name == "axons" {
                neurons.axons.is_none()
            } else if name == "identities" {
                neurons.identities.is_none()
            } else {
                commitments
            });
        }
        ("identities", Value::List(truth)) => {
            let found = metagraph.neurons.identities.as_ref().expect("identities");
            assert_eq!(found.len(), truth.len());
            for (found, truth) in found.iter().zip(truth) {
                match (found, truth) {
                    (None, Value::Null) => {}
                    (Some(found), truth) => same_identity(|name| found.get(name).map(str::to_owned), truth),
                    (None, truth) => panic!("none for {truth:?}"),
                }
            }
        }
        ("axons", Value::List(truth)) => {
            let found = metagraph.neurons.axons.as_ref().expect("axons");
            assert_eq!(found.len(), truth.len());
            for (found, truth) in found.iter().zip(truth) {
                let get = |name: &str| truth.get(name).unwrap().as_u128().unwrap();
                let ours = [
                    found.block.into(),
                    found.version.into(),
                    found.ip_bits,
                    found.port.into(),
                    found.ip_type.into(),
                    found.protocol.into(),
                ];
                assert_eq!(ours, ["block", "version", "ip", "port", "ip_type", "protocol"].map(get));
            }
        }
        ("commitments", Value::List(truth)) => {
            let found = metagraph.commitments.as_ref().expect("commitments");
            let truth: Vec<_> = truth
                .iter()
                .map(|pair| (pair.at(0).unwrap().as_account().unwrap(), bytes(pair.at(1).unwrap())))
                .collect();
            assert_eq!(*found, truth);
        }
        // What a runtime keeps empty is not there.
        ("pruning_score" | "trust" | "rank", Value::List(empty)) if empty.is_empty() => {
            assert_eq!(ours(metagraph, name), Value::Null, "{place}");
        }
        ("owner_hotkey" | "owner_coldkey", Value::Account(nobody)) if nobody.0 == [0; 32] => {
            assert_eq!(ours(metagraph, name), Value::Null, "{place}");
        }
        ("moving_price", Value::Record(bits)) => assert_eq!(ours(metagraph, name), bits[0].1, "{place}"),
        ("name" | "symbol", truth) if *truth != Value::Null => {
            let text = String::from_utf8_lossy(&bytes(truth)).into_owned();
            assert_eq!(ours(metagraph, name), Value::Text(text), "{place}");
        }
        (_, truth) => assert_eq!(ours(metagraph, name), *truth, "{place}"),
    }
}

/// Random answers of the types that the metadata gives each function, field by field against the plain decoder; and where the
/// metadata describes no functions, the layouts that this library knows say the same.
#[test]
fn every_field_is_what_the_bytes_say() {
    let undescribed = runtimes::load(SUBTENSOR_461_V14);
    assert!(!undescribed.describes_apis());
    for (metadata, fields) in [(SUBTENSOR_461_V15, 77), (FINNEY_393_V16, 74)] {
        let runtime = runtimes::load(metadata);
        let registry = Registry::of(metadata);
        for api in [Api::SelectiveMetagraph, Api::SelectiveMechagraph, Api::Metagraph, Api::Mechagraph] {
            let answer = answer_type(metadata, api.function());
            let mut samples = Samples::new(&registry.types, 4);
            let (mut existing, mut seen) = (0, std::collections::BTreeSet::new());
            for _ in 0..300 {
                let answer = samples.value(answer).unwrap();
                let truth = runtime.api_answer(api.function(), &answer).unwrap().to_value().unwrap();
                let found = try_decode(&runtime, api, &answer).unwrap();
                assert_eq!(try_decode(&undescribed, api, &answer).unwrap(), found, "{api:?}");
                let Value::Record(truth) = truth else {
                    assert_eq!(found, None);
                    continue;
                };
                let found = found.expect("it exists");
                existing += 1;
                for (name, truth) in &truth {
                    same(&found, name, truth);
                    if *truth != Value::Null {
                        seen.insert(name.clone());
                    }
                }
            }
            let selective = matches!(api, Api::SelectiveMetagraph | Api::SelectiveMechagraph);
            let expected = if selective { fields } else { fields - 2 };
            assert!(existing > 100 && seen.len() == expected, "{existing} of {api:?} showed {} fields", seen.len());
        }
    }
}

/// The answer that a whole subnet gives, with everything in it known: all 77 indexes.
#[test]
fn a_whole_answer_is_the_subnet_it_was_made_of() {
    let subnet = MadeUp::new(NETUID, 9, 1, 77);
    let answer = subnet.selective(|_| true, true);
    assert_eq!(field_names().len(), 77);
    for runtime in [runtimes::subtensor_461(), runtimes::load(SUBTENSOR_461_V14)] {
        let found = decode(&runtime, Api::SelectiveMetagraph, &answer);
        assert_eq!(found.info.name.as_deref(), Some("Τέστ 3"), "bytes beyond 63 take two in their compact form");
        assert_eq!((found.info.registered_at, found.info.owner_hotkey), (Some(FOUNDED), Some(AccountId(OWNER))));
        assert_eq!(found.info.moving_price(), Some(1.5));
        assert_eq!(found.hyperparameters.len(), 27);
        assert_eq!(found.commitments.as_ref().unwrap()[0].1, [0, 63, 64, 255]);
        assert_eq!(found.validators, Some(vec![1, 0]));
        assert_eq!(found.len(), 9);
        for neuron in found.iter() {
            let uid = usize::from(neuron.uid);
            assert_eq!(neuron.hotkey, Some(AccountId(subnet.hotkeys[uid])));
            assert_eq!(neuron.identity.and_then(|identity| identity.name.clone()), subnet.names[uid]);
            assert_eq!(neuron.incentive, Some(subnet.mechanisms[0].incentive[uid]));
            assert_eq!(neuron.total_stake, Some(subnet.total_stake[uid]));
            let immune = subnet.block - subnet.registered_at[uid] < u64::from(subnet.immunity_period);
            assert_eq!(neuron.is_immune, Some(immune), "at the block that the answer names");
            assert_eq!((neuron.rank, neuron.trust, neuron.pruning_score), (None, None, None), "runtimes dropped them");
            assert_eq!((neuron.validator_trust, neuron.evm), (None, None), "the answer does not say");
        }
        let axon = found.neuron(1).unwrap().axon.unwrap();
        assert_eq!(axon.to_string(), "10.0.0.1:8091");
        assert_eq!(found.neuron(3).unwrap().axon.unwrap().to_string(), "[2001:db8::3]:8091");
        assert_eq!(found.neuron(4).unwrap().axon, None, "nothing announced: an axon of zeros is none");
        assert_eq!(found.neuron(9), None);
    }
}

/// Each index alone brings its field and no other; without hotkeys any other column tells how many neurons there are.
#[test]
fn one_index_brings_one_field() {
    let runtime = runtimes::load(SUBTENSOR_461_V14);
    let subnet = MadeUp::new(NETUID, 4, 1, 5);
    let all = decode(&runtime, Api::SelectiveMetagraph, &subnet.selective(|_| true, true));
    for (index, name) in field_names().enumerate() {
        let alone = decode(&runtime, Api::SelectiveMetagraph, &subnet.selective(|at| at == index, true));
        if !["identity", "identities", "axons", "commitments", "netuid"].contains(&name) {
            assert_eq!(ours(&alone, name), ours(&all, name), "{name}");
        }
        for other in field_names().filter(|other| {
            *other != name && !["identity", "identities", "axons", "commitments", "netuid"].contains(other)
        }) {
            assert_eq!(ours(&alone, other), Value::Null, "{other} came with {name}");
        }
    }
    let some = decode(&runtime, Api::SelectiveMetagraph, &subnet.selective(|at| at == 61, true));
    assert_eq!((some.len(), some.neurons.hotkeys), (4, None));
}

/// An answer of mechanism 1 says so by a storage index; the caller's numbers are kept.
#[test]
fn a_mechanism_keeps_its_own_number() {
    let mut subnet = MadeUp::new(4096 + NETUID, 3, 1, 9);
    let answer = subnet.metagraph(true);
    let at = (NetUid(NETUID), 1);
    let found = decode_answer(&runtimes::subtensor_461(), Api::Mechagraph, &answer, at, &AT).unwrap().unwrap();
    assert_eq!(found.netuid, NetUid(NETUID));
    assert!(found.mechanism(0).is_none());
    let own = subnet.mechanisms.remove(0);
    assert_eq!(found.mechanism(1).unwrap().incentive, Some(own.incentive));
    assert_eq!(found.mechanism(1).unwrap().last_update, Some(own.last_update));
}

/// Neurons as runtimes until 218 give them, inside a byte vector, and as later ones do.
#[test]
fn neurons_are_read_in_every_wrapping() {
    let subnet = MadeUp::new(NETUID, 9, 1, 218);
    for (api, lite) in [(Api::Neurons, false), (Api::NeuronsLite, true)] {
        let plain = subnet.neurons(lite);
        let wrapped = plain.encode();
        for (runtime, answer) in [
            (runtimes::raonet_218(), &wrapped),
            (runtimes::subtensor_461(), &plain),
            (runtimes::finney_393(), &plain),
            (runtimes::load(SUBTENSOR_461_V14), &plain),
        ] {
            let found = decode(&runtime, api, answer);
            assert_eq!(found.len(), 9);
            for neuron in found.iter() {
                let uid = usize::from(neuron.uid);
                assert_eq!(neuron.hotkey, Some(AccountId(subnet.hotkeys[uid])));
                assert_eq!(neuron.coldkey, Some(AccountId(subnet.coldkeys[uid])));
                assert_eq!(neuron.axon.map_or(0, |axon| axon.port), subnet.axons[uid].3);
                let is_dynamic = runtime.version().spec_version > 218;
                assert_eq!(neuron.own_stake, is_dynamic.then(|| subnet.alpha_stake[uid]));
                assert_eq!(neuron.emission, Some(subnet.emission[uid]));
                assert_eq!(neuron.consensus, Some(subnet.consensus[uid]));
                assert_eq!(neuron.validator_trust, Some(subnet.validator_trust[uid]));
                assert_eq!(neuron.dividends, Some(subnet.dividends[uid]));
                assert_eq!(neuron.active, Some(subnet.active[uid]));
                assert_eq!(neuron.validator_permit, Some(subnet.permits[uid]));
                assert_eq!((neuron.rank, neuron.trust, neuron.pruning_score), (Some(1), Some(2), Some(3)));
                assert_eq!((neuron.total_stake, neuron.registered_at, neuron.is_immune), (None, None, None));
                let own = &subnet.mechanisms[0];
                assert_eq!(neuron.last_update, Some(own.last_update[uid]));
                let row = |rows: &Option<sentinel_core::subnet::SparseRows>| {
                    rows.as_ref().map(|rows| rows.row(neuron.uid).collect::<Vec<_>>())
                };
                let first = found.mechanism(0).unwrap();
                assert_eq!(row(&first.weights), (!lite).then(|| own.weights[uid].clone()));
                assert_eq!(row(&first.bonds), (!lite).then(|| own.bonds[uid].clone()));
            }
        }
    }
    let none = decode(&runtimes::raonet_218(), Api::Neurons, &Vec::<u8>::new().encode());
    assert!(none.is_empty(), "a list of no neurons");
}

/// What the chain lists as a neuron's stake is not the same fact in every runtime.
#[test]
fn stake_is_what_it_was_at_the_time() {
    let subnet = MadeUp::new(NETUID, 3, 1, 2);
    let listed = Some(&subnet.alpha_stake);
    let first = runtimes::load(&runtimes::raonet_without(&["TotalHotkeyAlpha", "ChildKeys"]));
    let children = runtimes::load(&runtimes::raonet_without(&["TotalHotkeyAlpha"]));
    for (runtime, own, total) in
        [(&first, listed, listed), (&children, None, listed), (&runtimes::raonet_218(), None, None)]
    {
        let neurons = decode(runtime, Api::NeuronsLite, &subnet.neurons(true).encode()).neurons;
        assert_eq!((neurons.own_stake.as_ref(), neurons.total_stake.as_ref()), (own, total));
        assert_eq!((neurons.tao_stake.as_ref(), neurons.alpha_stake), (total, None));
    }
    let now = decode(&runtimes::subtensor_461(), Api::NeuronsLite, &subnet.neurons(true)).neurons;
    assert_eq!((now.own_stake.as_ref(), now.total_stake), (listed, None));
}

/// What does not fit is an error that names function and field, and never a panic.
#[test]
fn damaged_answers_are_errors() {
    let subnet = MadeUp::new(NETUID, 3, 1, 1);
    let undescribed = runtimes::load(SUBTENSOR_461_V14);
    for (api, whole) in [
        (Api::SelectiveMetagraph, subnet.selective(|_| true, true)),
        (Api::Metagraph, subnet.metagraph(true)),
        (Api::Neurons, subnet.neurons(false)),
    ] {
        for runtime in [&*runtimes::subtensor_461(), &undescribed] {
            for cut in 0..whole.len() {
                let found = try_decode(runtime, api, &whole[..cut]);
                // Without a description, an answer may end where an older runtime's does.
                assert!(found.is_err() || !runtime.describes_apis(), "{cut} bytes of {api:?}: {found:?}");
            }
            let mut longer = whole.clone();
            longer.push(0);
            let error = try_decode(runtime, api, &longer).unwrap_err().to_string();
            assert!(error.contains(api.function()) && error.contains("block 7"), "{error}");
        }
    }
    assert_eq!(try_decode(&undescribed, Api::Metagraph, &[0]).unwrap(), None, "no such subnet");
    let mut other = subnet.neurons(true);
    // The second neuron calls itself 5: 32 and 32 bytes of keys before its number.
    let len = (other.len() - 1) / 3;
    let second = (1..len * 2).find(|at| other[*at..].starts_with(&subnet.hotkeys[1])).unwrap();
    other[second + 64] = Compact(5u16).encode()[0];
    let error = try_decode(&undescribed, Api::NeuronsLite, &other).unwrap_err().to_string();
    assert!(error.contains("neuron 1 says that it is 5"), "{error}");
}

/// Texts come from strangers: what is not UTF-8 is replaced, and nothing is cut off.
#[test]
fn hostile_texts_stay_texts() {
    let identity = ChainIdentity { name: Some("\u{202e}evil\n".into()), ..ChainIdentity::default() };
    assert_eq!(identity.get("name"), Some("\u{202e}evil\n"));
    assert_eq!(identity.get("github_repo"), None);
    let mut subnet = MadeUp::new(NETUID, 1, 1, 1);
    subnet.name = "\u{0}\u{1b}[31m".into();
    let found = decode(&runtimes::subtensor_461(), Api::Metagraph, &subnet.metagraph(true));
    assert_eq!(found.info.name.as_deref(), Some("\u{0}\u{1b}[31m"));
}
