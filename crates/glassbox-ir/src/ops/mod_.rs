//! `mod`: the remainder of a division.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "mod",
    doc: "The remainder of a / b, elementwise: a - b * floor(a / b), which has the sign of b, or with `fmod` \
          a - b * trunc(a / b), which has the sign of a. Floats: the remainder of the truncated quotient is exact, \
          adding b to it rounds once; a zero has the sign that is said; a remainder by zero or of an infinity is NaN; \
          by an infinity it is a, or b where the sign must be the other. An integer by zero is an error.",
    attrs: &[AttrSpec::bool("fmod", false)],
    known: Some(|infer, types| known_binary(infer, types, remainder)),
    example: "mod(i32[2] [7, -7], i32[] 3) -> i32[2] [1, 2]",
    rounding: Rounding::Once,
    ..BINARY
};

/// Where neither is negative, both remainders are the same.
fn remainder(a: &Dim, b: &Dim) -> Dim {
    if a.is_natural() && b.is_natural() { a.modulo(b) } else { Dim::Unknown }
}
