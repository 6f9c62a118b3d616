//! `bit_shift`: bits moved to the left or the right.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "bit_shift",
    doc: "The bits of a moved by b places in `direction`, elementwise. Bits that are moved out are lost; the places \
          that become free are 0, or on the left of a negative a 1. Where b is negative, or at least the number of \
          bits of the dtype, nothing of a is left but that filling.",
    inputs: BITS_PAIR,
    attrs: &[AttrSpec::required("direction", AttrKind::Enum(&["LEFT", "RIGHT"]))],
    example: "bit_shift(u8[2] [16, 4], u8[] 1) {direction = \"RIGHT\"} -> u8[2] [8, 2]",
    rounding: Rounding::Exact,
    ..BINARY
};
