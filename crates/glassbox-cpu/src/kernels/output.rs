//! Where kernels write.

use std::sync::Arc;

use glassbox_exec::KernelError;
use glassbox_tensor::{Buffer, DType, Element, Recycler, Tensor};

/// A result that is being computed.
pub(crate) struct Output {
    dtype: DType,
    sizes: Vec<usize>,
    buffer: Buffer,
}

impl Output {
    /// Memory for a tensor, holding anything.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub(crate) fn new(recycler: &Arc<Recycler>, dtype: DType, sizes: &[usize]) -> Result<Output, KernelError> {
        let elements: usize = sizes.iter().product();
        let bytes = dtype.byte_len(elements).unwrap_or(usize::MAX);
        Ok(Output { dtype, sizes: sizes.to_vec(), buffer: recycler.buffer(bytes)? })
    }

    /// The elements, where they are f32.
    pub(crate) fn floats(&mut self) -> &mut [f32] {
        self.buffer.as_mut_elements()
    }

    /// The elements, where they are of this type.
    pub(crate) fn elements<T: Element>(&mut self) -> &mut [T] {
        self.buffer.as_mut_elements()
    }

    /// The bytes.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        self.buffer.as_mut_slice()
    }

    /// The tensor. Every element has been written.
    pub(crate) fn finish(self) -> Result<Tensor, KernelError> {
        Ok(Tensor::from_elements(self.dtype, &self.sizes, self.buffer)?)
    }
}
