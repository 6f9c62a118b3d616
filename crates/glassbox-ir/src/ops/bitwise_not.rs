//! `bitwise_not`: the other bits.

use super::bitwise_xor;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "bitwise_not",
    tier: Tier::Composite(|d| {
        let x = d.x(0);
        // All bits set: -1, or the largest unsigned number, at which constants saturate.
        let ones = x.scalar_like(if x.dtype().is_unsigned_integer() { f64::INFINITY } else { -1.0 });
        Ok(vec![x.binary(&bitwise_xor::OP, ones)])
    }),
    doc: "Each bit of x inverted, elementwise; negative integers are bits in two's complement.",
    inputs: &[Input::one("x", BITS)],
    example: "bitwise_not(i8[2] [0, 5]) -> i8[2] [-1, -6]",
    rounding: Rounding::Exact,
    ..UNARY_FLOAT
};
