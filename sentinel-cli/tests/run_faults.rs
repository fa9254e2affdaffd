//! `run` when something fails in the middle: one line that says what, the right exit code, nothing half-written, and the
//! same command goes on from there.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sentinel_core::source::SimSource;
use sentinel_support::node::{Answer, Node, NodeOptions};
use sentinel_support::oracle::{Objects, Truth};
use sentinel_support::runs;
use tokio::runtime::Runtime;

const LAST: u64 = 150;

fn chain() -> SimSource {
    SimSource::builder().subnets(2).uids(4).tempo(50).traffic(4).head(LAST + 10).build().unwrap()
}

fn serve(runtime: &Runtime, chain: &SimSource, port: u16) -> Node {
    let options = NodeOptions { port, ..NodeOptions::default() };
    runtime.block_on(Node::serve_with(Arc::new(chain.clone()), options)).unwrap()
}

/// A backfill of the node's chain, with these more arguments.
fn backfill(folder: &Path, url: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sentinel-cli"));
    let last = LAST.to_string();
    command.current_dir(folder).env("NO_COLOR", "1").env_remove("SENTINEL_LOG");
    command.args(["run", "--mode", "backfill", "--block-start", "1", "--block-end", &last, "--archive-network", url]);
    command.args(["--name", "test", "--outputs", "blocks,extrinsics,events", "--store-artifact", "-q", "-f", "json"]);
    command.args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn store(folder: &Path) -> PathBuf {
    folder.join("sentinel-data")
}

fn objects(folder: &Path) -> Objects {
    Objects::in_folder(&store(folder)).unwrap()
}

/// Waits until the cursor has come so far.
fn wait_for(folder: &Path, block: u64) {
    for _ in 0..1_200 {
        // Files come and go while it is at work.
        let cursor = Objects::in_folder(&store(folder)).ok().and_then(|objects| runs::cursor(&objects));
        if cursor.is_some_and(|cursor| cursor >= block) {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("the run never came to block {block}");
}

/// What a run said that failed: its report, and its one line.
fn failed(child: Child, code: i32) -> (serde_json::Value, String) {
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["interrupted"], true);
    (report, stderr)
}

/// That nothing is half-written, and that what the cursor says is safe.
fn nothing_is_half_there(folder: &Path) {
    let objects = objects(folder);
    assert_eq!(runs::damage(&objects), [""; 0]);
    let durable = runs::durable(&objects);
    assert!((1..=runs::cursor(&objects).unwrap_or(0)).all(|block| durable.contains(&block)));
}

/// That the same command ends what was begun.
fn goes_on_to_the_end(runtime: &Runtime, chain: &SimSource, folder: &Path, url: &str) {
    let before = runs::durable(&objects(folder)).len() as u64;
    let output = backfill(folder, url, &["--rate-limit", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["skipped"].as_u64(), Some(before), "what is safe is not read again");
    let objects = objects(folder);
    let truth = runtime.block_on(Truth::of(chain, 1..=LAST)).unwrap();
    let verdict = runs::verdict(&truth, &objects, "test").unwrap();
    assert!(verdict.is_clean(), "{verdict}: {:?}", verdict.examples);
    assert_eq!((runs::damage(&objects), runs::unnamed(&objects)), (Vec::new(), Vec::new()));
}

#[test]
fn a_node_that_goes_away_is_waited_for_and_then_given_up() {
    let (runtime, chain, folder) = (Runtime::new().unwrap(), chain(), tempfile::tempdir().unwrap());
    let node = serve(&runtime, &chain, 0);
    let url = node.ws_url();
    let child = backfill(folder.path(), &url, &["--rate-limit", "0.02", "--give-up", "1"]).spawn().unwrap();
    wait_for(folder.path(), 20);
    drop(node);
    let (report, line) = failed(child, 3);
    let next = report["cursor"].as_u64().unwrap() + 1;
    assert!(line.contains("gave up after") && line.contains(&format!("block {next}")), "{line}");
    assert!(line.contains("127.0.0.1:"), "{line}");
    nothing_is_half_there(folder.path());

    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    let node = serve(&runtime, &chain, port);
    goes_on_to_the_end(&runtime, &chain, folder.path(), &node.ws_url());
}

#[test]
fn a_node_that_forgot_the_state_says_what_to_use() {
    let (runtime, chain, folder) = (Runtime::new().unwrap(), chain(), tempfile::tempdir().unwrap());
    let node = serve(&runtime, &chain, 0);
    let child = backfill(folder.path(), &node.ws_url(), &["--rate-limit", "0.02"]).spawn().unwrap();
    wait_for(folder.path(), 20);
    for method in ["state_queryStorageAt", "state_getStorage"] {
        node.script(method, Answer::error(4003, "Client error: UnknownBlock: State already discarded for 0x00"));
    }
    let (report, line) = failed(child, 4);
    let next = report["cursor"].as_u64().unwrap() + 1;
    assert!(line.contains(&format!("block {next}")) && line.contains("archive"), "{line}");
    nothing_is_half_there(folder.path());
    node.unscript();
    goes_on_to_the_end(&runtime, &chain, folder.path(), &node.ws_url());
}

#[test]
fn an_archive_that_cannot_be_reached_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output = backfill(folder.path(), "ws://127.0.0.1:1", &[]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{stderr}");
    assert!(stderr.contains("127.0.0.1:1") && stderr.trim_end().lines().count() == 1, "{stderr}");
    assert!(objects(folder.path()).is_empty());
}

/// No file may grow beyond a few blocks of the disk: what is larger fails in the middle of its write.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_takes_no_more_ends_a_run_with_nothing_half_there() {
    let (runtime, chain, folder) = (Runtime::new().unwrap(), chain(), tempfile::tempdir().unwrap());
    let node = serve(&runtime, &chain, 0);
    let wanted = backfill(folder.path(), &node.ws_url(), &["--rate-limit", "0"]);
    let mut limited = Command::new("sh");
    // 16 KiB; without the trap the process would end at the first write beyond that.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 32; exec \"$0\" \"$@\""]).arg(wanted.get_program());
    limited.args(wanted.get_args()).current_dir(folder.path()).env("NO_COLOR", "1").env_remove("SENTINEL_LOG");
    let child = limited.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (_, line) = failed(child, 1);
    assert!(line.contains("cannot keep what was read") && line.contains("test/"), "{line}");
    nothing_is_half_there(folder.path());
    goes_on_to_the_end(&runtime, &chain, folder.path(), &node.ws_url());
}

#[cfg(unix)]
#[test]
fn a_store_that_may_not_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let (runtime, chain, folder) = (Runtime::new().unwrap(), chain(), tempfile::tempdir().unwrap());
    let node = serve(&runtime, &chain, 0);
    std::fs::create_dir(store(folder.path())).unwrap();
    std::fs::set_permissions(store(folder.path()), std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(store(folder.path()).join("probe"), "").is_ok() {
        eprintln!("skipped: this user may write everywhere");
        return;
    }
    let output = backfill(folder.path(), &node.ws_url(), &[]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("denied") && stderr.trim_end().lines().count() == 1, "{stderr}");
    assert!(objects(folder.path()).is_empty());
}
