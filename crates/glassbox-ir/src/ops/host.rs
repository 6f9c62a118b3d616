//! `host`: a function of the program that runs the graph.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "host",
    tier: Tier::Control,
    doc: "What the function `function` of the program that runs the graph gives for the operands: a value of type `type`. \
          It is what a graph calls for work that is no arithmetic (tokenise, sample, decode); it may have effects and \
          give another value each time. A program without that function is an error where the node runs, as is a value \
          of another type.",
    inputs: &[Input::value("operands").mixed(0)],
    attrs: &[AttrSpec::required("function", AttrKind::Str), AttrSpec::required("type", AttrKind::Type)],
    effects: Effects::HOST,
    example: "host(i64[2] [1, 2]) {function = \"echo\", type = i64[?]} -> i64[2] [1, 2]",
    infer: |infer| Ok(vec![infer.attr.ty("type").clone()]),
    ..OpDef::BASE
};
