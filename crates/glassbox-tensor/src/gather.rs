//! Making views contiguous: elements copied in logical order, run by run.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;

use crate::layout::{coalesce, for_each_run};
use crate::packed::{get_code, set_code};
use crate::storage::Storage;
use crate::tensor::checked_size;
use crate::{Buffer, DType, Tensor, TensorError};

/// The side of a tile of a transposition, in elements.
const TILE: usize = 32;

impl Tensor {
    /// This tensor if it is contiguous already, else a copy that is.
    ///
    /// # Errors
    ///
    /// Where the copy needs more memory than there is, or the tensor's file has become shorter.
    pub fn contiguous(&self) -> Result<Tensor, TensorError> {
        if self.is_contiguous() { Ok(self.clone()) } else { self.copy_dense() }
    }

    /// A tensor whose elements lie where their dtype may be read in place: this one, or a copy. The data of a file may lie
    /// anywhere.
    ///
    /// # Errors
    ///
    /// Where a copy can't be made.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use glassbox_tensor::{DType, Tensor};
    ///
    /// let bytes: Arc<Vec<u8>> = Arc::new(vec![0; 16]);
    /// // One of the two lies badly, wherever the bytes are.
    /// for offset in [0, 1] {
    ///     let x = Tensor::from_shared(DType::F32, &[2], bytes.clone(), offset)?;
    ///     assert_eq!(x.aligned()?.reach::<f32>(), Some(&[0.0, 0.0][..]));
    /// }
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn aligned(&self) -> Result<Tensor, TensorError> {
        let lies_badly = match (self.dtype.byte_len(self.offset), self.storage.bytes()) {
            (Some(offset), Ok(bytes)) => {
                !bytes.as_ptr().addr().wrapping_add(offset).is_multiple_of(self.dtype.alignment())
            }
            _ => false,
        };
        if lies_badly { self.copy_dense() } else { Ok(self.clone()) }
    }

    /// A contiguous tensor that starts on a byte: this one, or a copy.
    pub(crate) fn byte_aligned(&self) -> Result<Tensor, TensorError> {
        let on_byte = match self.dtype.bits() {
            Some(bits @ 1..8) => self.offset.is_multiple_of(8 / bits),
            _ => true,
        };
        if on_byte && self.is_contiguous() { Ok(self.clone()) } else { self.copy_dense() }
    }

    /// A contiguous copy in memory of its own, aligned.
    pub(crate) fn copy_dense(&self) -> Result<Tensor, TensorError> {
        if let Storage::Strings(values) = &self.storage {
            return self.copy_strings(values);
        }
        let (_, bytes) = checked_size("contiguous", self.dtype, &self.shape)?;
        let mut buffer = Buffer::zeroed(bytes)?;
        let source = self.storage.bytes()?;
        let target = buffer.as_mut_slice();
        match self.dtype.bits() {
            Some(1) => self.gather_codes::<1>(source, target),
            Some(2) => self.gather_codes::<2>(source, target),
            Some(4) => self.gather_codes::<4>(source, target),
            Some(8) => self.gather_bytes::<1>(source, target)?,
            Some(16) => self.gather_bytes::<2>(source, target)?,
            Some(32) => self.gather_bytes::<4>(source, target)?,
            Some(64) => self.gather_bytes::<8>(source, target)?,
            // A block format is always contiguous.
            _ => match self.byte_range() {
                Some(range) => target.copy_from_slice(range),
                None => return Err(self.storage_shrank()),
            },
        }
        Ok(Tensor::from_buffer(self.dtype, &self.shape, buffer))
    }

    fn copy_strings(&self, values: &Arc<Vec<String>>) -> Result<Tensor, TensorError> {
        let mut copy = Vec::new();
        copy.try_reserve_exact(self.len())
            .map_err(|_| TensorError::AllocationFailed { bytes: self.len().saturating_mul(size_of::<String>()) })?;
        for_each_run(&self.shape, &self.strides, self.offset, |first, stride, count| {
            let run = (0..count).map(|step| first.wrapping_add_signed(stride.wrapping_mul(step as isize)));
            for index in run {
                copy.push(values.get(index).cloned().ok_or(TensorError::RangeOutsideTensor {
                    start: index,
                    count: 1,
                    len: values.len(),
                })?);
            }
            Ok(())
        })?;
        Tensor::from_strings(&self.shape, copy)
    }

