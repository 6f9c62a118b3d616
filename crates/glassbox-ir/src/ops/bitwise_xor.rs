//! `bitwise_xor`: the bits that exactly one has.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "bitwise_xor",
    doc: "The bits that exactly one has, elementwise; negative integers are bits in two's complement.",
    inputs: BITS_PAIR,
    example: "bitwise_xor(u8[2] [12, 5], u8[] 6) -> u8[2] [10, 3]",
    rounding: Rounding::Exact,
    ..BINARY
};
