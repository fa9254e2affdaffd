//! What the tests of this workspace stand on: runtimes, made-up chains, and a node to ask.

pub mod chains;
pub mod node;
pub mod recordings;
pub mod rpc;
pub mod runtimes;
