//! One owned run of bytes: allocated 64-byte aligned, or adopted from a `Vec` without copying.
//!
//! Allocation is fallible. The bytes are always initialised.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{DType, Element, TensorError};

/// The alignment of buffers that this crate allocates: a cache line, and enough for any vector register.
pub(crate) const BUFFER_ALIGNMENT: usize = 64;

/// Owned bytes, with the layout they must be given back with.
pub struct Buffer {
    start: NonNull<u8>,
    len: usize,
    /// What to deallocate; size 0 when nothing was allocated.
    allocation: Layout,
    /// Who takes the memory back.
    home: Option<Arc<Recycler>>,
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
            return Ok(Buffer { start: NonNull::dangling(), len: 0, allocation: layout, home: None });
        }
        // SAFETY: the layout's size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start).ok_or(TensorError::AllocationFailed { bytes: len })?;
        Ok(Buffer { start, len, allocation: layout, home: None })
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
                home: None,
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

    /// As many elements as fit, writable.
    ///
    /// # Panics
    ///
    /// Where the memory isn't aligned for them (it is, unless it was adopted), or `T` is bool, of which not every byte is one.
    pub fn as_mut_elements<T: Element>(&mut self) -> &mut [T] {
        if self.len == 0 {
            return &mut [];
        }
        assert!(T::DTYPE != DType::Bool && self.start.as_ptr().addr().is_multiple_of(align_of::<T>()));
        // SAFETY: the memory is aligned and initialised, and every pattern of bits is a number of these types.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.len / size_of::<T>()) }
    }

    /// The bytes, writable.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_slice`, and `&mut self` makes the borrow exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.allocation.size() == 0 {
            return;
        }
        match self.home.take() {
            Some(home) => home.take_back(Block { start: self.start, allocation: self.allocation }),
            // SAFETY: `start` was allocated by the global allocator with exactly this layout, and elements
            // have no drop glue.
            None => unsafe { dealloc(self.start.as_ptr(), self.allocation) },
        }
    }
}

/// Memory that is used again: what buffers of its own give back when they are dropped, it gives out for the next ones.
///
/// A run of a model asks for the same sizes as the run before, so that after the first one no memory is asked of the
/// system. What is given out holds whatever was in it.
///
/// ```
/// use std::sync::Arc;
/// use glassbox_tensor::{DType, Recycler, Tensor};
/// let recycler = Arc::new(Recycler::default());
/// let mut buffer = recycler.buffer(4 * 1000)?;
/// buffer.as_mut_elements::<f32>().fill(1.0);
/// drop(Tensor::from_elements(DType::F32, &[10, 100], buffer)?);
/// let again = recycler.buffer(4 * 1000)?;
/// assert_eq!(recycler.allocated_bytes(), 4096);
/// # drop(again);
/// # Ok::<(), glassbox_tensor::TensorError>(())
/// ```
#[derive(Default)]
pub struct Recycler {
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    /// In order of their sizes.
    blocks: Vec<Block>,
    allocated: usize,
}

/// Memory that no buffer has.
struct Block {
    start: NonNull<u8>,
    allocation: Layout,
}

// SAFETY: a block is memory that nobody else has.
unsafe impl Send for Block {}

/// Sizes are rounded up to this, so that nearly equal ones are one.
const GRANULE: usize = 4096;

impl Recycler {
    /// `len` bytes, 64-byte aligned, that hold anything.
    ///
    /// # Errors
    ///
    /// Where there is no memory.
    pub fn buffer(self: &Arc<Recycler>, len: usize) -> Result<Buffer, TensorError> {
        if len == 0 {
            return Buffer::zeroed(0);
        }
        let failed = TensorError::AllocationFailed { bytes: len };
        let Some(size) = len.checked_next_multiple_of(GRANULE) else { return Err(failed) };
        let mut free = self.lock();
        let place = free.blocks.partition_point(|block| block.allocation.size() < size);
        // What is much larger waits for who needs it.
        let fits = free.blocks.get(place).is_some_and(|block| block.allocation.size() / 2 <= size);
        let block = match fits {
            true => free.blocks.remove(place),
            false => {
                let layout = Layout::from_size_align(size, BUFFER_ALIGNMENT).map_err(|_| failed)?;
                // SAFETY: the layout's size is not zero.
                let start = NonNull::new(unsafe { alloc_zeroed(layout) });
                let start = start.ok_or(TensorError::AllocationFailed { bytes: len })?;
                free.allocated += size;
                Block { start, allocation: layout }
            }
        };
        Ok(Buffer { start: block.start, len, allocation: block.allocation, home: Some(self.clone()) })
    }

    /// The bytes that it has taken from the system, whoever has them now.
    pub fn allocated_bytes(&self) -> usize {
        self.lock().allocated
    }

    fn take_back(&self, block: Block) {
        let mut free = self.lock();
        let place = free.blocks.partition_point(|other| other.allocation.size() < block.allocation.size());
        free.blocks.insert(place, block);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Recycler {
    fn drop(&mut self) {
        for block in &self.lock().blocks {
            // SAFETY: it was allocated by the global allocator with exactly this layout, and nobody else has it.
            unsafe { dealloc(block.start.as_ptr(), block.allocation) }
        }
    }
}
