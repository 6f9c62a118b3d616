//! Elements of any dtype, moved without being read: numbers as bytes, packed ones as one byte each,
//! strings as they are.
//!
//! [`Cells`] are the elements of a tensor in row-major order, [`Moved`] the elements of a result that
//! are put together from runs of them. [`Offsets`] says where the elements of a view lie.

use std::borrow::Cow;

use glassbox_ir::infer::normalise_axis;
use glassbox_tensor::{DType, Tensor, TensorError};

use glassbox_exec::KernelError;

/// The elements of a tensor in row-major order.
pub(crate) enum Cells<'a> {
    /// Each element is so many bytes.
    Bytes(usize, Cow<'a, [u8]>),
    /// Each element is a string.
    Text(Cow<'a, [String]>),
}

/// Elements that are put together one run after the other.
pub(crate) enum Moved {
    /// Each element is so many bytes.
    Bytes(usize, Vec<u8>),
    /// Each element is a string.
    Text(Vec<String>),
}

impl<'a> Cells<'a> {
    /// The elements of `tensor`.
    pub(crate) fn of(tensor: &'a Tensor) -> Result<Cells<'a>, KernelError> {
        let dtype = tensor.dtype();
        if dtype == DType::String {
            let borrowed = tensor.as_strings().map(Cow::Borrowed);
            return Ok(Cells::Text(borrowed.unwrap_or_else(|| Cow::Owned(tensor.to_strings().unwrap_or_default()))));
        }
        let Some(bits) = dtype.bits() else {
            return Err(KernelError::Unsupported(format!("single elements of {dtype}; dequantise it first")));
        };
        if bits < 8 {
            let packed = tensor.to_bytes()?;
            let (each, mask) = (8 / bits, (1u8 << bits) - 1);
            let code = |index: usize| (packed[index / each] >> (index % each * bits)) & mask;
            return Ok(Cells::Bytes(1, Cow::Owned((0..tensor.len()).map(code).collect())));
        }
        Ok(Cells::Bytes(
            bits / 8,
            match tensor.as_bytes() {
                Some(bytes) => Cow::Borrowed(bytes),
                None => Cow::Owned(tensor.to_bytes()?),
            },
        ))
    }

    /// A result without elements yet, with room for `count` like these.
    pub(crate) fn room(&self, count: usize) -> Result<Moved, KernelError> {
        let failed = |bytes: usize| TensorError::AllocationFailed { bytes };
        Ok(match self {
            Cells::Bytes(width, _) => {
                let size = count.saturating_mul(*width);
                let mut bytes = Vec::new();
                bytes.try_reserve_exact(size).map_err(|_| failed(size))?;
                Moved::Bytes(*width, bytes)
            }
            Cells::Text(_) => {
                let mut strings = Vec::new();
                strings.try_reserve_exact(count).map_err(|_| failed(count.saturating_mul(size_of::<String>())))?;
                Moved::Text(strings)
            }
        })
    }

    /// These elements as a result, to be overwritten in part.
    pub(crate) fn into_moved(self) -> Moved {
        match self {
            Cells::Bytes(width, bytes) => Moved::Bytes(width, bytes.into_owned()),
            Cells::Text(strings) => Moved::Text(strings.into_owned()),
        }
    }
}

impl Moved {
    /// Appends `count` elements from `start` on. Both are of one dtype.
    pub(crate) fn push(&mut self, from: &Cells, start: usize, count: usize) {
        match (self, from) {
            (Moved::Bytes(width, to), Cells::Bytes(_, from)) => {
                to.extend_from_slice(&from[start * *width..(start + count) * *width]);
            }
            (Moved::Text(to), Cells::Text(from)) => to.extend_from_slice(&from[start..start + count]),
            _ => {}
        }
    }

    /// Overwrites the elements from `at` on with `count` elements from `start` on.
    pub(crate) fn place(&mut self, at: usize, from: &Cells, start: usize, count: usize) {
        match (self, from) {
            (Moved::Bytes(width, to), Cells::Bytes(_, from)) => {
                let (at, start, count) = (at * *width, start * *width, count * *width);
                to[at..at + count].copy_from_slice(&from[start..start + count]);
            }
            (Moved::Text(to), Cells::Text(from)) => to[at..at + count].clone_from_slice(&from[start..start + count]),
            _ => {}
        }
    }

    /// The tensor of these elements.
    pub(crate) fn finish(self, dtype: DType, sizes: &[usize]) -> Result<Tensor, KernelError> {
        Ok(match self {
            Moved::Text(strings) => Tensor::from_strings(sizes, strings)?,
            Moved::Bytes(_, codes) if dtype.is_sub_byte() => {
                let bits = dtype.bits().unwrap_or(8);
                let each = 8 / bits;
                let join =
                    |codes: &[u8]| codes.iter().enumerate().fold(0, |byte, (at, code)| byte | code << (at * bits));
                Tensor::from_bytes(dtype, sizes, codes.chunks(each).map(join).collect())?
            }
            Moved::Bytes(_, bytes) => Tensor::from_bytes(dtype, sizes, bytes)?,
        })
    }
}

/// The offsets of the elements of a view in row-major order: the sum over the axes of place times step.
pub(crate) struct Offsets<'a> {
    sizes: &'a [usize],
    steps: &'a [usize],
    place: Vec<usize>,
    offset: usize,
    left: usize,
}

impl<'a> Offsets<'a> {
    /// The offsets of a view of these sizes.
    pub(crate) fn new(sizes: &'a [usize], steps: &'a [usize]) -> Offsets<'a> {
        let left = if sizes.contains(&0) { 0 } else { sizes.iter().product() };
        Offsets { sizes, steps, place: vec![0; sizes.len()], offset: 0, left }
    }
}

