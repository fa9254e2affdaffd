//! What the proxy does to connections, and how its scripts are made.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sentinel_core::source::{BlockSource, RpcOptions, RpcSource, SourceError};
use sentinel_support::oracle::{Columns, Objects, Rows, Truth};
use sentinel_support::proxy::{Action, Mix, Proxy, Script, Span, Trigger};
use sentinel_support::rpc::quick;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::client::{Client, MOMENT, Outcome, PATIENCE, Seen, proxied};

/// What a client sees when its second request does this.
async fn after(action: Action) -> Outcome<Seen> {
    let (_chain, node, proxy) = proxied(3, Script::new().on(Trigger::Request(2), action.clone())).await?;
    let mut client = Client::connect(&proxy).await?;
    client.ask("chain_getBlockHash", json!([1])).await?;
    client.send("chain_getBlockHash", json!([2])).await?;
    let seen = if action == Action::HalfOpen { client.now().await } else { client.next().await? };
    assert_eq!(proxy.stats().done(action.name()), 1);
    let reached = if matches!(action, Action::ForwardThenCut) { 2 } else { 1 };
    assert_eq!(node.count("chain_getBlockHash"), reached, "requests that reached the node");
    // The next connection is served.
    let mut again = Client::connect(&proxy).await?;
    assert!(again.result("chain_getBlockHash", json!([2])).await?.is_string());
    Ok(seen)
}

#[tokio::test]
async fn connections_end_as_they_are_told() -> Outcome {
    assert!(matches!(after(Action::Fin).await?, Seen::Closed));
    assert!(matches!(after(Action::Rst).await?, Seen::Reset));
    assert!(matches!(after(Action::HalfOpen).await?, Seen::Nothing));
    assert!(matches!(after(Action::ForwardThenCut).await?, Seen::Reset));
    Ok(())
}

#[tokio::test]
async fn a_half_open_connection_says_nothing_more_and_stays() -> Outcome {
    let (_chain, _node, proxy) = proxied(3, Script::new()).await?;
    let mut client = Client::connect(&proxy).await?;
    client.ask("chain_getBlockHash", json!([1])).await?;
    proxy.strike(Action::HalfOpen);
    sleep(MOMENT).await;
    for _ in 0..3 {
        client.send("chain_getBlockHash", json!([2])).await?;
        assert!(matches!(client.now().await, Seen::Nothing));
    }
    Ok(())
}

#[tokio::test]
async fn a_cut_is_exact_to_the_byte() -> Outcome {
    for at in [1, 57, 131] {
        let (_chain, _node, proxy) = proxied(3, Script::new().on(Trigger::Byte(at), Action::Fin)).await?;
        let address = proxy.http_url();
        let mut socket = TcpStream::connect(address.trim_start_matches("http://")).await?;
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"chain_getBlockHash","params":[1]}"#;
        let request = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        socket.write_all(request.as_bytes()).await?;
        let mut got = Vec::new();
        socket.read_to_end(&mut got).await?;
        assert_eq!(got.len() as u64, at);
        assert_eq!(proxy.stats().bytes_down, at);
    }
    Ok(())
}

#[tokio::test]
async fn cuts_close_together_all_happen() -> Outcome {
    let script = (100..110).fold(Script::new(), |script, at| script.on(Trigger::Byte(at), Action::Rst));
    let (_chain, _node, proxy) = proxied(3, script).await?;
    for _ in 0..10 {
        // Each falls into the next handshake.
        assert!(Client::connect(&proxy).await.is_err());
    }
    assert_eq!((proxy.stats().done("rst"), proxy.pending()), (10, 0));
    assert!(Client::connect(&proxy).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn for_a_while_nobody_is_let_in() -> Outcome {
    let (_chain, _node, proxy) = proxied(3, Script::new()).await?;
    let mut client = Client::connect(&proxy).await?;
    client.ask("chain_getBlockHash", json!([1])).await?;
    proxy.strike(Action::Refuse(Duration::from_secs(1)));
    assert!(matches!(client.next().await?, Seen::Reset));
    let address = proxy.ws_url();
    let address = address.trim_start_matches("ws://");
    let refused = TcpStream::connect(address).await.map_err(|error| error.kind());
    assert!(matches!(refused, Err(ErrorKind::ConnectionRefused)), "{refused:?}");
    let start = Instant::now();
    while TcpStream::connect(address).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(8), "it never opened again");
        sleep(Duration::from_millis(20)).await;
    }
    assert!(Client::connect(&proxy).await?.result("chain_getBlockHash", json!([1])).await?.is_string());
    Ok(())
}

