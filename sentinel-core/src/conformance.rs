//! Suites that any implementation of the traits can run on itself; they panic at the first broken promise.

mod storage;

pub use storage::storage;
