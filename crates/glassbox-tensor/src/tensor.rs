//! The tensor: dtype, shape, strides and shared storage; how one is made, and how its data is lent.
//!
//! Invariants, held by every constructor and view: the element count fits `isize`; every element that the
//! strides reach lies inside the storage; a block-format tensor is contiguous and starts on a block.

use std::fmt;
use std::sync::Arc;

use crate::layout;
use crate::packed;
use crate::storage::Storage;
use crate::{Buffer, CastOptions, DType, Element, SharedBytes, TensorError};

/// An n-dimensional array, or a view of one. Cloning and viewing share the data.
///
/// ```
/// use glassbox_tensor::{DType, Tensor};
/// let x = Tensor::from_vec(&[2, 3], vec![1i32, 2, 3, 4, 5, 6])?;
/// assert_eq!((x.dtype(), x.shape(), x.byte_len()), (DType::I32, &[2, 3][..], Some(24)));
/// // Views share the data; a write to one that is shared copies it.
/// let column = x.slice_axis(1, 2, 1, 1)?;
/// assert_eq!(column.to_vec::<i32>()?, [3, 6]);
/// assert!(!x.is_sole_owner());
/// # Ok::<(), glassbox_tensor::TensorError>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    /// In elements.
    pub(crate) strides: Vec<isize>,
    /// In elements, from the storage's first.
    pub(crate) offset: usize,
    pub(crate) storage: Storage,
}

/// The element and byte count of a tensor that is stored in bytes.
pub(crate) fn checked_size(
    operation: &'static str,
    dtype: DType,
    shape: &[usize],
) -> Result<(usize, usize), TensorError> {
    if dtype == DType::String {
        return Err(TensorError::UnsupportedDtype {
            operation,
            dtype,
            rule: "strings are not stored as bytes; use `Tensor::from_strings`",
        });
    }
    let invalid = || TensorError::InvalidSize { dtype, shape: shape.to_vec() };
    if let DType::Block(format) = dtype {
        let row = shape.last().copied().unwrap_or(1);
        if !row.is_multiple_of(format.block_elements()) {
            return Err(invalid());
        }
    }
    let elements = layout::element_count(shape).ok_or_else(invalid)?;
    let bytes = dtype.byte_len(elements).ok_or_else(invalid)?;
    if isize::try_from(bytes).is_err() {
        return Err(invalid());
    }
    Ok((elements, bytes))
}

impl Tensor {
    fn contiguous_over(dtype: DType, shape: &[usize], storage: Storage) -> Tensor {
        Tensor { dtype, shape: shape.to_vec(), strides: layout::contiguous_strides(shape), offset: 0, storage }
    }

    /// A tensor over `buffer`, which has exactly the bytes that `dtype` and `shape` need.
    pub(crate) fn from_buffer(dtype: DType, shape: &[usize], buffer: Buffer) -> Tensor {
        Tensor::contiguous_over(dtype, shape, Storage::Bytes(Arc::new(buffer)))
    }

