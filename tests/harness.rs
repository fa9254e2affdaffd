//! The fault harness under test: what it says it does, it does.

#[path = "harness/client.rs"]
mod client;
#[path = "harness/crashes.rs"]
mod crashes;
#[path = "harness/proxy.rs"]
mod proxy;
#[path = "harness/replies.rs"]
mod replies;
#[path = "harness/stores.rs"]
mod stores;
#[path = "harness/truth.rs"]
mod truth;
