//! The ops of gathering, scattering, searching.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("Compress", 9, direct(&ops::compress::OP)),
    row("Gather", 1, direct(&ops::gather::OP)),
    row("GatherElements", 11, direct(&ops::gather_elements::OP)),
    row("GatherND", 11, bare(&ops::gather_nd::OP)).until(11),
    row("GatherND", 12, direct(&ops::gather_nd::OP)),
    row("NonMaxSuppression", 10, direct(&ops::non_max_suppression::OP)),
    row("NonZero", 9, bare(&ops::nonzero::OP)),
    row("OneHot", 9, direct(&ops::one_hot::OP)),
    row("ReverseSequence", 10, direct(&ops::reverse_sequence::OP)),
    row("Scatter", 9, formula(scatter_without_reduction)).until(10),
    row("ScatterElements", 11, formula(scatter_without_reduction)).until(15),
    row("ScatterElements", 16, direct(&ops::scatter_elements::OP)),
    row("ScatterND", 11, bare(&ops::scatter_nd::OP)).until(15),
    row("ScatterND", 16, direct(&ops::scatter_nd::OP)),
    row("TensorScatter", 24, direct(&ops::tensor_scatter::OP)),
    row("TopK", 1, formula(top_k_by_attribute)).until(9),
    row("TopK", 10, formula(|c| c.with_attrs(&ops::top_k::OP, attrs! { axis: c.int("axis", -1)? }))).until(10),
    row("TopK", 11, direct(&ops::top_k::OP)),
    row("Unique", 11, direct(&ops::unique::OP)),
];

/// Elements were only replaced.
fn scatter_without_reduction<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    c.with_attrs(&ops::scatter_elements::OP, attrs! { axis: c.int("axis", 0)? })
}

/// The number was an attribute, and always the largest were meant.
fn top_k_by_attribute<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let k = c.f.ints(&[c.required("k", c.opt_int("k")?)?]);
    let attrs = attrs! { axis: c.int("axis", -1)? };
    Ok(c.f.op_many(&ops::top_k::OP, &[Some(c.x(0)), Some(k)], attrs, Vec::new(), c.outputs))
}
