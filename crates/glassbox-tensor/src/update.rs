//! Writing into a tensor: a region overwritten in place, or the tensor made larger.
//!
//! Data is shared between tensors, so writing in place is for a tensor that alone holds its data; where
//! somebody else holds it too, the first write copies it, and what the others see doesn't change. Elements
//! that share a byte with others leave those as they are. Block formats, whose elements cannot be addressed
//! one by one, can only be overwritten as a whole.

use std::sync::Arc;

use crate::layout::for_each_run;
use crate::packed::{get_code, set_code};
use crate::storage::Storage;
use crate::{Tensor, TensorError};

impl Tensor {
    /// The view of the region that begins at `starts` and has the dims `shape`, one of each for each axis.
    ///
    /// # Errors
    ///
    /// Where the region isn't inside the tensor, or is a part of a tensor of blocks.
    pub fn region(&self, starts: &[usize], shape: &[usize]) -> Result<Tensor, TensorError> {
        self.check_region(starts, shape)?;
        if shape == self.shape {
            return Ok(self.clone());
        }
        self.refuse_block("region (other than the whole tensor)")?;
        Ok(self.with_layout(shape.to_vec(), self.strides.clone(), self.offset_of(starts, shape)))
    }

    /// A contiguous copy that shares its data with nobody.
    ///
    /// # Errors
    ///
    /// Where there isn't enough memory, or the tensor's file has become shorter.
    pub fn copied(&self) -> Result<Tensor, TensorError> {
        self.copy_dense()
    }

    /// Whether no other tensor holds this one's data, so that [`Tensor::overwrite`] needn't copy it.
    pub fn is_sole_owner(&self) -> bool {
        match &self.storage {
            Storage::Bytes(buffer) => Arc::strong_count(buffer) == 1,
            Storage::Strings(values) => Arc::strong_count(values) == 1,
            Storage::Shared { .. } => false,
        }
    }

    /// Writes `source`, of the same dtype and rank, into the region that begins at `starts` and has its dims.
    /// After an error the tensor is what it was.
    ///
    /// # Errors
    ///
    /// Where dtype or rank are others, the region isn't inside the tensor or is a part of a tensor of blocks, or a copy
    /// needs more memory than there is.
    ///
    /// ```
    /// use glassbox_tensor::{DType, Tensor};
    /// let mut x = Tensor::zeros(DType::I32, &[2, 2])?;
    /// x.overwrite(&[1, 0], &Tensor::from_vec(&[1, 2], vec![7i32, 8])?)?;
    /// assert_eq!(x.to_vec::<i32>()?, [0, 0, 7, 8]);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn overwrite(&mut self, starts: &[usize], source: &Tensor) -> Result<(), TensorError> {
        if source.dtype != self.dtype {
            return Err(TensorError::DtypeMismatch { operation: "overwrite", expected: self.dtype, got: source.dtype });
        }
        self.check_region(starts, &source.shape)?;
        if source.shape == self.shape {
            *self = source.clone();
            return Ok(());
        }
        self.refuse_block("overwrite (other than the whole tensor)")?;
        if source.is_empty() {
            return Ok(());
        }
        let dense = source.byte_aligned()?;
        if !self.is_sole_owner() || !self.is_contiguous() {
            *self = self.copy_dense()?;
        }
        let first = self.offset_of(starts, &source.shape);
        let bits = self.dtype.bits();
        let Tensor { storage, strides, .. } = self;
        let target = match storage {
            Storage::Bytes(buffer) => Arc::get_mut(buffer).map(|buffer| buffer.as_mut_slice()),
            Storage::Strings(values) => {
                let written = Arc::get_mut(values).zip(dense.as_strings());
                return match written {
                    Some((values, source)) => scatter(values, source, strides, &dense.shape, first),
                    None => Err(dense.storage_shrank()),
                };
            }
            Storage::Shared { .. } => None,
        };
        let (Some(target), Some(source)) = (target, dense.byte_range()) else { return Err(dense.storage_shrank()) };
        let shape = &dense.shape;
        match bits {
            Some(1) => scatter_codes::<1>(target, source, strides, shape, first),
            Some(2) => scatter_codes::<2>(target, source, strides, shape, first),
            Some(4) => scatter_codes::<4>(target, source, strides, shape, first),
            Some(8) => scatter(target, source, strides, shape, first)?,
            Some(16) => scatter_bytes::<2>(target, source, strides, shape, first)?,
            Some(32) => scatter_bytes::<4>(target, source, strides, shape, first)?,
            _ => scatter_bytes::<8>(target, source, strides, shape, first)?,
        }
        Ok(())
    }

    /// A copy with the dims `shape`, none of them smaller than before: the old elements stay at their indices,
    /// the new ones are `fill`, which has one element, or as in [`Tensor::zeros`].
    ///
    /// # Errors
    ///
    /// Where a dim is smaller than before or their number another, the tensor is of blocks, `fill` isn't one element of the
    /// same dtype, or there isn't enough memory.
    ///
    /// ```
    /// use glassbox_tensor::Tensor;
    /// let x = Tensor::from_vec(&[2], vec![1u8, 2])?;
    /// assert_eq!(x.extended(&[4], Some(&Tensor::scalar(9u8)))?.to_vec::<u8>()?, [1, 2, 9, 9]);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn extended(&self, shape: &[usize], fill: Option<&Tensor>) -> Result<Tensor, TensorError> {
        let larger = shape.len() == self.rank() && self.shape.iter().zip(shape).all(|(old, new)| old <= new);
        if !larger {
            return Err(self.outside(&vec![0; shape.len()], shape));
        }
        if shape != self.shape {
            self.refuse_block("extended")?;
        }
        let mut extended = match fill {
            Some(fill) => Tensor::full(self.dtype, shape, fill)?,
            None => Tensor::zeros(self.dtype, shape)?,
        };
        extended.overwrite(&vec![0; shape.len()], self)?;
        Ok(extended)
    }

    fn check_region(&self, starts: &[usize], shape: &[usize]) -> Result<(), TensorError> {
        let inside = |((start, count), dim): ((&usize, &usize), &usize)| {
            start.checked_add(*count).is_some_and(|end| end <= *dim)
        };
        let ranks = starts.len() == self.rank() && shape.len() == self.rank();
        if ranks && starts.iter().zip(shape).zip(&self.shape).all(inside) {
            return Ok(());
        }
        Err(self.outside(starts, shape))
    }

    fn outside(&self, starts: &[usize], region: &[usize]) -> TensorError {
        TensorError::RegionOutsideTensor { starts: starts.to_vec(), region: region.to_vec(), shape: self.shape.clone() }
    }

    /// The first element of a region that is inside this tensor.
    fn offset_of(&self, starts: &[usize], shape: &[usize]) -> usize {
        if shape.contains(&0) {
            return self.offset;
        }
        // The products are distances between elements of this tensor, which fit.
        let distance = |(start, stride): (&usize, &isize)| stride.cast_unsigned().wrapping_mul(*start);
        let distances = starts.iter().zip(&self.strides).map(distance);
        distances.fold(self.offset, usize::wrapping_add)
    }
}

