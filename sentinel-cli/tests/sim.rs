//! The simulated network on the command line.

#[path = "program/program.rs"]
mod program;

use program::{Ran, run};
use serde_json::Value as Json;

/// Runs a command on the simulated network, which no clock moves on.
fn sim(args: &[&str]) -> Ran {
    let ran = run(&[&["-n", "sim", "--sim-interval", "0"], args].concat());
    assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
    ran
}

fn json(args: &[&str]) -> Json {
    serde_json::from_str(&sim(&[args, &["-f", "json"]].concat()).stdout).expect("JSON")
}

#[test]
fn every_block_command_reads_it() {
    let info = json(&["block", "info", "-b", "100"]);
    assert_eq!((&info["block_number"], &info["spec_version"]), (&100.into(), &461.into()));
    let extrinsics = json(&["block", "extrinsics", "-b", "100"]);
    let first = &extrinsics["extrinsics"][0]["call"];
    assert_eq!((&first["call_module"], &first["call_function"]), (&"Timestamp".into(), &"set".into()));
    assert_eq!(extrinsics["timestamp"], first["call_args"][0]["value"]);
    let events = json(&["block", "events", "-b", "100"]);
    assert_eq!(events["count"], info["events"]);
    let parameters = json(&["block", "hyperparameters", "-b", "100"]);
    let subnets: Vec<u64> =
        parameters["subnets"].as_array().expect("subnets").iter().filter_map(|one| one["netuid"].as_u64()).collect();
    assert_eq!(subnets, (0..=8).collect::<Vec<u64>>());
    assert_eq!(json(&["runtime", "info", "-b", "100"])["spec_version"], 461);
}

#[test]
fn it_is_the_same_each_time_and_says_what_it_is() {
    let (one, other) = (sim(&["block", "events", "-b", "60"]), sim(&["block", "events", "-b", "60"]));
    assert_eq!(one.stdout, other.stdout);
    assert!(one.stderr.contains("simulated"), "{one:?}");
    assert!(!sim(&["-q", "block", "events", "-b", "60"]).stderr.contains("simulated"));
}

#[test]
fn its_head_is_where_three_days_end() {
    let beyond = run(&["-n", "sim", "--sim-interval", "0", "block", "info", "-b", "21601"]);
    assert_ne!(beyond.code, 0);
    assert!(beyond.stderr.contains("21600"), "{beyond:?}");
    let wrong = run(&["-n", "sim", "--sim-interval", "-3", "block", "info"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
}
