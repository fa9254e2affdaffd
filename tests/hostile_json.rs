//! JSON made to exhaust memory or stack, or to be mistaken for an answer, is refused, in a process that has little.

#[path = "hostile_json/cases.rs"]
mod cases;
#[path = "hostile_json/relay.rs"]
mod relay;

use std::collections::BTreeSet;
use std::sync::Arc;

use cases::{Case, Reader};
use futures::TryStreamExt;
use relay::Body;
use sentinel_core::artifact::NetworkWord;
use sentinel_core::artifact::raw::{Layout, Manifest, Window};
use sentinel_core::chain::BlockRef;
use sentinel_core::detect::{Detector, HyperparameterChange};
use sentinel_core::source::{BlockSource, RetryBudget, RpcOptions, RpcSource};
use sentinel_core::storage::{ObjectStorage, Storage, StorageExt};
use sentinel_support::chains;
use sentinel_support::child::{self, measured};
use sentinel_support::node::Node;
use sentinel_support::rpc::quick;
use sentinel_support::small_stack::on_a_small_stack;

/// Most memory that one input may take, the answer itself included, in KiB.
const MOST_MEMORY: u64 = 64 << 10;

#[test]
fn hostile_json_is_refused_with_little_memory() {
    let cases = cases::cases();
    assert!(cases.len() >= 20, "{} cases", cases.len());
    assert_eq!(cases.iter().map(|case| case.name).collect::<BTreeSet<_>>().len(), cases.len(), "names are unique");
    let mut took = Vec::new();
    for case in &cases {
        let ended = child::run("refuse_one_in_a_child", case.name).expect("a child starts");
        assert!(ended.status.success(), "{}: {}\n{}", case.name, ended.status, ended.output);
        let figures = ended.figures.expect("a child that ends well tells what it took");
        assert!(figures.peak.is_none_or(|peak| peak <= MOST_MEMORY), "{}: {figures:?}", case.name);
        took.push((figures, case.name));
    }
    let slowest = took.iter().max_by_key(|(figures, _)| figures.time).expect("cases");
    let largest = took.iter().max_by_key(|(figures, _)| figures.peak).expect("cases");
    println!("{} inputs, the slowest in {:?}: {}", took.len(), slowest.0.time, slowest.1);
    println!("the most memory {:?} KiB: {}", largest.0.peak, largest.1);
}

/// The same questions, and nothing but honest answers: it is the answers that the test above has refused.
#[tokio::test]
async fn the_same_questions_are_answered_otherwise() {
    let methods = cases::cases().into_iter().filter_map(|case| match case.reader {
        Reader::Node(method) => Some(method),
        _ => None,
    });
    for method in methods.collect::<BTreeSet<_>>() {
        let body = Body::Raw(Vec::new());
        assert!(!refused(method, "a_method_that_nobody_asks_for", body).await, "{method}");
    }
}

#[test]
#[ignore = "run by the first test, for one input in a process of its own"]
fn refuse_one_in_a_child() {
    let Some(name) = child::task() else { return };
    on_a_small_stack(move || {
        let case = cases::cases().into_iter().find(|case| case.name == name).expect("a case of that name");
        // One thread: whatever reads the answer has no more stack than this one.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        assert!(runtime.block_on(is_refused(case)), "it was taken for an answer");
    });
}

async fn is_refused(case: Case) -> bool {
    match case.reader {
        Reader::Node(method) => refused(method, method, case.body).await,
        Reader::Manifest => {
            let storage = ObjectStorage::memory();
            let network: NetworkWord = "local".parse().expect("a word");
            let (layout, window) = (Layout::new(network), Window::new(0, 9).expect("a window"));
            let key = layout.manifest(window).expect("a key");
            storage.store(&key, text(case.body).into()).await.expect("memory takes it");
            let storage: &dyn Storage = &storage;
            measured_async(Manifest::load(storage, &layout, window)).await.is_err()
        }
        Reader::Snapshot => {
            let mut detector = HyperparameterChange::default();
            let text = text(case.body);
            measured(|| detector.restore(&text));
            detector.snapshot().is_none()
        }
    }
}

fn text(body: Body) -> Vec<u8> {
    match body {
        Body::Raw(bytes) => bytes,
        Body::Result(text) | Body::Error(text) => text.into_bytes(),
    }
}

/// Whether whatever needs `method` fails, at a node that answers `hostile` with this body and all else well.
async fn refused(method: &'static str, hostile: &'static str, body: Body) -> bool {
    let (chain, _) = chains::upgrading(8);
    let node = Node::serve(Arc::new(chain)).await.expect("a port");
    let honest = RpcSource::connect(&node.http_url(), quick()).await.expect("the node answers");
    let at = honest.header(5.into()).await.expect("block 5").reference();
    let address = node.http_url().trim_start_matches("http://").parse().expect("an address");
    let relay = relay::start(address, hostile, body).expect("a port");
    measured_async(async {
        let once = RpcOptions { retry_budget: RetryBudget::NONE, ..quick() };
        match RpcSource::connect(&format!("http://{relay}"), once).await {
            Ok(source) => asked(&source, method, &at).await.is_err(),
            Err(_) => true,
        }
    })
    .await
}

async fn asked(source: &RpcSource, method: &str, at: &BlockRef) -> Result<(), Box<dyn std::error::Error>> {
    let key = chains::tempo_key(1);
    match method {
        "chain_getBlock" => drop(source.block(at.hash.into()).await?),
        "chain_getHeader" => drop(source.header(at.hash.into()).await?),
        "state_getKeysPaged" => drop(source.storage_prefix(*at, key).try_collect::<Vec<_>>().await?),
        "state_getMetadata" | "state_getRuntimeVersion" => drop(source.runtime(at).await?),
        "state_queryStorageAt" => drop(source.storage(at, &[key]).await?),
        "system_chain" => drop(source.identity().await?),
        _ => drop(source.header(5.into()).await?),
    }
    Ok(())
}

/// [`measured`] for work that waits; there is one thread, so nothing else is measured but the node that answers.
async fn measured_async<T>(work: impl Future<Output = T>) -> T {
    let measuring = child::Measuring::start();
    let done = work.await;
    measuring.end();
    done
}
