//! How fast a backfill is beside a client that sends the same requests and looks at no answer, and how much memory it takes.
//!
//! A node in a process of its own serves the simulated chain (one subnet of four). Every round runs, one after the other, the
//! bare client and the engine over the same blocks; what is printed is the median over the rounds. The bare client is one of
//! jsonrpsee over one WebSocket. It sends the requests that the engine sends and looks at no answer; as anybody who reads
//! blocks it waits for their hashes before it asks for them (`ratio`). Beside it runs one that knows the hashes beforehand,
//! so that no request waits for an answer (`ratio_to_known`). Of several numbers of requests under way the one is taken that
//! it is fastest with. The engine writes blocks and events into a folder.
//!
//!     cargo run --release --example backfill_ratio                      # a node that answers after 20 ms, and one at once
//!     cargo run --release --example backfill_ratio -- ratio 20000       # with so many blocks instead of 2,000
//!     cargo run --release --example backfill_ratio -- engine 20000 0    # the engine alone, from a node so many ms away
//!     cargo run --release --example backfill_ratio -- engine 20000 20 512    # with so many blocks under way
//!     cargo run --release --example backfill_ratio -- memory [BLOCKS]   # 200,000 blocks; memory of the two halves

use std::error::Error;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use jsonrpsee::client_transport::ws::WsTransportClientBuilder;
use jsonrpsee::core::client::{Client, ClientT};
use jsonrpsee::core::traits::ToRpcParams;
use sentinel_core::chain::BlockHash;
use sentinel_core::decode::storage_prefix;
use sentinel_core::engine::{Engine, Mode};
use sentinel_core::source::{BlockSource, RpcOptions, RpcSource};
use sentinel_core::storage::ObjectStorage;
use sentinel_support::apart::{Apart, Plan, serve_if_asked};
use sentinel_support::watch::{Ceilings, Watch, cpu_time};
use serde_json::value::RawValue;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Two windows.
const BLOCKS: u64 = 2_000;
/// Where a range begins.
const FIRST: u64 = 1_000;
const ROUNDS: usize = 21;
/// The most first.
const UNDER_WAY: [usize; 10] = [4_096, 2_048, 1_024, 512, 256, 128, 64, 32, 16, 8];
/// Heights whose hashes one request gives, as for the engine.
const LIST: u64 = 256;

/// As the command line has it: every thread more keeps memory of its own.
const BLOCKING: usize = 4;

fn main() -> Outcome {
    serve_if_asked()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().max_blocking_threads(BLOCKING).enable_all().build()?;
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        None | Some("ratio") => {
            let blocks = args.next().map_or(Ok(BLOCKS), |blocks| blocks.parse())?;
            for latency_ms in [20, 0] {
                runtime.block_on(ratio(latency_ms, blocks))?;
            }
            Ok(())
        }
        Some("engine") => {
            let blocks = args.next().map_or(Ok(BLOCKS), |blocks| blocks.parse())?;
            let latency_ms = args.next().map_or(Ok(0), |ms| ms.parse())?;
            let in_flight = args.next().map(|blocks| blocks.parse()).transpose()?;
            runtime.block_on(alone(latency_ms, blocks, in_flight))
        }
        Some("memory") => {
            let blocks = args.next().map_or(Ok(200_000), |blocks| blocks.parse())?;
            runtime.block_on(memory(blocks))
        }
        Some(other) => Err(format!("{other}: ratio [BLOCKS], engine [BLOCKS] [MS], or memory [BLOCKS]").into()),
    }
}

fn plan(head: u64, latency_ms: u64, kept: usize) -> Plan {
    Plan { head, subnets: 1, uids: 4, traffic: 30, kept, latency_ms, threads: 2 }
}

fn range(blocks: u64) -> RangeInclusive<u64> {
    FIRST..=FIRST + blocks - 1
}

/// A node with all the blocks of a range.
fn node(latency_ms: u64, blocks: u64) -> std::io::Result<Apart> {
    Apart::start(&plan(FIRST + blocks - 1, latency_ms, (FIRST + blocks) as usize))
}

async fn alone(latency_ms: u64, blocks: u64, in_flight: Option<usize>) -> Outcome {
    let node = node(latency_ms, blocks)?;
    for _ in 0..ROUNDS {
        let before = [cpu_time(std::process::id()), cpu_time(node.id())];
        let (took, requests) = engine(node.ws_url(), range(blocks), in_flight).await?;
        let worked = [cpu_time(std::process::id()) - before[0], cpu_time(node.id()) - before[1]];
        let [own, of_node] = worked.map(|cpu| cpu.as_micros() as u64 / blocks);
        println!(
            "{}",
            serde_json::json!({
                "latency_ms": latency_ms,
                "blocks": blocks,
                "requests": requests,
                "blocks_per_second": rate(blocks, took),
                "cpu_us_per_block": own,
                "cpu_us_per_block_of_the_node": of_node,
            })
        );
    }
    Ok(())
}

