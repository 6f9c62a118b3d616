//! `mod`.

use super::div::refuse_zero;
use super::elementwise::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    refuse_zero(call, 1)?;
    // The divisor isn't zero: `max` only keeps the compiler from having to check.
    let unsigned = |a: u64, b: u64| a % b.max(1);
    if call.attr.bool("fmod") {
        return binary(call, libm::fmod, i64::wrapping_rem, unsigned);
    }
    binary(call, floored, floored_integer, unsigned)
}

/// The remainder with the sign of the divisor.
fn floored(a: f64, b: f64) -> f64 {
    let rest = libm::fmod(a, b);
    if rest == 0.0 {
        0f64.copysign(b)
    } else if (rest < 0.0) != (b < 0.0) {
        rest + b
    } else {
        rest
    }
}

fn floored_integer(a: i64, b: i64) -> i64 {
    let rest = a.wrapping_rem(b);
    if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
}
