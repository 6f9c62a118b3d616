//! `string_split`: strings taken apart.

use super::common::*;
use super::string_concat::TEXT;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "string_split",
    doc: "The parts of each string along a new last axis, with empty strings after them where others have more parts; \
          then the number of parts. A string is split at each `delimiter`; if that isn't given or empty, at each run of \
          white space (Unicode's), and white space at the ends is dropped. With a `maxsplit` that isn't negative only the first so \
          many delimiters split.",
    inputs: &[Input::one("x", TEXT)],
    outputs: &[Output::one("parts"), Output::one("counts")],
    attrs: &[AttrSpec::optional("delimiter", AttrKind::Str), AttrSpec::optional("maxsplit", AttrKind::Int)],
    constraints: &[("C1", "there are one or two results")],
    example: "string_split(string[2] [\"a,b\", \"c\"]) {delimiter = \",\"} \
              -> string[2, 2] [\"a\", \"b\", \"c\", \"\"], i64[2] [2, 1]",
    infer: |infer| {
        if !(1..=2).contains(&infer.outputs) {
            return Err(Violation::new("C1", format!("there are {} results", infer.outputs)));
        }
        let shape = &infer.tensor(0)?.shape;
        let parts = match shape.dims() {
            Some(dims) => Type::tensor(DType::String, dims.iter().cloned().chain([Dim::Unknown])),
            None => Type::unranked(DType::String),
        };
        let mut types = vec![parts, TensorType { dtype: DType::I64, shape: shape.clone() }.into()];
        types.truncate(infer.outputs);
        Ok(types)
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
