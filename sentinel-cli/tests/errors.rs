//! Bad input and bad nodes: one line that says what and what to do, the right exit code, and nothing half-written.

#[path = "program/program.rs"]
mod program;

use std::sync::Arc;
use std::time::{Duration, Instant};

use program::{Ran, run};
use sentinel_core::chain::{BlockId, Finality};
use sentinel_core::source::{BlockSource, MemoryBlock, MemorySource};
use sentinel_support::node::{Answer, Node};
use sentinel_support::{chains, runtimes};

const FORMATS: [&str; 4] = ["table", "json", "jsonl", "csv"];

/// One line on stderr with these words, this exit code, and nothing on stdout.
fn fails(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert_eq!(ran.stdout, "", "{ran:?}");
    assert_eq!(ran.stderr.trim_end().lines().count(), 1, "{ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "`{word}` is missing: {ran:?}");
    }
}

#[test]
fn an_unknown_network_names_the_known_ones() {
    for format in FORMATS {
        let ran = run(&["-n", "finny", "block", "info", "-f", format]);
        fails(&ran, 2, &["finny", "finney", "archive", "sample", "ws://"]);
    }
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_default() {
    let by_environment = program::run_with_network(&["block", "info"], "ws://127.0.0.1:2");
    fails(&by_environment, 1, &["127.0.0.1:2"]);
    let by_flag = program::run_with_network(&["-n", "ws://127.0.0.1:1", "block", "info"], "ws://127.0.0.1:2");
    fails(&by_flag, 1, &["127.0.0.1:1"]);
    let help = run(&["block", "info", "--help"]);
    assert!(help.stdout.contains("BITTENSOR_NETWORK") && help.stdout.contains("[default: finney]"), "{help:?}");
}

#[test]
fn of_several_networks_the_first_that_answers_is_read() {
    let ran = run(&["-n", "ws://127.0.0.1:1", "-n", "sample", "block", "info", "-b", "7", "-f", "json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = run(&["-n", "ws://127.0.0.1:1", "-n", "nonsense", "block", "info"]);
    fails(&ran, 2, &["nonsense"]);
}

#[test]
fn an_empty_variable_is_one_that_is_not_set() {
    let ran = program::run_with_network(&["-n", "sample", "block", "info", "-b", "7"], "");
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn credentials_in_a_url_are_never_shown() {
    for flags in [&["-v"][..], &["-v", "-v"], &[]] {
        let ran = run(&[&["-n", "ws://user:hunter2@127.0.0.1:1/hunter2?key=hunter2", "block", "info"], flags].concat());
        assert_eq!(ran.code, 1);
        assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
    }
    let ran = run(&["-n", "wss:/user:hunter2@host", "block", "info"]);
    assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
}

/// A reader of stdout that goes away is nobody's failure; any other pipe that breaks is.
#[cfg(unix)]
#[test]
fn only_the_output_may_be_closed_early() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::io::Read::read(&mut std::fs::File::open(pipe)?, &mut [0])
    });
    let ran = run(&["-n", "sample", "runtime", "metadata", "--out", pipe.to_str().expect("UTF-8")]);
    fails(&ran, 1, &["cannot write", "pipe"]);
    assert!(reader.join().expect("no panic").is_ok());
}

#[test]
fn a_dead_node_is_given_up_soon() {
    for (url, host) in [("ws://127.0.0.1:1", "127.0.0.1:1"), ("http://127.0.0.1:1", "127.0.0.1:1")] {
        let start = Instant::now();
        let ran = run(&["-n", url, "block", "info", "-f", "json"]);
        fails(&ran, 1, &[host]);
        // A guard against waiting for ever, not a measurement.
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_node_is_given_up() {
    // Accepts connections and never says a word.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let held = std::thread::spawn(move || listener.accept().map(|(stream, _)| stream));
    let ran =
        tokio::task::spawn_blocking(move || run(&["-n", &format!("ws://127.0.0.1:{port}"), "block", "info"])).await;
    fails(&ran.expect("it ran"), 1, &["127.0.0.1"]);
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_beyond_the_head_names_the_head() {
    let node = node().await;
    for format in FORMATS {
        let ran = ask(&node, &["block", "info", "-b", "4000000", "-f", format]).await;
        fails(&ran, 1, &["4000000", "newest"]);
    }
    let hash = format!("0x{}", "ab".repeat(32));
    fails(&ask(&node, &["block", "events", "-b", &hash]).await, 1, &[&hash]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pruned_state_advises_an_archive() {
    let node = node().await;
    for method in ["state_getStorage", "state_queryStorageAt", "state_getKeysPaged", "state_call"] {
        let text = "Client error: UnknownBlock: State already discarded for 0x1234";
        node.script(method, Answer::error(4003, text));
    }
    for command in ["extrinsics", "events", "hyperparameters"] {
        for format in FORMATS {
            let ran = ask(&node, &["block", command, "-f", format]).await;
            fails(&ran, 4, &["archive"]);
        }
    }
}

/// One extrinsic that does not decode hides no other: it is named, and the exit code says that something is missing.
#[tokio::test(flavor = "multi_thread")]
async fn an_undecodable_extrinsic_hides_no_other() {
    let chain = MemorySource::new("one bad extrinsic", runtimes::raonet_218());
    let good = chains::block(1);
    // Format 4, bare, a pallet that no runtime has.
    let extrinsics = vec![chains::extrinsic(&[4, 250, 0]), good.extrinsics[0].clone()];
    chain.push(MemoryBlock { extrinsics, ..good });
    let node = Node::serve(Arc::new(chain)).await.expect("a port");
    let ran = ask(&node, &["block", "extrinsics", "-b", "1", "-f", "json"]).await;
    assert_eq!(ran.code, 3, "{ran:?}");
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((&document["count"], &document["extrinsics"][0]["id"]), (&1.into(), &"1-0001".into()), "{document}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    for word in ["extrinsic 0 of block 1", "no variant with index 250"] {
        assert!(ran.stderr.contains(word), "{ran:?}");
    }
    let quiet = ask(&node, &["-q", "block", "extrinsics", "-b", "1"]).await;
    assert_eq!((quiet.code, quiet.stderr.lines().count()), (3, 1), "{quiet:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subnet_that_does_not_exist_names_those_that_do() {
    let ran = run(&["-n", "sample", "block", "hyperparameters", "-u", "999", "-f", "json"]);
    fails(&ran, 1, &["999", "there are 0, 1"]);
}

#[test]
fn bad_input_to_decode() {
    let metadata = program::fixture("metadata/raonet-218-v14.scale");
    let decode = |args: &[&str]| run(&[&["decode", "--metadata", &metadata], args].concat());
    fails(&decode(&["--type-id", "0", "0xzz"]), 2, &["bad hex"]);
    fails(&decode(&["--type-id", "0", "0x123"]), 2, &["bad hex", "odd"]);
    fails(&decode(&["0x00"]), 2, &["--what", "--type-id"]);
    fails(&decode(&["--type-id", "99999", "0x00"]), 1, &["no type 99999"]);
    fails(&decode(&["--what", "storage", "--item", "Nothing.Here", "0x00"]), 1, &["Nothing.Here", "Pallet.Item"]);
    fails(&decode(&["--what", "extrinsic", "0x04"]), 1, &["more bytes expected"]);
    let missing = run(&["decode", "--metadata", "/nowhere/metadata.scale", "--type-id", "0", "0x00"]);
    fails(&missing, 1, &["/nowhere/metadata.scale"]);
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    fails(
        &run(&["decode", "--metadata", manifest, "--type-id", "0", "0x00"]),
        1,
        &["Cargo.toml", "not runtime metadata"],
    );
}

#[test]
fn decode_answers_every_line_by_one_line() {
    let metadata = program::fixture("metadata/raonet-218-v14.scale");
    let input =
        "{\"type_id\": 2, \"hex\": \"0x07\"}\nnonsense\n\n{\"type_id\": 99999, \"hex\": \"0x\"}\n{\"hex\": \"0x00\"}\n";
    let ran = program::run_with_input(&["decode", "--metadata", &metadata], input);
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 5, "{ran:?}");
    assert_eq!(lines[0], serde_json::json!({ "type_id": 2, "value": 7 }));
    assert!(lines[1..].iter().all(|line| line["error"].is_string()), "{ran:?}");
}

#[test]
fn wrong_usage() {
    fails(&run(&["block", "info", "-b", "seven"]), 2, &["seven", "block number", "--help"]);
    fails(&run(&["block", "hyperparameters", "-u", "99999"]), 2, &["99999", "0 to 65535"]);
    fails(&run(&["decode", "--metadata", "x", "--what", "storage", "00"]), 2, &["--item"]);
    fails(
        &run(&["-n", "sample", "record", "-b", "7", "--from", "1", "--to", "2", "--out", "x"]),
        2,
        &["--block", "record"],
    );
    fails(&run(&["decode", "--metadata", "x", "--type-id", "2", "--item", "a.b", "00"]), 2, &["--item", "storage"]);
    assert_eq!(run(&["block"]).code, 2);
    fails(&run(&["-n", "sample", "runtime", "info", "-u", "1"]), 2, &["--netuid"]);
    fails(
        &run(&["-n", "sample", "record", "--from", "9", "--to", "3", "--out", "/nowhere"]),
        2,
        &["--from 9", "--to 3"],
    );
    fails(&run(&["-n", "file:///nowhere/at/all", "block", "info"]), 1, &["/nowhere/at/all"]);
    assert_eq!(run(&["--help"]).code, 0);
}

#[test]
fn a_block_outside_the_sample_is_not_recorded_rather_than_empty() {
    for command in ["info", "extrinsics", "events", "hyperparameters"] {
        let ran = run(&["-n", "sample", "-f", "json", "block", command, "-b", "100000"]);
        fails(&ran, 1, &["100000"]);
    }
}

async fn node() -> Node {
    let source = chains::upgrading(2).0;
    assert!(source.head(Finality::Finalized).await.is_ok());
    assert!(source.header(BlockId::Number(1)).await.is_ok());
    Node::serve(Arc::new(source)).await.expect("a port")
}

/// The program is another process; the node must be able to answer while it runs.
async fn ask(node: &Node, args: &[&str]) -> Ran {
    let url = node.ws_url();
    let args: Vec<String> = ["-n", &url].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
    tokio::task::spawn_blocking(move || run(&args.iter().map(String::as_str).collect::<Vec<_>>()))
        .await
        .expect("it ran")
}
