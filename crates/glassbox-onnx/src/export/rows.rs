//! How each op of the IR is said in ONNX.
//!
//! Most of it is the table of [imports](crate::ops) read backwards: a row there that takes a node as one op with the same
//! operands and attributes says, for the versions that it holds for, how that op is written. Here stands what isn't so:
//! ops that had attributes where they have operands now, and ops that ONNX doesn't have.

use std::collections::HashMap;
use std::sync::OnceLock;

use glassbox_ir::{OpDef, ops};

use crate::ops::{Convert, Row, rows};

use super::emitter::Why;
use super::site::Site;
use super::{control, ensembles, formulas, images, states, version_of, versions};

/// Writes a node.
pub(super) type Say = fn(&mut Site) -> Result<(), Why>;

/// How an op is said.
#[derive(Clone, Copy)]
pub(super) enum How {
    /// As the ONNX op of this name, with the same operands and attributes.
    Same(&'static str),
    /// By a function.
    By(Say),
}

/// How an op is said from one opset to another.
struct Said {
    op: &'static OpDef,
    since: i64,
    until: i64,
    how: How,
}

/// Always so.
const fn always(op: &'static OpDef, say: Say) -> Said {
    Said { op, since: 0, until: i64::MAX, how: How::By(say) }
}

/// So up to and with the opset `last`; afterwards as the imports say.
const fn until(last: i64, op: &'static OpDef, say: Say) -> Said {
    Said { op, since: 0, until: last, how: How::By(say) }
}

/// By the same operands and attributes, as ONNX's `name`.
const fn same(op: &'static OpDef, name: &'static str) -> Said {
    Said { op, since: 0, until: i64::MAX, how: How::Same(name) }
}

/// Of several that hold for an opset the first.
const SAID: &[Said] = &[
    // Values and structure.
    always(&ops::constant::OP, formulas::constant),
    always(&ops::parameter::OP, formulas::parameter),
    always(&ops::barrier::OP, formulas::barrier),
    always(&ops::expect::OP, formulas::expect),
    always(&ops::dequantize_blocks::OP, formulas::opened),
    always(&ops::if_::OP, control::branch),
    always(&ops::loop_::OP, control::repeat),
    always(&ops::scan::OP, control::scan),
    always(&ops::call::OP, control::call),
    always(&ops::state_read::OP, states::read),
    always(&ops::state_write::OP, states::write),
    always(&ops::state_append::OP, states::append),
    always(&ops::state_reset::OP, states::reset),
    always(&ops::state_slice::OP, states::slice),
    always(&ops::state_update::OP, states::update),
    always(&ops::state_grow::OP, states::grow),
    // Ops whose import is a formula in all versions.
    same(&ops::identity::OP, "Identity"),
    same(&ops::range::OP, "Range"),
    same(&ops::dropout::OP, "Dropout"),
    always(&ops::stft::OP, versions::stft),
    always(&ops::sequence_empty::OP, formulas::sequence_empty),
    always(&ops::optional::OP, formulas::optional),
    always(&ops::label_encoder::OP, ensembles::label_encoder),
    always(&ops::tree_ensemble::OP, ensembles::trees),
    // Ops that ONNX doesn't have.
    always(&ops::fill::OP, formulas::fill),
    always(&ops::expm1::OP, formulas::expm1),
    always(&ops::log1p::OP, formulas::log1p),
    // Ops as they were.
    always(&ops::resize::OP, images::resize),
    always(&ops::split::OP, versions::split),
    always(&ops::pad::OP, versions::pad),
    until(12, &ops::reduce_sum::OP, |site| versions::axes_as_attribute(site, "ReduceSum")),
    until(17, &ops::reduce_l1::OP, |site| versions::axes_as_attribute(site, "ReduceL1")),
    until(17, &ops::reduce_l2::OP, |site| versions::axes_as_attribute(site, "ReduceL2")),
    until(17, &ops::reduce_log_sum::OP, |site| versions::axes_as_attribute(site, "ReduceLogSum")),
    until(17, &ops::reduce_log_sum_exp::OP, |site| versions::axes_as_attribute(site, "ReduceLogSumExp")),
    until(17, &ops::reduce_max::OP, |site| versions::axes_as_attribute(site, "ReduceMax")),
    until(17, &ops::reduce_mean::OP, |site| versions::axes_as_attribute(site, "ReduceMean")),
    until(17, &ops::reduce_min::OP, |site| versions::axes_as_attribute(site, "ReduceMin")),
    until(17, &ops::reduce_prod::OP, |site| versions::axes_as_attribute(site, "ReduceProd")),
    until(17, &ops::reduce_sum_square::OP, |site| versions::axes_as_attribute(site, "ReduceSumSquare")),
    until(12, &ops::squeeze::OP, |site| versions::axes_as_attribute(site, "Squeeze")),
    until(12, &ops::unsqueeze::OP, |site| versions::axes_as_attribute(site, "Unsqueeze")),
    until(7, &ops::max::OP, |site| versions::without_broadcast(site, "Max")),
    until(7, &ops::min::OP, |site| versions::without_broadcast(site, "Min")),
    until(7, &ops::sum::OP, |site| versions::without_broadcast(site, "Sum")),
    until(7, &ops::mean::OP, |site| versions::without_broadcast(site, "Mean")),
    until(14, &ops::shape::OP, versions::shape),
    until(13, &ops::reshape::OP, versions::reshape),
    until(11, &ops::less_or_equal::OP, |site| versions::or_equal(site, "Less")),
    until(11, &ops::greater_or_equal::OP, |site| versions::or_equal(site, "Greater")),
    until(23, &ops::cast::OP, versions::cast),
    until(21, &ops::max_pool::OP, |site| images::pool(site, "MaxPool")),
    until(21, &ops::average_pool::OP, |site| images::pool(site, "AveragePool")),
    until(21, &ops::lp_pool::OP, |site| images::pool(site, "LpPool")),
    until(20, &ops::quantize_linear::OP, |site| versions::quantization(site, "QuantizeLinear")),
    until(22, &ops::dequantize_linear::OP, |site| versions::quantization(site, "DequantizeLinear")),
    until(9, &ops::slice::OP, versions::slice),
    until(10, &ops::clip::OP, versions::clip),
    until(10, &ops::gemm::OP, versions::gemm),
    until(9, &ops::top_k::OP, versions::top_k),
    until(10, &ops::top_k::OP, |site| site.same("TopK")),
    until(13, &ops::batch_normalization::OP, versions::batch_normalization),
    until(12, &ops::softmax::OP, |site| versions::last_axis(site, "Softmax")),
    until(12, &ops::log_softmax::OP, |site| versions::last_axis(site, "LogSoftmax")),
    until(12, &ops::hardmax::OP, |site| versions::last_axis(site, "Hardmax")),
    until(10, &ops::scatter_elements::OP, |site| site.same("Scatter")),
    until(15, &ops::scatter_elements::OP, |site| site.same("ScatterElements")),
    until(19, &ops::grid_sample::OP, images::grid_sample),
    until(19, &ops::dft::OP, versions::dft),
    until(10, &ops::depth_to_space::OP, |site| site.same("DepthToSpace")),
    until(27, &ops::space_to_depth::OP, |site| site.same("SpaceToDepth")),
    same(&ops::quantize_linear::OP, "QuantizeLinear"),
    same(&ops::dequantize_linear::OP, "DequantizeLinear"),
];

/// The rows of the imports that take a node as one op, by that op.
fn backwards() -> &'static HashMap<&'static str, Vec<&'static Row>> {
    static BY_OP: OnceLock<HashMap<&'static str, Vec<&'static Row>>> = OnceLock::new();
    BY_OP.get_or_init(|| {
        let mut map: HashMap<&str, Vec<&Row>> = HashMap::new();
        for row in rows().filter(|row| !row.name.starts_with("com.microsoft.")) {
            if let Convert::Direct(op) | Convert::Bare(op) = row.convert {
                map.entry(op.name).or_default().push(row);
            }
        }
        map
    })
}

