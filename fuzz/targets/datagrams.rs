//! See `madang_server::fuzzing::datagrams`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| madang_server::fuzzing::datagrams(bytes));
