//! What `cum_sum` and `cum_prod` share.

use super::common::*;

/// A running total along an axis: fill in name, doc and example.
pub(super) const CUMULATIVE: OpDef = OpDef {
    inputs: &[Input::one("x", DTypes::Numeric), Input::one("axis", DTypes::These(&[DType::I32, DType::I64])).shapes()],
    attrs: &[AttrSpec::bool("exclusive", false), AttrSpec::bool("reverse", false)],
    constraints: &[("C1", "the axis is one number in [-r, r)")],
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let several = infer.dims(1).is_some_and(|dims| dims.iter().any(|dim| dim.same(&Dim::Int(1)) == Some(false)));
    if several {
        return Err(Violation::new("C1", format!("the axis is {}", infer.ty(1)?)));
    }
    if let (Some(rank), Some([axis])) = (infer.rank(0), infer.static_ints(1).as_deref()) {
        infer.axis("C1", *axis, rank)?;
    }
    same_as_first(infer)
}
