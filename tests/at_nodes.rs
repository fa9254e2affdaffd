//! Lying, pruned and limiting nodes: nothing wrong is handed out, everything right is, in the end.
//!
//! The full size is ignored by default: `cargo test --release --test at_nodes -- --ignored --nocapture`.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use sentinel_core::chain::BlockId;
use sentinel_core::decode::storage_prefix;
use sentinel_core::engine::{Engine, Mode};
use sentinel_core::source::{BlockSource, RawBlock, RetryBudget, RpcOptions, RpcSource, SimSource, SourceError};
use sentinel_core::storage::ObjectStorage;
use sentinel_support::node::{Answer, LIMITED, Limit, Node, NodeOptions, PRUNED};
use sentinel_support::oracle::{Objects, Truth};
use sentinel_support::rng::{self, Rng};
use sentinel_support::rpc::{connect, quick};
use sentinel_support::{chains, runs};
use serde_json::{Value, json};
use tokio::time::Instant;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn serve(chain: &SimSource) -> impl Future<Output = std::io::Result<Node>> {
    Node::serve(Arc::new(chain.clone()))
}

/// A block is what the chain made it.
async fn is_right(block: &RawBlock, chain: &SimSource) -> Outcome<bool> {
    let made = chain.block(block.header.header.number.into()).await?;
    Ok(block.header == made.header
        && block.extrinsics == made.extrinsics
        && block.events == made.events
        && block.timestamp_ms == made.timestamp_ms)
}

/// Reads all blocks, several at once and in any order; gives the number that are right.
async fn read_right(source: &RpcSource, chain: &SimSource, last: u64, seed: u64) -> Outcome<u64> {
    let mut rng = Rng::new(seed);
    let mut order: Vec<u64> = (1..=last).collect();
    (1..order.len()).rev().for_each(|end| order.swap(end, rng.below(end + 1)));
    let mut blocks = futures::stream::iter(order).map(|number| source.block(number.into())).buffer_unordered(4);
    let mut right = 0;
    while let Some(block) = blocks.next().await {
        right += u64::from(is_right(&block?, chain).await?);
    }
    Ok(right)
}

/// Whether a failure is of the class that the answer means.
type Class = fn(&SourceError) -> bool;

#[tokio::test]
async fn every_refusal_is_understood() -> Outcome {
    let node = serve(&chains::cheap(9)?).await?;
    let options = RpcOptions { retry_budget: RetryBudget::NONE, ..quick() };
    let source = RpcSource::connect(&node.ws_url(), options).await?;
    let at = source.header(5.into()).await?.reference();
    let pruned: Class = |error| matches!(error, SourceError::StatePruned { block: BlockId::Number(5), .. });
    let limited: Class = |error| matches!(error, SourceError::RateLimited { .. });
    let too_large: Class = |error| matches!(error, SourceError::TooLarge { .. });
    let missing: Class = |error| matches!(error, SourceError::Unsupported { .. });
    let large = [(-32008, "Response is too big"), (-32702, "Response is too big"), (-32702, "")];
    let seen = PRUNED.map(|said| (said, pruned)).into_iter().chain(LIMITED.map(|said| (said, limited)));
    let seen = seen.chain(large.map(|said| (said, too_large))).chain([((-32601, "Method not found"), missing)]);
    let (mut spellings, mut understood) = (0, 0);
    for ((code, message), class) in seen {
        for method in ["state_getKeysPaged", "state_call"] {
            node.script(method, Answer::error(code, message));
        }
        node.forget_calls();
        // One key, of which no half can be asked for.
        let options = RpcOptions { page: 1, retry_budget: RetryBudget::NONE, ..quick() };
        let source = RpcSource::connect(&node.ws_url(), options).await?;
        let read = source.storage_prefix(at, chains::tempo_key(1)).try_collect::<Vec<_>>().await.map(drop);
        let call = source.call(&at, "Core_version", &[]).await.map(drop);
        for answer in [read, call] {
            spellings += 1;
            match answer {
                Err(error) if class(&error) => understood += 1,
                other => println!("{code} {message}: {other:?}"),
            }
        }
        assert_eq!((node.count("state_getKeysPaged"), node.count("state_call")), (1, 1), "no retry: {message}");
    }
    println!("refusals={spellings} understood={understood}");
    assert_eq!(understood, spellings);
    Ok(())
}

