//! Numbers in and out of tensors, in a compute type: the reference kernels' way.

use std::borrow::Cow;

use crate::build::BUILD_CHUNK;
use crate::codec;
use crate::gather::check_arithmetic;
use crate::parallel::try_parallel_chunks;
use crate::tensor::copy_to_vec;
use crate::{Buffer, Compute, DType, Overflow, Tensor, TensorError};

/// Tensors at least this long are converted on all threads.
const PARALLEL_FROM: usize = 1 << 16;

/// Runs `$body` with `$compute` naming a compute type that holds every value of the dtype exactly.
macro_rules! with_exact_compute {
    ($dtype:expr, $compute:ident => $body:expr) => {
        match $dtype.class() {
            $crate::Class::Float if $dtype == $crate::DType::F64 => {
                type $compute = f64;
                $body
            }
            $crate::Class::Float => {
                type $compute = f32;
                $body
            }
            $crate::Class::Bool => {
                type $compute = bool;
                $body
            }
            $crate::Class::Unsigned => {
                type $compute = u64;
                $body
            }
            _ => {
                type $compute = i64;
                $body
            }
        }
    };
}
pub(crate) use with_exact_compute;

/// `count` default values, with fallible allocation.
pub(crate) fn default_vec<C: Compute>(count: usize) -> Result<Vec<C>, TensorError> {
    let mut values = Vec::new();
    values
        .try_reserve_exact(count)
        .map_err(|_| TensorError::AllocationFailed { bytes: count.saturating_mul(size_of::<C>()) })?;
    values.resize(count, C::default());
    Ok(values)
}

impl Tensor {
    /// The elements in logical order, converted to `C` by the rules of [`cast`](crate::cast) with
    /// [`Overflow::Wrap`]. Borrowed when `C` is this tensor's own dtype and its elements lie in order.
    ///
    /// # Errors
    ///
    /// Where the tensor holds text or blocks, its file has become shorter, or there isn't enough memory for the
    /// elements.
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, bf16};
    /// let x = Tensor::from_vec(&[2], vec![bf16::from_f32(1.5), bf16::from_f32(-2.0)])?;
    /// assert_eq!(x.load::<f32>()?[..], [1.5, -2.0]);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn load<C: Compute>(&self) -> Result<Cow<'_, [C]>, TensorError> {
        check_arithmetic("load", self.dtype)?;
        if let Some(slice) = self.as_slice::<C>() {
            return Ok(Cow::Borrowed(slice));
        }
        let dense = self.contiguous()?;
        if let Some(slice) = dense.as_slice::<C>() {
            return copy_to_vec(slice).map(Cow::Owned);
        }
        let mut values = default_vec(dense.len())?;
        if values.len() < PARALLEL_FROM {
            dense.load_range(0, &mut values)?;
        } else {
            let load = |index: usize, out: &mut [C]| dense.load_range(index * BUILD_CHUNK, out);
            try_parallel_chunks(&mut values, BUILD_CHUNK, &load)?;
        }
        Ok(Cow::Owned(values))
    }

    /// Elements `start..start + out.len()` in logical order, converted as by [`Tensor::load`]. The tensor
    /// must be contiguous.
    ///
    /// # Errors
    ///
    /// Where the range ends behind the last element, the tensor isn't contiguous, or [`Tensor::load`] would fail.
    pub fn load_range<C: Compute>(&self, start: usize, out: &mut [C]) -> Result<(), TensorError> {
        let inside = start.checked_add(out.len()).is_some_and(|end| end <= self.len());
        if !inside {
            return Err(TensorError::RangeOutsideTensor { start, count: out.len(), len: self.len() });
        }
        if !self.is_contiguous() {
            return Err(TensorError::NotContiguous {
                operation: "load_range",
                shape: self.shape.clone(),
                strides: self.strides.clone(),
            });
        }
        if out.is_empty() {
            return check_arithmetic("load", self.dtype);
        }
        codec::decode(self.dtype, self.storage.bytes()?, self.offset + start, out)
    }

    /// The one element, converted as by [`Tensor::load`].
    ///
    /// # Errors
    ///
    /// Where the tensor hasn't exactly one element, or [`Tensor::load`] would fail.
    ///
    /// ```
    /// use glassbox_tensor::Tensor;
    /// assert_eq!(Tensor::scalar(2.5f32).item::<f64>()?, 2.5);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn item<C: Compute>(&self) -> Result<C, TensorError> {
        match *self.load::<C>()? {
            [value] => Ok(value),
            _ => Err(TensorError::NotOneElement { operation: "item", shape: self.shape.clone() }),
        }
    }

    /// A tensor of `values`, in row-major order, each converted to `dtype` once by the rules of
    /// [`cast`](crate::cast). The `Vec` is taken over as it is when `dtype` is `C`'s own.
    ///
    /// # Errors
    ///
    /// Where there aren't as many values as `shape` says, `dtype` isn't one of numbers, or there isn't enough memory.
    ///
    /// ```
    /// use glassbox_tensor::{DType, Overflow, Tensor};
    /// let x = Tensor::store(DType::I8, &[2], vec![1i64, 300], Overflow::Saturate)?;
    /// assert_eq!(x.to_vec::<i8>()?, [1, 127]);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn store<C: Compute>(
        dtype: DType,
        shape: &[usize],
        values: Vec<C>,
        overflow: Overflow,
    ) -> Result<Tensor, TensorError> {
        if dtype == C::DTYPE {
            return Tensor::from_vec(shape, values);
        }
        check_arithmetic("store", dtype)?;
        let (expected, bytes) = crate::tensor::checked_size("store", dtype, shape)?;
        if values.len() != expected {
            return Err(TensorError::LengthMismatch {
                dtype,
                shape: shape.to_vec(),
                expected,
                got: values.len(),
                unit: "elements",
            });
        }
        if values.len() < PARALLEL_FROM {
            let mut buffer = Buffer::zeroed(bytes)?;
            codec::encode(&values, dtype, overflow.into(), buffer.as_mut_slice())?;
            return Ok(Tensor::from_buffer(dtype, shape, buffer));
        }
        Tensor::encode_chunks(dtype, shape, &|start, count, bytes| {
            codec::encode(&values[start..start + count], dtype, overflow.into(), bytes)
        })
    }
}
