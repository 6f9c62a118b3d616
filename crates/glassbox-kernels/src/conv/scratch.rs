//! Memory that begins at a cache line, and memory that a thread keeps between runs, so that a run allocates nothing
//! once it is warm.

use std::cell::RefCell;

/// A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

const LINE: usize = 16;

/// Numbers of which the first begins a cache line: a vector that lies in two lines takes two loads.
#[derive(Clone, Debug, Default)]
pub(super) struct Aligned(Vec<Line>);

impl Aligned {
    /// At least `length` zeros.
    pub(super) fn zeros(length: usize) -> Aligned {
        Aligned(vec![Line([0.0; LINE]); length.div_ceil(LINE)])
    }

    /// The numbers.
    pub(super) fn numbers(&self) -> &[f32] {
        // SAFETY: a line is an array of as many f32, without padding.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * LINE) }
    }

    /// The numbers.
    pub(super) fn numbers_mut(&mut self) -> &mut [f32] {
        let length = self.0.len() * LINE;
        // SAFETY: a line is an array of as many f32, without padding.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), length) }
    }
}

thread_local! {
    // What isn't in use; work may ask for more while it has some.
    static NUMBERS: RefCell<Vec<Aligned>> = const { RefCell::new(Vec::new()) };
    static OFFSETS: RefCell<Vec<Vec<isize>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with `length` numbers of any value, that begin at a cache line.
pub(super) fn with_numbers<T>(length: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    let mut numbers = NUMBERS.with_borrow_mut(Vec::pop).unwrap_or_default();
    if numbers.numbers().len() < length {
        numbers = Aligned::zeros(length);
    }
    let result = work(&mut numbers.numbers_mut()[..length]);
    NUMBERS.with_borrow_mut(|unused| unused.push(numbers));
    result
}

/// Calls `work` with `length` offsets of any value.
pub(super) fn with_offsets<T>(length: usize, work: impl FnOnce(&mut [isize]) -> T) -> T {
    let mut offsets = OFFSETS.with_borrow_mut(Vec::pop).unwrap_or_default();
    if offsets.len() < length {
        offsets.resize(length, 0);
    }
    let result = work(&mut offsets[..length]);
    OFFSETS.with_borrow_mut(|unused| unused.push(offsets));
    result
}
