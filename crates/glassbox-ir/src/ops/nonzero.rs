//! `nonzero`: where the elements are that aren't zero.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "nonzero",
    doc: "The places of the elements that aren't 0, false or the empty string, in row-major order: one column for each, \
          one row for each axis. NaN isn't 0.",
    inputs: &[Input::one("x", DTypes::Any)],
    example: "nonzero(i32[2, 2] [1, 0, 2, 3]) -> i64[2, 3] [0, 1, 1, 0, 0, 1]",
    infer: |infer| {
        let rank = infer.rank(0).map_or(Dim::Unknown, Dim::from);
        Ok(vec![Type::tensor(DType::I64, [rank, Dim::Unknown])])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
