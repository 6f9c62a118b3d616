//! Fuzzes [`glassbox_testkit::fuzzing::text_parse`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glassbox_testkit::fuzzing::text_parse(bytes));