async fn archive_behind_a_pruned_node(last: u64) -> Outcome {
    let chain = chains::cheap(last)?;
    let dropped = last - last / 10;
    let (live, archive) = (serve(&chain).await?, serve(&chain).await?);
    live.prune(dropped + 1);
    let source = RpcSource::connect_any(&[&live.ws_url(), &archive.ws_url()], quick()).await?;
    let mut right = 0;
    for number in 1..=last {
        right += u64::from(is_right(&source.block(number.into()).await?, &chain).await?);
    }
    let wasted: u64 = live.asked_for_dropped().values().sum();
    // All at once, before anything is known: at most one for each.
    let source = RpcSource::connect_any(&[&live.ws_url(), &archive.ws_url()], quick()).await?;
    let together = read_right(&source, &chain, last, 1).await?;
    let wasted_together = live.asked_for_dropped().values().sum::<u64>() - wasted;
    println!("blocks={last} pruned={dropped} right={right},{together} wasted={wasted},{wasted_together}");
    assert_eq!((right, together), (last, last));
    assert!(wasted <= 20, "{wasted} questions about {dropped} dropped states");
    assert!(wasted_together <= dropped, "{wasted_together} questions about {dropped} dropped states");
    Ok(())
}

#[tokio::test]
async fn a_pruned_primary_costs_little_and_an_archive_makes_up_for_it() -> Outcome {
    archive_behind_a_pruned_node(100).await
}

#[tokio::test]
#[ignore = "the full size"]
async fn a_pruned_primary_at_full_size() -> Outcome {
    archive_behind_a_pruned_node(1_000).await
}

fn hex(bytes: &[u8]) -> Value {
    json!(const_hex::encode_prefixed(bytes))
}

/// Changes the values of one storage item in an answer, or of all.
fn set(answer: &mut Value, item: Option<(&str, &str)>, value: &Value) {
    let key = item.map(|(pallet, item)| hex(&storage_prefix(pallet, item)));
    for change in answer[0]["changes"].as_array_mut().into_iter().flatten() {
        if key.as_ref().is_none_or(|key| change[0] == *key) {
            change[1] = value.clone();
        }
    }
}