    fn gather_bytes<const SIZE: usize>(&self, source: &[u8], target: &mut [u8]) -> Result<(), TensorError> {
        let (source, _) = source.as_chunks::<SIZE>();
        let (mut target, _) = target.as_chunks_mut::<SIZE>();
        let outside = |start: usize, count: usize| TensorError::RangeOutsideTensor { start, count, len: source.len() };
        if let [outer @ .., (rows, 1), columns] = &coalesce(&self.shape, &self.strides)[..]
            && !self.is_empty()
        {
            return self.gather_transposed(source, target, outer, *rows, *columns);
        }
        for_each_run(&self.shape, &self.strides, self.offset, |first, stride, count| {
            let (run, rest) =
                std::mem::take(&mut target).split_at_mut_checked(count).ok_or_else(|| outside(first, count))?;
            target = rest;
            match stride {
                1 => {
                    let end = first.saturating_add(count);
                    run.copy_from_slice(source.get(first..end).ok_or_else(|| outside(first, count))?);
                }
                0 => run.fill(*source.get(first).ok_or_else(|| outside(first, 1))?),
                _ => {
                    let mut at = first;
                    for element in run {
                        *element = *source.get(at).ok_or_else(|| outside(at, 1))?;
                        at = at.wrapping_add_signed(stride);
                    }
                }
            }
            Ok(())
        })
    }

    /// Copies blocks of `rows` by `columns.0` elements, neighbours in the source along the rows, in tiles: the
    /// cache lines that a tile reads are still there when its next column wants them.
    fn gather_transposed<T: Copy>(
        &self,
        source: &[T],
        target: &mut [T],
        outer: &[(usize, isize)],
        rows: usize,
        columns: (usize, isize),
    ) -> Result<(), TensorError> {
        let (columns, column_stride) = columns;
        let (shape, strides): (Vec<usize>, Vec<isize>) = outer.iter().copied().unzip();
        let mut blocks = target.chunks_exact_mut(rows * columns);
        for_each_run(&shape, &strides, self.offset, |first, stride, count| {
            let mut corner = first;
            for block in blocks.by_ref().take(count) {
                for tile in tiles(rows, columns) {
                    for row in tile.0 {
                        for column in tile.1.clone() {
                            let distance = column_stride.cast_unsigned().wrapping_mul(column);
                            let at = corner.wrapping_add(row).wrapping_add(distance);
                            let outside = || TensorError::RangeOutsideTensor { start: at, count: 1, len: source.len() };
                            block[row * columns + column] = *source.get(at).ok_or_else(outside)?;
                        }
                    }
                }
                corner = corner.wrapping_add_signed(stride);
            }
            Ok(())
        })
    }

    fn gather_codes<const BITS: usize>(&self, source: &[u8], target: &mut [u8]) {
        let mut written = 0;
        let copied = for_each_run(&self.shape, &self.strides, self.offset, |first, stride, count| {
            let mut at = first;
            for _ in 0..count {
                set_code::<BITS>(target, written, get_code::<BITS>(source, at));
                written += 1;
                at = at.wrapping_add_signed(stride);
            }
            Ok::<(), Infallible>(())
        });
        let Ok(()) = copied;
    }
}

/// The tiles of a block of `rows` by `columns`, at most [`TILE`] each way.
fn tiles(rows: usize, columns: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let spans = |len: usize| (0..len).step_by(TILE).map(move |start| start..len.min(start + TILE));
    spans(rows).flat_map(move |rows| spans(columns).map(move |columns| (rows.clone(), columns)))
}

/// The dtypes whose elements [`Tensor::load`](crate::Tensor::load) can read.
pub(crate) fn check_arithmetic(operation: &'static str, dtype: DType) -> Result<(), TensorError> {
    match dtype {
        DType::String => {
            Err(TensorError::UnsupportedDtype { operation, dtype, rule: "strings are no numbers; parse them first" })
        }
        DType::Block(_) => Err(TensorError::UnsupportedDtype {
            operation,
            dtype,
            rule: "a block format is storage only; dequantise it first",
        }),
        _ => Ok(()),
    }
}