fn outside(start: usize, count: usize, len: usize) -> TensorError {
    TensorError::RangeOutsideTensor { start, count, len }
}

/// Copies the elements of `source`, one after the other, to where a layout places them in `target`.
fn scatter<T: Clone>(
    target: &mut [T],
    mut source: &[T],
    strides: &[isize],
    shape: &[usize],
    offset: usize,
) -> Result<(), TensorError> {
    let len = target.len();
    for_each_run(shape, strides, offset, |first, stride, count| {
        let (run, rest) = source.split_at_checked(count).ok_or_else(|| outside(first, count, len))?;
        source = rest;
        if stride == 1 {
            let end = first.saturating_add(count);
            target.get_mut(first..end).ok_or_else(|| outside(first, count, len))?.clone_from_slice(run);
            return Ok(());
        }
        let mut at = first;
        for element in run {
            *target.get_mut(at).ok_or_else(|| outside(at, 1, len))? = element.clone();
            at = at.wrapping_add_signed(stride);
        }
        Ok(())
    })
}

fn scatter_bytes<const SIZE: usize>(
    target: &mut [u8],
    source: &[u8],
    strides: &[isize],
    shape: &[usize],
    offset: usize,
) -> Result<(), TensorError> {
    scatter(target.as_chunks_mut::<SIZE>().0, source.as_chunks::<SIZE>().0, strides, shape, offset)
}

fn scatter_codes<const BITS: usize>(
    target: &mut [u8],
    source: &[u8],
    strides: &[isize],
    shape: &[usize],
    offset: usize,
) {
    let mut read = 0;
    let copied = for_each_run(shape, strides, offset, |first, stride, count| {
        let mut at = first;
        for _ in 0..count {
            set_code::<BITS>(target, at, get_code::<BITS>(source, read));
            read += 1;
            at = at.wrapping_add_signed(stride);
        }
        Ok::<(), std::convert::Infallible>(())
    });
    let Ok(()) = copied;
}
