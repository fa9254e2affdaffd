//! Runs the program as a user does, and keeps what it said.

use std::io::Write;
use std::process::{Command, Stdio};

/// What a run of the program gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `sentinel-cli` with these arguments.
#[allow(dead_code, reason = "not every test file needs it")]
pub(crate) fn run(args: &[&str]) -> Ran {
    run_with_input(args, "")
}

/// Runs `sentinel-cli` with these arguments and this text on stdin.
pub(crate) fn run_with_input(args: &[&str], input: &str) -> Ran {
    run_in(args, input, None)
}

/// Runs `sentinel-cli` in an environment that names a network.
#[allow(dead_code, reason = "not every test file needs one")]
pub(crate) fn run_with_network(args: &[&str], network: &str) -> Ran {
    run_in(args, "", Some(network))
}

fn run_in(args: &[&str], input: &str, network: Option<&str>) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sentinel-cli"))
        .args(args)
        .env_remove("BITTENSOR_NETWORK")
        .env_remove("SENTINEL_LOG")
        .env("NO_COLOR", "1")
        .envs(network.map(|network| ("BITTENSOR_NETWORK", network)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // The program may end without reading its input.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the program ends");
    Ran {
        code: output.status.code().expect("it was not killed"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Path of a file of the project's test fixtures.
#[allow(dead_code, reason = "not every test file needs one")]
pub(crate) fn fixture(name: &str) -> String {
    format!("{}/../tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}
