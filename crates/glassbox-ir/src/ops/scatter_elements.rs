//! `scatter_elements`: a tensor with one element along an axis replaced for each index.

use super::common::*;
use super::gather_elements::check_places;
use super::indexing::*;

/// What becomes of an element that is already there.
pub(super) const REDUCTION: AttrSpec =
    AttrSpec::one_of("reduction", &["none", "add", "mul", "max", "min"], "none");

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "scatter_elements",
    doc: "x with the `updates` in the places that `indices` say: the place of the index itself, but for `axis`, where \
          it is the index. Negative indices count from the back. With a `reduction` the element is combined with the \
          one that is there, in the order of the updates: floats in f64, rounded once at the end, NaN wins; integers \
          wrap; of truth values the sum is `or`, the product `and`. Without, the last update of a place holds.",
    inputs: &[
        Input::one("x", DTypes::Any).same('T'),
        Input::one("indices", INDICES),
        Input::one("updates", DTypes::Any).same('T'),
    ],
    attrs: &[AttrSpec::int("axis", 0), REDUCTION],
    constraints: &[
        ("C1", "axis is in [-r, r), r at least 1"),
        ("C2", "the indices have the rank of x, and no extent, but for that of the axis, is larger"),
        ("C3", "each index is in [-s, s) of the extent s of the axis"),
        ("C4", "the updates have the dims of the indices"),
        ("C5", "strings aren't reduced"),
    ],
    example: "scatter_elements(i32[3] [1, 2, 3], i64[2] [0, -1], i32[2] [7, 8]) -> i32[3] [7, 2, 8]",
    infer: |infer| {
        check_places(infer, 1)?;
        if !infer.tensor(1)?.shape.admits(&infer.tensor(2)?.shape) {
            return Err(Violation::new("C4", format!("the indices are {}, the updates {}", infer.ty(1)?, infer.ty(2)?)));
        }
        check_reduction(infer)?;
        same_as_first(infer)
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

/// Strings aren't reduced (C5).
pub(super) fn check_reduction(infer: &Infer) -> Result<(), Violation> {
    let reduction = infer.attr.str("reduction");
    if infer.dtype(0)? == DType::String && reduction != "none" {
        return Err(Violation::new("C5", format!("the reduction of strings is {reduction:?}")));
    }
    Ok(())
}
