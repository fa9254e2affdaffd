//! Metagraphs, weights, epochs and dividends of a live chain against what `@polkadot/api` reads from its storage; see
//! `tests/real_chain/README.md`.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::collections::BTreeMap;
use std::io::BufRead;

use sentinel_core::chain::{BlockId, NetUid};
use sentinel_core::source::{BlockSource, BlockSourceExt, RpcOptions, RpcSource};
use sentinel_core::subnet::metagraph::{self, Api, Depth, Metagraph, Neuron, Origin};
use sentinel_core::subnet::{SparseRows, dividends, netuids, weights};
use serde_json::{Value as Json, json};

const REASON: &str = "set SENTINEL_TEST_ENDPOINT and SENTINEL_TEST_METAGRAPHS";

fn truth() -> BTreeMap<u64, Vec<Json>> {
    let file = std::env::var("SENTINEL_TEST_METAGRAPHS").expect(REASON);
    let mut by_block = BTreeMap::<u64, Vec<Json>>::new();
    for line in std::io::BufReader::new(std::fs::File::open(file).expect("the file can be read")).lines() {
        let line: Json = serde_json::from_str(&line.unwrap()).expect("a JSON line");
        by_block.entry(line["number"].as_u64().unwrap()).or_default().push(line);
    }
    by_block
}

fn decimal(number: Option<impl ToString>) -> Json {
    number.map_or(Json::Null, |number| json!(number.to_string()))
}

/// Fields of the subnet in the form of the truth.
fn info(found: &Metagraph) -> Json {
    let info = &found.info;
    json!({
        "tempo": decimal(info.tempo),
        "last_step": decimal(info.last_step),
        "num_uids": decimal(info.num_uids),
        "max_uids": decimal(info.max_uids),
        "immunity_period": decimal(info.immunity_period),
        "burn": decimal(info.burn.map(|burn| burn.0)),
        "registered_at": decimal(info.registered_at),
        "subnet_emission": decimal(info.subnet_emission),
        "pending_emission": decimal(info.pending_emission),
        "tao_in": decimal(info.tao_in.map(|tao| tao.0)),
        "alpha_in": decimal(info.alpha_in),
        "alpha_out": decimal(info.alpha_out),
        "owner_coldkey": json!(info.owner_coldkey),
    })
}

/// A neuron in the form of the truth.
fn neuron(neuron: &Neuron<'_>, truth: &Json) -> Json {
    // A neuron that announced nothing has no entry in storage, and zeros in an answer.
    let axon = neuron.axon.filter(|axon| !truth["axon"].is_null() || axon.block != 0);
    json!({
        "uid": neuron.uid,
        "hotkey": json!(neuron.hotkey),
        "coldkey": neuron.coldkey.map_or(truth["coldkey"].clone(), |coldkey| json!(coldkey)),
        "axon": axon.map(|axon| json!({
            "block": axon.block.to_string(),
            "version": axon.version.to_string(),
            "ip": axon.ip_bits.to_string(),
            "port": axon.port.to_string(),
            "ip_type": axon.ip_type.to_string(),
            "protocol": axon.protocol.to_string(),
        })),
        "registered_at": decimal(neuron.registered_at),
        "own_stake": decimal(neuron.own_stake),
        "identity": neuron.identity.map(|identity| json!({
            "name": identity.name,
            "url": identity.url,
            "image": identity.image,
            "discord": identity.discord,
            "description": identity.description,
            "additional": identity.additional,
        })),
        "active": neuron.active,
        "validator_permit": neuron.validator_permit,
        "pruning_score": decimal(neuron.pruning_score),
        "last_update": decimal(neuron.last_update),
        "emission": decimal(neuron.emission),
        "dividends": decimal(neuron.dividends),
        "incentive": decimal(neuron.incentive),
        "consensus": decimal(neuron.consensus),
        "validator_trust": decimal(neuron.validator_trust),
        "trust": decimal(neuron.trust),
        "rank": decimal(neuron.rank),
    })
}

/// Rows without the zeros, which answers leave out and storage keeps.
fn rows(rows: &SparseRows) -> Json {
    let row = |uid| rows.row(uid).filter(|(_, value)| *value > 0).map(|(to, value)| json!([to, value]));
    (0..rows.len() as u16).map(|uid| row(uid).collect::<Json>()).collect()
}

