//! `qlinear_conv`: convolutions of quantised numbers, quantised.

use super::common::*;
use super::conv;
use super::windows::*;

const BYTES: DTypes = DTypes::These(&[DType::I8, DType::U8]);
const SCALE: DTypes = DTypes::These(&[DType::F32]);

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "qlinear_conv",
    tier: Tier::Composite(decompose),
    doc: "The convolution, as of `conv`, of the numbers that x and w stand for, (x - x_zero_point) * x_scale and likewise \
          w, plus the bias times x_scale * w_scale, quantised by y_scale and y_zero_point as quantize_linear does it. The \
          sums are of i32 and wrap; the scales are applied in f64, so that only the quantisation rounds. What pads x \
          stands for 0. w_scale and w_zero_point are one number or one for each map, the others one number.",
    inputs: &[
        Input::one("x", BYTES).same('X'),
        Input::one("x_scale", SCALE),
        Input::one("x_zero_point", BYTES).same('X'),
        Input::one("w", BYTES).same('W'),
        Input::one("w_scale", SCALE),
        Input::one("w_zero_point", BYTES).same('W'),
        Input::one("y_scale", SCALE),
        Input::one("y_zero_point", BYTES),
        Input::one("b", DTypes::These(&[DType::I32])).optional(),
    ],
    attrs: conv::OP.attrs,
    constraints: &[
        SPATIAL,
        ENTRIES,
        ONE_PADDING,
        FITS,
        conv::SAME_RANK,
        conv::GROUPS,
        conv::BIAS,
        ("C8", "w_scale and w_zero_point have one element or as many as there are maps, other scales and zero points one"),
    ],
    example: "qlinear_conv(u8[1, 1, 3] [2, 3, 4], f32[] 0.5, u8[] 1, u8[1, 1, 2] [1, 10], f32[] 1, u8[] 0, f32[] 0.5, \
              u8[] 3) -> u8[1, 1, 2] [24, 35]",
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    // To `conv` the operands are x, w and the bias.
    let operands = [0, 3, 8].map(|index| infer.operand(index).cloned());
    let plain = Infer { operands: &operands, ..*infer };
    let shape = conv::shape(&plain)?;
    let maps = infer.dims(3).and_then(|dims| dims.first()).unwrap_or(&Dim::Unknown);
    conv::check_bias(&plain, 2, maps)?;
    for index in [1, 2, 4, 5, 6, 7] {
        let fits = match infer.dims(index) {
            None | Some([]) => true,
            Some([count]) => {
                count.same(&Dim::Int(1)) != Some(false) || matches!(index, 4 | 5) && count.same(maps) != Some(false)
            }
            Some(_) => false,
        };
        if !fits {
            let message = format!("{} is {}, for {maps} maps", infer.name_of(index), infer.ty(index)?);
            return Err(Violation::new("C8", message));
        }
    }
    Ok(vec![TensorType { dtype: infer.dtype(7)?, shape }.into()])
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let axes = d.rank(3)? as i64;
    // What there is one of for each map stands along axis `first` of `axes` axes.
    let by_map = |x: Expr<'a>, first: i64| match x.rank() {
        Some(1) => x.unsqueeze(&(0..axes).filter(|axis| *axis != first).collect::<Vec<_>>()),
        _ => x,
    };
    let scalar = |index: usize| d.x(index).reshape(&[]);
    let x = d.x(0).cast(DType::I32) - scalar(2).cast(DType::I32);
    let w = d.x(3).cast(DType::I32) - by_map(d.x(5), 0).cast(DType::I32);
    let operands = [Some(x), Some(w), d.opt(8)];
    let sums = d.f.op_with(&conv::OP, &operands, d.attr.all().clone()).cast(DType::F64);
    let real = sums * scalar(1).cast(DType::F64) * by_map(d.x(4), 1).cast(DType::F64);
    Ok(vec![d.f.op(&super::quantize_linear::OP, &[real, scalar(6).cast(DType::F64), scalar(7)], Default::default())])
}
