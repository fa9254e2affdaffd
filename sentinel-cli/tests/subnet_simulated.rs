//! `subnet` over a node with the layout of spec 461: mechanisms, pools, dividends in alpha, and a label that nothing is real.

#[path = "program/program.rs"]
mod program;

use std::sync::Arc;

use program::{Ran, run};
use sentinel_core::source::SimSource;
use sentinel_support::node::{Answer, Node};
use serde_json::Value as Json;

/// Netuids 0 to 3; the third subnet has two mechanisms.
async fn node() -> Node {
    let sim = SimSource::builder().subnets(3).uids(16).tempo(20).head(100).build().expect("a plan that can be");
    Node::serve(Arc::new(sim)).await.expect("a port")
}

/// The program is another process; the node must be able to answer while it runs.
async fn ask(node: &Node, args: &[&str]) -> Ran {
    let url = node.ws_url();
    let args: Vec<String> = ["-n", &url, "subnet"].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
    let work = move || run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(work).await.expect("it ran")
}

async fn json(node: &Node, args: &[&str]) -> Json {
    let ran = ask(node, &[args, &["-f", "json"]].concat()).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    serde_json::from_str(&ran.stdout).expect("JSON and nothing else")
}

fn sum(neurons: &[Json], key: &str) -> u64 {
    neurons.iter().map(|neuron| neuron[key].as_u64().expect("an integer")).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metagraph_of_two_mechanisms() {
    let node = node().await;
    let document = json(&node, &["metagraph", "-u", "3"]).await;
    assert_eq!((&document["mechanism_count"], &document["simulated"]), (&2.into(), &true.into()));
    assert!(document["price"].as_f64().is_some_and(|price| price > 0.0), "{}", document["price"]);
    assert!(document["subnet_name"].is_string() && document["alpha_out_emission"].is_u64());
    let neurons = document["neurons"].as_array().expect("neurons");
    assert_eq!((neurons.len(), &document["neuron_count"]), (16, &16.into()));
    assert_eq!(document["total_stake"], sum(neurons, "stake"));
    assert!(neurons.iter().any(|neuron| neuron["alpha_dividends"].as_u64() > Some(0)), "an epoch has paid");
    for neuron in neurons {
        assert!(neuron["dividend_raw"].is_u64(), "{neuron}");
        let mechanisms = neuron["mechanisms"].as_array().expect("mechanisms");
        let numbers: Vec<&Json> = mechanisms.iter().map(|own| &own["mech_id"]).collect();
        assert_eq!(numbers, [0, 1]);
        for own in mechanisms {
            assert!(own["incentive_raw"].is_u64() && own["last_update"].is_u64(), "{own}");
            assert!(own["dividend"].is_null(), "the chain keeps one for both: {own}");
        }
    }
    let incentive = |mechanism: usize| -> u64 {
        let of = |neuron: &Json| neuron["mechanisms"][mechanism]["incentive_raw"].as_u64().expect("a share");
        neurons.iter().map(of).sum()
    };
    // What a neuron had that was replaced since is missing from the sum of 65,535.
    assert!((0..2).all(|mechanism| incentive(mechanism) > 30_000), "{} {}", incentive(0), incentive(1));

    let second = json(&node, &["metagraph", "-u", "3", "-m", "1"]).await;
    for (one, both) in second["neurons"].as_array().expect("neurons").iter().zip(neurons) {
        assert_eq!(one["mechanisms"], serde_json::json!([both["mechanisms"][1]]), "the second is called 1");
    }
    let table = ask(&node, &["metagraph", "-u", "3"]).await.stdout;
    for word in ["SIMULATED", "Incentive 0", "Incentive 1", "Updated 1", "2 mechanisms", "Alpha stake"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let rows = ask(&node, &["metagraph", "-u", "3", "-f", "csv"]).await.stdout;
    assert_eq!(rows.lines().count(), 1 + 2 * 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn dividends_weights_lists_and_settings() {
    let node = node().await;
    let list = json(&node, &["list"]).await;
    let subnets = list["subnets"].as_array().expect("subnets");
    assert_eq!(subnets.iter().map(|subnet| &subnet["netuid"]).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(subnets[1..].iter().all(|subnet| subnet["price"].is_number() && subnet["owner_coldkey"].is_string()));
    assert!(ask(&node, &["list"]).await.stdout.contains("SIMULATED"));

    let dividends = json(&node, &["dividends", "-u", "2"]).await;
    assert_eq!(dividends["rule"], "yuma2");
    assert!(dividends["distance"]["moved"].as_f64().is_some_and(|moved| moved < 0.05), "{}", dividends["distance"]);

    let weights = json(&node, &["weights", "-u", "3"]).await;
    let numbers: Vec<&Json> =
        weights["mechanisms"].as_array().expect("a list").iter().map(|own| &own["mech_id"]).collect();
    assert_eq!(numbers, [0, 1]);
    assert!(weights["mechanisms"][1]["rows"].as_array().is_some_and(|rows| !rows.is_empty()));

    let settings = json(&node, &["hyperparameters", "-u", "1"]).await;
    let parameters = settings["subnets"][0]["hyperparameters"].as_array().expect("a list");
    let cutoff = parameters.iter().find(|one| one["name"] == "activity_cutoff_factor").expect("461 has it");
    let calls = ["AdminUtils.sudo_set_activity_cutoff_factor", "SubtensorModule.set_activity_cutoff_factor"];
    assert_eq!(cutoff["calls"], serde_json::json!(calls));
    assert_eq!(settings["simulated"], true);
}

/// The fifth subnet of `sim` has a name that is a formula, and turns the text of a line around.
#[test]
fn names_cannot_do_anything() {
    let ran = run(&["-q", "-n", "sim", "subnet", "list"]);
    assert!(ran.stdout.contains("\\u{202e}") && !ran.stdout.contains('\u{202e}'), "{ran:?}");
    let ran = run(&["-q", "-n", "sim", "subnet", "metagraph", "-u", "5", "--lite"]);
    assert!(ran.code == 0 && !ran.stdout.contains('\u{202e}'), "{ran:?}");
    let ran = run(&["-q", "-n", "sim", "subnet", "list", "-f", "csv"]);
    let mut rows = csv::Reader::from_reader(ran.stdout.as_bytes());
    let names: Vec<String> = rows.records().map(|row| row.expect("a row").get(2).expect("a name").to_owned()).collect();
    assert!(names.iter().any(|name| name.starts_with("'=")), "{names:?}");
}

/// State that a node no longer keeps is exit code 4 and the advice to ask an archive, in every format.
#[tokio::test(flavor = "multi_thread")]
async fn pruned_state_advises_an_archive() {
    let node = node().await;
    for method in ["state_getStorage", "state_queryStorageAt", "state_getKeysPaged", "state_call"] {
        node.script(method, Answer::error(4003, "Client error: UnknownBlock: State already discarded for 0x1234"));
    }
    for command in ["list", "hyperparameters", "metagraph", "dividends", "weights"] {
        for format in ["table", "json", "jsonl", "csv"] {
            let ran = ask(&node, &[command, "-u", "1", "-b", "50", "-f", format]).await;
            assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.trim_end().lines().count()), (4, "", 1), "{ran:?}");
            assert!(ran.stderr.contains("archive"), "{ran:?}");
        }
    }
}