async fn ratio(latency_ms: u64, blocks: u64) -> Outcome {
    let node = node(latency_ms, blocks)?;
    let (sender, receiver) = WsTransportClientBuilder::default().build(node.ws_url().parse()?).await?;
    let client = Client::builder().max_concurrent_requests(2 * UNDER_WAY[0]).build_with_tokio(sender, receiver);
    let requests = Requests::of(&client, range(blocks)).await?;
    let mut best = (Duration::MAX, 0);
    // Once unmeasured, so that nobody is the first.
    bare(&client, &requests, UNDER_WAY[0]).await?;
    for under_way in UNDER_WAY {
        let took = bare(&client, &requests, under_way).await?;
        println!(
            "{}",
            serde_json::json!({
                "latency_ms": latency_ms, "bare_under_way": under_way, "blocks_per_second": rate(blocks, took),
            })
        );
        best = best.min((took, under_way));
    }
    let (mut bares, mut knowing, mut engines, mut calls) = (Vec::new(), Vec::new(), Vec::new(), 0);
    // Of this process and of the node.
    let (mut bare_cpu, mut engine_cpu) = ([Duration::ZERO; 2], [Duration::ZERO; 2]);
    let cpu_times = || [std::process::id(), node.id()].map(cpu_time);
    let add = |sum: &mut [Duration; 2], [own, of_node]: [Duration; 2], before: [Duration; 2]| {
        *sum = [sum[0] + own - before[0], sum[1] + of_node - before[1]];
    };
    for _ in 0..ROUNDS {
        let before = cpu_times();
        bares.push(bare(&client, &requests, best.1).await?);
        let between = cpu_times();
        let (took, asked) = engine(node.ws_url(), range(blocks), None).await?;
        add(&mut bare_cpu, between, before);
        add(&mut engine_cpu, cpu_times(), between);
        engines.push(took);
        calls = asked;
        knowing.push(all_at_once(&client, &requests, best.1).await?);
    }
    let per_block = |cpu: [Duration; 2]| cpu.map(|cpu| cpu.as_micros() as u64 / (blocks * ROUNDS as u64));
    let (bare, knowing, engine) = (median(bares), median(knowing), median(engines));
    println!(
        "{}",
        serde_json::json!({
            "latency_ms": latency_ms,
            "blocks": blocks,
            "bare_under_way": best.1,
            "bare_requests": requests.count(),
            "engine_requests": calls,
            "bare_blocks_per_second": rate(blocks, bare),
            "bare_that_knows_blocks_per_second": rate(blocks, knowing),
            "engine_blocks_per_second": rate(blocks, engine),
            "bare_and_node_cpu_us_per_block": per_block(bare_cpu),
            "engine_and_node_cpu_us_per_block": per_block(engine_cpu),
            "ratio": bare.as_secs_f64() / engine.as_secs_f64(),
            "ratio_to_known": knowing.as_secs_f64() / engine.as_secs_f64(),
        })
    );
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn rate(blocks: u64, took: Duration) -> u64 {
    (blocks as f64 / took.as_secs_f64()) as u64
}

struct Request {
    method: &'static str,
    params: Box<RawValue>,
}

/// What the engine asks of a node for a range.
#[derive(Default)]
struct Requests {
    /// What can be asked at once: the chain, its head, and hashes.
    first: Vec<Request>,
    /// What needs a hash: the runtime, and two for each block.
    then: Vec<Request>,
}

struct Params(Box<RawValue>);

impl ToRpcParams for Params {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        Ok(Some(self.0))
    }
}