#[tokio::test]
async fn statuses_meet_handshakes_and_plain_requests() -> Outcome {
    let limited = Action::Http { status: 429, retry_after: Some(7) };
    let script = Script::new().on(Trigger::Connection(1), limited.clone());
    let (_chain, _node, proxy) = proxied(3, script).await?;
    let refused = RpcSource::connect(&proxy.ws_url(), quick()).await;
    let expected =
        |error: &SourceError| matches!(error, SourceError::RateLimited { .. }) || error.to_string().contains("429");
    assert!(refused.as_ref().is_err_and(expected), "{refused:?}");
    assert!(RpcSource::connect(&proxy.ws_url(), quick()).await.is_ok());

    let script = Script::new().on(Trigger::method("chain_getBlock", 1), limited);
    let (_chain, _node, proxy) = proxied(3, script).await?;
    let source = RpcSource::connect(&proxy.http_url(), quick()).await?;
    let refused = source.block(2.into()).await;
    assert!(
        matches!(refused, Err(SourceError::RateLimited { retry_after: Some(wait), .. }) if wait.as_secs() == 7),
        "{refused:?}"
    );
    assert_eq!(source.block(2.into()).await?.header.header.number, 2);
    Ok(())
}

/// Sends one request to an address, and gives the first line of the answer, or nothing where there was none.
async fn plain(url: &str, method: &str) -> Outcome<String> {
    let mut socket = TcpStream::connect(url.trim_start_matches("http://")).await?;
    let request = format!("{method} /key HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc");
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    // A reset is no answer either.
    let _ = socket.read_to_string(&mut answer).await;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn any_http_server_can_be_behind_it() -> Outcome {
    let server = created().await?;
    let script = Script::new()
        .on(Trigger::method("PUT", 2), Action::ForwardThenCut)
        .on(Trigger::method("PUT", 3), Action::http(503))
        .on(Trigger::method("PUT", 4), Action::Rst);
    let proxy = Proxy::start_http(&server.url, script).await?;
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(plain(&proxy.http_url(), "PUT").await?);
    }
    assert_eq!(answers, ["HTTP/1.1 201 Created", "", "HTTP/1.1 503 Service Unavailable", "", "HTTP/1.1 201 Created"]);
    // The second reached it, and nobody was told.
    assert_eq!(server.requests.load(Ordering::SeqCst), 3);
    Ok(())
}

struct Server {
    url: String,
    requests: Arc<AtomicUsize>,
}

/// Answers everything that has a body of `abc` with 201.
async fn created() -> Outcome<Server> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = Server { url: format!("http://{}", listener.local_addr()?), requests: Arc::default() };
    let requests = Arc::clone(&server.requests);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut got = Vec::new();
            while !got.ends_with(b"abc") && socket.read_buf(&mut got).await.is_ok_and(|len| len > 0) {}
            requests.fetch_add(1, Ordering::SeqCst);
            let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
            let _ = socket.write_all(answer).await;
        }
    });
    Ok(server)
}

#[tokio::test]
async fn time_triggers_too() -> Outcome {
    let script = Script::new().on(Trigger::Elapsed(Duration::from_millis(1)), Action::NullResult);
    let (_chain, _node, proxy) = proxied(3, script).await?;
    let start = Instant::now();
    while proxy.pending() == 0 {
        assert!(start.elapsed() < PATIENCE, "the clock did nothing");
        sleep(Duration::from_millis(5)).await;
    }
    // Time triggered it, and it waited for a request.
    let mut client = Client::connect(&proxy).await?;
    assert!(client.result("chain_getBlockHash", json!([1])).await?.is_null());
    assert!(client.result("chain_getBlockHash", json!([1])).await?.is_string());
    Ok(())
}

