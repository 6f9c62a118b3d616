//! `regex_full_match`: whether strings match a regular expression.

use super::common::*;
use super::string_concat::TEXT;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "regex_full_match",
    doc: "Whether the regular expression `pattern` matches each string from its beginning to its end. The syntax is \
          that of RE2: the classes \\\\d, \\\\w, \\\\s are of ASCII, there are no references back and no looking around.",
    inputs: &[Input::one("x", TEXT)],
    attrs: &[AttrSpec::required("pattern", AttrKind::Str)],
    constraints: &[("C1", "the pattern is a regular expression of RE2")],
    example: "regex_full_match(string[2] [\"ab\", \"b\"]) {pattern = \"a.*\"} -> bool[2] [true, false]",
    infer: |infer| Ok(vec![TensorType { dtype: DType::Bool, shape: infer.tensor(0)?.shape.clone() }.into()]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
