//! `multinomial`: indices, drawn with given probabilities.

use super::common::*;
use super::random::{DRAW, SEED};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "multinomial",
    doc: "From each row of x `sample_size` indices, drawn independently: index c with a probability that is proportional \
          to exp(x[c]), computed in f64. Draws as random_uniform does.",
    inputs: FLOAT,
    attrs: &[AttrSpec::dtype("dtype", DType::I32), AttrSpec::int("sample_size", 1), SEED, DRAW],
    constraints: &[
        ("C1", "x has two axes"),
        ("C2", "sample_size is at least 0"),
        ("C3", "dtype is i32 or i64"),
        ("C4", "each row has an element that is more than -inf, and none that is NaN or inf"),
    ],
    effects: Effects::DRAWS,
    example: "multinomial(f32[1, 3] [-inf, 0, -inf]) {sample_size = 2} -> i32[1, 2] [1, 1]",
    infer: |infer| {
        let x = infer.tensor(0)?;
        let rows = match x.dims() {
            Some([rows, _]) => rows.clone(),
            Some(_) => return Err(Violation::new("C1", format!("x is {x}"))),
            None => Dim::Unknown,
        };
        let samples = infer.attr.int("sample_size");
        if samples < 0 {
            return Err(Violation::new("C2", format!("sample_size is {samples}")));
        }
        let dtype = infer.attr.dtype("dtype").unwrap_or(DType::I32);
        if !matches!(dtype, DType::I32 | DType::I64) {
            return Err(Violation::new("C3", format!("dtype is {dtype}")));
        }
        Ok(vec![Type::tensor(dtype, [rows, Dim::Int(samples)])])
    },
    ..OpDef::BASE
};
