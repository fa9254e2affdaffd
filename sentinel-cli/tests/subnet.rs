//! `subnet`: what the commands say of the built-in recording, and of what is not there.

#[path = "program/program.rs"]
mod program;

use std::collections::BTreeSet;

use program::{Ran, run};
use serde_json::Value as Json;

fn sample(args: &[&str]) -> Ran {
    let ran = run(&[&["-n", "sample", "subnet"], args].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    ran
}

fn json(args: &[&str]) -> Json {
    serde_json::from_str(&sample(&[args, &["-f", "json"]].concat()).stdout).expect("JSON and nothing else")
}

fn lines(args: &[&str]) -> Vec<Json> {
    let ran = sample(&[args, &["-f", "jsonl"]].concat());
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

fn csv(args: &[&str]) -> Vec<Vec<String>> {
    let ran = sample(&[args, &["-f", "csv"]].concat());
    let mut reader = csv::Reader::from_reader(ran.stdout.as_bytes());
    let header = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    let rows =
        reader.records().map(|row| row.expect("a row as long as the header").iter().map(str::to_owned).collect());
    std::iter::once(header).chain(rows).collect()
}

/// One line on stderr with these words, this exit code, and nothing on stdout.
fn fails(args: &[&str], code: i32, words: &[&str]) {
    for format in ["table", "json", "jsonl", "csv"] {
        let ran = run(&[&["-n", "sample", "subnet"], args, &["-f", format]].concat());
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.trim_end().lines().count()), (code, "", 1), "{ran:?}");
        for word in words {
            assert!(ran.stderr.contains(word), "`{word}` is missing: {ran:?}");
        }
    }
}

#[test]
fn tables_for_people() {
    insta::assert_snapshot!(sample(&["list", "-b", "303"]).stdout);
    insta::assert_snapshot!(sample(&["metagraph", "-u", "1", "-b", "50"]).stdout);
    insta::assert_snapshot!(sample(&["metagraph", "-u", "1", "-b", "303"]).stdout);
    insta::assert_snapshot!(sample(&["dividends", "-u", "1", "-b", "150"]).stdout);
    insta::assert_snapshot!(sample(&["weights", "-u", "1", "-b", "50"]).stdout);
}

/// Keys that scripts written for the tools of today read.
#[test]
fn a_metagraph_has_the_keys_that_scripts_know() {
    let document = json(&["metagraph", "-u", "1", "-b", "50"]);
    for key in [
        "block_number",
        "block_hash",
        "timestamp",
        "netuid",
        "subnet_name",
        "neuron_count",
        "validator_count",
        "miner_count",
        "total_stake",
        "alpha_out_emission",
        "moving_price",
        "tempo",
        "mechanism_count",
        "neurons",
    ] {
        assert!(document.get(key).is_some(), "{key}");
    }
    let neuron = &document["neurons"][0];
    for key in [
        "uid",
        "hotkey",
        "coldkey",
        "stake",
        "alpha_stake",
        "alpha_dividends",
        "tao_dividends",
        "normalized_stake",
        "trust",
        "rank",
        "emissions",
        "is_validator",
        "is_active",
        "is_immune",
        "axon_address",
    ] {
        assert!(neuron.get(key).is_some(), "{key}");
    }
    for key in ["mech_id", "incentive", "dividend", "consensus", "validator_trust", "weights_sum", "last_update"] {
        assert!(neuron["mechanisms"][0].get(key).is_some(), "{key}");
    }
}

/// Amounts are integers, shares stand beside what the chain has, and what this runtime does not have is null.
#[test]
fn facts_of_a_metagraph_agree_with_each_other() {
    let document = json(&["metagraph", "-u", "1", "-b", "50"]);
    let neurons = document["neurons"].as_array().expect("neurons");
    assert_eq!(document["neuron_count"], neurons.len());
    let stakes: u64 = neurons.iter().map(|neuron| neuron["stake"].as_u64().expect("rao")).sum();
    assert_eq!(document["total_stake"], stakes);
    let parts: f64 = neurons.iter().map(|neuron| neuron["normalized_stake"].as_f64().expect("a part")).sum();
    assert!((parts - 1.0).abs() < 1e-12, "{parts}");
    for neuron in neurons {
        let (raw, share) = (neuron["dividend_raw"].as_f64(), neuron["dividend"].as_f64());
        assert_eq!(raw.expect("a share") / 65_535.0, share.expect("its fraction"));
        let own = &neuron["mechanisms"][0];
        assert_eq!(own["updated"].as_u64().expect("blocks"), 50 - own["last_update"].as_u64().expect("a block"));
        for absent in ["alpha_stake", "alpha_dividends", "tao_dividends", "evm", "collateral_locked"] {
            assert!(neuron[absent].is_null(), "{absent}: no dynamic TAO yet");
        }
    }
    assert!(document["price"].is_null() && document["alpha_out_emission"].is_null());
    assert_eq!((&document["origin"], &document["timestamp"]), (&"storage".into(), &1_738_368_600_000_u64.into()));
    assert_eq!(neurons[0]["axon_address"], "203.0.113.10:8091");
}

