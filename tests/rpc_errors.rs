//! What goes wrong between a source and its node, and the one error that each case gives.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use sentinel_core::chain::{BlockHash, BlockId, BlockRef};
use sentinel_core::source::{BlockSource, MemorySource, RetryBudget, RpcOptions, RpcSource, SourceError};
use sentinel_support::chains;
use sentinel_support::node::{Answer, Node};
use sentinel_support::rpc::{BOTH, Transport, connect, connect_by, quick};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

type Outcome = Result<(), Box<dyn Error>>;

async fn upgrading() -> Result<(MemorySource, Node), Box<dyn Error>> {
    let (chain, _) = chains::upgrading(8);
    let node = Node::serve(Arc::new(chain.clone())).await?;
    Ok((chain, node))
}

/// The error of a read that must fail.
fn error_of<T: std::fmt::Debug>(read: Result<T, SourceError>) -> SourceError {
    match read {
        Ok(value) => panic!("an error was expected, not {value:?}"),
        Err(error) => error,
    }
}

macro_rules! assert_is {
    ($error:expr, $pattern:pat $(if $guard:expr)?) => {{
        let error = $error;
        assert!(matches!(&error, $pattern $(if $guard)?), "{error}: {error:?}");
        error
    }};
}

#[tokio::test]
async fn a_block_beyond_the_head_is_unknown_and_the_head_is_named() -> Outcome {
    for transport in BOTH {
        let (_, node) = upgrading().await?;
        let source = connect_by(&node, transport).await?;
        for number in [21, u64::from(u32::MAX) + 1] {
            let error = error_of(source.block(number.into()).await);
            let error = assert_is!(error, SourceError::UnknownBlock { block: BlockId::Number(n), head: Some(20) } if *n == number);
            assert_eq!(error.to_string(), format!("no block {number}: the newest is 20"));
            assert!(!error.is_retryable());
        }
        let nowhere = BlockHash([9; 32]);
        let error = error_of(source.header(nowhere.into()).await);
        assert_is!(error, SourceError::UnknownBlock { block: BlockId::Hash(hash), .. } if *hash == nowhere);
    }
    Ok(())
}

#[tokio::test]
async fn a_pruned_state_is_told_from_a_block_that_never_was() -> Outcome {
    for transport in BOTH {
        let (chain, node) = upgrading().await?;
        chain.prune(10);
        let source = connect_by(&node, transport).await?;
        let at = source.header(5.into()).await?.reference();
        let key = chains::tempo_key(1);
        let prefix: Result<Vec<_>, _> = source.storage_prefix(at, key.clone()).try_collect().await;
        for error in [
            error_of(source.storage(&at, std::slice::from_ref(&key)).await),
            error_of(source.block(5.into()).await),
            error_of(prefix),
        ] {
            let error = assert_is!(error, SourceError::StatePruned { block: BlockId::Number(5), .. });
            assert!(error.to_string().contains("archive"), "{error}");
            assert!(!error.is_retryable());
        }
        let nowhere = BlockRef { number: 5, hash: BlockHash([9; 32]), parent_hash: BlockHash([8; 32]) };
        let error = error_of(source.storage(&nowhere, &[key]).await);
        assert_is!(error, SourceError::UnknownBlock { head: Some(20), .. });
    }
    Ok(())
}

#[tokio::test]
async fn a_pruned_state_costs_one_wasted_call() -> Outcome {
    let (chain, node) = upgrading().await?;
    chain.prune(10);
    let source = connect(&node).await?;
    let at = source.header(5.into()).await?.reference();
    node.forget_calls();
    error_of(source.storage(&at, &[chains::tempo_key(1)]).await);
    assert_eq!((node.count("state_queryStorageAt"), node.calls().len()), (1, 2), "{:?}", node.counts());
    Ok(())
}

#[tokio::test]
async fn errors_of_the_node_are_told_apart() -> Outcome {
    let (_, node) = upgrading().await?;
    for url in [node.ws_url(), node.http_url()] {
        let options = RpcOptions { retry_budget: RetryBudget::NONE, ..quick() };
        let source = RpcSource::connect(&url, options).await?;
        let at = source.header(5.into()).await?.reference();
        let call = async |code: i32, message: &str| {
            node.script_once("state_call", Answer::error(code, message));
            error_of(source.call(&at, "Api_function", &[]).await)
        };
        assert_is!(call(-32005, "slow down").await, SourceError::RateLimited { .. });
        assert_is!(call(-32603, "Too many requests").await, SourceError::RateLimited { .. });
        assert_is!(call(-32008, "Response is too big").await, SourceError::TooLarge { .. });
        assert_is!(call(-32603, "upstream timed out").await, SourceError::Transient { .. });
        assert_is!(call(-32602, "Invalid params").await, SourceError::Fatal { .. });
        let error = assert_is!(call(-32601, "Method not found").await, SourceError::Unsupported { at: None, .. });
        assert!(error.to_string().contains("state_call"), "{error}");
        let missing = "Client error: Execution failed: Other: Exported method Api_function is not found";
        let error = assert_is!(call(-32603, missing).await, SourceError::Unsupported { at: Some(5), .. });
        assert_eq!(error.to_string(), "Api_function is not available at block 5");
    }
    Ok(())
}

