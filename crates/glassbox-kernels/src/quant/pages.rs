//! Huge pages for memory that is read in order.

use super::layout::Unit;

/// The size of a huge page where there are any.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const HUGE: usize = 2 << 20;

/// Asks the system to back the capacity of a vector, which has not been written yet, with huge pages. Where it won't,
/// nothing changes.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(super) fn advise_huge(units: &mut Vec<Unit>) {
    use std::ffi::{c_int, c_void};
    unsafe extern "C" {
        /// Of the C library, which the standard library is linked with.
        fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
    }
    /// `MADV_HUGEPAGE` of Linux.
    const ADVICE: c_int = 14;
    let begin = units.as_mut_ptr() as usize;
    let end = begin + units.capacity() * size_of::<Unit>();
    let first = begin.next_multiple_of(HUGE);
    if let Some(length) = end.checked_sub(first).filter(|length| *length >= HUGE) {
        // SAFETY: the range lies within an allocation of ours; the advice changes no contents. A refusal does no harm.
        unsafe { madvise(first as *mut c_void, length / HUGE * HUGE, ADVICE) };
    }
}

/// Elsewhere nothing is asked.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub(super) fn advise_huge(_units: &mut Vec<Unit>) {}
