//! `clip`: numbers kept within bounds.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "clip",
    tier: Tier::Composite(decompose),
    doc: "min(max(x, low), high), elementwise; a bound that isn't given doesn't bind. Where low is above high the \
          result is high. A NaN stays, and a NaN as a bound makes all of it NaN.",
    inputs: &[
        Input::one("x", DTypes::Numeric).same('T'),
        Input::one("low", DTypes::Numeric).same('T').optional(),
        Input::one("high", DTypes::Numeric).same('T').optional(),
    ],
    constraints: &[("C1", "each bound has one element")],
    example: "clip(f32[3] [-2, 0, 2], f32[] -1, f32[] 1) -> f32[3] [-1, 0, 1]",
    infer,
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    for bound in 1..3 {
        let dims = infer.dims(bound).unwrap_or_default();
        if dims.iter().any(|dim| dim.same(&Dim::Int(1)) == Some(false)) {
            return Err(Violation::new("C1", format!("{} is {}", infer.name_of(bound), infer.ty(bound)?)));
        }
    }
    same_as_first(infer)
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let bound = |index| d.opt(index).map(|bound| if bound.rank() == Some(0) { bound } else { bound.reshape(&[]) });
    let x = bound(1).map_or(d.x(0), |low| d.x(0).maximum(low));
    Ok(vec![bound(2).map_or(x, |high| x.minimum(high))])
}
