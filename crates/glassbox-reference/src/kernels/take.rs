//! Moving elements of any dtype: each element of the result is one of the operand's, or a zero.

use glassbox_tensor::{Class, Compute, DType, Overflow, Tensor};

use glassbox_exec::KernelError;

/// The tensor of these sizes whose element `i` is element `source(i)` of x, and where that is `None`,
/// zero, false or no text.
pub(crate) fn take(
    x: &Tensor,
    sizes: &[usize],
    source: impl Fn(usize) -> Option<usize> + Sync,
) -> Result<Tensor, KernelError> {
    take_or(x, sizes, 0.0, source)
}

/// [`take`] with another number than zero for what has no source.
pub(crate) fn take_or(
    x: &Tensor,
    sizes: &[usize],
    other: f64,
    source: impl Fn(usize) -> Option<usize> + Sync,
) -> Result<Tensor, KernelError> {
    match (x.dtype().class(), x.dtype()) {
        (Class::Float, DType::F64) => take_as::<f64>(x, sizes, other, source),
        // Every other float is exact in f32.
        (Class::Float, _) => take_as::<f32>(x, sizes, other, source),
        (Class::Unsigned, _) => take_as::<u64>(x, sizes, other, source),
        (Class::Bool, _) => take_as::<bool>(x, sizes, other, source),
        (Class::String, _) => {
            let strings = x.to_strings().unwrap_or_default();
            let count = sizes.iter().product::<usize>();
            let pick = |index| source(index).and_then(|at: usize| strings.get(at).cloned()).unwrap_or_default();
            Ok(Tensor::from_strings(sizes, (0..count).map(pick).collect())?)
        }
        _ => take_as::<i64>(x, sizes, other, source),
    }
}

fn take_as<C: Compute>(
    x: &Tensor,
    sizes: &[usize],
    other: f64,
    source: impl Fn(usize) -> Option<usize> + Sync,
) -> Result<Tensor, KernelError> {
    let (elements, other) = (x.load::<C>()?, C::from_f64(other));
    Ok(Tensor::build(x.dtype(), sizes, Overflow::Wrap, |start, out: &mut [C]| {
        for (index, out) in out.iter_mut().enumerate() {
            *out = source(start + index).and_then(|at| elements.get(at).copied()).unwrap_or(other);
        }
    })?)
}
