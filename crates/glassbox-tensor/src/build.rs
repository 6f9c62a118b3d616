//! Tensors filled in parallel, chunk by chunk, straight into their dtype.
//!
//! Chunks have a fixed size that does not depend on the number of threads, and every element depends only
//! on its index, so the result is the same to the bit at any thread count; so is the error, which is that
//! of the first chunk that has one.

use crate::access::default_vec;
use crate::gather::check_arithmetic;
use crate::parallel::{TryWork, try_parallel_chunks};
use crate::tensor::checked_size;
use crate::{Buffer, CastOptions, Compute, DType, Overflow, Tensor, TensorError};
use crate::{codec, element};

/// Elements per chunk: a multiple of 8, so that chunks of every packed dtype begin on a byte.
pub const BUILD_CHUNK: usize = 4096;

/// Encodes a chunk, given its first element and how many there are.
type EncodeChunk<'a, E> = dyn Fn(usize, usize, &mut [u8]) -> Result<(), E> + Sync + 'a;

impl Tensor {
    /// A tensor whose elements `fill` computes: it is called with the index of the first element of a chunk
    /// and the chunk's elements (zero at first), on many threads, and must set each from its index alone.
    /// They are converted to `dtype` once, by the rules of [`cast`](crate::cast).
    ///
    /// # Errors
    ///
    /// Where `dtype` isn't one of numbers, the dims have too many elements, or there isn't enough memory.
    ///
    /// ```
    /// use glassbox_tensor::{DType, Overflow, Tensor};
    /// let squares = Tensor::build(DType::I64, &[4], Overflow::Wrap, |start, out: &mut [i64]| {
    ///     for (place, element) in out.iter_mut().enumerate() {
    ///         *element = ((start + place) * (start + place)) as i64;
    ///     }
    /// })?;
    /// assert_eq!(squares.to_vec::<i64>()?, [0, 1, 4, 9]);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn build<C: Compute>(
        dtype: DType,
        shape: &[usize],
        overflow: Overflow,
        fill: impl Fn(usize, &mut [C]) + Sync,
    ) -> Result<Tensor, TensorError> {
        Tensor::try_build_with(dtype, shape, overflow.into(), &|start, out: &mut [C]| {
            fill(start, out);
            Ok::<(), TensorError>(())
        })
    }

    /// [`Tensor::build`] with a `fill` that can fail.
    ///
    /// # Errors
    ///
    /// As [`Tensor::build`], and what `fill` gives.
    pub fn try_build<C: Compute, E: From<TensorError> + Send>(
        dtype: DType,
        shape: &[usize],
        overflow: Overflow,
        fill: impl Fn(usize, &mut [C]) -> Result<(), E> + Sync,
    ) -> Result<Tensor, E> {
        Tensor::try_build_with(dtype, shape, overflow.into(), &fill)
    }

    pub(crate) fn try_build_with<C: Compute, E: From<TensorError> + Send>(
        dtype: DType,
        shape: &[usize],
        options: CastOptions,
        fill: &TryWork<C, E>,
    ) -> Result<Tensor, E> {
        check_arithmetic("build", dtype)?;
        Tensor::encode_chunks(dtype, shape, &|start, count, bytes| {
            if dtype == C::DTYPE
                && let Some(out) = element::from_bytes_mut::<C>(bytes)
            {
                return fill(start, out);
            }
            let mut values = default_vec::<C>(count)?;
            fill(start, &mut values)?;
            Ok(codec::encode(&values, dtype, options, bytes)?)
        })
    }

    /// A tensor whose chunks `write(first element, count, bytes)` encodes.
    pub(crate) fn encode_chunks<E: From<TensorError> + Send>(
        dtype: DType,
        shape: &[usize],
        write: &EncodeChunk<E>,
    ) -> Result<Tensor, E> {
        let (elements, bytes) = checked_size("build", dtype, shape)?;
        let mut buffer = Buffer::zeroed(bytes)?;
        if elements <= BUILD_CHUNK {
            if elements > 0 {
                write(0, elements, buffer.as_mut_slice())?;
            }
            return Ok(Tensor::from_buffer(dtype, shape, buffer));
        }
        let invalid = || TensorError::InvalidSize { dtype, shape: shape.to_vec() };
        let chunk_bytes = dtype.byte_len(BUILD_CHUNK).ok_or_else(invalid)?;
        try_parallel_chunks(buffer.as_mut_slice(), chunk_bytes, &|index, bytes| {
            let start = index * BUILD_CHUNK;
            write(start, BUILD_CHUNK.min(elements - start), bytes)
        })?;
        Ok(Tensor::from_buffer(dtype, shape, buffer))
    }
}
