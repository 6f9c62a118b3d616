//! What the global pools share: the window is all of the spatial axes.

use super::common::*;

/// A global pool: fill in name, doc, tier and example.
pub(super) const GLOBAL_POOL: OpDef =
    OpDef { inputs: FLOAT, constraints: &[("C1", "x has a batch axis and a channel axis")], infer, ..OpDef::BASE };

/// Every spatial axis has extent one.
pub(super) fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    let Some(dims) = x.dims() else { return Ok(vec![Type::unranked(x.dtype)]) };
    if dims.len() < 2 {
        return Err(Violation::new("C1", format!("x is {x}")));
    }
    let extent = |(axis, dim): (usize, &Dim)| if axis < 2 { dim.clone() } else { Dim::Int(1) };
    Ok(vec![Type::tensor(x.dtype, dims.iter().enumerate().map(extent))])
}

/// The spatial axes of operand 0.
pub(super) fn spatial(d: &Decompose) -> Result<Vec<i64>, BuildError> {
    Ok((2..d.rank(0)? as i64).collect())
}
