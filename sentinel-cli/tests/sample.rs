//! Golden output: what the commands say of the built-in recording, in every format.

#[path = "program/program.rs"]
mod program;

use program::{Ran, run};
use serde_json::Value as Json;

fn sample(args: &[&str]) -> Ran {
    let ran = run(&[&["-n", "sample"], args].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    ran
}

fn json(args: &[&str]) -> Json {
    serde_json::from_str(&sample(&[args, &["-f", "json"]].concat()).stdout).expect("JSON and nothing else")
}

#[test]
fn hyperparameters_of_one_subnet() {
    insta::assert_snapshot!(sample(&["block", "hyperparameters", "-u", "1"]).stdout);
    insta::assert_snapshot!(sample(&["block", "hyperparameters", "-u", "1", "-f", "json"]).stdout);
    insta::assert_snapshot!(sample(&["block", "hyperparameters", "-u", "1", "-f", "csv", "-b", "100"]).stdout);
}

#[test]
fn hyperparameters_of_every_subnet_on_every_runtime() {
    for (block, spec) in [(50, 103), (150, 143), (303, 218)] {
        let block = block.to_string();
        assert_eq!(json(&["runtime", "info", "-b", &block])["spec_version"], spec);
        let document = json(&["block", "hyperparameters", "-b", &block]);
        let subnets = document["subnets"].as_array().expect("subnets");
        assert!(subnets.len() >= 3, "{document}");
        for subnet in subnets {
            let names: Vec<&str> = subnet["hyperparameters"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|parameter| parameter["name"].as_str().expect("a name"))
                .collect();
            for name in ["tempo", "kappa", "immunity_period", "min_burn", "max_burn", "bonds_moving_avg"] {
                assert_eq!(names.iter().filter(|other| **other == name).count(), 1, "{name} at block {block}");
            }
        }
    }
}

#[test]
fn block_info() {
    insta::assert_snapshot!(sample(&["block", "info", "-b", "100"]).stdout);
    insta::assert_snapshot!(sample(&["block", "info", "-b", "100", "-f", "json"]).stdout);
}

#[test]
fn upgrades_are_flagged_and_change_the_version_of_what_comes_next() {
    for (block, writer, upgraded, state) in [
        (58, 103, false, 103),
        (59, 103, true, 143),
        (60, 143, false, 143),
        (176, 143, true, 218),
        (177, 218, false, 218),
    ] {
        let block = block.to_string();
        let info = json(&["block", "info", "-b", &block]);
        assert_eq!((&info["spec_version"], &info["runtime_upgraded"]), (&writer.into(), &upgraded.into()), "{info}");
        assert_eq!(json(&["runtime", "info", "-b", &block])["spec_version"], state, "{block}");
    }
}

#[test]
fn raw_extrinsics_are_those_of_the_node() {
    let document = json(&["block", "extrinsics", "-b", "100", "--raw"]);
    let extrinsic = &document["extrinsics"][0];
    // Length 10, bare, format 4, Timestamp.set, and a compact moment.
    let bytes = extrinsic["bytes"].as_str().expect("hex");
    assert!(bytes.starts_with("0x28040200"), "{bytes}");
    assert!(json(&["block", "extrinsics", "-b", "100"])["extrinsics"][0].get("bytes").is_none());
}

#[test]
fn extrinsics_with_their_keys() {
    let document = json(&["block", "extrinsics", "-b", "100"]);
    let keys: Vec<&String> = document.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["block_hash", "block_number", "count", "extrinsics", "timestamp"]);
    let extrinsic = document["extrinsics"][0].as_object().expect("an extrinsic");
    let mut keys: Vec<&str> = extrinsic.keys().map(String::as_str).collect();
    keys.sort_unstable();
    let expected = [
        "address",
        "call",
        "era",
        "error",
        "events",
        "extrinsic_hash",
        "id",
        "index",
        "nested",
        "netuid",
        "nonce",
        "signature",
        "status",
        "tip",
    ];
    assert_eq!(keys, expected);
    assert_eq!(extrinsic["id"], "100-0000");
    assert_eq!(extrinsic["call"]["call_module"], "Timestamp");
    assert_eq!(extrinsic["call"]["call_args"][0]["value"], document["timestamp"]);
}

