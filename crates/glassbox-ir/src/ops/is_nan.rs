//! `is_nan`: whether an element is not a number.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "is_nan",
    tier: Tier::Composite(|d| Ok(vec![!d.x(0).equal(d.x(0))])),
    doc: "Whether x is NaN, elementwise: the only value that doesn't equal itself.",
    inputs: FLOAT,
    example: "is_nan(f32[2] [1, nan]) -> bool[2] [false, true]",
    infer: broadcast_to_bool,
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
