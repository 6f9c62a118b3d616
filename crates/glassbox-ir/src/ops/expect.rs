//! `expect`: a tensor that must have certain dims.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "expect",
    doc: "x, whose dims must be `dims`: where they are others when the node runs, that is an error. `name` is what \
          the error calls x.",
    inputs: &[Input::one("x", DTypes::Any), Input::one("dims", SIZES).shapes()],
    attrs: &[AttrSpec::optional("name", AttrKind::Str)],
    constraints: &[("C1", "dims is a vector of extents that are at least 0"), ("C2", "x has these dims")],
    effects: Effects::MAY_FAIL,
    example: "expect(f32[2] [1, 2], i64[1] [2]) -> f32[2] [1, 2]",
    infer: |infer| {
        let x = infer.tensor(0)?;
        let dims = listed_dims(infer, 1, "C1")?;
        if !dims.admits(&x.shape) {
            let name = infer.attr.opt_str("name").map_or("x".to_owned(), |name| format!("`{name}`"));
            return Err(Violation::new("C2", format!("{name} is {x}, the dims are to be {dims}")));
        }
        one(x.dtype, dims.meet(&x.shape))
    },
    known: Some(|infer, _| vec![infer.operand(0).and_then(|x| x.known.clone())]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
