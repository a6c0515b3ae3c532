//! Hands the fuzzer's bytes to the body of the same name.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wharf_fuzz::ws_stream_split(bytes));
