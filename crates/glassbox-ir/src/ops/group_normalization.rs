//! `group_normalization`: groups of channels brought to mean 0 and variance 1.

use super::common::*;
use super::normalization::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "group_normalization",
    tier: Tier::Composite(decompose),
    doc: "(x - mean) / sqrt(variance + epsilon), then times the scale, plus the bias of each channel, where the mean and \
          the (population) variance are those of each of the `num_groups` groups of channels of each instance of x \
          [batch, channels, spatial…]. The first stage is computed in `stash_type`, f32 if absent, and rounded to x's \
          dtype; the second in x's dtype, each step rounded, as ONNX has it.",
    inputs: &[
        Input::one("x", DTypes::Float).same('T'),
        Input::one("scale", DTypes::Float).same('T'),
        Input::one("bias", DTypes::Float).same('T'),
    ],
    attrs: &[EPSILON, AttrSpec::required("num_groups", AttrKind::Int), STASH_TYPE],
    constraints: &[
        ("C1", "x has a batch axis and a channel axis"),
        ("C2", "scale and bias are vectors with an element for each channel of x"),
        ("C3", STASH_FLOAT),
        ("C4", "num_groups is at least 1 and divides the channels"),
    ],
    example: "group_normalization(f32[1, 2] [3, 5], f32[2] [2, 1], f32[2] [0, 1]) {epsilon = 0.0, num_groups = 1} \
              -> f32[1, 2] [-2, 2]",
    infer: |infer| {
        check_rank(infer, 2, "C1")?;
        check_channels(infer, &[1, 2], "C2")?;
        stash_type(infer, "C3")?;
        let (groups, channels) = (infer.attr.int("num_groups"), infer.dims(0).map_or(&Dim::Unknown, |dims| &dims[1]));
        if groups < 1 || channels.modulo(&Dim::Int(groups)).as_int().is_some_and(|rest| rest != 0) {
            return Err(Violation::new("C4", format!("{channels} channels can't be cut into {groups} groups")));
        }
        same_as_first(infer)
    },
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let stash = d.attr.dtype("stash_type").unwrap_or(DType::F32);
    let dims = d.dims(0)?;
    let groups = Dim::Int(d.attr.int("num_groups"));
    let members = super::indexing::product(&dims[1..]).floor_div(&groups);
    let grouped = d.x(0).cast(stash).reshape(&[dims[0].clone(), groups, members]);
    let (_, distances, variance) = moments(grouped, &[2]);
    let normalised = (distances / (variance + d.attr.float("epsilon")).sqrt()).cast(d.dtype(0));
    let normalised = normalised.reshape(&dims);
    let channel = |index: usize| per_channel(d.x(index), dims.len());
    Ok(vec![normalised * channel(1) + channel(2)])
}
