//! `quantize_linear`: floats to a narrow dtype, by a scale and a zero point.

use super::common::*;
use super::quantization::{QUANTISED, SCALES, check};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "quantize_linear",
    doc: "x / y_scale, to integers rounded to nearest even, plus y_zero_point, elementwise, kept within the range of the \
          result. The quotient is rounded once, to `precision`, by default y_scale's dtype (f32 for a scale of f8e8m0; \
          integer scales divide in f64); the sum with the zero point of an integer is exact, of a float rounded likewise. \
          NaN becomes the zero point where the result is an integer. f8 results beyond the range are the largest finite \
          value with `saturate`, else what a cast makes of them. The result has the zero point's dtype, else \
          `output_dtype`, else u8. The scale is one for all, or one for each index of `axis`, or one for each run of \
          `block_size` elements along `axis`.",
    inputs: &[
        Input::one("x", DTypes::Numeric),
        Input::one("y_scale", DTypes::Numeric),
        Input::one("y_zero_point", DTypes::These(QUANTISED)).optional(),
    ],
    attrs: &[
        AttrSpec::int("axis", 1),
        AttrSpec::int("block_size", 0),
        AttrSpec::optional("output_dtype", AttrKind::DType),
        AttrSpec::optional("precision", AttrKind::DType),
        AttrSpec::bool("saturate", true),
    ],
    constraints: &[
        SCALES[0],
        SCALES[1],
        SCALES[2],
        ("C4", "output_dtype is a quantised dtype, and that of the zero point where both are given"),
        ("C5", "precision is f16, bf16, f32 or f64"),
    ],
    example: "quantize_linear(f32[3] [1, 2.5, 1000], f32[] 0.5, u8[] 10) -> u8[3] [12, 15, 255]",
    infer,
    rounding: Rounding::Once,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    check(infer)?;
    let zero = if infer.has(2) { Some(infer.dtype(2)?) } else { None };
    let given = infer.attr.dtype("output_dtype");
    if let Some(given) = given.filter(|given| !QUANTISED.contains(given) || zero.is_some_and(|zero| zero != *given)) {
        let zero = zero.map_or("absent".to_owned(), |zero| zero.to_string());
        return Err(Violation::new("C4", format!("output_dtype is {given}, the zero point is {zero}")));
    }
    if let Some(precision) = infer.attr.dtype("precision")
        && !matches!(precision, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
    {
        return Err(Violation::new("C5", format!("precision is {precision}")));
    }
    let dtype = zero.or(given).unwrap_or(DType::U8);
    Ok(vec![TensorType { dtype, shape: infer.tensor(0)?.shape.clone() }.into()])
}
