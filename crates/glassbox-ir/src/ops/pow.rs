//! `pow`: a power.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "pow",
    doc: "a to the power b, elementwise; the result has the dtype of a, and b may have another numeric dtype. \
          Floats are computed in f64 and rounded once, as IEEE 754 `pow`; where both are integers the power is \
          exact and wraps, and a negative exponent gives the power truncated toward zero (an error for a base \
          of 0). An integer to a float power is computed in f64 and cast back, truncating.",
    inputs: &[Input::one("a", DTypes::Numeric), Input::one("b", DTypes::Numeric)],
    example: "pow(f32[2] [2, 3], i32[] 2) -> f32[2] [4, 9]",
    rounding: Rounding::Function,
    ..BINARY
};
