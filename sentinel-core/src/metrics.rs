//! The metrics that a run keeps, through the `metrics` facade: install any recorder to have them.
//!
//! Names and what they mean stand here and nowhere else; labels are numbers and fixed words, never text from a chain.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// The newest finalized block of the source.
pub const HEAD: &str = "sentinel_head_block";
/// The newest block whose rows and findings are safe.
pub const CURSOR: &str = "sentinel_cursor_block";
/// Blocks between the two.
pub const LAG: &str = "sentinel_lag_blocks";
/// Age of the newest safe block by the clock of this machine, of live runs.
pub const LAG_SECONDS: &str = "sentinel_lag_seconds";
/// Blocks, or subnets of a window, that were read and made safe.
pub const DONE: &str = "sentinel_done_total";
/// Epochs that were found.
pub const EPOCHS: &str = "sentinel_epochs_total";
/// Findings that sinks have taken.
pub const FINDINGS: &str = "sentinel_findings_total";
/// Findings that were taken back, since their block did not become final.
pub const RETRACTED: &str = "sentinel_retracted_findings_total";
/// The newest block that detectors were shown before it was final; of runs that follow the best chain.
pub const BEST: &str = "sentinel_best_block";
/// Blocks that cannot be read and were put aside.
pub const QUARANTINED: &str = "sentinel_quarantined_blocks";
/// Blocks of the job's range that are in no artifact yet.
pub const MISSING: &str = "sentinel_missing_blocks";
/// Epochs of a subnet whose rows should be in the store and are not, as many as its tempo lets expect; with the label
/// `netuid`. Live runs look at their last hundred complete windows when they begin and every hour; runs over epochs say what
/// is left to do of the window at work, and what was left out.
pub const MISSING_SNAPSHOTS: &str = "sentinel_missing_snapshots";
/// Reads that were repeated by the engine.
pub const RETRIES: &str = "sentinel_retries_total";
/// Blocks that could not be decoded, each time.
pub const DECODE_ERRORS: &str = "sentinel_decode_errors_total";
/// Windows whose artifacts were written.
pub const WINDOWS: &str = "sentinel_windows_total";
/// Bytes of artifacts that were written.
pub const ARTIFACT_BYTES: &str = "sentinel_artifact_bytes_total";
/// From the start of the read of a block to its rows.
pub const BLOCK_SECONDS: &str = "sentinel_block_seconds";
/// Chain time of the newest safe block, in seconds since 1970.
pub const BLOCK_TIME: &str = "sentinel_block_timestamp_seconds";

/// Requests sent to an endpoint, retries and probes included. This and the other metrics of endpoints have the label
/// `endpoint`, its place in the list from 0 ([`RpcOptions::first_endpoint`](crate::source::RpcOptions::first_endpoint) on), and
/// are brought up to date four times in a probe interval.
pub const RPC_CALLS: &str = "sentinel_rpc_calls_total";
/// Requests sent once more.
pub const RPC_RETRIES: &str = "sentinel_rpc_retries_total";
/// Answers "too many requests".
pub const RPC_RATE_LIMITED: &str = "sentinel_rpc_rate_limited_total";
/// Requests that were not answered in time.
pub const RPC_TIMEOUTS: &str = "sentinel_rpc_timeouts_total";
/// Requests and attempts to connect that failed in passing, and connections that hung.
pub const RPC_FAILURES: &str = "sentinel_rpc_failures_total";
/// Bytes of answers.
pub const RPC_BYTES: &str = "sentinel_rpc_bytes_total";
/// Whether an endpoint is asked: 1, or 0 while it is away, fails, lags, or serves another chain.
pub const RPC_UP: &str = "sentinel_rpc_up";
/// Connections to an endpoint that are open.
pub const RPC_CONNECTIONS: &str = "sentinel_rpc_connections";
/// Requests under way at an endpoint.
pub const RPC_IN_FLIGHT: &str = "sentinel_rpc_in_flight";
/// The newest block that an endpoint spoke of.
pub const RPC_HEAD: &str = "sentinel_rpc_head_block";

/// Tells the recorder what each metric is. Call it once, after a recorder was installed.
pub fn describe() {
    describe_gauge!(HEAD, "The newest finalized block of the source");
    describe_gauge!(CURSOR, "The newest block whose rows and findings are safe");
    describe_gauge!(LAG, "Blocks between the newest finalized one and the newest safe one");
    describe_gauge!(LAG_SECONDS, Unit::Seconds, "Age of the newest safe block by the clock of this machine");
    describe_counter!(DONE, "Blocks, or subnets of a window, that were read and made safe");
    describe_counter!(EPOCHS, "Epochs that were found");
    describe_counter!(FINDINGS, "Findings that sinks have taken");
    describe_counter!(RETRACTED, "Findings that were taken back, since their block did not become final");
    describe_gauge!(BEST, "The newest block that detectors were shown before it was final");
    describe_gauge!(QUARANTINED, "Blocks that cannot be read and were put aside");
    describe_gauge!(MISSING, "Blocks of the job's range that are in no artifact yet");
    describe_gauge!(MISSING_SNAPSHOTS, "Epochs of a subnet whose rows should be in the store and are not");
    describe_counter!(RETRIES, "Reads that were repeated by the engine");
    describe_counter!(DECODE_ERRORS, "Blocks that could not be decoded, each time");
    describe_counter!(WINDOWS, "Windows whose artifacts were written");
    describe_counter!(ARTIFACT_BYTES, Unit::Bytes, "Bytes of artifacts that were written");
    describe_histogram!(BLOCK_SECONDS, Unit::Seconds, "From the start of the read of a block to its rows");
    describe_gauge!(BLOCK_TIME, Unit::Seconds, "Chain time of the newest safe block, since 1970");
    describe_endpoints();
}

fn describe_endpoints() {
    describe_counter!(RPC_CALLS, "Requests sent to an endpoint, retries and probes included");
    describe_counter!(RPC_RETRIES, "Requests sent once more");
    describe_counter!(RPC_RATE_LIMITED, "Answers of too many requests");
    describe_counter!(RPC_TIMEOUTS, "Requests that were not answered in time");
    describe_counter!(
        RPC_FAILURES,
        "Requests and attempts to connect that failed in passing, and connections that hung"
    );
    describe_counter!(RPC_BYTES, Unit::Bytes, "Bytes of answers");
    describe_gauge!(RPC_UP, "Whether an endpoint is asked");
    describe_gauge!(RPC_CONNECTIONS, "Connections to an endpoint that are open");
    describe_gauge!(RPC_IN_FLIGHT, "Requests under way at an endpoint");
    describe_gauge!(RPC_HEAD, "The newest block that an endpoint spoke of");
}
