//! One owned run of bytes: allocated 64-byte aligned, or adopted from a `Vec` without copying.
//!
//! Allocation is fallible. The bytes are always initialised.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{DType, Element, TensorError};

/// The alignment of buffers that this crate allocates: a cache line, and enough for any vector register.
pub(crate) const BUFFER_ALIGNMENT: usize = 64;

/// What allocators align by themselves. To be asked for more, they search longer and leave holes: the C library's cuts what
/// is before and behind an aligned piece off, other small allocations fill that, and the piece, once free, is too small to be
/// cut from again. A model whose nodes each take and free one would grow by every one of them.
const USUAL_ALIGNMENT: usize = 16;

/// An allocation. It is given back by [`Memory::free`].
#[derive(Clone, Copy)]
struct Memory {
    /// Where it begins.
    base: NonNull<u8>,
    /// Of what layout it is; size 0 when nothing was allocated.
    layout: Layout,
    /// Where its bytes are used from.
    start: NonNull<u8>,
}

// SAFETY: it is memory that one owner has, and plain bytes may be read or moved on any thread.
unsafe impl Send for Memory {}
// SAFETY: as above; what is shared is only read.
unsafe impl Sync for Memory {}

impl Memory {
    /// So many zero bytes, 64-byte aligned. `None` where there aren't.
    fn zeroed(len: usize) -> Option<Memory> {
        if len == 0 {
            let (base, layout) = (NonNull::dangling(), Layout::new::<()>());
            return Some(Memory { base, layout, start: NonNull::dangling() });
        }
        let size = len.checked_add(BUFFER_ALIGNMENT - USUAL_ALIGNMENT)?;
        let layout = Layout::from_size_align(size, USUAL_ALIGNMENT).ok()?;
        // SAFETY: the layout's size is not zero.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let skipped = base.as_ptr().addr().wrapping_neg() % BUFFER_ALIGNMENT;
        // SAFETY: `base` is a multiple of `USUAL_ALIGNMENT`, so that no more is skipped than was asked for beyond `len`.
        let start = unsafe { base.add(skipped) };
        Some(Memory { base, layout, start })
    }

    /// Gives it back.
    ///
    /// # Safety
    ///
    /// Nobody uses it any more, and it isn't given back again.
    unsafe fn free(self) {
        if self.layout.size() > 0 {
            // SAFETY: `base` was allocated by the global allocator with exactly this layout, and the caller has it alone.
            unsafe { dealloc(self.base.as_ptr(), self.layout) }
        }
    }
}

/// Owned bytes, with the memory that they are in.
pub struct Buffer {
    memory: Memory,
    len: usize,
    /// Who takes the memory back, and how many bytes it has there.
    home: Option<(Arc<Recycler>, usize)>,
}

impl Buffer {
    /// `len` zero bytes, 64-byte aligned.
    ///
    /// # Errors
    ///
    /// Where there isn't so much memory.
    ///
    /// ```
    /// use glassbox_tensor::Buffer;
    /// assert_eq!(Buffer::zeroed(3)?.as_slice(), [0; 3]);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn zeroed(len: usize) -> Result<Self, TensorError> {
        let memory = Memory::zeroed(len).ok_or(TensorError::AllocationFailed { bytes: len })?;
        Ok(Buffer { memory, len, home: None })
    }

    /// Takes over the memory of `values` as it is.
    pub fn from_vec<T: Element>(values: Vec<T>) -> Self {
        let mut values = std::mem::ManuallyDrop::new(values);
        // SAFETY: a Vec's pointer is never null, and its allocation (if it has one) was made with exactly
        // this size and alignment, which therefore form a valid layout.
        let (start, layout) = unsafe {
            (
                NonNull::new_unchecked(values.as_mut_ptr().cast()),
                Layout::from_size_align_unchecked(values.capacity() * size_of::<T>(), align_of::<T>()),
            )
        };
        Buffer { memory: Memory { base: start, layout, start }, len: values.len() * size_of::<T>(), home: None }
    }

    /// A 64-byte aligned copy of `bytes`.
    ///
    /// # Errors
    ///
    /// Where there isn't so much memory.
    pub fn copy_of(bytes: &[u8]) -> Result<Self, TensorError> {
        let mut buffer = Buffer::zeroed(bytes.len())?;
        buffer.as_mut_slice().copy_from_slice(bytes);
        Ok(buffer)
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `start` is valid for `len` initialised bytes for as long as the buffer lives.
        unsafe { std::slice::from_raw_parts(self.memory.start.as_ptr(), self.len) }
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
        assert!(T::DTYPE != DType::Bool && self.memory.start.as_ptr().addr().is_multiple_of(align_of::<T>()));
        // SAFETY: the memory is aligned and initialised, and every pattern of bits is a number of these types.
        unsafe { std::slice::from_raw_parts_mut(self.memory.start.as_ptr().cast(), self.len / size_of::<T>()) }
    }

    /// The bytes, writable.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_slice`, and `&mut self` makes the borrow exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.memory.start.as_ptr(), self.len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        match self.home.take() {
            Some((home, size)) => home.take_back(Block { memory: self.memory, size }),
            // SAFETY: the memory is the buffer's own, and elements have no drop glue.
            None => unsafe { self.memory.free() },
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

/// Memory that no buffer has, and how many bytes it has.
struct Block {
    memory: Memory,
    size: usize,
}

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
        let place = free.blocks.partition_point(|block| block.size < size);
        // What is much larger waits for who needs it.
        let fits = free.blocks.get(place).is_some_and(|block| block.size / 2 <= size);
        let block = match fits {
            true => free.blocks.remove(place),
            false => {
                let memory = Memory::zeroed(size).ok_or(failed)?;
                free.allocated += size;
                Block { memory, size }
            }
        };
        Ok(Buffer { memory: block.memory, len, home: Some((self.clone(), block.size)) })
    }

    /// The bytes that it has taken from the system, whoever has them now.
    pub fn allocated_bytes(&self) -> usize {
        self.lock().allocated
    }

    fn take_back(&self, block: Block) {
        let mut free = self.lock();
        let place = free.blocks.partition_point(|other| other.size < block.size);
        free.blocks.insert(place, block);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Recycler {
    fn drop(&mut self) {
        for block in &self.lock().blocks {
            // SAFETY: nobody else has it, and the list is gone with the recycler.
            unsafe { block.memory.free() }
        }
    }
}
