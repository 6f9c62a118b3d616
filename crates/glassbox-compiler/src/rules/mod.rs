//! The rules, by topic. Each is a value beside its equation; what it does is shown by a table test of its file.
//!
//! All hold to the bit for every value: `-0.0`, infinities and NaNs included, at any dims, so far as these are known. A rule
//! whose equation isn't exact for floats isn't here.

mod cast;
mod fold;
mod identity;
mod movement;
mod reshape;
mod transpose;

use crate::rule::Rule;

/// What is computed from constants, or from dims that are known.
pub const FOLD: &[&Rule] = &[&fold::KNOWN_CONTENTS, &fold::CONSTANTS];

/// Nodes that do nothing, or that do twice what can be done once.
pub const SIMPLIFY: &[&Rule] = &[
    &identity::IDENTITY,
    &identity::DROPOUT,
    &identity::NEUTRAL_RIGHT,
    &identity::NEUTRAL_LEFT,
    &identity::INVOLUTION,
    &identity::ABSOLUTE,
    &cast::SAME_DTYPE,
    &cast::TWICE,
    &transpose::IN_PLACE,
    &transpose::TWICE,
    &reshape::SAME_DIMS,
    &reshape::TWICE,
    &reshape::AND_BACK,
];

/// Nodes that only move or convert elements, moved to where they meet others of their kind or have less to do.
pub const MOVE: &[&Rule] = &[&movement::BELOW_UNARY, &movement::BELOW_BINARY, &cast::NARROW_EARLY, &cast::WIDEN_LATE];

/// Every rule.
///
/// ```
/// let rule = glassbox_compiler::rules::all().find(|rule| rule.name == "transpose-twice").unwrap();
/// assert!(rule.equation.contains('='));
/// ```
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [FOLD, SIMPLIFY, MOVE].into_iter().flatten().copied()
}

#[cfg(test)]
pub(crate) mod check {
    //! What the table tests of rules share.

    use glassbox_exec::{Options, RunContext, RunError, Value};
    use glassbox_ir::text::{ParseOptions, parse};
    use glassbox_ir::{Graph, Tier, verify};
    use glassbox_tensor::{DType, Tensor};

    use crate::{Rewriting, Rule, rewrite};

    /// The ops of the body that computes `%y` of `%x` and `%z`, rewritten by `rules`. The outputs are the same to the bit.
    pub(crate) fn ops_after(rules: &[&'static Rule], inputs: &str, body: &str) -> Vec<String> {
        let text = format!("graph \"g\" {{ {inputs} {body} output %y }}");
        let source = parse(&text, &ParseOptions::default()).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let made = rewrite(&source, &Rewriting { rules, share: false, expand: None, into_calls: false })
            .expect("it can be rewritten");
        assert_eq!(verify(&made.graph), Ok(()), "{}", made.graph);
        same_bits(&source, &made.graph, &text);
        let nodes = made.graph.walk().into_iter().map(|id| made.graph.node(id));
        let nodes = nodes.filter(|node| !matches!(node.op.tier, Tier::Primitive) || node.op.name != "constant");
        nodes.map(|node| node.op.name.to_owned()).collect()
    }

    /// Checks a table of bodies, each with the ops that are left but for constants.
    pub(crate) fn table(rules: &[&'static Rule], inputs: &str, cases: &[(&str, &[&str])]) {
        let mut wrong = Vec::new();
        for (body, want) in cases {
            let got = ops_after(rules, inputs, body);
            if got != *want {
                wrong.push(format!("{body}\n  becomes {got:?}, not {want:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// The outputs of both graphs for the same inputs, which have all kinds of values, are the same to the bit.
    pub(crate) fn same_bits(source: &Graph, made: &Graph, context: &str) {
        for salt in 0..3 {
            let inputs: Vec<Value> = source.inputs().iter().map(|id| value_for(source, *id, salt)).collect();
            let run = |graph: &Graph| -> Result<Vec<Value>, RunError> {
                glassbox_backends::testing::session(graph.clone(), &Options::default())?.run(&inputs, RunContext::new())
            };
            match (run(source), run(made)) {
                (Ok(want), Ok(got)) => {
                    for (want, got) in want.iter().zip(&got) {
                        let (Some(want), Some(got)) = (want.as_tensor(), got.as_tensor()) else { continue };
                        assert!(want.bit_eq(got), "{context}\n{made}\n{inputs:?}\n{want:?}\n{got:?}");
                    }
                }
                (Err(_), _) => {}
                (Ok(_), Err(error)) => panic!("{context}\n{made}\n{inputs:?}\n{error}"),
            }
        }
    }

    /// An input: symbolic dims are 2, unknown ones 3; bytes that are odd, so that floats are of all kinds.
    fn value_for(graph: &Graph, id: glassbox_ir::ValueId, salt: u64) -> Value {
        let ty = graph.value(id).ty.as_tensor().expect("inputs are tensors").clone();
        let size = |dim: &glassbox_ir::Dim| dim.as_size().unwrap_or(if dim.is_unknown() { 3 } else { 2 });
        let sizes: Vec<usize> = ty.dims().unwrap_or_default().iter().map(size).collect();
        Value::Tensor(odd_tensor(ty.dtype, &sizes, salt + id.index() as u64))
    }

    /// A tensor of special values and of any bits.
    pub(crate) fn odd_tensor(dtype: DType, sizes: &[usize], salt: u64) -> Tensor {
        let count: usize = sizes.iter().product();
        if dtype == DType::F32 {
            const SPECIAL: [u32; 12] = [
                0,
                0x8000_0000,
                0x7f80_0000,
                0xff80_0000,
                0x7fc0_0000,
                0xffc0_0001,
                0x7f80_0001,
                1,
                0x3f80_0000,
                0x7f7f_ffff,
                0xbf80_0000,
                0xff80_1234,
            ];
            let values = (0..count).map(|place| f32::from_bits(SPECIAL[(place * 5 + salt as usize) % SPECIAL.len()]));
            return Tensor::from_vec(sizes, values.collect()).expect("a tensor");
        }
        let length = dtype.byte_len(count).expect("not too long");
        let mut state = salt;
        let bytes = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let byte = (state >> 56) as u8;
            if dtype == DType::Bool { byte & 1 } else { byte }
        });
        // Some dtypes don't have a value for all bits.
        let signs = || Tensor::from_vec(sizes, (0..count).map(|place| 1 - 2 * (place as i64 % 2)).collect());
        let any = Tensor::from_bytes(dtype, sizes, bytes.take(length).collect());
        any.or_else(|_| signs()?.cast(dtype, glassbox_tensor::Overflow::Wrap)).expect("a tensor")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn rules_have_names_of_their_own_and_equations() {
        let mut names = HashSet::new();
        for rule in all() {
            assert!(names.insert(rule.name), "two rules are named {}", rule.name);
            assert!(rule.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", rule.name);
            assert!(rule.equation.contains(" = "), "{}: {}", rule.name, rule.equation);
        }
    }
}