#[test]
fn lite_leaves_out_weights_and_changes_nothing_else() {
    for block in ["50", "150", "303"] {
        let full = json(&["metagraph", "-u", "1", "-b", block]);
        let mut lite = json(&["metagraph", "-u", "1", "-b", block, "--lite"]);
        assert!(lite["neurons"].as_array().is_some_and(|neurons| !neurons.is_empty()), "{lite}");
        for (lite, full) in lite["neurons"]
            .as_array_mut()
            .expect("neurons")
            .iter_mut()
            .zip(full["neurons"].as_array().expect("neurons"))
        {
            assert!(lite["mechanisms"][0]["weights_sum"].is_null() && lite["has_any_weights"].is_null());
            assert!(full["mechanisms"][0]["weights_sum"].is_u64() && full["has_any_weights"].is_boolean());
            lite["mechanisms"][0]["weights_sum"] = full["mechanisms"][0]["weights_sum"].clone();
            for key in ["has_any_weights", "identity", "evm"] {
                lite[key] = full[key].clone();
            }
        }
        assert_eq!(lite, full, "block {block}");
    }
}

/// The formats say the same.
#[test]
fn lines_and_rows_are_those_of_the_document() {
    for block in ["50", "150", "303"] {
        let document = json(&["metagraph", "-u", "1", "-b", block]);
        let neurons = document["neurons"].as_array().expect("neurons");
        let lines = lines(&["metagraph", "-u", "1", "-b", block]);
        let rows = csv(&["metagraph", "-u", "1", "-b", block]);
        assert_eq!((lines.len(), rows.len()), (neurons.len(), neurons.len() + 1));
        for ((neuron, line), row) in neurons.iter().zip(&lines).zip(&rows[1..]) {
            for (key, value) in neuron.as_object().expect("an object") {
                assert_eq!(&line[key], value, "{key}");
                let Some(column) = rows[0].iter().position(|name| name == key) else { continue };
                let expected = match value {
                    Json::Null => String::new(),
                    Json::String(text) => text.clone(),
                    value => value.to_string(),
                };
                // Whole numbers have a point in JSON, where they are fractions.
                assert!(row[column] == expected || format!("{}.0", row[column]) == expected, "{key}: {row:?} {value}");
            }
            assert_eq!((&line["block_hash"], &line["netuid"]), (&document["block_hash"], &document["netuid"]));
        }
    }
}

#[test]
fn dividends_recomputed_stand_beside_those_of_the_chain() {
    let document = json(&["dividends", "-u", "1", "-b", "150"]);
    assert_eq!(document["rule"], "yuma2");
    assert!(document["distance"]["moved"].as_f64().is_some_and(|moved| moved < 1e-4), "{document}");
    let dividends = document["dividends"].as_array().expect("a list");
    let sum = |key: &str| dividends.iter().map(|one| one[key].as_f64().expect("a number")).sum::<f64>();
    assert!((sum("recomputed") - 1.0).abs() < 1e-12 && (sum("dividend_share") - 1.0).abs() < 1e-12);
    let metagraph = json(&["metagraph", "-u", "1", "-b", "150"]);
    for (one, neuron) in dividends.iter().zip(metagraph["neurons"].as_array().expect("neurons")) {
        assert_eq!((&one["dividend_raw"], &one["hotkey"]), (&neuron["dividend_raw"], &neuron["hotkey"]));
    }
    // 218 pays none: nothing is made up.
    let document = json(&["dividends", "-u", "1", "-b", "303"]);
    assert!(document["distance"].is_null());
    assert!(document["dividends"].as_array().expect("a list").iter().all(|one| one["difference"].is_null()));
    assert!(document["dividends"].as_array().expect("a list").iter().all(|one| one["recomputed"].is_null()));
}