/// A lie: what it is, and how it is made of a true answer to a batch read.
type Lie = (&'static str, fn(&mut Value));

const LIES: [Lie; 7] = [
    ("a time of 0", |answer| set(answer, Some(("Timestamp", "Now")), &hex(&[0; 8]))),
    ("no time", |answer| set(answer, Some(("Timestamp", "Now")), &Value::Null)),
    ("a time that runs back", |answer| set(answer, Some(("Timestamp", "Now")), &hex(&7u64.to_le_bytes()))),
    ("no events", |answer| set(answer, Some(("System", "Events")), &Value::Null)),
    ("the number of another block", |answer| set(answer, Some(("System", "Number")), &hex(&[0xff; 4]))),
    ("an empty state", |answer| set(answer, None, &Value::Null)),
    ("no values at all", |answer| answer[0]["changes"] = json!([])),
];

async fn lies(each: u64) -> Outcome {
    let chain = chains::cheap(each + 1)?;
    let (liar, honest) = (serve(&chain).await?, serve(&chain).await?);
    let (mut poisoned, mut rejected, mut right) = (0, 0, 0);
    for (lie, make) in LIES {
        liar.script(
            "state_queryStorageAt",
            Answer::edited(move |mut answer| {
                make(&mut answer);
                answer
            }),
        );
        // Alone, in no order, so that no block's parent is known.
        let alone = connect(&liar).await?;
        for number in (2..=each + 1).rev() {
            poisoned += 1;
            match alone.block(number.into()).await {
                Err(SourceError::Lying { .. }) => rejected += 1,
                other => println!("{lie}: {other:?}"),
            }
        }
        let source = RpcSource::connect_any(&[&liar.ws_url(), &honest.ws_url()], quick()).await?;
        right += read_right(&source, &chain, each + 1, 2).await?;
    }
    // Maps that look empty are no empty maps.
    let alone = connect(&liar).await?;
    liar.script(
        "state_queryStorageAt",
        Answer::edited(|mut answer| {
            set(&mut answer, None, &Value::Null);
            answer
        }),
    );
    liar.script("state_getKeysPaged", Answer::Value(json!([])));
    for number in 2..=each + 1 {
        let at = chain.header(number.into()).await?.reference();
        poisoned += 1;
        rejected += u64::from(sentinel_core::subnet::netuids(&alone, &at).await.is_err());
    }
    println!("poisoned={poisoned} rejected={rejected} right={right}");
    assert_eq!((rejected, right), (poisoned, LIES.len() as u64 * (each + 1)));
    Ok(())
}

#[tokio::test]
async fn no_lie_becomes_a_row() -> Outcome {
    lies(10).await
}

#[tokio::test]
#[ignore = "the full size"]
async fn no_lie_becomes_a_row_at_full_size() -> Outcome {
    lies(100).await
}

/// Every third answer is "too many", in the words of several nodes and gateways, all the time; everything comes all the
/// same.
#[tokio::test]
async fn a_limiting_node_gives_everything_in_the_end() -> Outcome {
    let last = 100;
    let chain = chains::cheap(last)?;
    let node = serve(&chain).await?;
    let options = RpcOptions { retry_budget: RetryBudget { retries: 50, within: Duration::from_secs(60) }, ..quick() };
    let source = RpcSource::connect(&node.ws_url(), options).await?;
    node.limit(Some(Limit::Percent { percent: 30, seed: rng::seed_or(7) }));
    assert_eq!(read_right(&source, &chain, last, 3).await?, last);
    let stats = source.stats();
    println!("blocks={last} refused={} {stats:?}", node.refused());
    assert!(stats.endpoints[0].rate_limited > last / 2, "it did limit: {stats:?}");
    Ok(())
}

/// Whoever refuses everything is asked now and then, and nobody waits for it while there is another.
#[tokio::test]
async fn a_node_that_refuses_everything_holds_nobody_up() -> Outcome {
    let last = 400;
    let chain = chains::cheap(last)?;
    let (limited, other) = (serve(&chain).await?, serve(&chain).await?);
    let source = RpcSource::connect_any(&[&limited.ws_url(), &other.ws_url()], quick()).await?;
    limited.limit(Some(Limit::Percent { percent: 100, seed: 1 }));
    // It is tried for a second, by four readers with two requests each and a pause of a tenth of a second after each, and then
    // hardly ever, however much is read.
    for most in [last / 2, 20] {
        limited.forget_calls();
        let began = Instant::now();
        assert_eq!(read_right(&source, &chain, last, 5).await?, last);
        println!("blocks={last} wasted={} wall={:?}", limited.requests(), began.elapsed());
        assert!(limited.requests() as u64 <= most, "{} requests for nothing", limited.requests());
    }
    Ok(())
}

/// It says of everything that it has it, and has little: what is missing is found out by asking, in few questions.
#[tokio::test]
async fn what_a_node_lists_is_not_believed() -> Outcome {
    let chain = chains::cheap(9)?;
    let node = serve(&chain).await?;
    for method in ["state_queryStorageAt", "chain_subscribeFinalizedHeads", "state_call"] {
        node.script(method, Answer::no_method());
    }
    let source = connect(&node).await?;
    assert!(node.calls().len() <= 5, "{:?}", node.counts());
    assert_eq!(read_right(&source, &chain, 9, 4).await?, 9);
    let mut blocks = source.finalized(1);
    for _ in 1..=9 {
        assert!(is_right(&blocks.next().await.ok_or("it ended")??, &chain).await?);
    }
    assert_eq!(node.count("rpc_methods"), 0);
    assert!(node.count("state_queryStorageAt") <= 5, "{:?}", node.counts());
    Ok(())
}

/// A backfill over a node of another chain, a node that drops, lies, limits and lacks methods, and an archive.
async fn everything_at_once(last: u64, seed: u64) -> Outcome {
    let chain = chains::cheap(last)?;
    let other = SimSource::builder().seed(seed + 1).subnets(1).uids(4).traffic(0).head(last).build()?;
    let (stranger, archive) = (serve(&other).await?, serve(&chain).await?);
    let primary = Node::serve_with(Arc::new(chain.clone()), NodeOptions::default()).await?;
    let dropped = last - last / 10;
    primary.prune(dropped + 1);
    primary.script("state_call", Answer::no_method());
    let rng = Mutex::new(Rng::new(seed));
    primary.script(
        "state_queryStorageAt",
        Answer::edited(move |mut answer| {
            let mut rng = rng.lock().unwrap_or_else(PoisonError::into_inner);
            if rng.percent(50) {
                rng.pick(&LIES).1(&mut answer);
            }
            answer
        }),
    );
    let genesis = Some(chain.identity().await?.genesis_hash);
    let urls = [stranger.ws_url(), primary.ws_url(), archive.ws_url()];
    let options = RpcOptions { genesis, first_in_flight: Some(256), ..quick() };
    let source = RpcSource::connect_any(&[&urls[0], &urls[1], &urls[2]], options).await?;
    let nodes = [&stranger, &primary, &archive];
    let greeting = nodes.map(Node::requests);
    primary.limit(Some(Limit::Percent { percent: 30, seed }));

    let store = Arc::new(ObjectStorage::memory());
    let engine = Engine::builder(Arc::new(source.clone()), store.clone(), "sim".parse()?)
        .mode(Mode::Backfill)
        .range(1..=last)
        .outputs("blocks,extrinsics,events".parse()?);
    let began = Instant::now();
    let report = engine.build()?.run().await?;
    let truth = Truth::of(&chain, 1..=last).await?;
    let verdict = runs::verdict(&truth, &Objects::of(&*store).await?, "sim")?;
    let calls = source.stats().endpoints.iter().map(|endpoint| endpoint.calls).sum();
    let asked = primary.asked_for_dropped();
    println!(
        "seed={seed} blocks={last} {} pruned={dropped} wasted={} most_for_one={} limited={} archive={} start={greeting:?}",
        verdict.clone().calls(calls).wall(began.elapsed()),
        asked.values().sum::<u64>(),
        asked.values().max().copied().unwrap_or(0),
        primary.refused(),
        archive.requests(),
    );
    assert!(verdict.is_clean(), "{verdict}: {:?}", verdict.examples);
    assert!(report.is_complete() && report.done == last && report.quarantined.is_empty(), "{report:?}");
    // Once for itself, once for the runtime of the next, where many are asked for before the first answer.
    assert!(asked.values().all(|times| *times <= 2), "{asked:?}");
    assert!(greeting.iter().all(|calls| *calls <= 5), "{greeting:?}");
    let stats = source.stats();
    assert!(stats.endpoints[0].refused && stats.endpoints[2].calls >= dropped, "{stats:?}");
    Ok(())
}

#[tokio::test]
async fn everything_comes_right_through_the_archive() -> Outcome {
    everything_at_once(100, rng::seed_or(1)).await
}

#[tokio::test]
#[ignore = "the full size"]
async fn everything_comes_right_at_full_size() -> Outcome {
    for seed in 1..=3 {
        everything_at_once(1_000, seed).await?;
    }
    Ok(())
}
