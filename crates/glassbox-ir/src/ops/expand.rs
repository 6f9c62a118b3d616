//! `expand`: the same elements repeated along axes of extent one.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "expand",
    doc: "x broadcast against a tensor with the dims in `shape`: aligned at the last axis, an extent of 1 in x is \
          repeated; an extent of 1 in `shape` leaves that of x.",
    inputs: &[Input::one("x", DTypes::Any), Input::one("shape", SIZES).shapes()],
    constraints: &[
        ("C1", "the shape is a vector of extents that are at least 0"),
        ("C2", "x and the shape broadcast: aligned at the last axis, dims are equal or one of them is 1"),
    ],
    example: "expand(f32[2, 1] [1, 2], i64[2] [1, 2]) -> f32[2, 2] [1, 1, 2, 2]",
    infer: |infer| {
        let x = infer.tensor(0)?;
        one(x.dtype, broadcast_shapes("C2", &x.shape, &listed_dims(infer, 1, "C1")?)?)
    },
    known: Some(|infer, types| vec![repeated(infer, types)]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn repeated(infer: &Infer, types: &[Type]) -> Option<Known> {
    let values = infer.ints(0)?;
    let count = few_elements(&types[0])?;
    known_as(&types[0], if values.len() == 1 { vec![values[0].clone(); count] } else { values })
}
