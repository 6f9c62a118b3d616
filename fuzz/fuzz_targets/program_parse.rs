//! Fuzzes [`glassbox_dsl::fuzzing::program_parse`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glassbox_dsl::fuzzing::program_parse(bytes));
