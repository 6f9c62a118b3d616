//! What memory the tests' subjects take: an allocator that counts for each thread, and the pages of mapped
//! files that the system has in memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;

struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    let counted = LIVE.try_with(|live| {
        live.set(live.get() + change);
        live.get()
    });
    // A thread that ends has no counters any more, and nobody asks for them.
    if let Ok(live) = counted {
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live)));
    }
}

// SAFETY: every call is passed on to the system's allocator as it is; only the sizes are noted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the rules of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the rules of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller keeps the rules of `dealloc`.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // For a moment there may be both.
        count(size as isize);
        count(-(layout.size() as isize));
        // SAFETY: the caller keeps the rules of `realloc`.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that a computation has at once on this thread, beyond what there is before it.
pub(crate) fn peak(compute: impl FnOnce()) -> usize {
    let before = LIVE.get();
    PEAK.set(before);
    compute();
    usize::try_from(PEAK.get() - before).unwrap_or(0)
}

/// The bytes of a file's maps in this process that are in memory; `None` where the system doesn't tell.
pub(crate) fn resident(path: &Path) -> Option<u64> {
    let path = path.canonicalize().ok()?;
    let maps = std::fs::read_to_string("/proc/self/smaps").ok()?;
    let (mut inside, mut found, mut seen) = (false, 0, false);
    for line in maps.lines() {
        if line.split_whitespace().next().is_some_and(|word| word.contains('-')) {
            inside = line.ends_with(path.to_str()?);
            seen |= inside;
        }
        if let Some(size) = line.strip_prefix("Rss:").filter(|_| inside) {
            found += size.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10;
        }
    }
    seen.then_some(found)
}
