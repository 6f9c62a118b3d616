//! `det`: determinants.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "det",
    doc: "The determinants of the square matrices in the last two axes. By elimination in f64, with the largest of each \
          column as the pivot, rounded once. Of a matrix with a NaN it is NaN, of one without elements 1.",
    inputs: FLOAT,
    constraints: &[("C1", "the rank is at least 2"), ("C2", "the last two dims are equal")],
    example: "det(f32[2, 2] [1, 2, 3, 4]) -> f32[] -2",
    infer: |infer| {
        let x = infer.tensor(0)?;
        let Some(dims) = x.dims() else { return Ok(vec![Type::unranked(x.dtype)]) };
        let [outer @ .., rows, columns] = dims else {
            return Err(Violation::new("C1", format!("x is {x}")));
        };
        if rows.same(columns) == Some(false) {
            return Err(Violation::new("C2", format!("the matrices have {rows} rows and {columns} columns")));
        }
        Ok(vec![Type::tensor(x.dtype, outer.to_vec())])
    },
    ..OpDef::BASE
};
