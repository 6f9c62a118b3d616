//! Fuzzes [`glassbox_weights::fuzzing::weights_tables`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glassbox_weights::fuzzing::weights_tables(bytes));