impl Iterator for Offsets<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let offset = self.offset;
        for axis in (0..self.sizes.len()).rev() {
            self.place[axis] += 1;
            self.offset += self.steps[axis];
            if self.place[axis] < self.sizes[axis] {
                break;
            }
            self.offset -= self.steps[axis] * self.sizes[axis];
            self.place[axis] = 0;
        }
        Some(offset)
    }
}

/// The distance between neighbours along each axis of a tensor in row-major order; it must have elements.
pub(crate) fn row_major(sizes: &[usize]) -> Vec<usize> {
    let mut steps = vec![1; sizes.len()];
    for axis in (1..sizes.len()).rev() {
        steps[axis - 1] = steps[axis] * sizes[axis];
    }
    steps
}

/// Indices counted from the front. `rule` is the constraint that each is in `[-extent, extent)`.
pub(crate) fn resolve(indices: &[i64], extent: usize, rule: &'static str) -> Result<Vec<usize>, KernelError> {
    indices.iter().map(|index| resolve_one(*index, extent, rule)).collect()
}

/// One index counted from the front.
pub(crate) fn resolve_one(index: i64, extent: usize, rule: &'static str) -> Result<usize, KernelError> {
    normalise_axis(rule, index, extent).map_err(|_| {
        KernelError::invalid(rule, format!("index {index} is outside [-{extent}, {extent}) of an extent of {extent}"))
    })
}

/// Where the slices begin that tuples of indices name: the tuples are the last axis of `indices`, the
/// slices are of x, past the first `batch` axes, which both have. Gives also how many elements a slice has.
pub(crate) fn tuple_offsets(
    x: &[usize],
    indices: &Tensor,
    batch: usize,
    rule: &'static str,
) -> Result<(Vec<usize>, usize), KernelError> {
    let length = indices.shape().last().copied().unwrap_or(0);
    let tuples = indices.shape()[..indices.rank().saturating_sub(1)].iter().product::<usize>();
    let axes = &x[batch..batch + length];
    let elements = |sizes: &[usize]| if sizes.contains(&0) { 0 } else { sizes.iter().product::<usize>() };
    let slice = elements(&x[batch + length..]);
    let batches = elements(&x[..batch]).max(1);
    let values = indices.load::<i64>()?;
    let mut offsets = Vec::with_capacity(if length == 0 { 0 } else { tuples });
    for tuple in 0..tuples {
        let mut offset = tuple / (tuples / batches).max(1);
        for (index, extent) in values[tuple * length..(tuple + 1) * length].iter().zip(axes) {
            offset = offset * extent + resolve_one(*index, *extent, rule)?;
        }
        offsets.push(offset * slice);
    }
    Ok((offsets, slice))
}
