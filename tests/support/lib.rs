//! What the tests of this workspace stand on: runtimes, made-up chains and samples, a node to ask, and ways to break it.
//!
//! | to have | take |
//! |---|---|
//! | a chain | [`chains`]: `cheap`, `live`, `upgrading`, `SixSpecs` |
//! | a node that serves it, and answers as it is told | [`node`] |
//! | cuts, broken messages, lost replies, silent or lying subscriptions between client and node | [`proxy`] |
//! | a process that is killed and started again | [`crash`] |
//! | a store that fails; a disk that loses its power | [`faulty_store`], [`disk`] |
//! | what must have been written, and what was | [`oracle`] |
//! | what a run of the engine left: its artifacts, its cursor, what is safe | [`runs`] |
//! | what a process used | [`watch`] |
//! | a chain whose blocks are there before they are asked for; a node of it in a process of its own | [`ready`], [`apart`] |
//!
//! A fault test is a chain, a node, a script, the run, and the oracle's verdict:
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use std::sync::Arc;
//! use sentinel_core::source::{BlockSource, RpcSource};
//! use sentinel_support::node::Node;
//! use sentinel_support::oracle::{Columns, Objects, Rows, Truth};
//! use sentinel_support::proxy::{Action, Mix, Proxy, Script, Span};
//! use sentinel_support::{chains, rng, rpc::quick};
//!
//! let chain = chains::cheap(20)?;
//! let node = Node::serve(Arc::new(chain.clone())).await?;
//! let mix = Mix::new(5, Span::Method("chain_getBlock", 20)).with(1, Action::NullResult);
//! let proxy = Proxy::start(&node.ws_url(), Script::random(rng::seed_or(1), &mix)).await?;
//!
//! // The run under test: here a reader that asks until it is told.
//! let source = RpcSource::connect(&proxy.ws_url(), quick()).await?;
//! let mut lines = String::new();
//! for number in 1..=20u64 {
//!     let block = loop { if let Ok(block) = source.block(number.into()).await { break block } };
//!     lines += &format!("{{\"number\":{number},\"hash\":\"{}\"}}\n", block.header.hash);
//! }
//!
//! let objects = Objects::from([("sim/blocks/v1/0000000001-0000000020.jsonl", lines)]);
//! let columns = Columns::new("number").hash("hash");
//! let verdict = Truth::of(&chain, 1..=20).await?.check(&objects, "sim/blocks/", &columns, Rows::OnePerBlock)?;
//! assert!(verdict.is_clean(), "{verdict}: {:?}", verdict.examples);
//! assert_eq!(proxy.stats().done("null_result"), 5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod apart;
pub mod apis;
pub mod blocks;
pub mod chains;
pub mod child;
pub mod corpus;
pub mod crash;
pub mod disk;
pub mod exact;
pub mod exact_json;
pub mod extra_types;
pub mod extrinsics;
pub mod faulty_store;
pub mod fuzz;
pub mod metagraphs;
pub mod mutations;
pub mod node;
pub mod oracle;
pub mod proxy;
pub mod ready;
pub mod recordings;
pub mod registry;
pub mod rng;
pub mod rpc;
pub mod runs;
pub mod runtimes;
pub mod samples;
pub mod small_stack;
pub mod watch;
