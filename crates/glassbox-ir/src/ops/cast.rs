//! `cast`: another dtype.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "cast",
    doc: "x converted to `to`, elementwise. To a float: rounded once, to nearest even; NaN stays NaN; beyond the range \
          it is an infinity, or with `saturate` the largest finite value of the 8-bit floats. To an integer: truncated \
          toward zero, then wrapped. To bool: whether it isn't 0. To f8e8m0: the power of two that `round_mode` says. \
          From a string: the number it spells, plain or with an exponent, or INF or NaN in any case; for an integer \
          truncated toward zero, and an error beyond its range; for bool also true or false. To a string: the shortest \
          decimal without an exponent that reads back as the same number, INF, -INF, NaN, True or False.",
    inputs: &[Input::one("x", DTypes::Any)],
    attrs: &[
        AttrSpec::required("to", AttrKind::DType),
        AttrSpec::bool("saturate", true),
        AttrSpec::one_of("round_mode", &["up", "down", "nearest"], "up"),
    ],
    example: "cast(f32[2] [1.5, -1.5]) {to = i32} -> i32[2] [1, -1]",
    infer: |infer| {
        let dtype = infer.attr.dtype("to").ok_or_else(|| Violation::new("attribute", "`to` is missing"))?;
        Ok(vec![TensorType { dtype, shape: infer.tensor(0)?.shape.clone() }.into()])
    },
    known: Some(|infer, types| {
        let to_integer = matches!(types[0].dtype(), DType::I64 | DType::I32);
        let from_integer = infer.dtype(0).is_ok_and(|dtype| matches!(dtype, DType::I64 | DType::I32));
        let known = infer.operand(0).and_then(|operand| operand.known.as_ref());
        let fits = |values: &Vec<Dim>| types[0].dtype() == DType::I64 || values.iter().all(fits_i32);
        vec![known.filter(|_| to_integer && from_integer).and_then(|known| known.with_values(known.ints().filter(fits)?))]
    }),
    rounding: Rounding::Once,
    ..OpDef::BASE
};

/// A number that i32 holds, or the extent of an axis, which a model that stores it as i32 relies on.
fn fits_i32(dim: &Dim) -> bool {
    dim.as_int().is_none_or(|value| i32::try_from(value).is_ok())
}
