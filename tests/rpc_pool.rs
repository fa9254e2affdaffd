//! Several connections, several endpoints: what is lost, hangs, limits or lies costs retries, never a block.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, future};
use sentinel_core::chain::Header;
use sentinel_core::source::{
    BlockSource, MemoryBlock, MemorySource, RetryBudget, RpcOptions, RpcSource, RpcStats, SourceError,
};
use sentinel_support::node::{Answer, Node, NodeOptions};
use sentinel_support::rng::Rng;
use sentinel_support::rpc::quick;
use sentinel_support::{chains, runtimes};
use tokio::time::{sleep, timeout};

type Outcome = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(20);

/// Looks after its connections every ten milliseconds.
fn watchful() -> RpcOptions {
    RpcOptions {
        probe_interval: Duration::from_millis(40),
        probe_timeout: Duration::from_millis(200),
        request_timeout: Duration::from_secs(60),
        ..quick()
    }
}

/// Blocks 0 to `last`; the same hashes each time.
fn chain(last: u64) -> MemorySource {
    let chain = MemorySource::new("made up", runtimes::raonet_218());
    for number in 1..=last {
        chain.push(chains::block(number));
    }
    chain
}

async fn serve(last: u64) -> Result<Node, Box<dyn Error>> {
    Ok(Node::serve(Arc::new(chain(last))).await?)
}

/// A node of a chain that began with another block.
async fn stranger() -> Result<Node, Box<dyn Error>> {
    let first = chain(1).header(1.into()).await?.header;
    let genesis = MemoryBlock { header: Some(Header { number: 0, ..first }), ..MemoryBlock::default() };
    Ok(Node::serve(Arc::new(MemorySource::with_genesis("other", runtimes::raonet_218(), genesis))).await?)
}

