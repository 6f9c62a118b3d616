//! `qlinear_matmul`: products of quantised matrices, quantised.

use super::common::*;
use super::matmul::product_shape;
use super::matmul_integer::check_parameter;
use super::quantization::column;

const QUANTISED: DTypes = DTypes::These(&[
    DType::I8,
    DType::U8,
    DType::F8E4M3FN,
    DType::F8E4M3FNUZ,
    DType::F8E5M2,
    DType::F8E5M2FNUZ,
]);

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "qlinear_matmul",
    tier: Tier::Composite(decompose),
    doc: "The matrix product of the numbers that a and b stand for, (a - a_zero_point) * a_scale and likewise b, \
          quantised by y_scale and y_zero_point as quantize_linear does it. Integers multiply and add in i32; the scales \
          are applied in f64, so that only the quantisation rounds. 8-bit floats multiply in f32. The scale and zero \
          point of a may be one for each row, those of b one for each column.",
    inputs: &[
        Input::one("a", QUANTISED).same('A'),
        Input::one("a_scale", DTypes::Float).same('S'),
        Input::one("a_zero_point", QUANTISED).same('A'),
        Input::one("b", QUANTISED).same('B'),
        Input::one("b_scale", DTypes::Float).same('S'),
        Input::one("b_zero_point", QUANTISED).same('B'),
        Input::one("y_scale", DTypes::Float).same('S'),
        Input::one("y_zero_point", QUANTISED).same('Y'),
    ],
    constraints: &[
        ("C1", "no matrix is a scalar"),
        ("C2", "the inner dims are equal"),
        ("C3", "the other dims broadcast"),
        ("C4", "a scale or zero point is one number, or one for each row of a or column of b"),
        ("C5", "y_scale and y_zero_point have one element"),
        ("C6", "a and b are both integers or both floats"),
    ],
    example: "qlinear_matmul(u8[1, 2] [11, 12], f32[] 0.5, u8[] 10, u8[2, 1] [3, 4], f32[] 1, u8[] 0, f32[] 0.25, \
              u8[] 1) -> u8[1, 1] [23]",
    infer: |infer| {
        let (a, b) = (infer.tensor(0)?, infer.tensor(3)?);
        if a.dtype.is_float() != b.dtype.is_float() {
            return Err(Violation::new("C6", format!("a is {a}, b is {b}")));
        }
        for (matrix, parameter) in [(0, 1), (0, 2), (3, 4), (3, 5)] {
            check_parameter(infer, matrix, parameter, matrix == 0, "C4")?;
        }
        for index in [6, 7] {
            if infer.dims(index).is_some_and(|dims| dims.len() > 1 || dims.iter().any(|dim| dim.same(&Dim::Int(1)) == Some(false))) {
                return Err(Violation::new("C5", format!("{} is {}", infer.name_of(index), infer.ty(index)?)));
            }
        }
        Ok(vec![TensorType { dtype: infer.dtype(7)?, shape: product_shape(&a.shape, &b.shape)? }.into()])
    },
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (a, b) = (d.x(0), d.x(3));
    // The scales of rows are a column, so a vector on the right is one too until they are applied.
    let vector = d.rank(3)? == 1;
    let b = if vector { b.unsqueeze(&[1]) } else { b };
    let exact = if a.dtype().is_float() { DType::F32 } else { DType::I32 };
    let left = a.cast(exact) - column(a, d.x(2)).cast(exact);
    let product = left.matmul(b.cast(exact) - d.x(5).cast(exact)).cast(DType::F64);
    let real = product * column(a, d.x(1)).cast(DType::F64) * d.x(4).cast(DType::F64);
    let real = if vector { real.squeeze(&[-1]) } else { real };
    Ok(vec![d.f.op(&super::quantize_linear::OP, &[real, d.x(6).cast(DType::F64), d.x(7)], Default::default())])
}
