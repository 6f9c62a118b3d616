//! `pow`.

use glassbox_tensor::{Class, Tensor};

use super::elementwise::*;
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let (base, exponent) = (call.tensor(0)?, call.tensor(1)?);
    let (sizes, dtype) = (call.sizes(0)?, call.dtype(0));
    let floats = base.dtype().class() == Class::Float || exponent.dtype().class() == Class::Float;
    if floats {
        return one(map2([base, exponent], &sizes, dtype, libm::pow)?);
    }
    if has_negative(exponent)? && base.load::<i64>()?.contains(&0) {
        return Err(call.invalid("zero", "an integer base is 0 where its exponent is negative"));
    }
    one(map2([base, exponent], &sizes, dtype, power)?)
}

fn has_negative(exponent: &Tensor) -> Result<bool, glassbox_tensor::TensorError> {
    let signed = exponent.dtype().class() == Class::Signed;
    Ok(signed && exponent.load::<i64>()?.iter().any(|value| *value < 0))
}

/// The power by squaring, modulo 2^64; truncated toward zero for a negative exponent.
fn power(base: i64, exponent: i64) -> i64 {
    if exponent < 0 {
        return match base {
            1 => 1,
            -1 if exponent % 2 == 0 => 1,
            -1 => -1,
            _ => 0,
        };
    }
    let (mut result, mut square, mut rest) = (1i64, base, exponent);
    while rest > 0 {
        if rest % 2 == 1 {
            result = result.wrapping_mul(square);
        }
        square = square.wrapping_mul(square);
        rest /= 2;
    }
    result
}
