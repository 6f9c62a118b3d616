//! `conv_integer`: convolutions of 8-bit integers with zero points.

use super::common::*;
use super::conv;
use super::windows::*;

const BYTES: DTypes = DTypes::These(&[DType::I8, DType::U8]);

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "conv_integer",
    tier: Tier::Composite(decompose),
    doc: "The convolution, as of `conv`, of x - x_zero_point with w - w_zero_point, exact in i32; sums past i32 wrap. \
          What pads x stands for 0 after the zero point is taken off. x_zero_point is a scalar, w_zero_point a scalar or \
          a vector with an element for each map; each is 0 if left out.",
    inputs: &[
        Input::one("x", BYTES).same('X'),
        Input::one("w", BYTES).same('W'),
        Input::one("x_zero_point", BYTES).same('X').optional(),
        Input::one("w_zero_point", BYTES).same('W').optional(),
    ],
    attrs: conv::OP.attrs,
    constraints: &[
        SPATIAL,
        ENTRIES,
        ONE_PADDING,
        FITS,
        conv::SAME_RANK,
        conv::GROUPS,
        ("C7", "x_zero_point has one element, w_zero_point one or as many as there are maps"),
    ],
    example: "conv_integer(u8[1, 1, 3] [2, 3, 4], u8[1, 1, 2] [1, 10], u8[] 1) -> i32[1, 1, 2] [21, 32]",
    infer,
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let shape = conv::shape(infer)?;
    let single = |dims: &[Dim]| dims.iter().all(|dim| dim.same(&Dim::Int(1)) != Some(false));
    let maps = infer.dims(1).map_or(&Dim::Unknown, |dims| &dims[0]);
    let of_maps = |dims: &[Dim]| matches!(dims, [count] if count.same(maps) != Some(false));
    for index in [2, 3] {
        let fits = infer.dims(index).is_none_or(|dims| single(dims) && dims.len() < 2 || index == 3 && of_maps(dims));
        if !fits {
            let message = format!("operand {} is {}, for {maps} maps", infer.name_of(index), infer.ty(index)?);
            return Err(Violation::new("C7", message));
        }
    }
    Ok(vec![TensorType { dtype: DType::I32, shape }.into()])
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (mut x, mut w) = (d.x(0).cast(DType::I32), d.x(1).cast(DType::I32));
    if let Some(zero) = d.opt(2) {
        x = x - zero.cast(DType::I32);
    }
    if let Some(zero) = d.opt(3) {
        let mut zero = zero.cast(DType::I32);
        if zero.rank() == Some(1) {
            // One for each map, along w's first axis.
            zero = zero.unsqueeze(&(1..d.rank(1)? as i64).collect::<Vec<_>>());
        }
        w = w - zero;
    }
    Ok(vec![d.f.op(&conv::OP, &[x, w], d.attr.all().clone())])
}
