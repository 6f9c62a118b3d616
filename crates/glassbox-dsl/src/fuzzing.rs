//! What the fuzz target for programs does with its bytes.

use crate::{Lower, NoModel, Program};

/// A program in block form as text: read, checked and lowered without a package. An error is a fine answer, and it names
/// the file; a panic, a hang or a large allocation is none.
pub fn program_parse(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let result = Program::parse("fuzzed.gbp", text).and_then(|program| program.lower(&NoModel));
    // What was read is remembered for the sake of spans, and would pile up.
    proc_macro2::extra::invalidate_current_thread_spans();
    if let Err(error) = result {
        assert!(error.place.file == "fuzzed.gbp" && !error.message.is_empty(), "{error}");
    }
}
