//! `run`: what is asked for is checked before anything happens, and what is done is told.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use sentinel_core::source::SimSource;
use sentinel_support::node::{Answer, Node};

const MODES: [&str; 9] = [
    "SENTINEL_BEST",
    "SENTINEL_MODE",
    "BLOCK_START",
    "BLOCK_END",
    "BITTENSOR_ARCHIVE_NETWORK",
    "BITTENSOR_NETWORK",
    "NETUID",
    "BACKFILL_RATE_LIMIT",
    "STORE_ARTIFACT",
];

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sentinel-cli"));
    MODES.iter().for_each(|name| {
        command.env_remove(name);
    });
    command.current_dir(folder).args(["run", "--sim-interval", "0"]);
    command
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_is_missing_or_wrong_is_named_before_anything_happens() {
    let folder = tempfile::tempdir().unwrap();
    let complete = [
        ("SENTINEL_MODE", "fast_backfill"),
        ("BLOCK_START", "10"),
        ("BLOCK_END", "20"),
        ("BITTENSOR_ARCHIVE_NETWORK", "sim"),
    ];
    let wrong = [
        ("BLOCK_START", "", "BLOCK_START"),
        ("BLOCK_END", "", "BLOCK_END"),
        ("BITTENSOR_ARCHIVE_NETWORK", "", "BITTENSOR_ARCHIVE_NETWORK"),
        ("BLOCK_START", "ten", "BLOCK_START is `ten`"),
        ("BLOCK_END", "5", "ends at block 5 before it starts at 10"),
        ("SENTINEL_MODE", "fast", "use live, backfill, fast_backfill or apy_backfill"),
        ("BITTENSOR_ARCHIVE_NETWORK", "nowhere", "unknown network"),
        ("BACKFILL_BATCH_SIZE", "0", "BACKFILL_BATCH_SIZE is `0`"),
        ("BACKFILL_BATCH_DELAY", "-1", "BACKFILL_BATCH_DELAY is `-1`"),
        ("BACKFILL_STEP", "0", "BACKFILL_STEP is `0`"),
        ("STORE_ARTIFACT", "perhaps", "STORE_ARTIFACT is `perhaps`"),
        ("SENTINEL_OUTPUTS", "everything", "unknown output `everything`"),
        ("SENTINEL_OUTPUTS", "events", "does not make `events`"),
        ("SENTINEL_STORE", "ftp://somewhere", "ftp://somewhere"),
        ("NETUID", "one", "NETUID is `one`"),
    ];
    for (name, value, says) in wrong {
        let output = command(folder.path()).envs(complete).env(name, value).output().unwrap();
        let (code, stdout, stderr) = said(&output);
        assert!(stderr.contains(says), "{name}={value}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stdout.is_empty());
        assert!(matches!(code, Some(1 | 2)), "{name}={value}: {code:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{name}={value}: something was written");
    }
}

#[test]
fn best_blocks_are_for_live_runs_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("sentinel.toml");
    std::fs::write(&config, "[run]\nbest = true\n").unwrap();
    let config = ["--config", config.to_str().unwrap()];
    for (given, by) in [(&["--best"][..], "--best"), (&[], "SENTINEL_BEST"), (&config, "the configuration")] {
        for mode in ["backfill", "fast_backfill", "apy_backfill"] {
            let mut command = command(folder.path());
            if given.is_empty() {
                command.env("SENTINEL_BEST", "1");
            }
            let (code, stdout, stderr) = said(&command.args(given).args(["--mode", mode]).output().unwrap());
            assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
            assert!(stderr.contains(&format!("{by} asks for best blocks, and {mode}")), "{stderr}");
            assert!(stderr.contains("--best is for live mode"), "{stderr}");
        }
    }
    let mut off = command(folder.path());
    let (_, _, stderr) = said(&off.args(config).args(["--best=false", "--mode", "backfill"]).output().unwrap());
    assert!(stderr.contains("needs --block-start"), "{stderr}");
    let check = Command::new(env!("CARGO_BIN_EXE_sentinel-cli")).args(["config", "check"]).args(config).output();
    assert_eq!(said(&check.unwrap()).0, Some(0));
}

