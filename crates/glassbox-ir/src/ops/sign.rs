//! `sign`: the sign.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "sign",
    doc: "-1, 0 or 1 with the sign of x, elementwise; the sign of NaN is NaN.",
    inputs: NUMERIC,
    example: "sign(f32[3] [-2, 0, 5]) -> f32[3] [-1, 0, 1]",
    rounding: Rounding::Exact,
    ..UNARY_FLOAT
};