#[tokio::test]
async fn an_http_status_says_what_to_do() -> Outcome {
    let (_, node) = upgrading().await?;
    for transport in BOTH {
        node.refuse(Some((429, Some(7))));
        let error = assert_is!(error_of(connect_by(&node, transport).await), SourceError::RateLimited { .. });
        if transport == Transport::Http {
            assert_is!(error, SourceError::RateLimited { retry_after: Some(pause), .. } if pause.as_secs() == 7);
        }
        node.refuse(Some((503, None)));
        assert_is!(error_of(connect_by(&node, transport).await), SourceError::Transient { .. });
        node.refuse(Some((401, None)));
        assert_is!(error_of(connect_by(&node, transport).await), SourceError::Fatal { .. });
        node.refuse(Some((404, None)));
        assert_is!(error_of(connect_by(&node, transport).await), SourceError::Fatal { .. });
        node.refuse(None);
        connect_by(&node, transport).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_larger_than_we_accept_is_too_large() -> Outcome {
    let (_, node) = upgrading().await?;
    for url in [node.ws_url(), node.http_url()] {
        let source = RpcSource::connect(&url, RpcOptions { max_response: 64 * 1024, ..quick() }).await?;
        let at = source.header(5.into()).await?.reference();
        assert_is!(error_of(source.runtime(&at).await), SourceError::TooLarge { .. });
        // And what is small still comes.
        source.header(6.into()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn metadata_that_cannot_be_used_is_final() -> Outcome {
    let (_, node) = upgrading().await?;
    node.script("state_getMetadata", Answer::Value("0x6d657461ff".into()));
    let source = connect(&node).await?;
    let error = assert_is!(error_of(source.block(3.into()).await), SourceError::Fatal { .. });
    assert!(error.to_string().contains("block 2"), "{error}");
    // Nothing was remembered: a repaired node serves.
    node.unscript();
    source.block(3.into()).await?;
    Ok(())
}

#[tokio::test]
async fn a_lost_connection_is_made_again_by_the_next_request() -> Outcome {
    let (_, node) = upgrading().await?;
    let source = connect(&node).await?;
    for number in 1..=3 {
        source.header(number.into()).await?;
        node.hang_up();
    }
    source.header(4.into()).await?;
    assert_eq!(node.connections(), 4);
    Ok(())
}

#[tokio::test]
async fn a_read_that_lost_its_connection_is_sent_again_within_its_budget() -> Outcome {
    for transport in BOTH {
        let (_, node) = upgrading().await?;
        let source = connect_by(&node, transport).await?;
        node.script_once("chain_getHeader", Answer::HangUp);
        assert_eq!(source.header(4.into()).await?.header.number, 4);
        node.script("chain_getHeader", Answer::HangUp);
        assert_is!(error_of(source.header(5.into()).await), SourceError::Transient { .. });
        assert_eq!(node.count("chain_getHeader"), 2 + 1 + quick().retry_budget.retries as usize);
    }
    Ok(())
}

#[tokio::test]
async fn a_node_that_is_gone_is_a_passing_failure() -> Outcome {
    for transport in BOTH {
        let (_, node) = upgrading().await?;
        let source = connect_by(&node, transport).await?;
        drop(node);
        let error = assert_is!(error_of(source.header(4.into()).await), SourceError::Transient { .. });
        assert!(error.is_retryable() && error.to_string().starts_with("127.0.0.1:"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn another_chain_after_a_reconnect_is_refused() -> Outcome {
    let (_, node) = upgrading().await?;
    let source = connect(&node).await?;
    node.script("chain_getBlockHash", Answer::Value(BlockHash([1; 32]).to_string().into()));
    node.hang_up();
    // The first request may still meet the old connection.
    let _ = source.head(Default::default()).await;
    let error = assert_is!(error_of(source.head(Default::default()).await), SourceError::Fatal { .. });
    assert!(error.to_string().contains("another chain"), "{error}");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_never_comes_is_given_up() -> Outcome {
    for transport in BOTH {
        let (_, node) = upgrading().await?;
        let source = connect_by(&node, transport).await?;
        node.script("chain_getHeader", Answer::Never);
        let error = timeout(Duration::from_secs(5), source.head(Default::default())).await?;
        let error = assert_is!(error_of(error), SourceError::Transient { source: None, .. });
        assert_eq!(error.to_string(), format!("{}: no answer to chain_getHeader within 2 s", source.endpoint()));
    }
    Ok(())
}

/// Time is paused: it jumps to the deadline as soon as there is nothing else to wait for.
#[tokio::test(start_paused = true)]
async fn a_dead_node_is_given_up_within_ten_seconds() -> Outcome {
    // One port where nobody listens, one where somebody accepts and says nothing.
    let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let mute = TcpListener::bind("127.0.0.1:0").await?;
    for scheme in ["ws", "wss", "http", "https"] {
        for address in [closed, mute.local_addr()?] {
            let start = Instant::now();
            let error = error_of(RpcSource::connect(&format!("{scheme}://{address}"), RpcOptions::default()).await);
            assert!(start.elapsed() < Duration::from_secs(10), "{scheme}: {:?}", start.elapsed());
            let error = assert_is!(error, SourceError::Transient { .. });
            let message = match (address == closed, scheme) {
                (true, _) => "cannot connect (is a node running there?)",
                (false, "ws" | "wss") => "no connection within 8 s (is the address right?)",
                (false, _) => "no answer to chain_getBlockHash within 8 s",
            };
            assert_eq!(error.to_string(), format!("{address}: {message}"), "{scheme}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_node_that_greets_and_then_says_nothing_is_given_up() -> Outcome {
    let (_, node) = upgrading().await?;
    node.script("chain_getBlockHash", Answer::Never);
    for url in [node.ws_url(), node.http_url()] {
        let options = RpcOptions { connect_timeout: Duration::from_millis(200), ..RpcOptions::default() };
        let attempt = timeout(Duration::from_secs(5), RpcSource::connect(&url, options)).await?;
        let error = assert_is!(error_of(attempt), SourceError::Transient { source: None, .. });
        assert!(error.to_string().ends_with(": no answer to chain_getBlockHash within 0.2 s"), "{error}");
    }
    Ok(())
}

/// A server without TLS behind a `wss://` or `https://` URL: an error, and no panic over a missing crypto provider.
#[tokio::test]
async fn tls_with_a_server_that_has_none_fails_cleanly() -> Outcome {
    let (_, node) = upgrading().await?;
    for url in [node.ws_url().replace("ws:", "wss:"), node.http_url().replace("http:", "https:")] {
        let error = assert_is!(error_of(RpcSource::connect(&url, quick()).await), SourceError::Transient { .. });
        assert!(error.to_string().ends_with(" (does it speak TLS? if not, use ws:// or http://)"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn no_error_shows_the_key_in_the_url() -> Outcome {
    let (_, node) = upgrading().await?;
    let address = node.ws_url().replace("ws://", "");
    let mut errors = Vec::new();
    for url in [format!("ws://user:sesame@{address}/sesame?key=sesame"), format!("http://user:sesame@{address}/sesame")]
    {
        let source = RpcSource::connect(&url, quick()).await?;
        assert_eq!(source.endpoint(), address);
        node.script("chain_getHeader", Answer::error(-32000, "no"));
        errors.push(error_of(source.head(Default::default()).await));
        node.unscript();
        node.refuse(Some((403, None)));
        errors.push(error_of(RpcSource::connect(&url, quick()).await));
        node.refuse(None);
        assert!(!format!("{source:?}").contains("sesame"));
    }
    errors.push(error_of(RpcSource::connect("ws://sesame@127.0.0.1:1/sesame", quick()).await));
    for error in errors {
        let mut cause: Option<&dyn Error> = Some(&error);
        while let Some(error) = cause {
            assert!(!format!("{error} {error:?}").contains("sesame"), "{error:?}");
            cause = error.source();
        }
    }
    Ok(())
}

#[tokio::test]
async fn requests_of_different_tasks_do_not_disturb_each_other() -> Outcome {
    let (chain, node) = upgrading().await?;
    let source = connect(&node).await?;
    let keys: Vec<Bytes> = (0..8).map(chains::tempo_key).collect();
    let reads = (0..40u64).map(|index| {
        let (source, chain, keys, number) = (source.clone(), chain.clone(), keys.clone(), index % 20 + 1);
        tokio::spawn(async move {
            let at = source.header(number.into()).await?.reference();
            Ok::<_, SourceError>(source.storage(&at, &keys).await? == chain.storage(&at, &keys).await?)
        })
    });
    for read in futures::future::join_all(reads).await {
        assert!(read??);
    }
    Ok(())
}
