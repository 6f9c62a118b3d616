//! `parameter`: a weight of the model, by name.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "parameter",
    tier: Tier::Control,
    doc: "The parameter `name` of the source that the graph runs with, whose dtype and dims are those of `type`. Its data \
          is read where the node runs, and is the same at every run. A source without it, or with it in another dtype or \
          of other dims, is an error when the graph is loaded.",
    attrs: &[AttrSpec::required("name", AttrKind::Str), AttrSpec::required("type", AttrKind::Type)],
    constraints: &[("C1", "`type` is a tensor, every dim of which is a known integer")],
    example: "parameter f32[2] [1, 2]: parameter() {name = \"p\", type = f32[2]} -> f32[2] [1, 2]",
    infer: |infer| {
        let ty = infer.attr.ty("type");
        match ty.as_tensor().and_then(|tensor| tensor.shape.sizes()) {
            Some(_) => Ok(vec![ty.clone()]),
            None => Err(Violation::new("C1", format!("the type is {ty}"))),
        }
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
