//! `dequantize_blocks`: the numbers that a tensor of a block format stands for.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "dequantize_blocks",
    doc: "The elements of x, whose dtype is a block format, as f32. Each block is computed from its scales and codes in \
          f32, in the order of operations of the format's own definition, so the result is the same to the bit \
          everywhere.",
    inputs: &[Input::one("x", DTypes::Any)],
    constraints: &[("C1", "the dtype of x is a block format")],
    example: "dequantize_blocks(q8_0[0] []) -> f32[0] []",
    infer: |infer| {
        let x = infer.tensor(0)?;
        match x.dtype {
            DType::Block(_) => Ok(vec![TensorType { dtype: DType::F32, shape: x.shape.clone() }.into()]),
            _ => Err(Violation::new("C1", format!("x is {x}"))),
        }
    },
    rounding: Rounding::Once,
    ..OpDef::BASE
};
