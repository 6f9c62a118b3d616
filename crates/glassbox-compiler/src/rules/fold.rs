//! What can be computed ahead of time.

use glassbox_exec::Value;
use glassbox_ir::{Dim, Tier, ValueId, ops};
use glassbox_reference::evaluate;
use glassbox_tensor::{DType, Tensor};

use crate::no_match::NoMatch;
use crate::rebuild::Rebuild;
use crate::rule::{Candidate, Roots, Rule};

/// The most bytes that operands may have: it bounds the work.
const MAX_OPERAND_BYTES: usize = 256 << 10;

/// The most bytes that results may have, or as many as the operands: a constant takes room where an op takes none.
const MAX_RESULT_BYTES: usize = 64 << 10;

/// `shape(x) = dims`, and what is computed from it: integers of 64 bits that inference knows.
pub(super) static KNOWN_CONTENTS: Rule = Rule {
    name: "known-contents",
    equation: "shape(x) = [2, 3] for x of f32[2, 3], and what is computed from known dims",
    roots: Roots::OfKnown,
    apply: |rebuild, root| {
        if *root.op == ops::constant::OP {
            return Err(NoMatch::NoGain);
        }
        if !root.op.effects.is_pure() {
            return Err(NoMatch::Effects(root.op.effects));
        }
        let result = root.result()?;
        let ty = rebuild.tensor_type(result)?;
        if ty.dtype != DType::I64 {
            return Err(NoMatch::DType(ty.dtype));
        }
        let rank = ty.rank().filter(|rank| *rank <= 1).ok_or(NoMatch::OtherDims)?;
        let known = rebuild.known(result).and_then(glassbox_ir::Known::ints).ok_or(NoMatch::NotConstant)?;
        let values: Vec<i64> = known.iter().map(Dim::as_int).collect::<Option<_>>().ok_or(NoMatch::UnknownDim)?;
        let tensor = match (rank, &values[..]) {
            (0, [value]) => Tensor::scalar(*value),
            (1, _) => {
                Tensor::from_vec(&[values.len()], values).map_err(|error| NoMatch::Evaluation(error.to_string()))?
            }
            _ => return Err(NoMatch::OtherDims),
        };
        Ok(vec![rebuild.emit_constant(tensor)?])
    },
};

/// `op(constants) = constant`.
pub(super) static CONSTANTS: Rule = Rule {
    name: "fold-constants",
    equation: "op(constant, ..) = constant, for an op without effects",
    roots: Roots::OfConstants,
    apply: fold,
};

fn fold(rebuild: &mut Rebuild, root: &Candidate) -> Result<Vec<ValueId>, NoMatch> {
    if *root.op == ops::constant::OP || matches!(root.op.tier, Tier::Control) || root.op.regions > 0 {
        return Err(NoMatch::NoGain);
    }
    if !root.op.effects.is_pure() {
        return Err(NoMatch::Effects(root.op.effects));
    }
    let mut operands = Vec::with_capacity(root.operands.len());
    let mut bytes = 0usize;
    for operand in &root.operands {
        let tensor = operand.map(|operand| rebuild.constant(operand)).transpose()?;
        bytes = bytes.saturating_add(tensor.as_ref().map_or(0, size_of_tensor));
        operands.push(tensor.map(Value::from));
    }
    if bytes > MAX_OPERAND_BYTES {
        return Err(NoMatch::TooLarge { bytes, limit: MAX_OPERAND_BYTES });
    }
    if root.results.iter().any(|result| rebuild.tensor_type(*result).is_err()) {
        return Err(NoMatch::OtherDims);
    }
    let limit = bytes.max(MAX_RESULT_BYTES);
    let values = evaluate(root.op, &root.attrs, &operands, root.results.len(), limit);
    let values = values.map_err(|error| NoMatch::Evaluation(error.to_string()))?;
    let tensors = values.into_iter().map(|value| value.as_tensor().cloned()).collect::<Option<Vec<_>>>();
    let tensors = tensors.ok_or(NoMatch::OtherDims)?;
    tensors.into_iter().map(|tensor| rebuild.emit_constant(tensor)).collect()
}

/// The bytes of a tensor, those of strings included.
fn size_of_tensor(tensor: &Tensor) -> usize {
    let text = || tensor.to_strings().unwrap_or_default().iter().map(|text| text.len() + size_of::<String>()).sum();
    tensor.byte_len().unwrap_or_else(text)
}

#[cfg(test)]
mod tests {
    use super::super::{FOLD, check::table};

    #[test]
    fn what_is_constant_is_computed() {
        let inputs = "input %x: f32[2, N] input %z: f32[2, 3] input %u: f32[?]";
        table(
            FOLD,
            inputs,
            &[
                ("%y = shape(%z)", &[]),
                ("%y = shape(%x)", &["shape"]),
                ("%y = shape(%u)", &["shape"]),
                // The first dim is known, though not all are.
                ("%s = shape(%x) %i = constant() {value = i64[1] [0]} %y = gather(%s, %i)", &[]),
                ("%s = shape(%x) %i = constant() {value = i64[1] [1]} %y = gather(%s, %i)", &["shape", "gather"]),
                ("%a = constant() {value = f32[2] [1, nan]} %y = add(%a, %a)", &[]),
                ("%a = constant() {value = f32[2, 2] [1, -0, inf, 3]} %b = softmax(%a) %y = transpose(%b)", &[]),
                ("%a = constant() {value = string[1] [\"b\"]} %y = string_concat(%a, %a)", &[]),
                (
                    "%a = constant() {value = f32[4] [4, 3, 2, 1]} %k = constant() {value = i64[1] [2]} %v, %y = top_k(%a, %k)",
                    &[],
                ),
                // What draws isn't folded, what is too large neither.
                ("%y = random_normal() {shape = [2]}", &["random_normal"]),
                ("%a = constant() {value = i64[1] [100000]} %y = constant_of_shape(%a)", &["constant_of_shape"]),
                ("%a = constant() {value = i64[1] [100]} %y = constant_of_shape(%a)", &[]),
                ("%a = constant() {value = f32[] 1} %y = add(%a, %z)", &["add"]),
                // What fails when it runs isn't evaluated.
                ("%a = constant() {value = i64[1] [7]} %y = gather(%a, %a)", &["gather"]),
            ],
        );
    }
}