#[test]
fn weights_are_sparse_and_their_shares_sum_to_one() {
    let document = json(&["weights", "-u", "1", "-b", "50"]);
    let rows = document["mechanisms"][0]["rows"].as_array().expect("rows");
    assert!(!rows.is_empty());
    let mut entries = BTreeSet::new();
    for row in rows {
        let weights = row["weights"].as_array().expect("weights");
        let sum: f64 = weights.iter().map(|weight| weight["share"].as_f64().expect("a share")).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{row}");
        for weight in weights {
            entries.insert(format!("{} {} {}", row["uid"], weight["uid"], weight["raw"]));
        }
    }
    let rows = csv(&["weights", "-u", "1", "-b", "50"]);
    let of_rows = rows[1..].iter().filter(|row| !row[5].is_empty()).map(|row| row[3..6].join(" ")).collect();
    assert_eq!(entries, of_rows);
    assert_eq!(json(&["weights", "-u", "1", "-b", "50", "-m", "0"]), document);
}

/// A list of any block, and of subnets that are gone since.
#[test]
fn a_list_is_that_of_its_block() {
    let netuids = |block: &str| -> Vec<u64> {
        let document = json(&["list", "-b", block]);
        let subnets = document["subnets"].as_array().expect("subnets");
        assert_eq!(document["count"], subnets.len());
        subnets.iter().map(|subnet| subnet["netuid"].as_u64().expect("a netuid")).collect()
    };
    assert_eq!(
        (netuids("50"), netuids("150"), netuids("303")),
        (vec![1, 2, 3], vec![0, 1, 2, 3, 4], (0..=5).collect())
    );
    let one = json(&["list", "-b", "303", "-u", "5"]);
    assert_eq!((&one["count"], &one["subnets"][0]["name"]), (&1.into(), &"Sentinel".into()));
    assert_eq!(lines(&["list", "-b", "303"]).len(), csv(&["list", "-b", "303"]).len() - 1);
}

/// `subnet hyperparameters` is `block hyperparameters`; its JSON adds what changes each.
#[test]
fn hyperparameters_with_what_changes_them() {
    for format in ["table", "csv"] {
        for netuid in [&["-u", "1"][..], &[]] {
            let block = run(&[&["-n", "sample", "block", "hyperparameters", "-f", format], netuid].concat());
            assert_eq!(sample(&[&["hyperparameters", "-f", format], netuid].concat()).stdout, block.stdout);
        }
    }
    let document = json(&["hyperparameters", "-u", "1"]);
    let parameters = document["subnets"][0]["hyperparameters"].as_array().expect("a list");
    let tempo = parameters.iter().find(|one| one["name"] == "tempo").expect("every subnet has a tempo");
    assert_eq!(tempo["storage"], "SubtensorModule.Tempo");
    assert_eq!(tempo["calls"], serde_json::json!(["AdminUtils.sudo_set_tempo"]));
    assert_eq!(tempo["events"], serde_json::json!(["SubtensorModule.TempoSet"]));
    let plain = run(&["-n", "sample", "block", "hyperparameters", "-u", "1", "-f", "json"]);
    assert!(!plain.stdout.contains("sudo_set_"), "the keys of `block hyperparameters` are fixed");
}

#[test]
fn what_is_not_there_is_one_clear_error() {
    for command in ["list", "hyperparameters", "metagraph", "dividends", "weights"] {
        fails(&[command, "-u", "99"], 1, &["no subnet 99", "block 303", "there are 0, 1, 2, 3, 4, 5"]);
        fails(&[command, "-u", "1", "-b", "100000"], 1, &["100000", "newest is 303"]);
    }
    for command in ["list", "metagraph", "dividends", "weights"] {
        fails(&[command, "-u", "5", "-b", "100"], 1, &["subnet 5", "block 185"]);
    }
    for command in ["metagraph", "dividends", "weights"] {
        fails(&[command], 2, &[command, "--netuid", "subnet list"]);
        fails(&[command, "-u", "1", "-m", "3"], 1, &["no mechanism 3", "subnet 1", "block 303"]);
    }
    fails(&["list", "-m", "0"], 2, &["--mech-id", "subnet list"]);
    fails(&["hyperparameters", "-l"], 2, &["--lite", "subnet hyperparameters"]);
    fails(&["dividends", "-u", "1", "-l"], 2, &["--lite", "subnet dividends"]);
    fails(&["weights", "-u", "1", "-m", "16"], 2, &["16"]);
    let ran = run(&["-n", "sample", "block", "info", "-m", "0"]);
    assert_eq!(ran.code, 2, "{ran:?}");
}