/// How the op is said in an opset, with a version of `ai.onnx.ml`, if it can be.
pub(super) fn find(op: &OpDef, opset: i64, ml: i64) -> Option<How> {
    let said = SAID.iter().find(|said| said.op == op && (said.since..=said.until).contains(&opset));
    if let Some(said) = said {
        return Some(said.how);
    }
    let holds = |row: &&&Row| {
        let domain = row.name.rsplit_once('.').map_or("", |(domain, _)| domain);
        (row.since..=row.until).contains(&version_of(domain, opset, ml))
    };
    backwards().get(op.name)?.iter().find(holds).map(|row| How::Same(row.name))
}

/// What the op is called in the newest version that has it.
pub(super) fn newest(op: &OpDef) -> Option<&'static str> {
    backwards().get(op.name)?.last().map(|row| row.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_op_of_the_table_has_words_or_stands_for_what_has() {
        let wordless = |op: &&&OpDef| find(op, super::super::NEWEST_OPSET, 5).is_none();
        let composite = |op: &&&OpDef| matches!(op.tier, glassbox_ir::Tier::Composite(_));
        let names: Vec<&str> =
            ops::TABLE.iter().filter(wordless).filter(|op| !composite(op)).map(|op| op.name).collect();
        // What the program that runs a graph computes is in no file.
        assert_eq!(names, ["host"]);
    }
}