    /// A tensor whose bits are all zero; empty strings for [`DType::String`]. That is the number 0 wherever
    /// the dtype has one (`t1` and `f8e8m0` do not: their zero bits are -1 and 2^-127).
    ///
    /// # Errors
    ///
    /// Where the dims have too many elements for the dtype, or there isn't enough memory.
    ///
    /// ```
    /// use glassbox_tensor::{DType, Tensor};
    /// assert_eq!(Tensor::zeros(DType::F16, &[2, 3])?.load::<f32>()?[..], [0.0; 6]);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn zeros(dtype: DType, shape: &[usize]) -> Result<Tensor, TensorError> {
        if dtype == DType::String {
            let count = layout::element_count(shape)
                .ok_or_else(|| TensorError::InvalidSize { dtype, shape: shape.to_vec() })?;
            let mut values = Vec::new();
            values
                .try_reserve_exact(count)
                .map_err(|_| TensorError::AllocationFailed { bytes: count.saturating_mul(size_of::<String>()) })?;
            values.resize(count, String::new());
            return Tensor::from_strings(shape, values);
        }
        let (_, bytes) = checked_size("zeros", dtype, shape)?;
        Ok(Tensor::from_buffer(dtype, shape, Buffer::zeroed(bytes)?))
    }

    /// A tensor that takes over `values`, in row-major order, without copying.
    ///
    /// # Errors
    ///
    /// Where there aren't as many values as `shape` says.
    ///
    /// ```
    /// use glassbox_tensor::Tensor;
    /// let x = Tensor::from_vec(&[2, 2], vec![1i64, 2, 3, 4])?;
    /// assert_eq!(x.shape(), [2, 2]);
    /// assert!(Tensor::from_vec(&[3], vec![1i64, 2]).is_err());
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn from_vec<T: Element>(shape: &[usize], values: Vec<T>) -> Result<Tensor, TensorError> {
        let (expected, _) = checked_size("from_vec", T::DTYPE, shape)?;
        if values.len() != expected {
            return Err(TensorError::LengthMismatch {
                dtype: T::DTYPE,
                shape: shape.to_vec(),
                expected,
                got: values.len(),
                unit: "elements",
            });
        }
        Ok(Tensor::from_buffer(T::DTYPE, shape, Buffer::from_vec(values)))
    }

    /// A tensor of rank 0.
    pub fn scalar<T: Element>(value: T) -> Tensor {
        Tensor::from_buffer(T::DTYPE, &[], Buffer::from_vec(vec![value]))
    }

    /// A tensor of strings, in row-major order.
    ///
    /// # Errors
    ///
    /// Where there aren't as many values as `shape` says.
    ///
    /// ```
    /// use glassbox_tensor::{DType, Tensor};
    /// let x = Tensor::from_strings(&[2], vec!["a".to_owned(), "b".to_owned()])?;
    /// assert_eq!(x.dtype(), DType::String);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn from_strings(shape: &[usize], values: Vec<String>) -> Result<Tensor, TensorError> {
        let dtype = DType::String;
        let expected =
            layout::element_count(shape).ok_or_else(|| TensorError::InvalidSize { dtype, shape: shape.to_vec() })?;
        if values.len() != expected {
            return Err(TensorError::LengthMismatch {
                dtype,
                shape: shape.to_vec(),
                expected,
                got: values.len(),
                unit: "elements",
            });
        }
        Ok(Tensor::contiguous_over(dtype, shape, Storage::Strings(Arc::new(values))))
    }

    /// A tensor that takes over little-endian bytes, packed and in row-major order; the length must be
    /// exact. They are copied only if they are not aligned for the dtype. Padding bits of the last byte are
    /// cleared; a bool byte above 1 and the `t2` pattern `10` are refused.
    ///
    /// # Errors
    ///
    /// Where the number of bytes isn't what dtype and shape ask for, or a byte is none that the dtype has.
    ///
    /// ```
    /// use glassbox_tensor::{DType, Tensor};
    /// // Two elements of four bits each in a byte, the first in the low ones.
    /// let x = Tensor::from_bytes(DType::I4, &[2], vec![0x2f])?;
    /// assert_eq!(x.load::<i64>()?[..], [-1, 2]);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn from_bytes(dtype: DType, shape: &[usize], bytes: Vec<u8>) -> Result<Tensor, TensorError> {
        let (elements, expected) = checked_size("from_bytes", dtype, shape)?;
        if bytes.len() != expected {
            return Err(TensorError::LengthMismatch {
                dtype,
                shape: shape.to_vec(),
                expected,
                got: bytes.len(),
                unit: "bytes",
            });
        }
        packed::check_encodings(dtype, &bytes, 0, elements)?;
        let aligned = bytes.as_ptr().addr().is_multiple_of(dtype.alignment());
        let mut buffer = if aligned { Buffer::from_vec(bytes) } else { Buffer::copy_of(&bytes)? };
        packed::clear_padding(dtype, buffer.as_mut_slice(), elements);
        Ok(Tensor::from_buffer(dtype, shape, buffer))
    }

    /// A tensor over bytes that `owner` keeps, beginning at `byte_offset`, without copying or reading them.
    /// The data is little-endian, packed and row-major, and may have any alignment. It is checked when read.
    ///
    /// # Errors
    ///
    /// Where the bytes end before the tensor does, or the dtype is [`DType::String`].
    pub fn from_shared(
        dtype: DType,
        shape: &[usize],
        owner: SharedBytes,
        byte_offset: usize,
    ) -> Result<Tensor, TensorError> {
        let (_, needed) = checked_size("from_shared", dtype, shape)?;
        let available = (*owner).as_ref().len();
        let inside = byte_offset.checked_add(needed).is_some_and(|end| end <= available);
        if !inside {
            return Err(TensorError::RangeOutsideStorage {
                dtype,
                shape: shape.to_vec(),
                byte_offset,
                needed,
                available,
            });
        }
        let storage = Storage::Shared { owner, start: byte_offset, len: needed };
        Ok(Tensor::contiguous_over(dtype, shape, storage))
    }

    /// A tensor over a buffer, which holds its elements packed and in row-major order.
    ///
    /// # Errors
    ///
    /// Where the buffer has another length than the dtype and shape need, or holds patterns that the dtype doesn't have.
    pub fn from_elements(dtype: DType, shape: &[usize], buffer: Buffer) -> Result<Tensor, TensorError> {
        let (elements, expected) = checked_size("from_elements", dtype, shape)?;
        let got = buffer.as_slice().len();
        if got != expected {
            return Err(TensorError::LengthMismatch { dtype, shape: shape.to_vec(), expected, got, unit: "bytes" });
        }
        packed::check_encodings(dtype, buffer.as_slice(), 0, elements)?;
        Ok(Tensor::from_buffer(dtype, shape, buffer))
    }

    /// The elements of the storage from this tensor's first one to the last that its strides reach, if `T` is its dtype,
    /// no stride is negative, and they are aligned. What is at index `i` along each axis lies at the sum of `i · stride`.
    pub fn reach<T: Element>(&self) -> Option<&[T]> {
        if T::DTYPE != self.dtype || T::DTYPE.is_sub_byte() {
            return None;
        }
        if self.is_empty() {
            return Some(&[]);
        }
        let mut last = self.offset;
        for (size, stride) in self.shape.iter().zip(&self.strides) {
            last = last.checked_add(usize::try_from(*stride).ok()?.checked_mul(size - 1)?)?;
        }
        let (start, end) = (self.dtype.byte_len(self.offset)?, self.dtype.byte_len(last + 1)?);
        crate::element::from_bytes(self.storage.bytes().ok()?.get(start..end)?)
    }

    /// A tensor that holds `value`, which has one element, at every index; cast to `dtype` with
    /// [`CastOptions::default`] if it is of another.
    ///
    /// # Errors
    ///
    /// Where `value` hasn't exactly one element or can't be cast, the dims have too many elements, or there isn't enough
    /// memory.
    ///
    /// ```
    /// use glassbox_tensor::{DType, Tensor};
    /// let x = Tensor::full(DType::F32, &[2], &Tensor::scalar(3i64))?;
    /// assert_eq!(x.to_vec::<f32>()?, [3.0, 3.0]);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn full(dtype: DType, shape: &[usize], value: &Tensor) -> Result<Tensor, TensorError> {
        if value.len() != 1 {
            return Err(TensorError::NotOneElement { operation: "full", shape: value.shape.clone() });
        }
        let value = value.cast_with(dtype, CastOptions::default())?.reshape(&[])?;
        value.broadcast_to(shape)?.contiguous()
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The size of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The distance between neighbours along each axis, in elements.
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        // The count was checked when the tensor was made.
        layout::element_count(&self.shape).unwrap_or(0)
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// The bytes that the elements take when packed in logical order; `None` for strings, and for a
    /// broadcast view whose copy could not exist.
    pub fn byte_len(&self) -> Option<usize> {
        self.dtype.byte_len(self.len())
    }

    /// Whether the elements lie one after the other in logical order.
    pub fn is_contiguous(&self) -> bool {
        layout::is_contiguous(&self.shape, &self.strides)
    }

    /// The elements, if `T` is this tensor's dtype and they are contiguous, aligned and all valid.
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        if T::DTYPE != self.dtype {
            return None;
        }
        crate::element::from_bytes(self.byte_range()?)
    }

    /// The elements of a matrix column after column, if `T` is its dtype and they lie so: those of the
    /// transposed view.
    pub fn as_transposed_slice<T: Element>(&self) -> Option<&[T]> {
        let [rows, columns] = *self.shape.as_slice() else { return None };
        let dense = self.strides == [1, isize::try_from(rows).ok()?];
        if T::DTYPE != self.dtype || !dense || T::DTYPE.is_sub_byte() {
            return None;
        }
        let start = self.dtype.byte_len(self.offset)?;
        let end = start.checked_add(self.dtype.byte_len(rows.checked_mul(columns)?)?)?;
        crate::element::from_bytes(self.storage.bytes().ok()?.get(start..end)?)
    }

    /// The elements' bytes, if they are contiguous, start on a byte, and are those that
    /// [`Tensor::to_bytes`] would give.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        let bytes = self.byte_range()?;
        packed::padding_is_clear(self.dtype, bytes, self.len()).then_some(bytes)
    }

    /// The bytes that hold the elements, if contiguous and starting on a byte. The last may hold bits of
    /// other elements.
    pub(crate) fn byte_range(&self) -> Option<&[u8]> {
        if self.dtype == DType::String || !self.is_contiguous() {
            return None;
        }
        if self.is_empty() {
            return Some(&[]);
        }
        let start = match self.dtype.bits() {
            Some(bits) if bits < 8 => self.offset.is_multiple_of(8 / bits).then_some(self.offset / (8 / bits))?,
            _ => self.dtype.byte_len(self.offset)?,
        };
        let end = start.checked_add(self.byte_len()?)?;
        self.storage.bytes().ok()?.get(start..end)
    }

    /// The strings, if that is the dtype and they are contiguous.
    pub fn as_strings(&self) -> Option<&[String]> {
        match &self.storage {
            Storage::Strings(values) if self.is_contiguous() => {
                values.get(self.offset..self.offset.checked_add(self.len())?)
            }
            _ => None,
        }
    }

    /// The strings in logical order, if that is the dtype.
    pub fn to_strings(&self) -> Option<Vec<String>> {
        self.contiguous().ok()?.as_strings().map(<[String]>::to_vec)
    }

    /// The elements' bytes in logical order, packed from bit 0, padding clear.
    ///
    /// # Errors
    ///
    /// Where the tensor holds text, its file has become shorter, or there isn't enough memory.
    ///
    /// ```
    /// use glassbox_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(&[1], vec![1.0f32])?.to_bytes()?, [0, 0, 0x80, 0x3f]);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn to_bytes(&self) -> Result<Vec<u8>, TensorError> {
        let (elements, _) = checked_size("to_bytes", self.dtype, &self.shape)?;
        let dense = self.byte_aligned()?;
        let mut bytes = match dense.byte_range() {
            Some(range) => copy_to_vec(range)?,
            None => return Err(self.storage_shrank()),
        };
        packed::clear_padding(self.dtype, &mut bytes, elements);
        Ok(bytes)
    }

    /// The elements in logical order; `T` must be this tensor's own dtype.
    ///
    /// # Errors
    ///
    /// Where `T` is another dtype than the tensor's, an element is none that the dtype has, or there isn't enough memory.
    ///
    /// ```
    /// use glassbox_tensor::Tensor;
    /// let x = Tensor::from_vec(&[2], vec![1u8, 2])?;
    /// assert_eq!(x.to_vec::<u8>()?, [1, 2]);
    /// assert!(x.to_vec::<i8>().is_err());
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>, TensorError> {
        if T::DTYPE != self.dtype {
            return Err(TensorError::DtypeMismatch { operation: "to_vec", expected: T::DTYPE, got: self.dtype });
        }
        if let Some(slice) = self.as_slice::<T>() {
            return copy_to_vec(slice);
        }
        // The copy is aligned, so its slice exists unless an element is invalid.
        let dense = self.copy_dense()?;
        let slice = dense.as_slice::<T>();
        slice.map_or_else(|| Err(dense.first_invalid()), copy_to_vec)
    }

    /// Whether both have the same dtype, shape, and bits in every element: NaN equals the same NaN, and 0.0
    /// is not -0.0. False if shared storage has shrunk.
    pub fn bit_eq(&self, other: &Tensor) -> bool {
        if self.dtype != other.dtype || self.shape != other.shape {
            return false;
        }
        if let (Some(left), Some(right)) = (self.as_strings(), other.as_strings()) {
            return left == right;
        }
        if self.dtype == DType::String {
            return self.to_strings() == other.to_strings();
        }
        if let (Some(left), Some(right)) = (self.as_bytes(), other.as_bytes()) {
            return left == right;
        }
        matches!((self.to_bytes(), other.to_bytes()), (Ok(left), Ok(right)) if left == right)
    }

    /// The error for storage that no longer has the bytes this tensor was made over.
    pub(crate) fn storage_shrank(&self) -> TensorError {
        self.storage.bytes().err().unwrap_or_else(|| TensorError::NotContiguous {
            operation: "reading bytes",
            shape: self.shape.clone(),
            strides: self.strides.clone(),
        })
    }

    /// The error that names the first element that is no value of the dtype.
    fn first_invalid(&self) -> TensorError {
        self.byte_range()
            .and_then(|bytes| packed::check_encodings(self.dtype, bytes, 0, self.len()).err())
            .unwrap_or_else(|| self.storage_shrank())
    }
}

/// A copy of `values`, with fallible allocation.
pub(crate) fn copy_to_vec<T: Copy>(values: &[T]) -> Result<Vec<T>, TensorError> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(values.len()).map_err(|_| TensorError::AllocationFailed { bytes: size_of_val(values) })?;
    copy.extend_from_slice(values);
    Ok(copy)
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tensor")
            .field("dtype", &self.dtype)
            .field("shape", &self.shape)
            .field("strides", &self.strides)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}