#[tokio::test]
async fn without_a_script_nothing_is_changed() -> Outcome {
    let (chain, node, proxy) = proxied(20, Script::new()).await?;
    for url in [proxy.ws_url(), proxy.http_url()] {
        node.forget_calls();
        let source = RpcSource::connect(&url, quick()).await?;
        for number in 1..=20 {
            let (block, real) = (source.block(number.into()).await?, chain.block(number.into()).await?);
            assert_eq!(block.header, real.header);
            assert_eq!((block.extrinsics, block.events), (real.extrinsics, real.events));
        }
    }
    let stats = proxy.stats();
    assert_eq!(stats.total(), 0);
    assert!(stats.bytes_up > 1_000 && stats.bytes_down > stats.bytes_up, "{stats:?}");
    Ok(())
}

#[test]
fn a_seed_is_a_script() {
    let mix = Mix::cuts(1_000, Span::Bytes(5_000_000));
    let script = Script::random(7, &mix);
    assert_eq!(script, Script::random(7, &mix));
    assert_ne!(script.rules(), Script::random(8, &mix).rules());
    let mut kinds: BTreeMap<_, usize> = BTreeMap::new();
    for rule in script.rules() {
        assert!(matches!(rule.when, Trigger::Byte(1..=5_000_000)));
        *kinds.entry(rule.then.name()).or_default() += 1;
    }
    // 40 %, 40 % and 20 % of a thousand, give or take four standard deviations.
    assert!((340..460).contains(&kinds["rst"]) && (340..460).contains(&kinds["fin"]), "{kinds:?}");
    assert!((150..250).contains(&kinds["half_open"]), "{kinds:?}");
    // As many as asked for, each at a place of its own.
    let all = Script::random(1, &Mix::new(50, Span::Notifications(50)).with(1, Action::SkipNotification));
    let places: Vec<_> = all.rules().iter().map(|rule| rule.when.clone()).collect();
    assert_eq!(places, (1..=50).map(Trigger::Notification).collect::<Vec<_>>());
}

/// What a fault test looks like: everything that can happen to a connection or a reply, and nothing is lost.
#[tokio::test]
async fn a_patient_reader_gets_every_block_through_all_of_it() -> Outcome {
    let script = Script::random(11, &Mix::cuts(20, Span::Bytes(1_000_000)))
        .and(Script::random(12, &Mix::replies(30, Span::Requests(400))));
    let (chain, _node, proxy) = proxied(100, script).await?;
    let options = RpcOptions { request_timeout: Duration::from_millis(300), ..quick() };
    let mut source = None;
    let mut lines = String::new();
    let mut number = 1u64;
    while number <= 100 {
        let Some(open) = &source else {
            source = RpcSource::connect(&proxy.ws_url(), options.clone()).await.ok();
            continue;
        };
        match open.block(number.into()).await {
            Ok(block) => {
                lines += &format!("{}\n", json!({"number": number, "hash": block.header.hash}));
                number += 1;
            }
            // Whatever it was, a new connection does not have it.
            Err(_) => source = None,
        }
    }
    let truth = Truth::of(&chain, 1..=100).await?;
    let objects = Objects::from([("made-up/blocks/v1/0000000001-0000000100.jsonl", lines)]);
    let verdict = truth.check(&objects, "made-up/blocks/", &Columns::new("number").hash("hash"), Rows::OnePerBlock)?;
    println!("{} actions={:?}", verdict.clone().calls(proxy.stats().requests), proxy.stats().actions);
    assert!(verdict.is_clean(), "{verdict}: {:?}", verdict.examples);
    assert!(proxy.stats().total() > 25, "{:?}", proxy.stats());
    Ok(())
}
