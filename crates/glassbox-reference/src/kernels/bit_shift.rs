//! `bit_shift`.

use super::elementwise::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    let bits = call.dtype(0).bits().unwrap_or(64) as u64;
    // A negative count is a huge one.
    let within = |count: u64| (count < bits).then_some(count as u32);
    // No operand is a float.
    let float = |_, _| f64::NAN;
    if call.attr.str("direction") == "LEFT" {
        return binary(
            call,
            float,
            |a, b| within(b.cast_unsigned()).map_or(0, |count| a << count),
            |a, b| within(b).map_or(0, |count| a << count),
        );
    }
    binary(
        call,
        float,
        |a, b| a >> within(b.cast_unsigned()).unwrap_or(63),
        |a, b| within(b).map_or(0, |count| a >> count),
    )
}
