//! Transposes that do nothing, and two in a row.

use glassbox_ir::ops::transpose::axis_order;
use glassbox_ir::{Attr, Attrs, ValueId, ops};

use crate::no_match::NoMatch;
use crate::rebuild::Rebuild;
use crate::rule::{Candidate, Roots, Rule};

const TRANSPOSE: Roots = Roots::Ops(&[&ops::transpose::OP]);

/// A transpose that leaves every axis where it is.
pub(super) static IN_PLACE: Rule = Rule {
    name: "transpose-in-place",
    equation: "transpose(x, [0, 1, ..]) = x",
    roots: TRANSPOSE,
    apply: |rebuild, root| {
        let order = order_of(rebuild, root)?;
        if order.iter().enumerate().all(|(axis, from)| axis == *from) {
            return Ok(vec![root.operand(0)?]);
        }
        Err(NoMatch::Attribute("perm"))
    },
};

/// A transpose of a transpose.
pub(super) static TWICE: Rule = Rule {
    name: "transpose-twice",
    equation: "transpose(transpose(x, p), q) = transpose(x, p[q])",
    roots: TRANSPOSE,
    apply: |rebuild, root| {
        let inner = rebuild.giver_of(root.operand(0)?, &ops::transpose::OP)?;
        let (outer, inner_order) = (order_of(rebuild, root)?, order_of(rebuild, &inner)?);
        let order: Option<Vec<i64>> =
            outer.iter().map(|axis| inner_order.get(*axis).map(|axis| *axis as i64)).collect();
        let order = order.ok_or(NoMatch::Attribute("perm"))?;
        let attrs = Attrs::from([("perm", Attr::Ints(order))]);
        Ok(vec![rebuild.emit(&ops::transpose::OP, &[inner.operand(0)?], attrs)?])
    },
};

/// The order of the axes that a transpose makes.
pub(super) fn order_of(rebuild: &Rebuild, transpose: &Candidate) -> Result<Vec<usize>, NoMatch> {
    let x: ValueId = transpose.operand(0)?;
    let perm = transpose.attr().ints("perm");
    let rank = rebuild.tensor_type(x)?.rank().or(perm.map(<[i64]>::len)).ok_or(NoMatch::UnknownDim)?;
    axis_order(perm, rank).map_err(|_| NoMatch::Attribute("perm"))
}

#[cfg(test)]
mod tests {
    use super::super::{SIMPLIFY, check::table};

    #[test]
    fn transposes_cancel_and_meet() {
        table(
            SIMPLIFY,
            "input %x: f32[2, 3, N] input %u: f32[*] input %v: f32[5]",
            &[
                ("%t = transpose(%x) {perm = [0, 1, 2]} %y = neg(%t)", &["neg"]),
                ("%t = transpose(%x) %s = transpose(%t) %y = neg(%s)", &["neg"]),
                ("%t = transpose(%x) {perm = [1, 2, 0]} %s = transpose(%t) {perm = [2, 0, 1]} %y = neg(%s)", &["neg"]),
                ("%t = transpose(%x) {perm = [1, 2, 0]} %y = transpose(%t) {perm = [1, 2, 0]}", &["transpose"]),
                (
                    "%t = transpose(%x) %s = transpose(%t) %r = transpose(%s) %y = transpose(%r) {perm = [1, 0, 2]}",
                    &["transpose"],
                ),
                // The first is needed by itself.
                ("%t = transpose(%v) %y = neg(%t)", &["neg"]),
                (
                    "%t = transpose(%x) {perm = [1, 2, 0]} %s = transpose(%t) %a = exp(%t) %b = transpose(%a) %y = add(%s, %b)",
                    &["transpose", "transpose", "exp", "transpose", "add"],
                ),
                // Nothing says the rank.
                ("%t = transpose(%u) %s = transpose(%t) %y = neg(%s)", &["transpose", "transpose", "neg"]),
            ],
        );
    }
}
