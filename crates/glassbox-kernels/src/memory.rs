//! Memory for packed weights: aligned to cache lines, in huge pages where it is large, and used again by later calls.
//!
//! Packed weights are read from one end to the other, so the cost of a page's translation is what is left to save: from
//! [`HUGE_PAGE`] on, memory is mapped by itself and Linux is asked for huge pages. Where a mapping isn't to be had, the
//! global allocator gives the memory.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::ptr::NonNull;

use memmap2::MmapMut;

/// What memory is aligned to: a cache line, and the widest vector.
const ALIGNMENT: usize = 64;
/// The size of a huge page, and the size from which on memory is mapped.
const HUGE_PAGE: usize = 2 << 20;
/// How many buffers a thread keeps for later calls.
const KEPT: usize = 8;

/// Bytes at an aligned place, zero at first.
pub(crate) struct Memory {
    start: NonNull<u8>,
    bytes: usize,
    /// The mapping that the bytes lie in; without one they are the global allocator's.
    _mapping: Option<MmapMut>,
    layout: Option<Layout>,
}

// SAFETY: the bytes are owned, and nothing about them belongs to a thread.
unsafe impl Send for Memory {}
// SAFETY: as above; what is written through a shared `Memory` is guarded by those who write.
unsafe impl Sync for Memory {}

impl Memory {
    /// Zero bytes.
    pub(crate) fn zeroed(bytes: usize) -> Memory {
        if bytes >= HUGE_PAGE
            && let Some(memory) = Memory::mapped(bytes)
        {
            return memory;
        }
        let Ok(layout) = Layout::from_size_align(bytes.max(ALIGNMENT), ALIGNMENT) else {
            handle_alloc_error(Layout::new::<u8>())
        };
        // SAFETY: the size isn't zero.
        let Some(start) = NonNull::new(unsafe { alloc_zeroed(layout) }) else { handle_alloc_error(layout) };
        Memory { start, bytes, _mapping: None, layout: Some(layout) }
    }

    /// A mapping that begins at a huge page. The pages before that are never touched, and so take no memory.
    fn mapped(bytes: usize) -> Option<Memory> {
        let mut mapping = MmapMut::map_anon(bytes.checked_add(HUGE_PAGE)?).ok()?;
        #[cfg(target_os = "linux")]
        // Without huge pages everything works as well, only slower.
        let _ = mapping.advise(memmap2::Advice::HugePage);
        let skipped = mapping.as_ptr().align_offset(HUGE_PAGE);
        let start = NonNull::new(mapping.get_mut(skipped..)?.as_mut_ptr())?;
        Some(Memory { start, bytes, _mapping: Some(mapping), layout: None })
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// Where they begin.
    pub(crate) fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// As many numbers as fit.
    pub(crate) fn numbers(&self) -> &[f32] {
        // SAFETY: the bytes are initialised and aligned, and every pattern of bits is an f32.
        unsafe { std::slice::from_raw_parts(self.start().cast(), self.bytes / size_of::<f32>()) }
    }

    /// As many numbers as fit.
    pub(crate) fn numbers_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and nobody else has them.
        unsafe { std::slice::from_raw_parts_mut(self.start().cast(), self.bytes / size_of::<f32>()) }
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memory({} bytes)", self.bytes)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(layout) = self.layout {
            // SAFETY: the global allocator gave it with this layout.
            unsafe { dealloc(self.start.as_ptr(), layout) }
        }
    }
}

/// Memory for the time of a call, which the thread keeps for its next one. It holds what earlier calls left in it.
pub(crate) struct Scratch(Option<Memory>);

thread_local! {
    static SPARE: RefCell<Vec<Memory>> = const { RefCell::new(Vec::new()) };
}

impl Scratch {
    /// At least so many bytes: the smallest that the thread has spare, otherwise new ones.
    ///
    /// A call that is made while another one of the same thread waits takes memory of its own.
    pub(crate) fn take(bytes: usize) -> Scratch {
        let kept = SPARE.with_borrow_mut(|spare| {
            let fitting = spare.iter().enumerate().filter(|(_, memory)| memory.len() >= bytes);
            let place = fitting.min_by_key(|(_, memory)| memory.len()).map(|(place, _)| place);
            // What is too small is given up, so that a thread doesn't keep every size that it ever had.
            place.map(|place| spare.swap_remove(place)).or_else(|| spare.pop().filter(|memory| memory.len() >= bytes))
        });
        Scratch(Some(kept.unwrap_or_else(|| Memory::zeroed(bytes.next_multiple_of(4096)))))
    }

    /// Where it begins.
    pub(crate) fn start(&self) -> *mut u8 {
        self.0.as_ref().map_or(std::ptr::null_mut(), Memory::start)
    }

    /// The same as units of four bytes, to be read.
    pub(crate) fn units(&self) -> *const u32 {
        self.start().cast_const().cast()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let Some(memory) = self.0.take() else { return };
        // While the thread ends, its spare memory may be gone already: then this goes as well.
        let _ = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && spare.len() < KEPT
            {
                spare.push(memory);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_aligned_zero_and_writable() {
        for bytes in [0, 1, 63, 4096, HUGE_PAGE - 1, HUGE_PAGE, HUGE_PAGE + 5] {
            let memory = Memory::zeroed(bytes);
            assert_eq!((memory.start().align_offset(ALIGNMENT), memory.len()), (0, bytes));
            // SAFETY: the memory has so many bytes, which nobody else uses.
            let all = unsafe { std::slice::from_raw_parts_mut(memory.start(), bytes) };
            assert!(all.iter().all(|byte| *byte == 0));
            all.fill(7);
        }
    }

    #[test]
    fn what_a_call_used_the_next_one_uses_again() {
        let first = Scratch::take(10_000).start();
        assert_eq!(Scratch::take(9_000).start(), first);
        let (outer, inner) = (Scratch::take(10_000), Scratch::take(10_000));
        assert_ne!(outer.start(), inner.start());
    }
}
