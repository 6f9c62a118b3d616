//! `bitwise_and`: the bits that both have.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "bitwise_and",
    doc: "The bits that both have, elementwise; negative integers are bits in two's complement.",
    inputs: BITS_PAIR,
    example: "bitwise_and(u8[2] [12, 5], u8[] 6) -> u8[2] [4, 4]",
    rounding: Rounding::Exact,
    ..BINARY
};