#[test]
fn a_backfill_by_variables_tells_what_it_did_and_does_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let run = |more: &[&str]| {
        let mut command = command(folder.path());
        command.envs([
            ("SENTINEL_MODE", "backfill"),
            ("BLOCK_START", "40"),
            ("BLOCK_END", "59"),
            ("BITTENSOR_ARCHIVE_NETWORK", "sim"),
            ("BACKFILL_RATE_LIMIT", "0"),
            ("SENTINEL_OUTPUTS", "blocks,events"),
            ("STORE_ARTIFACT", "true"),
        ]);
        let (code, stdout, stderr) = said(&command.args(more).output().unwrap());
        assert_eq!(code, Some(0), "{stderr}");
        let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        report
    };
    let estimate = run(&["--dry-run", "-f", "json"]);
    assert_eq!((&estimate["blocks"], &estimate["windows"]), (&20.into(), &1.into()));
    assert_eq!(std::fs::read_dir(folder.path().join("sentinel-data")).unwrap().count(), 0);

    let report = run(&["-f", "json", "--report", "report.json"]);
    assert_eq!((&report["done"], &report["skipped"], &report["windows_written"]), (&20.into(), &0.into(), &1.into()));
    assert_eq!((&report["simulated"], &report["quarantined"]), (&true.into(), &serde_json::json!([])));
    let kept: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(kept, report);
    let file = folder.path().join("sentinel-data/sim/blocks/v1/0000000040-0000000059.jsonl");
    let lines = std::fs::read_to_string(&file).unwrap();
    let numbers: Vec<u64> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["block"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (40..60).collect::<Vec<u64>>());
    assert!(file.with_extension("parquet").exists());

    let again = run(&["-f", "jsonl"]);
    assert_eq!((&again["done"], &again["skipped"], &again["windows_skipped"]), (&0.into(), &20.into(), &1.into()));
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_run_with_everything_saved() {
    let folder = tempfile::tempdir().unwrap();
    let range = ["--mode", "backfill", "--block-start", "100", "--block-end", "20000", "--archive-network", "sim"];
    let more = ["--rate-limit", "0.02", "--outputs", "blocks", "-f", "json"];
    let child = command(folder.path())
        .args(range)
        .args(more)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let cursor = || {
        let state = std::fs::read_dir(folder.path().join("sentinel-data/sim/_state")).ok()?.next()?.ok()?.path();
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(state.join("cursor.json")).ok()?).ok()?;
        json["number"].as_u64()
    };
    while cursor().is_none_or(|number| number < 110) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "a backfill that was stopped is partly done");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["interrupted"], true);
    assert_eq!(cursor(), report["cursor"].as_u64());
}

/// A run that is killed when the test is done with it.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A live run that serves metrics, and where.
fn watched(folder: &Path, more: &[&str]) -> (Running, String) {
    use std::io::BufRead;
    let mut command = Command::new(env!("CARGO_BIN_EXE_sentinel-cli"));
    command.current_dir(folder).env_remove("SENTINEL_MODE");
    let fixed = ["run", "--metrics", "0", "--log-format", "json"];
    let mut running = Running(command.args(fixed).args(more).stderr(std::process::Stdio::piped()).spawn().unwrap());
    let lines = std::io::BufReader::new(running.0.stderr.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        let Ok(line) = serde_json::from_str::<serde_json::Value>(&line) else { continue };
        let message = line["message"].as_str().unwrap_or_default();
        if let Some(rest) = message.strip_prefix("metrics on http://") {
            let address = rest.split('/').next().unwrap().to_owned();
            assert!(address.starts_with("127.0.0.1:"), "a port alone is one of this machine alone: {address}");
            return (running, address);
        }
    }
    panic!("no metrics");
}

fn get(address: &str, path: &str) -> (u16, String) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..600 {
        if done() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{what}");
}

