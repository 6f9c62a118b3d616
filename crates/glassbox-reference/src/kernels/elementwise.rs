//! Elementwise kernels: one function of one element, lifted to tensors of any dtype.
//!
//! Floats of every width are computed in f64 and rounded once to the result's dtype. For `+ - * /` and
//! `sqrt` that is the same, to the bit, as computing in f16, bf16, f32 themselves: f64 has more than
//! twice their digits, so rounding twice equals rounding once. Integers are computed in 64 bits and
//! wrapped to the result's width.

use std::borrow::Cow;

use glassbox_tensor::{Class, Compute, DType, Overflow, Tensor};

use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

/// An operand, read in chunks as it is broadcast to the shape of the result.
pub(crate) struct Operand<'a, C: Compute> {
    source: Source<'a, C>,
}

enum Source<'a, C: Compute> {
    /// As many elements as the result, in the same order.
    Dense(Tensor),
    /// One element for all.
    Scalar(C),
    /// The elements before broadcasting, and how they are spread: the sizes of the result, and by how much
    /// the index into the elements grows along each axis.
    Spread { elements: Cow<'a, [C]>, sizes: Vec<usize>, steps: Vec<usize> },
}

impl<'a, C: Compute> Operand<'a, C> {
    /// The operand `tensor` of a result of these sizes.
    pub(crate) fn new(tensor: &'a Tensor, sizes: &[usize]) -> Result<Operand<'a, C>, KernelError> {
        let source = if tensor.shape() == sizes {
            Source::Dense(tensor.contiguous()?)
        } else if tensor.len() == 1 {
            Source::Scalar(tensor.item::<C>()?)
        } else {
            let elements = tensor.load::<C>()?;
            let missing = sizes.len().saturating_sub(tensor.rank());
            let mut steps = vec![0; sizes.len()];
            let mut step = 1;
            for (axis, size) in tensor.shape().iter().enumerate().rev() {
                steps[missing + axis] = if *size == 1 { 0 } else { step };
                step *= size;
            }
            Source::Spread { elements, sizes: sizes.to_vec(), steps }
        };
        Ok(Operand { source })
    }

    /// The elements `start..start + out.len()` of the result's order.
    pub(crate) fn read(&self, start: usize, out: &mut [C]) -> Result<(), KernelError> {
        match &self.source {
            Source::Dense(tensor) => tensor.load_range(start, out)?,
            Source::Scalar(value) => out.fill(*value),
            Source::Spread { elements, sizes, steps } => {
                let mut place = unravel(start, sizes);
                let mut index: usize = place.iter().zip(steps).map(|(place, step)| place * step).sum();
                for value in out {
                    *value = elements[index];
                    for axis in (0..sizes.len()).rev() {
                        place[axis] += 1;
                        index += steps[axis];
                        if place[axis] < sizes[axis] {
                            break;
                        }
                        index -= steps[axis] * sizes[axis];
                        place[axis] = 0;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The place, axis by axis, of the element with this index in row-major order.
pub(crate) fn unravel(mut index: usize, sizes: &[usize]) -> Vec<usize> {
    let mut place = vec![0; sizes.len()];
    for (axis, size) in sizes.iter().enumerate().rev() {
        if *size > 0 {
            place[axis] = index % size;
            index /= size;
        }
    }
    place
}

/// `f` of each element, computed in `C`.
pub(crate) fn map1<C: Compute>(x: &Tensor, dtype: DType, f: impl Fn(C) -> C + Sync) -> Result<Tensor, KernelError> {
    let x_read = Operand::<C>::new(x, x.shape())?;
    Tensor::try_build(dtype, x.shape(), Overflow::Wrap, |start, out: &mut [C]| {
        x_read.read(start, out)?;
        out.iter_mut().for_each(|value| *value = f(*value));
        Ok(())
    })
}

/// `f` of each pair of elements, broadcast to `sizes`, computed in `C` and given as `R`.
pub(crate) fn map2<C: Compute, R: Compute>(
    [a, b]: [&Tensor; 2],
    sizes: &[usize],
    dtype: DType,
    f: impl Fn(C, C) -> R + Sync,
) -> Result<Tensor, KernelError> {
    let (a, b) = (Operand::<C>::new(a, sizes)?, Operand::<C>::new(b, sizes)?);
    Tensor::try_build(dtype, sizes, Overflow::Wrap, |start, out: &mut [R]| {
        let (mut left, mut right) = ([C::default(); BLOCK], [C::default(); BLOCK]);
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            let start = start + block * BLOCK;
            let (left, right) = (&mut left[..out.len()], &mut right[..out.len()]);
            a.read(start, left)?;
            b.read(start, right)?;
            for ((out, left), right) in out.iter_mut().zip(left).zip(right) {
                *out = f(*left, *right);
            }
        }
        Ok(())
    })
}

/// How many elements of each operand are held at once.
const BLOCK: usize = 512;

/// An elementwise op of one float operand.
pub(crate) fn unary_float(call: &Call, f: impl Fn(f64) -> f64 + Sync) -> Outcome {
    one(map1(call.tensor(0)?, call.dtype(0), f)?)
}

/// An elementwise op of one numeric operand.
pub(crate) fn unary(
    call: &Call,
    float: impl Fn(f64) -> f64 + Sync,
    signed: impl Fn(i64) -> i64 + Sync,
    unsigned: impl Fn(u64) -> u64 + Sync,
) -> Outcome {
    let (x, dtype) = (call.tensor(0)?, call.dtype(0));
    one(match x.dtype().class() {
        Class::Float => map1(x, dtype, float)?,
        Class::Signed => map1(x, dtype, signed)?,
        _ => map1(x, dtype, unsigned)?,
    })
}

/// An elementwise op of two numeric operands of one dtype.
pub(crate) fn binary(
    call: &Call,
    float: impl Fn(f64, f64) -> f64 + Sync,
    signed: impl Fn(i64, i64) -> i64 + Sync,
    unsigned: impl Fn(u64, u64) -> u64 + Sync,
) -> Outcome {
    let (operands, sizes, dtype) = ([call.tensor(0)?, call.tensor(1)?], call.sizes(0)?, call.dtype(0));
    one(match operands[0].dtype().class() {
        Class::Float => map2(operands, &sizes, dtype, float)?,
        Class::Signed => map2(operands, &sizes, dtype, signed)?,
        _ => map2(operands, &sizes, dtype, unsigned)?,
    })
}

/// A comparison of two numeric or bool operands of one dtype.
pub(crate) fn compare(
    call: &Call,
    float: impl Fn(f64, f64) -> bool + Sync,
    signed: impl Fn(i64, i64) -> bool + Sync,
    unsigned: impl Fn(u64, u64) -> bool + Sync,
) -> Outcome {
    let (operands, sizes) = ([call.tensor(0)?, call.tensor(1)?], call.sizes(0)?);
    one(match operands[0].dtype().class() {
        Class::Float => map2(operands, &sizes, DType::Bool, float)?,
        Class::Signed => map2(operands, &sizes, DType::Bool, signed)?,
        _ => map2(operands, &sizes, DType::Bool, unsigned)?,
    })
}

/// An op of two truth values.
pub(crate) fn logical(call: &Call, f: impl Fn(bool, bool) -> bool + Sync) -> Outcome {
    one(map2([call.tensor(0)?, call.tensor(1)?], &call.sizes(0)?, DType::Bool, f)?)
}

/// An op of any number of numeric operands of one dtype: the first, then each of the others folded in.
pub(crate) fn fold(
    call: &Call,
    float: impl Fn(f64, f64) -> f64 + Sync,
    signed: impl Fn(i64, i64) -> i64 + Sync,
    unsigned: impl Fn(u64, u64) -> u64 + Sync,
) -> Outcome {
    let (sizes, dtype) = (call.sizes(0)?, call.dtype(0));
    let mut result = call.tensor(0)?.clone();
    for index in 1..call.inputs.len() {
        let operands = [&result, call.tensor(index)?];
        result = match dtype.class() {
            Class::Float => map2(operands, &sizes, dtype, &float)?,
            Class::Signed => map2(operands, &sizes, dtype, &signed)?,
            _ => map2(operands, &sizes, dtype, &unsigned)?,
        };
    }
    if result.shape() != sizes {
        result = result.broadcast_to(&sizes)?;
    }
    one(result)
}
