//! Any bytes as the value of `System.Events`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sentinel_support::fuzz::event_records(input));
