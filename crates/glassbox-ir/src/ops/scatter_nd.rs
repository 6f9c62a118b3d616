//! `scatter_nd`: a tensor with the slices replaced that tuples of indices name.

use super::common::*;
use super::indexing::*;
use super::scatter_elements::{REDUCTION, check_reduction};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "scatter_nd",
    doc: "x with the `updates` in the places that `indices` say: their last axis holds tuples, each of which names a \
          slice of x. Negative indices count from the back. `reduction` is as in scatter_elements. Without one the \
          last update of a place holds.",
    inputs: &[
        Input::one("x", DTypes::Any).same('T'),
        Input::one("indices", SIZES),
        Input::one("updates", DTypes::Any).same('T'),
    ],
    attrs: &[REDUCTION],
    constraints: &[
        ("C1", "x and the indices have ranks of at least 1"),
        ("C2", "a tuple isn't longer than x has axes"),
        ("C3", "the updates have the dims of the indices but the last, then those of a slice"),
        ("C4", "each index is in [-s, s) of the extent s of its axis"),
        ("C5", "strings aren't reduced"),
    ],
    example: "scatter_nd(i32[4] [1, 2, 3, 4], i64[2, 1] [1, 3], i32[2] [8, 9]) -> i32[4] [1, 8, 3, 9]",
    infer,
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    check_reduction(infer)?;
    let (Some(x), Some(indices)) = (infer.dims(0), infer.dims(1)) else { return same_as_first(infer) };
    let (Some(last), false) = (indices.last(), x.is_empty()) else {
        return Err(Violation::new("C1", format!("x is {}, the indices are {}", infer.ty(0)?, infer.ty(1)?)));
    };
    let Some(length) = last.as_size() else { return same_as_first(infer) };
    if length > x.len() {
        return Err(Violation::new("C2", format!("the tuples have {length} indices, x is {}", infer.ty(0)?)));
    }
    let updates = indices[..indices.len() - 1].iter().chain(&x[length..]).cloned().collect();
    let updates = Shape::Ranked(updates);
    if !updates.admits(&infer.tensor(2)?.shape) {
        return Err(Violation::new("C3", format!("the updates are {}, not of dims {updates}", infer.ty(2)?)));
    }
    same_as_first(infer)
}
