//! `bit_cast`: the same bits as another dtype.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "bit_cast",
    doc: "The bits of each element of x, taken as an element of `to`, which has as many. A byte above 1 is no bool, and \
          the bits 10 no t2: those are an error.",
    inputs: &[Input::one("x", DTypes::Any)],
    attrs: &[AttrSpec::required("to", AttrKind::DType)],
    constraints: &[("C1", "both dtypes have the same number of bits")],
    example: "bit_cast(f32[2] [1, -0]) {to = u32} -> u32[2] [1065353216, 2147483648]",
    infer: |infer| {
        let x = infer.tensor(0)?;
        let dtype = infer.attr.dtype("to").ok_or_else(|| Violation::new("attribute", "`to` is missing"))?;
        if x.dtype.bits().is_none() || x.dtype.bits() != dtype.bits() {
            return Err(Violation::new("C1", format!("{} can't be taken as {dtype}", x.dtype)));
        }
        Ok(vec![TensorType { dtype, shape: x.shape.clone() }.into()])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
