//! `div`: the quotient of two tensors.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "div",
    doc: "a / b, elementwise. Floats round once, to nearest even, and divide by zero as IEEE 754 says. \
          Integers divide toward zero and wrap; dividing an integer by zero is an error.",
    known: Some(|infer, types| known_binary(infer, types, divide)),
    example: "div(i32[2] [7, -7], i32[] 2) -> i32[2] [3, -3]",
    rounding: Rounding::Once,
    ..BINARY
};

/// Toward zero, where that is certain: where neither is negative it is the same as down.
fn divide(a: &Dim, b: &Dim) -> Dim {
    match (a, b) {
        (Dim::Int(a), Dim::Int(b)) => a.checked_div(*b).map_or(Dim::Unknown, Dim::Int),
        (a, b) if a.is_natural() && b.is_natural() => a.floor_div(b),
        // Where nothing remains, the direction doesn't matter.
        (a, b) if a.modulo(b) == Dim::Int(0) => a.floor_div(b),
        _ => Dim::Unknown,
    }
}
