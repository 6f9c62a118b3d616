//! `bitwise_or`: the bits that either has.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "bitwise_or",
    doc: "The bits that either has, elementwise; negative integers are bits in two's complement.",
    inputs: BITS_PAIR,
    example: "bitwise_or(u8[2] [12, 5], u8[] 6) -> u8[2] [14, 7]",
    rounding: Rounding::Exact,
    ..BINARY
};
