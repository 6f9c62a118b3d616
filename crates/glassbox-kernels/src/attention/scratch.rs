//! Memory that a thread keeps from one call to the next.

use std::cell::Cell;
use std::thread::LocalKey;

/// Sixteen numbers at an address that is a multiple of 64, so that no vector crosses a line of the cache.
#[derive(Clone)]
#[repr(align(64))]
struct Line(#[allow(dead_code, reason = "read and written through pointers")] [f32; LINE]);

/// How many numbers a line has.
pub(super) const LINE: usize = 16;

/// Memory that is kept.
pub(super) struct Kept(Cell<Vec<Line>>);

thread_local! {
    /// What a piece of work uses.
    pub(super) static PIECE: Kept = const { Kept(Cell::new(Vec::new())) };
    /// What the pieces of one call leave for the thread that called.
    pub(super) static PARTS: Kept = const { Kept(Cell::new(Vec::new())) };
}

/// Runs `work` with memory for as many numbers as the parts of `sizes` have together, which hold anything. Each part
/// begins at a multiple of 64 bytes.
pub(super) fn with_parts<const N: usize, T>(
    kept: &'static LocalKey<Kept>,
    sizes: [usize; N],
    work: impl FnOnce([*mut f32; N]) -> T,
) -> T {
    let lines = sizes.map(|size| size.div_ceil(LINE));
    let total = lines.iter().sum::<usize>();
    // Taken, so that work within this work finds other memory.
    let mut memory = kept.with(|kept| kept.0.take());
    if memory.len() < total {
        memory.resize(total, Line([0.0; LINE]));
    }
    let mut at = 0;
    let begin = memory.as_mut_ptr().cast::<f32>();
    let parts = lines.map(|lines| {
        // SAFETY: the parts lie within the memory one behind the other.
        let part = unsafe { begin.add(at * LINE) };
        at += lines;
        part
    });
    let result = work(parts);
    kept.with(|kept| kept.0.set(memory));
    result
}
