//! `dequantize_linear`: narrow numbers to floats, by a scale and a zero point.

use super::common::*;
use super::quantization::{QUANTISED, SCALES, check};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "dequantize_linear",
    doc: "(x - x_zero_point) * x_scale, elementwise, computed in f64 and rounded once to `output_dtype`, by default the \
          scale's dtype. The scale is one for all, or one for each index of `axis`, or one for each run of `block_size` \
          elements along `axis`.",
    inputs: &[
        Input::one("x", DTypes::These(QUANTISED)).same('T'),
        Input::one("x_scale", DTypes::Float),
        Input::one("x_zero_point", DTypes::These(QUANTISED)).same('T').optional(),
    ],
    attrs: &[
        AttrSpec::int("axis", 1),
        AttrSpec::int("block_size", 0),
        AttrSpec::optional("output_dtype", AttrKind::DType),
    ],
    constraints: &[SCALES[0], SCALES[1], SCALES[2], ("C4", "the result's dtype is f16, bf16, f32 or f64")],
    example: "dequantize_linear(u8[3] [12, 15, 255], f32[] 0.5, u8[] 10) -> f32[3] [1, 2.5, 122.5]",
    infer: |infer| {
        check(infer)?;
        let dtype = infer.attr.dtype("output_dtype").unwrap_or(infer.dtype(1)?);
        if !matches!(dtype, DType::F16 | DType::BF16 | DType::F32 | DType::F64) {
            return Err(Violation::new("C4", format!("it would be {dtype}; output_dtype says another")));
        }
        Ok(vec![TensorType { dtype, shape: infer.tensor(0)?.shape.clone() }.into()])
    },
    rounding: Rounding::Once,
    ..OpDef::BASE
};
