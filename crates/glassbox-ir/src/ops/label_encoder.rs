//! `label_encoder`: elements looked up.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "label_encoder",
    doc: "For each element of x the one of `values` that stands where the element stands in `keys`, or the `default` if \
          it isn't there. Of equal keys the last counts; NaN is one key, -0 is 0.",
    inputs: &[Input::one("x", DTypes::Any)],
    attrs: &[
        AttrSpec::required("keys", AttrKind::Tensor),
        AttrSpec::required("values", AttrKind::Tensor),
        AttrSpec::required("default", AttrKind::Tensor),
    ],
    constraints: &[
        ("C1", "keys and values are vectors of the same length, the default is one element"),
        ("C2", "the keys have the dtype of x, and the default that of the values"),
    ],
    example: "label_encoder(i64[2] [7, 5]) {keys = i64[1] [5], values = f32[1] [0.5], default = f32[1] [0]} \
              -> f32[2] [0, 0.5]",
    infer: |infer| {
        let x = infer.tensor(0)?;
        let missing = || Violation::new("attribute", "keys, values and default must be given");
        let [keys, values, default] = ["keys", "values", "default"].map(|name| infer.attr.tensor(name).ok_or_else(missing));
        let (keys, values, default) = (keys?, values?, default?);
        if keys.rank() != 1 || values.rank() != 1 || keys.len() != values.len() || default.len() != 1 {
            let sizes = (keys.shape(), values.shape(), default.shape());
            return Err(Violation::new("C1", format!("keys, values and default have the sizes {sizes:?}")));
        }
        if keys.dtype() != x.dtype || default.dtype() != values.dtype() {
            let dtypes = (keys.dtype(), values.dtype(), default.dtype());
            return Err(Violation::new("C2", format!("x is {x}, keys, values and default are of {dtypes:?}")));
        }
        super::indexing::one(values.dtype(), x.shape.clone())
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
