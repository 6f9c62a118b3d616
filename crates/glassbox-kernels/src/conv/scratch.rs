//! Memory that a thread keeps between runs, so that a run allocates nothing once it is warm.

use std::cell::RefCell;

use crate::memory::Memory;

thread_local! {
    // What isn't in use; work may ask for more while it has some.
    static NUMBERS: RefCell<Vec<Memory>> = const { RefCell::new(Vec::new()) };
    static OFFSETS: RefCell<Vec<Vec<isize>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with `length` numbers of any value, that begin at a cache line.
pub(super) fn with_numbers<T>(length: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    let mut numbers = NUMBERS.with_borrow_mut(Vec::pop).unwrap_or_else(|| Memory::zeroed(0));
    if numbers.numbers().len() < length {
        numbers = Memory::zeroed(length * size_of::<f32>());
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
