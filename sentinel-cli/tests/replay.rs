//! `replay`: what detectors find in the built-in recording, in every form.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::process::Command;

fn replay(more: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sentinel-cli"));
    let output = command.args(["replay", "-n", "sample"]).args(more).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_sample_is_looked_at_again() {
    let (code, stdout, stderr) = replay(&["--from", "0", "--to", "303", "-f", "json"]);
    assert_eq!(code, Some(0), "{stderr}");
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&document["network"], &document["blocks"]), (&"sample".into(), &304.into()));
    let findings = document["findings"].as_array().unwrap();
    let changed = |parameter: &str| findings.iter().any(|finding| finding["subject"]["parameter"] == parameter);
    assert!(changed("tempo") && changed("kappa"), "{stdout}");

    let (_, lines, _) = replay(&["--from", "0", "--to", "303", "-f", "jsonl"]);
    let same: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(&same, findings);
    let (_, csv, _) = replay(&["--from", "0", "--to", "303", "-f", "csv"]);
    assert_eq!(csv.lines().count(), findings.len() + 1);
    assert!(csv.starts_with("block,detector,severity,netuid,parameter,title"));
}

#[test]
fn what_is_not_there_is_one_clear_error() {
    let (code, stdout, stderr) = replay(&["--from", "300", "--to", "310"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("no block 304: the newest is 303"), "{stderr}");
    assert!(!stdout.contains("findings in"), "{stdout}");
    let (code, _, stderr) = replay(&["--from", "9", "--to", "3"]);
    assert_eq!((code, stderr.contains("--from 9 is after --to 3")), (Some(2), true));
}