fn without_zeros(rows: &Json) -> Json {
    let row = |row: &Json| row.as_array().unwrap().iter().filter(|edge| edge[1] != 0).cloned().collect::<Json>();
    rows.as_array().unwrap().iter().map(row).collect()
}

#[tokio::test]
#[ignore = "needs a live chain and what @polkadot/api says of it: SENTINEL_TEST_ENDPOINT, SENTINEL_TEST_METAGRAPHS"]
async fn metagraphs_are_those_that_polkadot_js_reads() {
    let endpoint = std::env::var("SENTINEL_TEST_ENDPOINT").expect(REASON);
    let source = RpcSource::connect(&endpoint, RpcOptions::default()).await.expect("the node answers");
    let (mut compared, mut blocks) = (BTreeMap::<String, u64>::new(), 0);
    let mut distances = BTreeMap::<(u32, u16), f64>::new();
    for (number, lines) in truth() {
        blocks += 1;
        let at = source.header(BlockId::Number(number)).await.unwrap().reference();
        let spec = source.writer(&at).await.unwrap().version().spec_version;
        let existing: Vec<u16> = netuids(&source, &at).await.unwrap().iter().map(|netuid| netuid.0).collect();
        assert_eq!(json!(existing), lines.iter().map(|line| line["netuid"].clone()).collect::<Json>(), "{number}");
        for truth in lines {
            let netuid = NetUid(truth["netuid"].as_u64().unwrap() as u16);
            let place = format!("subnet {netuid} at block {number} of spec {spec}");
            let found = metagraph::read(&source, &at, netuid, Depth::Full).await.unwrap();
            for (name, truth) in truth["info"].as_object().unwrap() {
                assert_eq!(info(&found)[name], *truth, "{name} of {place}");
            }
            let neurons = truth["neurons"].as_array().unwrap();
            assert_eq!(found.len(), neurons.len(), "{place}");
            for (ours, truth) in found.iter().zip(neurons) {
                let facts = neuron(&ours, truth);
                for (name, truth) in truth.as_object().unwrap() {
                    assert_eq!(facts[name], *truth, "{name} of neuron {} in {place}", ours.uid);
                    *compared.entry(format!("spec {spec}: values of neurons")).or_default() += 1;
                }
            }
            let stored = weights::read(&source, &at, netuid).await.unwrap().mechanisms.remove(0);
            let own = found.mechanism(0).unwrap();
            for (name, ours, both) in [
                ("weights", own.weights.as_ref().unwrap(), &stored.weights),
                ("bonds", own.bonds.as_ref().unwrap(), &stored.bonds),
            ] {
                assert_eq!(rows(ours), without_zeros(&truth[name]), "{name} of {place}");
                assert_eq!(rows(both), without_zeros(&truth[name]), "{name} of {place}, from storage");
                *compared.entry(format!("spec {spec}: entries of {name}")).or_default() += both.entries() as u64;
            }
            let lite = metagraph::read(&source, &at, netuid, Depth::Lite).await.unwrap();
            let plain = |metagraph: &Metagraph| {
                metagraph.iter().map(|neuron| (neuron.hotkey, neuron.dividends, neuron.last_update)).collect::<Vec<_>>()
            };
            assert_eq!(plain(&lite), plain(&found), "{place}");
            let kind = match found.origin {
                Origin::Api(Api::Neurons) => "get_neurons",
                Origin::Storage => "storage",
                Origin::Api(_) => "another function",
            };
            *compared.entry(format!("spec {spec}: subnets by {kind}")).or_default() += 1;
            if found.info.last_step == Some(number) {
                *compared.entry(format!("spec {spec}: epochs")).or_default() += 1;
                let dividends = dividends::read(&source, &at, netuid).await.unwrap();
                if let Some(distance) = dividends.distance {
                    *compared.entry(format!("spec {spec}: epochs with dividends")).or_default() += 1;
                    let worst = distances.entry((spec, netuid.0)).or_default();
                    *worst = worst.max(distance.moved);
                }
            }
        }
    }
    println!(
        "{blocks} blocks; compared: {compared:#?}\nrecomputed dividends, farthest from the chain's own: {distances:?}"
    );
    assert!(blocks >= 50 && compared.keys().any(|key| key.starts_with("spec 143: epochs with dividends")));
}
