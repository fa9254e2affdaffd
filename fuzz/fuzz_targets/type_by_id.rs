//! Any bytes as a value of any type.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sentinel_support::fuzz::type_by_id(input));
