//! `deform_conv`: convolutions whose taps move with the data.

use super::common::*;
use super::conv::{check_bias, shape};
use super::windows::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "deform_conv",
    doc: "A convolution, as of `conv`, each tap of which reads x at its own place plus the offset that `offset` \
          [batch, offset_group * taps * axes, windows…] gives for it, in the order offset group, tap, axis. Between \
          elements it reads the N-linear interpolation, where the elements outside of x are 0. What it reads is \
          multiplied by `mask` [batch, offset_group * taps, windows…], 1 if left out. The channels of x are cut into \
          `offset_group` groups with offsets and a mask of their own. Places are computed in f64; f32 and f64 accumulate \
          in f64, narrower floats in f32; then the bias is added and the sum rounded once.",
    inputs: &[
        Input::one("x", DTypes::Float).same('T'),
        Input::one("w", DTypes::Float).same('T'),
        Input::one("offset", DTypes::Float).same('T'),
        Input::one("b", DTypes::Float).same('T').optional(),
        Input::one("mask", DTypes::Float).same('T').optional(),
    ],
    attrs: &[
        AUTO_PAD,
        DILATIONS,
        AttrSpec::int("group", 1),
        AttrSpec::optional("kernel_shape", AttrKind::Ints),
        AttrSpec::int("offset_group", 1),
        PADS,
        STRIDES,
    ],
    constraints: &[
        SPATIAL,
        ENTRIES,
        ONE_PADDING,
        FITS,
        super::conv::SAME_RANK,
        super::conv::GROUPS,
        super::conv::BIAS,
        ("C8", "offset_group is at least 1 and divides the channels of x"),
        ("C9", "offset and mask have x's batch, their channels as said above, and the result's spatial dims"),
    ],
    example: "deform_conv(f32[1, 1, 3] [1, 2, 4], f32[1, 1, 1] [10], f32[1, 1, 3] [0.5, 0, -1]) \
              -> f32[1, 1, 3] [15, 20, 20]",
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let dtype = infer.dtype(0)?;
    let Shape::Ranked(dims) = shape(infer)? else { return Ok(vec![Type::unranked(dtype)]) };
    check_bias(infer, 3, &dims[1])?;
    let groups = match infer.attr.int("offset_group") {
        groups @ 1.. => Dim::Int(groups),
        groups => return Err(Violation::new("C8", format!("offset_group is {groups}"))),
    };
    let channels = infer.dims(0).map_or(&Dim::Unknown, |x| &x[1]);
    if channels.modulo(&groups).as_int().is_some_and(|rest| rest != 0) {
        return Err(Violation::new("C8", format!("{channels} channels can't be cut into {groups} offset groups")));
    }
    let one = |dims: &[Dim]| dims.iter().fold(Dim::Int(1), |product, dim| product * dim.clone());
    let taps = groups * infer.dims(1).map_or(Dim::Unknown, |w| one(&w[2..]));
    let axes = Dim::from(dims.len() - 2);
    for (index, channels) in [(2, &taps * &axes), (4, taps.clone())] {
        let mut wanted = dims.clone();
        wanted[1] = channels;
        let wanted = Type::tensor(dtype, wanted);
        if infer.has(index) && !wanted.admits(infer.ty(index)?) {
            let message = format!("operand {} is {}, not {wanted}", infer.name_of(index), infer.ty(index)?);
            return Err(Violation::new("C9", message));
        }
    }
    Ok(vec![Type::tensor(dtype, dims)])
}