#[test]
fn a_live_run_is_watched_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let more = ["-n", "sim", "--sim-interval", "0.05", "--best", "--outputs", "blocks,findings"];
    let (_running, address) = watched(folder.path(), &more);
    let cursor = || {
        let (status, metrics) = get(&address, "/metrics");
        assert_eq!(status, 200);
        metrics.lines().find_map(|line| line.strip_prefix("sentinel_cursor_block ")?.parse::<f64>().ok())
    };
    until("the cursor moves", || cursor().is_some_and(|block| block > 21_603.0));
    let seen = |line: &str| line.strip_prefix("sentinel_best_block ")?.parse::<f64>().ok();
    until("best blocks are seen", || get(&address, "/metrics").1.lines().find_map(seen) > Some(21_603.0));
    assert_eq!(get(&address, "/alive").0, 200);
    assert_eq!(get(&address, "/ready").0, 200);
    assert_eq!(get(&address, "/elsewhere").0, 404);
}

#[test]
fn a_run_to_which_nothing_comes_is_alive_and_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let more = ["-n", "sim", "--sim-interval", "0", "--ready-within", "0.3", "--outputs", "blocks"];
    let (_running, address) = watched(folder.path(), &more);
    until("it is not ready", || get(&address, "/ready").0 == 503);
    assert_eq!(get(&address, "/alive").0, 200);
    for told in ["# TYPE sentinel_cursor_block gauge", "sentinel_lag_seconds ", "sentinel_lag_blocks 0"] {
        until(told, || get(&address, "/metrics").1.contains(told));
    }
}

#[test]
fn what_endpoints_do_is_told_by_their_numbers() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), tokio::runtime::Runtime::new().unwrap());
    let chain = SimSource::builder().subnets(1).uids(4).traffic(0).head(50).build().unwrap();
    let node = runtime.block_on(Node::serve(Arc::new(chain.clone()))).unwrap();
    // Nobody listens on the port of a socket that is not accepted from, and closed at once.
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (url, away, archive) = (node.ws_url(), format!("ws://{away}"), node.http_url());
    let networks = ["-n", &url, "-n", &away, "--archive-network", &archive];
    let more = [&networks[..], &["--outputs", "blocks", "--name", "test"]].concat();
    let (_running, address) = watched(folder.path(), &more);
    let value = |line: &str| {
        let (_, metrics) = get(&address, "/metrics");
        metrics.lines().find_map(|told| told.strip_prefix(line)?.trim().parse::<f64>().ok())
    };
    for (line, least) in [
        ("sentinel_rpc_calls_total{endpoint=\"0\"}", 1.0),
        ("sentinel_rpc_bytes_total{endpoint=\"0\"}", 100.0),
        ("sentinel_rpc_head_block{endpoint=\"0\"}", 50.0),
        ("sentinel_rpc_up{endpoint=\"0\"}", 1.0),
        ("sentinel_rpc_connections{endpoint=\"0\"}", 1.0),
        ("sentinel_rpc_in_flight{endpoint=\"0\"}", 0.0),
        ("sentinel_rpc_retries_total{endpoint=\"0\"}", 0.0),
        ("sentinel_rpc_rate_limited_total{endpoint=\"0\"}", 0.0),
        ("sentinel_rpc_timeouts_total{endpoint=\"0\"}", 0.0),
        ("sentinel_rpc_failures_total{endpoint=\"1\"}", 1.0),
        // Those of the archive come after those of the list.
        ("sentinel_rpc_calls_total{endpoint=\"2\"}", 1.0),
        ("sentinel_rpc_up{endpoint=\"2\"}", 1.0),
    ] {
        until(line, || value(line).is_some_and(|value| value >= least));
    }
    until("it is away", || value("sentinel_rpc_up{endpoint=\"1\"}") == Some(0.0));
    assert!(!get(&address, "/metrics").1.contains("127.0.0.1"), "addresses are no labels");
    // What the node does is seen from outside.
    node.script("chain_getBlockHash", Answer::error(-32029, "too many requests"));
    chain.advance(3);
    until("it limits", || value("sentinel_rpc_rate_limited_total{endpoint=\"0\"}") > Some(0.0));
}
