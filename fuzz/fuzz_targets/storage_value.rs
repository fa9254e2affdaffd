//! Any bytes as the value or the key of a storage item.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sentinel_support::fuzz::storage_value(input));
