//! `neg`: the opposite.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "neg",
    doc: "-x, elementwise. Integers wrap.",
    inputs: NUMERIC,
    example: "neg(f32[2] [1, -2]) -> f32[2] [-1, 2]",
    rounding: Rounding::Exact,
    ..UNARY_FLOAT
};
