//! What the tests of this workspace stand on: runtimes, made-up chains and samples, and a node to ask.

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
pub mod recordings;
pub mod registry;
pub mod rng;
pub mod rpc;
pub mod runtimes;
pub mod samples;
pub mod small_stack;
pub mod watch;
