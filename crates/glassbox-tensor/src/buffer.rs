//! One owned run of bytes: allocated 64-byte aligned, or adopted from a `Vec` without copying.
//!
//! Allocation is fallible. The bytes are always initialised.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use crate::{Element, TensorError};

/// The alignment of buffers that this crate allocates: a cache line, and enough for any vector register.
pub(crate) const BUFFER_ALIGNMENT: usize = 64;

/// Owned bytes, with the layout they must be given back with.
pub struct Buffer {
    start: NonNull<u8>,
    len: usize,
    /// What to deallocate; size 0 when nothing was allocated.
    allocation: Layout,
}

// SAFETY: a buffer owns its bytes exclusively, and plain bytes may be read or moved on any thread.
unsafe impl Send for Buffer {}
// SAFETY: as above; `&Buffer` only lends `&[u8]`.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `len` zero bytes, 64-byte aligned.
    pub fn zeroed(len: usize) -> Result<Self, TensorError> {
        let layout =
            Layout::from_size_align(len, BUFFER_ALIGNMENT).map_err(|_| TensorError::AllocationFailed { bytes: len })?;
        if len == 0 {
            return Ok(Buffer { start: NonNull::dangling(), len: 0, allocation: layout });
        }
        // SAFETY: the layout's size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start).ok_or(TensorError::AllocationFailed { bytes: len })?;
        Ok(Buffer { start, len, allocation: layout })
    }

    /// Takes over the memory of `values` as it is.
    pub fn from_vec<T: Element>(values: Vec<T>) -> Self {
        let mut values = std::mem::ManuallyDrop::new(values);
        // SAFETY: a Vec's pointer is never null, and its allocation (if it has one) was made with exactly
        // this size and alignment, which therefore form a valid layout.
        unsafe {
            Buffer {
                start: NonNull::new_unchecked(values.as_mut_ptr().cast()),
                len: values.len() * size_of::<T>(),
                allocation: Layout::from_size_align_unchecked(values.capacity() * size_of::<T>(), align_of::<T>()),
            }
        }
    }

    /// A 64-byte aligned copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Result<Self, TensorError> {
        let mut buffer = Buffer::zeroed(bytes.len())?;
        buffer.as_mut_slice().copy_from_slice(bytes);
        Ok(buffer)
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `start` is valid for `len` initialised bytes for as long as the buffer lives.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// The bytes, writable.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_slice`, and `&mut self` makes the borrow exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.allocation.size() != 0 {
            // SAFETY: `start` was allocated by the global allocator with exactly this layout, and elements
            // have no drop glue.
            unsafe { dealloc(self.start.as_ptr(), self.allocation) }
        }
    }
}