/// Every failed extrinsic of the recording has the name of its error, and no other has one.
#[test]
fn failures_have_names() {
    let mut names = std::collections::BTreeSet::new();
    for block in 1..=303 {
        let ran = sample(&["block", "extrinsics", "-b", &block.to_string(), "-f", "jsonl"]);
        for line in ran.stdout.lines() {
            let extrinsic: Json = serde_json::from_str(line).expect("JSON");
            match extrinsic["status"].as_str() {
                Some("success") => assert!(extrinsic["error"].is_null()),
                Some("failed") => {
                    let (pallet, name) = (extrinsic["error"]["pallet"].as_str(), extrinsic["error"]["name"].as_str());
                    names.insert(format!("{}.{}", pallet.unwrap_or("-"), name.expect("a name")));
                }
                other => panic!("{other:?} in block {block}"),
            }
        }
    }
    insta::assert_snapshot!(names.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn events() {
    insta::assert_snapshot!(sample(&["block", "events", "-b", "100"]).stdout);
    let document = json(&["block", "events", "-b", "100"]);
    assert_eq!(document["count"], document["events"].as_array().expect("events").len());
    let event = document["events"][0].as_object().expect("an event");
    let mut keys: Vec<&str> = event.keys().map(String::as_str).collect();
    keys.sort_unstable();
    let expected = ["attributes", "event_id", "event_index", "extrinsic_idx", "id", "module_id", "phase", "topics"];
    assert_eq!(keys, expected);
}

#[test]
fn a_sudo_in_a_batch_shows_what_really_ran() {
    let mut found = Vec::new();
    for block in 60..=303 {
        let document = json(&["block", "extrinsics", "-b", &block.to_string()]);
        for extrinsic in document["extrinsics"].as_array().expect("extrinsics") {
            for nested in extrinsic["nested"].as_array().expect("a list") {
                found.push(format!(
                    "{} {}.{} > {} {}.{} as {}: {}",
                    extrinsic["id"].as_str().expect("an id"),
                    extrinsic["call"]["call_module"].as_str().expect("a pallet"),
                    extrinsic["call"]["call_function"].as_str().expect("a call"),
                    nested["path"].as_str().expect("a path"),
                    nested["call"]["call_module"].as_str().expect("a pallet"),
                    nested["call"]["call_function"].as_str().expect("a call"),
                    nested["effective_origin"].as_str().unwrap_or("?"),
                    nested["succeeded"],
                ));
            }
        }
    }
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn the_table_of_extrinsics_shows_what_wrappers_carry() {
    insta::assert_snapshot!(sample(&["block", "extrinsics", "-b", "248"]).stdout);
}

#[test]
fn flags_are_accepted_on_both_sides_of_the_command() {
    let before = run(&["-n", "sample", "-f", "json", "-b", "9", "block", "info"]);
    let after = run(&["block", "info", "-n", "sample", "-f", "json", "-b", "9"]);
    assert_eq!((before.code, &before.stdout), (0, &after.stdout));
}

#[test]
fn big_integers_become_text_when_asked() {
    let plain = sample(&["block", "hyperparameters", "-u", "1", "-f", "json"]).stdout;
    assert!(plain.contains("\"raw\": 4611686018427387903"));
    let safe = sample(&["block", "hyperparameters", "-u", "1", "-f", "json", "--safe-integers"]).stdout;
    assert!(safe.contains("\"raw\": \"4611686018427387903\"") && safe.contains("\"raw\": 10000000"));
    let events = |flag: &[&str]| sample(&[&["block", "events", "-b", "100", "-f", "jsonl"], flag].concat()).stdout;
    assert_eq!(events(&[]).lines().count(), events(&["--safe-integers"]).lines().count());
}

#[test]
fn the_runtime_and_its_metadata() {
    insta::assert_snapshot!(sample(&["runtime", "info", "-b", "303", "-f", "json"]).stdout);
    let errors = json(&["runtime", "errors", "-b", "303"]);
    assert!(errors["errors"].as_array().expect("errors").len() > 100);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("metadata.scale");
    let file = file.to_str().expect("UTF-8");
    sample(&["runtime", "metadata", "-b", "303", "--out", file]);
    // System.remark("hi")
    let ran = run(&["decode", "--metadata", file, "--what", "call", "0x0000086869"]);
    assert!(ran.stdout.contains("\"call_function\": \"remark\""), "{ran:?}");
}

#[test]
fn several_recordings_in_one_folder_are_told_apart_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().to_str().expect("UTF-8");
    for (name, first) in [("one", "10"), ("two", "20")] {
        sample(&["-q", "record", "--from", first, "--to", first, "--out", out, "--name", name]);
    }
    let both = run(&["-n", &format!("file://{out}"), "block", "info"]);
    assert_eq!(both.code, 1);
    assert!(both.stderr.contains("one, two"), "{both:?}");
    let two = run(&["-n", &format!("file://{out}#two"), "block", "info", "-f", "jsonl"]);
    assert!(two.stdout.contains("\"block_number\":20"), "{two:?}");
}

#[test]
fn a_recording_goes_to_a_folder_or_to_a_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let [out, store] = ["out", "store"].map(|name| folder.path().join(name).display().to_string());
    let range = ["-q", "record", "--from", "170", "--to", "172"];
    let url = format!("file://{store}");
    let to_folder = json(&[&range[..], &["--out", &out]].concat());
    let to_store = json(&[&range[..], &["--store", &url]].concat());
    assert_eq!((&to_folder["out"], &to_store["out"]), (&out.clone().into(), &url.clone().into()));
    assert_eq!(to_folder["tables"], to_store["tables"]);
    let read = |at: &str| run(&["-n", at, "block", "events", "-b", "172", "-f", "json"]).stdout;
    assert_eq!(read(&url), read(&format!("file://{out}")));
    assert!(read(&url).contains("ExtrinsicSuccess"));
    let neither = run(&[&["-n", "sample"], &range[..]].concat());
    assert_eq!(neither.code, 2, "{neither:?}");
    let both = run(&[&["-n", "sample"], &range[..], &["--out", &out, "--store", &url]].concat());
    assert_eq!(both.code, 2, "{both:?}");
}

#[test]
fn a_recording_of_the_sample_reads_like_the_sample() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("recording");
    let out = out.to_str().expect("UTF-8");
    sample(&["-q", "record", "--from", "170", "--to", "180", "--out", out, "--name", "copy"]);
    let url = format!("file://{out}");
    for command in ["info", "extrinsics", "events", "hyperparameters"] {
        for block in ["170", "177", "180"] {
            let copy = run(&["-n", &url, "block", command, "-b", block, "-f", "json"]);
            assert_eq!(copy.code, 0, "{command} {block}: {copy:?}");
            if command != "hyperparameters" {
                assert_eq!(
                    copy.stdout,
                    sample(&["block", command, "-b", block, "-f", "json"]).stdout,
                    "{command} {block}"
                );
            }
        }
    }
}