async fn until(source: &RpcSource, what: impl Fn(&RpcStats) -> bool) -> Outcome {
    let wait = async {
        while !what(&source.stats()) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.map_err(|_| format!("it stays {:?}", source.stats()).into())
}

async fn read_all(source: &RpcSource, last: u64) -> Outcome {
    let blocks = future::try_join_all((1..=last).map(|number| source.block(number.into()))).await?;
    assert!(blocks.iter().map(|block| block.header.header.number).eq(1..=last));
    Ok(())
}

#[tokio::test]
async fn three_sockets_at_most_and_a_killed_one_is_replaced() -> Outcome {
    let node = serve(60).await?;
    let source = RpcSource::connect(&node.ws_url(), watchful()).await?;
    source.block(1.into()).await?;
    assert_eq!(node.connections(), 1, "one reader needs one connection");
    for _ in 0..3 {
        read_all(&source, 60).await?;
    }
    until(&source, |stats| stats.endpoints[0].connections == 3).await?;
    read_all(&source, 60).await?;
    assert_eq!(node.connections(), 3);
    node.hang_up();
    until(&source, |stats| stats.endpoints[0].connections == 3 && stats.endpoints[0].connects == 6).await?;
    read_all(&source, 60).await?;
    assert_eq!(node.connections(), 6);
    Ok(())
}

#[tokio::test]
async fn connections_that_are_cut_under_load_lose_no_read() -> Outcome {
    let node = serve(200).await?;
    let options = RpcOptions { retry_budget: RetryBudget { retries: 20, within: PATIENCE }, ..watchful() };
    let source = RpcSource::connect(&node.ws_url(), options).await?;
    let cut = async {
        for _ in 0..10 {
            sleep(Duration::from_millis(30)).await;
            node.hang_up();
        }
    };
    let read = async {
        for _ in 0..3 {
            read_all(&source, 200).await?;
        }
        Outcome::Ok(())
    };
    future::join(cut, read).await.1
}

#[tokio::test]
async fn a_hung_connection_is_dropped_and_its_reads_are_made_elsewhere() -> Outcome {
    let node = serve(9).await?;
    let source = RpcSource::connect(&node.ws_url(), watchful()).await?;
    // The question hangs, and so does the one whether anybody is there.
    node.script_once("chain_getBlockHash", Answer::Never);
    node.script("chain_getHeader", Answer::Never);
    let read = tokio::spawn({
        let source = source.clone();
        async move { source.block(5.into()).await }
    });
    until(&source, |stats| stats.endpoints[0].hung == 1).await?;
    node.unscript();
    assert_eq!(timeout(PATIENCE, read).await???.header.header.number, 5);
    assert_eq!(source.stats().endpoints[0].timeouts, 0, "nobody waited for the deadline of the request");
    Ok(())
}

#[tokio::test]
async fn a_slow_answer_is_no_hung_connection() -> Outcome {
    let node = serve(9).await?;
    let source = RpcSource::connect(&node.ws_url(), watchful()).await?;
    node.script_once("chain_getBlock", Answer::Late(Duration::from_millis(900)));
    source.block(5.into()).await?;
    assert_eq!((source.stats().endpoints[0].hung, node.connections()), (0, 1));
    Ok(())
}

#[tokio::test]
async fn an_endpoint_of_another_chain_is_refused_by_one_call() -> Outcome {
    let (node, other) = (serve(9).await?, stranger().await?);
    let genesis = chain(0).identity().await?.genesis_hash;
    for (urls, refused) in [([node.ws_url(), other.ws_url()], 1), ([other.ws_url(), node.http_url()], 0)] {
        other.forget_calls();
        let options = RpcOptions { genesis: Some(genesis), ..quick() };
        let source = RpcSource::connect_any(&[&urls[0], &urls[1]], options).await?;
        read_all(&source, 9).await?;
        assert_eq!(source.identity().await?.genesis_hash, genesis);
        until(&source, |stats| stats.endpoints[refused].refused && !stats.endpoints[1 - refused].refused).await?;
        assert_eq!(other.calls().len(), 1, "{:?}", other.counts());
    }
    // Without a given one, the first in the list says which chain it is.
    let source = RpcSource::connect_any(&[&node.ws_url(), &other.ws_url()], quick()).await?;
    until(&source, |stats| stats.endpoints[1].refused).await?;
    assert_eq!(source.identity().await?.genesis_hash, genesis);
    let options = RpcOptions { genesis: Some(genesis), ..quick() };
    let error = RpcSource::connect(&other.ws_url(), options).await.err().ok_or("it was accepted")?;
    assert!(matches!(&error, SourceError::Fatal { .. }) && error.to_string().contains("another chain"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_dead_primary_is_left_and_taken_again() -> Outcome {
    let (primary, second) = (serve(40).await?, serve(40).await?);
    let port = primary.ws_url().rsplit(':').next().ok_or("a port")?.parse()?;
    let source = RpcSource::connect_any(&[&primary.ws_url(), &second.ws_url()], watchful()).await?;
    source.block(1.into()).await?;
    assert!(second.count("chain_getBlock") == 0, "the primary alone is asked");
    drop(primary);
    read_all(&source, 40).await?;
    assert!(!source.stats().endpoints[0].up);
    assert!(second.count("chain_getBlock") >= 40);
    let primary = Node::serve_with(Arc::new(chain(40)), NodeOptions { port, ..NodeOptions::default() }).await?;
    until(&source, |stats| stats.endpoints[0].up).await?;
    assert!(primary.count("chain_getHeader") >= 3, "clean probes");
    source.block(2.into()).await?;
    assert_eq!(primary.count("chain_getBlock"), 1);
    Ok(())
}

#[tokio::test]
async fn a_list_works_as_long_as_one_of_it_does() -> Outcome {
    let node = serve(9).await?;
    let dead = "ws://127.0.0.1:1";
    let source = RpcSource::connect_any(&[dead, &node.ws_url(), dead], quick()).await?;
    read_all(&source, 9).await?;
    assert_eq!(source.endpoint(), node.ws_url().replace("ws://", ""));
    let error = RpcSource::connect_any(&[dead, "http://127.0.0.1:1"], quick()).await.err().ok_or("connected")?;
    assert!(error.is_retryable() && error.to_string().contains("no endpoint can be used"), "{error}");
    assert!(matches!(RpcSource::connect_any(&[], quick()).await, Err(SourceError::Fatal { .. })));
    Ok(())
}

/// The second endpoint is thirty blocks behind: what only the first has is waited for, and nothing comes twice.
#[tokio::test]
async fn endpoints_at_different_heights_give_one_chain() -> Outcome {
    let (ahead, behind) = (serve(60).await?, serve(30).await?);
    let options = RpcOptions { prefetch: 4, ..watchful() };
    let source = RpcSource::connect_any(&[&ahead.ws_url(), &behind.ws_url()], options).await?;
    let mut blocks = source.finalized(1);
    let mut heights = Vec::new();
    let mut outages = vec![45, 20];
    while heights.len() < 60 {
        if outages.last() == Some(&heights.len()) {
            outages.pop();
            ahead.refuse(Some((503, None)));
            ahead.hang_up();
        }
        match timeout(Duration::from_millis(300), blocks.next()).await {
            Ok(block) => match block.ok_or("it ended")? {
                Ok(block) => heights.push(block.header.header.number),
                Err(error) => assert!(error.is_retryable(), "{error}"),
            },
            // Beyond the second one's head, only the first can go on.
            Err(_) => ahead.refuse(None),
        }
    }
    assert!(heights.iter().copied().eq(1..=60), "{heights:?}");
    Ok(())
}

#[tokio::test]
async fn a_block_that_one_endpoint_lacks_is_asked_of_the_other() -> Outcome {
    let (behind, ahead) = (serve(30).await?, serve(60).await?);
    let source = RpcSource::connect_any(&[&behind.ws_url(), &ahead.ws_url()], quick()).await?;
    assert_eq!(source.block(50.into()).await?.header.header.number, 50);
    let error = source.block(70.into()).await.err().ok_or("no such block")?;
    assert!(matches!(error, SourceError::UnknownBlock { head: Some(60), .. }), "{error}");
    // And a lie is not the last word.
    behind.script("state_queryStorageAt", Answer::Value(serde_json::json!([])));
    source.block(20.into()).await?;
    Ok(())
}

#[tokio::test]
async fn a_budget_is_kept() -> Outcome {
    let node = serve(9).await?;
    for retries in [0, 1, 4] {
        let options = RpcOptions { retry_budget: RetryBudget { retries, within: PATIENCE }, ..quick() };
        let source = RpcSource::connect(&node.ws_url(), options).await?;
        for answer in [Answer::error(-32029, ""), Answer::error(-32603, "Internal error"), Answer::HangUp] {
            node.script("chain_getBlock", answer.clone());
            node.forget_calls();
            let error = source.block(5.into()).await.err().ok_or("an error")?;
            assert!(error.is_retryable(), "{error}");
            assert!(node.count("chain_getBlock") <= 1 + retries as usize, "{answer:?}: {:?}", node.counts());
        }
        node.unscript();
        source.block(5.into()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_asked_to_be_left_alone_is() -> Outcome {
    let (limited, other) = (serve(9).await?, serve(9).await?);
    let source = RpcSource::connect_any(&[&limited.http_url(), &other.http_url()], quick()).await?;
    limited.refuse(Some((429, Some(3600))));
    for number in 1..=9 {
        source.block(number.into()).await?;
    }
    limited.forget_calls();
    assert_eq!(source.stats().endpoints[0].rate_limited, 1, "{:?}", source.stats());
    // Alone, its wish goes beyond any budget, and the caller learns of it.
    limited.refuse(None);
    let source = RpcSource::connect(&limited.http_url(), quick()).await?;
    limited.refuse(Some((429, Some(3600))));
    let error = source.block(1.into()).await.err().ok_or("an error")?;
    assert!(matches!(error, SourceError::RateLimited { retry_after: Some(_), .. }), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_given_rate_is_not_exceeded() -> Outcome {
    let node = serve(9).await?;
    let options = RpcOptions { requests_per_second: Some(50.0), ..quick() };
    let source = RpcSource::connect(&node.ws_url(), options).await?;
    let start = tokio::time::Instant::now();
    future::try_join_all((0..30).map(|_| source.head(Default::default()))).await?;
    // Sixty questions, the last of which may not come before the second is over, less a moment for those at the start.
    assert!(start.elapsed() >= Duration::from_millis(1000), "{:?}", start.elapsed());
    Ok(())
}

#[tokio::test]
async fn runtimes_are_downloaded_once_whoever_comes_first() -> Outcome {
    for seed in 0..5 {
        let node = Node::serve(Arc::new(chains::upgrading(8).0)).await?;
        let source = RpcSource::connect(&node.ws_url(), quick()).await?;
        let readers = (0..8u64).map(|reader| {
            let source = source.clone();
            let mut rng = Rng::new(seed * 8 + reader);
            let mut order: Vec<u64> = (1..=20).collect();
            (1..order.len()).rev().for_each(|last| order.swap(last, rng.below(last + 1)));
            tokio::spawn(async move {
                for number in order {
                    source.block(number.into()).await?;
                }
                Ok::<_, SourceError>(())
            })
        });
        for reader in future::join_all(readers).await {
            reader??;
        }
        assert_eq!(node.count("state_getMetadata"), 1, "218, which has V14 only");
        assert_eq!(node.count_calls_of("Metadata_metadata_at_version"), 1 + 1 + 2, "one for 218 and 461, two for 393");
    }
    Ok(())
}