impl Requests {
    async fn of(client: &Client, range: RangeInclusive<u64>) -> Outcome<Self> {
        let key = |pallet, item| const_hex::encode_prefixed(storage_prefix(pallet, item));
        let number = key("System", "Number");
        let upgrade = key("System", "LastRuntimeUpgrade");
        let keys = [&number, &key("System", "Events"), &key("Timestamp", "Now"), &upgrade];
        let request = |method, params: serde_json::Value| -> Outcome<Request> {
            Ok(Request { method, params: serde_json::value::to_raw_value(&params)? })
        };
        let mut requests = Self::default();
        requests.first.push(request("system_chain", serde_json::json!([]))?);
        requests.first.push(request("chain_getFinalizedHead", serde_json::json!([]))?);
        let mut all: Vec<BlockHash> = Vec::new();
        for list in range.start() / LIST..=range.end() / LIST {
            let numbers: Vec<u64> = (list * LIST..(list + 1) * LIST).collect();
            requests.first.push(request("chain_getBlockHash", serde_json::json!([numbers]))?);
            let hashes: Vec<Option<BlockHash>> = client.request("chain_getBlockHash", [numbers]).await?;
            let numbers = list * LIST..;
            all.extend(numbers.zip(hashes).filter(|(number, _)| range.contains(number)).filter_map(|(_, hash)| hash));
        }
        let (Some(first), Some(last)) = (all.first(), all.last()) else { return Err("no blocks".into()) };
        // The head, and the runtime of the first block: its version, what the state says of it, and its metadata.
        requests.then.push(request("chain_getHeader", serde_json::json!([last]))?);
        requests.then.push(request("state_getRuntimeVersion", serde_json::json!([first]))?);
        requests.then.push(request("state_queryStorageAt", serde_json::json!([[number, upgrade], first]))?);
        let version = const_hex::encode_prefixed(15u32.to_le_bytes());
        let metadata = serde_json::json!(["Metadata_metadata_at_version", version, first]);
        requests.then.push(request("state_call", metadata)?);
        for hash in all {
            requests.then.push(request("chain_getBlock", serde_json::json!([hash]))?);
            requests.then.push(request("state_queryStorageAt", serde_json::json!([keys, hash]))?);
        }
        Ok(requests)
    }

    fn count(&self) -> usize {
        self.first.len() + self.then.len()
    }
}

/// Sends all requests and forgets the answers; those that need a hash when the hashes are there.
async fn bare(client: &Client, requests: &Requests, under_way: usize) -> Outcome<Duration> {
    let began = Instant::now();
    send(client, &requests.first, under_way).await?;
    send(client, &requests.then, under_way).await?;
    Ok(began.elapsed())
}

/// The same without waiting for the hashes.
async fn all_at_once(client: &Client, requests: &Requests, under_way: usize) -> Outcome<Duration> {
    let began = Instant::now();
    send(client, requests.first.iter().chain(&requests.then), under_way).await?;
    Ok(began.elapsed())
}

async fn send(client: &Client, requests: impl IntoIterator<Item = &Request>, under_way: usize) -> Outcome {
    stream::iter(requests)
        .map(|request| client.request::<Box<RawValue>, _>(request.method, Params(request.params.clone())))
        .buffer_unordered(under_way)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    Ok(())
}

/// Backfills, and says how long it took and how many requests were sent.
async fn engine(url: &str, range: RangeInclusive<u64>, in_flight: Option<usize>) -> Outcome<(Duration, u64)> {
    let folder = tempfile::tempdir()?;
    let mut options = RpcOptions::default();
    if let Some(blocks) = in_flight {
        // Two requests a block.
        options.max_in_flight = 2 * blocks;
    }
    let source = Arc::new(RpcSource::connect(url, options).await?);
    let store = Arc::new(ObjectStorage::local(folder.path())?);
    let blocks = range.end() - range.start() + 1;
    let mut engine = Engine::builder(Arc::clone(&source) as Arc<dyn BlockSource>, store, "sim".parse()?)
        .mode(Mode::Backfill)
        .range(range)
        .outputs("blocks,events".parse()?);
    if let Some(blocks) = in_flight {
        engine = engine.in_flight(blocks);
    }
    let engine = engine.build()?;
    let began = Instant::now();
    let report = engine.run().await?;
    let took = began.elapsed();
    if report.done != blocks || !report.is_complete() {
        return Err(format!("{} of {blocks} blocks were done", report.done).into());
    }
    Ok((took, source.stats().endpoints.iter().map(|endpoint| endpoint.calls).sum()))
}

async fn memory(blocks: u64) -> Outcome {
    let node = Apart::start(&plan(blocks, 0, 4_000))?;
    let watch = Watch::own();
    let (took, requests) = engine(node.ws_url(), 1..=blocks, None).await?;
    let usage = watch.stop();
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!(
        "{}",
        serde_json::json!({
            "blocks": blocks,
            "requests": requests,
            "blocks_per_second": rate(blocks, took),
            "peak_mib": mib(usage.peak_rss),
            "peak_first_half_mib": mib(usage.peak_rss_first_half),
            "peak_second_half_mib": mib(usage.peak_rss_second_half),
            "growth_mib": mib(usage.growth()),
        })
    );
    let ceilings = Ceilings { rss: Some(150 << 20), growth: Some(5 << 20), ..Ceilings::default() };
    Ok(usage.check(&ceilings)?)
}
