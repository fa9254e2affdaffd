//! `subnet hyperparameters --since`: what changed, old and new, and by what.

#[path = "program/program.rs"]
mod program;

use std::collections::BTreeMap;

use program::{Ran, run};
use serde_json::Value as Json;

fn sample(args: &[&str]) -> Ran {
    run(&[&["-n", "sample", "subnet", "hyperparameters"], args].concat())
}

fn json(args: &[&str]) -> Json {
    let ran = sample(&[args, &["-f", "json"]].concat());
    assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
    serde_json::from_str(&ran.stdout).expect("JSON")
}

/// The new value of each change is the old one of the next, and the last is what the subnet has.
#[test]
fn changes_lead_to_the_values_of_today() {
    let document = json(&["--since", "1", "--every", "1", "-u", "1"]);
    assert_eq!(
        (&document["block_start"], &document["block_end"], &document["every"]),
        (&1.into(), &303.into(), &1.into())
    );
    assert_eq!(document["simulated"], false);
    let changes = document["changes"].as_array().expect("changes");
    assert_eq!(document["count"], changes.len());
    let mut last: BTreeMap<&str, &Json> = BTreeMap::new();
    let mut followed = 0;
    for change in changes {
        if let Some(before) = last.insert(change["name"].as_str().expect("a name"), change) {
            assert_eq!(before["new_raw"], change["old_raw"]);
            assert!(before["block_number"].as_u64() < change["block_number"].as_u64());
            followed += 1;
        }
    }
    assert!(followed > 0 && last.len() > 10, "{followed} of {}", last.len());
    let now = sample(&["-u", "1", "-f", "json"]).stdout;
    let now: Json = serde_json::from_str(&now).expect("JSON");
    let values = now["subnets"][0]["hyperparameters"].as_array().expect("values");
    for (name, change) in last {
        let value = values.iter().find(|value| value["name"] == name).expect("it is still there");
        assert_eq!(
            (&change["new_raw"], &change["new"], &change["unit"]),
            (&value["raw"], &value["value"], &value["unit"])
        );
    }
}

#[test]
fn a_change_names_its_time_its_call_and_its_event() {
    let document = json(&["--since", "139", "-b", "139"]);
    assert_eq!(document["count"], 1, "{document}");
    assert_eq!(
        document["changes"][0],
        serde_json::json!({
            "block_number": 139, "timestamp": 1_738_369_668_000_u64, "netuid": 3, "name": "kappa", "unit": "u16",
            "old_raw": 31_700, "old": 0.483_710_994_1, "new_raw": 31_900, "new": 0.486_762_798_5,
            "extrinsic": "139-0001", "call": "AdminUtils.sudo_set_kappa", "events": ["SubtensorModule.KappaSet"],
            "runtimes": null,
        })
    );
    let csv = sample(&["--since", "139", "-b", "139", "-f", "csv"]).stdout;
    let row = "139,1738369668000,3,kappa,u16,31700,0.4837109941,31900,0.4867627985,139-0001,\
               AdminUtils.sudo_set_kappa,SubtensorModule.KappaSet";
    assert_eq!(csv.lines().nth(1), Some(row));
    let line = sample(&["--since", "139", "-b", "139", "-f", "jsonl"]).stdout;
    let line: Json = serde_json::from_str(&line).expect("one line");
    assert_eq!((&line["extrinsic"], &line["simulated"]), (&"139-0001".into(), &false.into()));
    insta::assert_snapshot!(sample(&["--since", "139", "-b", "177", "-u", "2"]).stdout);
}

#[test]
fn what_makes_no_sense_is_one_line() {
    for (args, code, text) in [
        (&["--since", "200", "-b", "100"][..], 2, "--since 200 is after block 100"),
        (&["--since", "1", "-u", "99"], 1, "no subnet 99"),
        (&["--every", "3"], 2, "--since"),
        (&["--since", "1", "--every", "0"], 2, "--every"),
    ] {
        let ran = sample(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(text) && ran.stderr.lines().count() == 1, "{ran:?}");
    }
    assert_eq!(sample(&["--since", "302", "-u", "1"]).stdout, "Blocks 302 to 303: 0 changes\n");
}
