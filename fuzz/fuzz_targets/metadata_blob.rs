//! Any bytes as runtime metadata.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sentinel_support::fuzz::metadata_blob(input));
