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

/// Memory in use, which goes back to be kept when it is dropped.
pub(super) struct Scratch {
    kept: &'static LocalKey<Kept>,
    memory: Vec<Line>,
}

impl Scratch {
    /// Memory for as many numbers as the parts of `sizes` have together, which hold anything, and where each part begins,
    /// at a multiple of 64 bytes. (A kernel isn't given as a closure, which would not be compiled for its level.)
    pub(super) fn take<const N: usize>(kept: &'static LocalKey<Kept>, sizes: [usize; N]) -> (Scratch, [*mut f32; N]) {
        let lines = sizes.map(|size| size.div_ceil(LINE));
        let total = lines.iter().sum::<usize>();
        // Taken, so that work within this work finds other memory.
        let mut memory = kept.with(|kept| kept.0.take());
        if memory.len() < total {
            memory.resize(total, Line([0.0; LINE]));
        }
        let mut next = memory.as_mut_ptr().cast::<f32>();
        let parts = lines.map(|lines| {
            let part = next;
            next = next.wrapping_add(lines * LINE);
            part
        });
        (Scratch { kept, memory }, parts)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        // While the thread ends there is nothing to keep.
        let _ = self.kept.try_with(|kept| kept.0.set(memory));
    }
}
