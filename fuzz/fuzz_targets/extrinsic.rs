//! Any bytes as an extrinsic.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sentinel_support::fuzz::extrinsic(input));
