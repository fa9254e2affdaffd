//! The command line of sentinel.
fn main() {}
