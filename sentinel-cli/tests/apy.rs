//! `subnet apy` on the simulated network, and on the recorded runtimes that are older than what it measures.

#[path = "program/program.rs"]
mod program;

use program::{Ran, run};
use serde_json::Value as Json;

fn sim(args: &[&str]) -> Ran {
    run(&[&["-n", "sim", "--sim-interval", "0", "-q", "-b", "2000", "subnet", "apy"], args].concat())
}

fn json(args: &[&str]) -> Json {
    let ran = sim(&[args, &["-f", "json"]].concat());
    assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
    serde_json::from_str(&ran.stdout).expect("JSON")
}

#[test]
fn a_subnet_with_each_of_its_validators() {
    let found = json(&["-u", "1", "--window", "1000"]);
    assert_eq!((&found["network"], &found["simulated"], &found["netuid"]), (&"sim".into(), &true.into(), &1.into()));
    let (first, last) = (found["block_start"].as_u64(), found["block_end"].as_u64());
    assert!(first <= Some(1000) && last > Some(1500) && last <= Some(2000), "{found}");
    let validators = found["validators"].as_array().expect("validators");
    assert!(validators.len() > 5);
    let yields: Vec<f64> = validators.iter().filter_map(|validator| validator["apy"].as_f64()).collect();
    assert!(yields.windows(2).all(|pair| pair[0] >= pair[1]), "the greatest first: {yields:?}");
    for validator in validators.iter().chain([&found["subnet"]]) {
        for key in ["apy", "apr", "growth", "coverage", "epochs", "missing_epochs", "reason"] {
            assert!(validator.get(key).is_some(), "{key}: {validator}");
        }
        assert!(validator["apr"].as_f64() <= validator["apy"].as_f64(), "{validator}");
        assert_eq!((validator["missing_epochs"].as_u64(), validator["short"].as_bool()), (Some(0), Some(true)));
    }
    for validator in validators {
        assert!(validator["hotkey"].as_str().is_some_and(|hotkey| hotkey.starts_with('5')));
        assert!(validator["check"].is_null() || validator["check"]["agrees"] == true, "{validator}");
    }
}

#[test]
fn all_subnets_and_every_form() {
    let all = json(&["--window", "800"]);
    let netuids: Vec<u64> =
        all["subnets"].as_array().expect("subnets").iter().filter_map(|one| one["netuid"].as_u64()).collect();
    assert_eq!(netuids, (1..=8).collect::<Vec<u64>>());
    let csv = sim(&["-u", "2", "--window", "800", "-f", "csv"]).stdout;
    assert!(csv.starts_with("netuid,block_start,block_end,uid,hotkey,take,stake,apy,"), "{csv}");
    let lines = sim(&["--window", "800", "-f", "jsonl"]).stdout;
    assert_eq!(lines.lines().count(), 8);
    assert!(lines.lines().all(|line| serde_json::from_str::<Json>(line).is_ok()));
    let table = sim(&["-u", "2", "--window", "800"]).stdout;
    assert!(table.contains("simulated") && table.contains("All together: APY "), "{table}");
    let root = json(&["-u", "0", "--window", "800"]);
    assert!(root["validators"].as_array().is_some_and(|validators| !validators.is_empty()), "{root}");
}

#[test]
fn a_drawing_is_whole_or_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("growth.svg");
    let path = file.to_str().expect("a path");
    let ran = sim(&["-u", "1", "--window", "800", "--plot", path]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let svg = std::fs::read_to_string(&file).expect("it is there");
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && svg.contains("simulated"));
    let nowhere = sim(&["-u", "1", "--window", "800", "--plot", "/nowhere/growth.svg"]);
    assert_eq!((nowhere.code, nowhere.stdout.as_str()), (1, ""), "{nowhere:?}");
    assert!(nowhere.stderr.contains("/nowhere/growth.svg"), "{nowhere:?}");
}

#[test]
fn what_cannot_be_shown_is_one_line() {
    for (args, code, says) in [
        (
            &["-u", "1", "--window", "30d"][..],
            1,
            "a window of 30d before block 2000 is longer than the history: at most",
        ),
        (&["-u", "1", "--window", "5000"], 1, "longer than the history: at most 1999 blocks"),
        (&["-u", "999", "--window", "100"], 1, "no subnet 999 at block 2000"),
        (&["-u", "1", "--window", "soon"], 2, "`soon` is no length of a window"),
        (&["--plot", "x.svg"], 2, "name it by --netuid"),
        (&["-u", "1", "-m", "1"], 2, "--mech-id does not apply to `subnet apy`"),
    ] {
        let ran = sim(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{args:?}: {ran:?}");
        assert_eq!(ran.stderr.trim_end().lines().count(), 1, "{ran:?}");
        assert!(ran.stderr.contains(says), "{args:?}: {ran:?}");
    }
}

#[test]
fn runtimes_before_dynamic_tao_say_so() {
    let ran = run(&["-n", "sample", "subnet", "apy", "-u", "1", "--window", "50", "-f", "json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let found: Json = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((&found["subnet"]["reason"], &found["subnet"]["apy"]), (&"pre_dtao".into(), &Json::Null));
    for validator in found["validators"].as_array().expect("validators") {
        assert_eq!((&validator["reason"], &validator["apy"]), (&"pre_dtao".into(), &Json::Null));
    }
}
