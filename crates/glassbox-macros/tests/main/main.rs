//! Programs that are wrong don't compile, and the message points at what is wrong.
//!
//! `tests/wrong/TOPIC/….rs` are files of macro calls with one mistake each; the `.stderr` beside each says what the
//! compiler prints, line by line. `TRYBUILD=overwrite cargo test -p glassbox-macros` writes them: read the difference.

#[test]
fn wrong_programs_are_pointed_at() {
    trybuild::TestCases::new().compile_fail("tests/wrong/*/*.rs");
}
