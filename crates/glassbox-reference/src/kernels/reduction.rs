//! Reductions: one number from all those along some axes.
//!
//! The terms of each result are taken in row-major order, by one thread, so the result doesn't depend
//! on how many there are.

use glassbox_ir::infer::normalise_axis;
use glassbox_tensor::{Class, Compute, DType, Overflow, Tensor};

use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

/// The kept and the reduced axes of an operand, brought into the order kept, reduced.
pub(crate) struct Reduction {
    /// The operand, its kept axes first, then the reduced ones.
    x: Tensor,
    /// How many results there are.
    kept: usize,
    /// How many terms each result has.
    pub(crate) terms: usize,
    /// The sizes of the result.
    sizes: Vec<usize>,
}

impl Reduction {
    /// The reduction that a call with operands `x`, `axes` asks for.
    pub(crate) fn new(call: &Call) -> Result<Reduction, KernelError> {
        let x = call.tensor(0)?;
        let given = if call.has(1) { call.ints(1)? } else { Vec::new() };
        let mut reduced =
            given.iter().map(|axis| normalise_axis("C1", *axis, x.rank())).collect::<Result<Vec<_>, _>>()?;
        reduced.sort_unstable();
        reduced.dedup();
        if given.is_empty() && !call.attr.bool("noop_with_empty_axes") {
            reduced = (0..x.rank()).collect();
        }
        Reduction::over(x, &reduced, call.attr.bool("keepdims"))
    }

    /// The reduction of `x` over these axes, which are sorted.
    pub(crate) fn over(x: &Tensor, reduced: &[usize], keepdims: bool) -> Result<Reduction, KernelError> {
        let kept: Vec<usize> = (0..x.rank()).filter(|axis| !reduced.contains(axis)).collect();
        let order: Vec<usize> = kept.iter().chain(reduced).copied().collect();
        let sizes = x.shape().iter().enumerate().filter_map(|(axis, size)| match reduced.contains(&axis) {
            true if keepdims => Some(1),
            true => None,
            false => Some(*size),
        });
        Ok(Reduction {
            sizes: sizes.collect(),
            kept: kept.iter().map(|axis| x.shape()[*axis]).product(),
            terms: reduced.iter().map(|axis| x.shape()[*axis]).product(),
            x: x.permute(&order)?,
        })
    }

    /// `f` of the terms of each result, in order.
    pub(crate) fn run<C: Compute, R: Compute>(
        &self,
        dtype: DType,
        f: impl Fn(&[C]) -> R + Sync,
    ) -> Result<Tensor, KernelError> {
        let terms = self.x.load::<C>()?;
        debug_assert_eq!(terms.len(), self.kept * self.terms);
        Tensor::try_build(dtype, &self.sizes, Overflow::Wrap, |start, out: &mut [R]| {
            for (index, out) in out.iter_mut().enumerate() {
                let first = (start + index) * self.terms;
                *out = f(&terms[first..first + self.terms]);
            }
            Ok::<_, KernelError>(())
        })
    }
}

/// A reduction of numbers.
pub(crate) fn reduce(
    call: &Call,
    float: impl Fn(&[f64]) -> f64 + Sync,
    signed: impl Fn(&[i64]) -> i64 + Sync,
    unsigned: impl Fn(&[u64]) -> u64 + Sync,
) -> Outcome {
    let (reduction, dtype) = (Reduction::new(call)?, call.dtype(0));
    one(match call.tensor(0)?.dtype().class() {
        Class::Float => reduction.run(dtype, float)?,
        Class::Signed => reduction.run(dtype, signed)?,
        _ => reduction.run(dtype, unsigned)?,
    })
}
