//! `where`.

use glassbox_tensor::{Class, Compute, DType, Overflow, Tensor};

use super::elementwise::*;
use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let (sizes, dtype) = (call.sizes(0)?, call.dtype(0));
    one(match dtype.class() {
        Class::Float if dtype == DType::F64 => choose::<f64>(call, &sizes)?,
        // Every float but f64 is exact in f32.
        Class::Float => choose::<f32>(call, &sizes)?,
        Class::Unsigned => choose::<u64>(call, &sizes)?,
        Class::String => choose_strings(call, &sizes)?,
        _ => choose::<i64>(call, &sizes)?,
    })
}

fn choose<C: Compute>(call: &Call, sizes: &[usize]) -> Result<Tensor, KernelError> {
    let condition = Operand::<bool>::new(call.tensor(0)?, sizes)?;
    let (x, y) = (Operand::<C>::new(call.tensor(1)?, sizes)?, Operand::<C>::new(call.tensor(2)?, sizes)?);
    Tensor::try_build(call.dtype(0), sizes, Overflow::Wrap, |start, out: &mut [C]| {
        let (mut truth, mut other) = (vec![false; out.len()], vec![C::default(); out.len()]);
        condition.read(start, &mut truth)?;
        x.read(start, out)?;
        y.read(start, &mut other)?;
        for ((out, other), truth) in out.iter_mut().zip(other).zip(truth) {
            if !truth {
                *out = other;
            }
        }
        Ok(())
    })
}

fn choose_strings(call: &Call, sizes: &[usize]) -> Result<Tensor, KernelError> {
    let condition = call.tensor(0)?.broadcast_to(sizes)?.to_vec::<bool>()?;
    let strings = |index| Ok::<_, KernelError>(call.tensor(index)?.broadcast_to(sizes)?.to_strings().unwrap_or_default());
    let pairs = strings(1)?.into_iter().zip(strings(2)?).zip(condition);
    Ok(Tensor::from_strings(sizes, pairs.map(|((x, y), truth)| if truth { x } else { y }).collect())?)
}
