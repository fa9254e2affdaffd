//! Any bytes as an answer of the runtime APIs of subnets.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sentinel_support::fuzz::subnet_answer(input));
