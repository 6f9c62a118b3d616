//! `gather_nd`: the slices that tuples of indices name.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "gather_nd",
    doc: "The last axis of `indices` holds tuples that name places along the axes of x, after the first `batch_dims` \
          axes, which both have. Each tuple gives the slice of x there. Negative indices count from the back.",
    inputs: &[Input::one("x", DTypes::Any), Input::one("indices", SIZES)],
    attrs: &[AttrSpec::int("batch_dims", 0)],
    constraints: &[
        ("C1", "x and the indices have ranks of at least 1, and batch_dims is at least 0 and less than either"),
        ("C2", "the first batch_dims dims of x and of the indices are the same"),
        ("C3", "a tuple isn't longer than x has axes after the first batch_dims"),
        ("C4", "each index is in [-s, s) of the extent s of its axis"),
    ],
    example: "gather_nd(i32[2, 2] [1, 2, 3, 4], i64[2, 2] [0, 0, 1, 1]) -> i32[2] [1, 4]",
    infer,
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let dtype = infer.dtype(0)?;
    let (Some(x), Some(indices)) = (infer.dims(0), infer.dims(1)) else { return Ok(vec![Type::unranked(dtype)]) };
    let given = infer.attr.int("batch_dims");
    let batch = usize::try_from(given).ok().filter(|batch| *batch < x.len().min(indices.len()));
    let Some(batch) = batch else {
        let message = format!("batch_dims is {given}, x is {}, the indices are {}", infer.ty(0)?, infer.ty(1)?);
        return Err(Violation::new("C1", message));
    };
    if let Some(axis) = (0..batch).find(|axis| x[*axis].same(&indices[*axis]) == Some(false)) {
        return Err(Violation::new("C2", format!("dim {axis} is {} in x, {} in the indices", x[axis], indices[axis])));
    }
    let (last, outer) = (&indices[indices.len() - 1], &indices[..indices.len() - 1]);
    let Some(length) = last.as_size() else { return Ok(vec![Type::unranked(dtype)]) };
    if length > x.len() - batch {
        return Err(Violation::new("C3", format!("the tuples have {length} indices, x is {}", infer.ty(0)?)));
    }
    Ok(vec![Type::tensor(dtype, outer.iter().chain(&x[batch + length..]).cloned())])
}
