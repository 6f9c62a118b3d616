//! Fuzzes [`glassbox_testkit::fuzzing::onnx_load`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glassbox_testkit::fuzzing::onnx_load(bytes));
