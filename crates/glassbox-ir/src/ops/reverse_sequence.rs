//! `reverse_sequence`: the first steps of each sequence backward.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "reverse_sequence",
    tier: Tier::Composite(decompose),
    doc: "x with the first steps of each element of the batch backward, as many as `sequence_lens` says for it; the \
          others stay where they are.",
    inputs: &[Input::one("x", DTypes::Any), Input::one("sequence_lens", SIZES)],
    attrs: &[AttrSpec::int("batch_axis", 1), AttrSpec::int("time_axis", 0)],
    constraints: &[
        ("C1", "x has a rank of at least 2; one of batch_axis and time_axis is 0, the other 1"),
        ("C2", "sequence_lens is a vector with one number for each element of the batch, none larger than there are steps"),
    ],
    example: "reverse_sequence(i32[3, 2] [1, 2, 3, 4, 5, 6], i64[2] [2, 3]) -> i32[3, 2] [3, 6, 1, 4, 5, 2]",
    infer: |infer| {
        let axes = [infer.attr.int("batch_axis"), infer.attr.int("time_axis")];
        if infer.rank(0).is_some_and(|rank| rank < 2) || !matches!(axes, [0, 1] | [1, 0]) {
            let message = format!("x is {}, batch_axis {}, time_axis {}", infer.ty(0)?, axes[0], axes[1]);
            return Err(Violation::new("C1", message));
        }
        if let Some(lens) = infer.dims(1) {
            let fits = lens.len() == 1 && infer.dims(0).is_none_or(|x| x[axes[0] as usize].same(&lens[0]) != Some(false));
            if !fits {
                let message = format!("sequence_lens is {}, x is {}", infer.ty(1)?, infer.ty(0)?);
                return Err(Violation::new("C2", message));
            }
        }
        same_as_first(infer)
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let dims = d.dims(0)?;
    let batch_first = d.attr.int("batch_axis") == 0;
    let order: Vec<usize> = [1, 0].into_iter().chain(2..dims.len()).collect();
    let (x, steps) = if batch_first { (d.x(0), &dims[1]) } else { (d.x(0).transpose(&order), &dims[0]) };
    let (step, lens) = (iota(d, steps).unsqueeze(&[0]), d.x(1).unsqueeze(&[1]));
    let source = step.less(lens).select(lens - step - d.f.int(1), step).unsqueeze(&[2]);
    let result = d.f.op(&super::gather_nd::OP, &[x, source], crate::attrs! { batch_dims: 1i64 });
    Ok(vec![if batch_first { result } else { result.transpose(&order) }])
}
