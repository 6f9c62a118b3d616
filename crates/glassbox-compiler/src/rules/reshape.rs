//! Other dims for the same elements: `reshape`, `squeeze`, `unsqueeze`, `expand`.

use glassbox_ir::{Attr, Attrs, OpDef, ValueId, ops};

use crate::no_match::NoMatch;
use crate::rebuild::Rebuild;
use crate::rule::{Roots, Rule};

/// Ops whose result has the elements of the first operand, all of them, in order.
const RESHAPING: &[&OpDef] = &[&ops::reshape::OP, &ops::squeeze::OP, &ops::unsqueeze::OP];

/// New dims that are the old ones.
pub(super) static SAME_DIMS: Rule = Rule {
    name: "reshape-same-dims",
    equation: "reshape(x, dims of x) = expand(x, dims of x) = x",
    roots: Roots::Ops(&[&ops::reshape::OP, &ops::squeeze::OP, &ops::unsqueeze::OP, &ops::expand::OP]),
    apply: |rebuild, root| {
        let x = root.operand(0)?;
        check_same_dims(rebuild, x, root.result()?)?;
        Ok(vec![x])
    },
};

/// A reshape of what has the elements of x in another shape.
pub(super) static TWICE: Rule = Rule {
    name: "reshape-twice",
    equation: "reshape(reshape(x, a), b) = reshape(x, b), also for squeeze and unsqueeze within",
    roots: Roots::Ops(&[&ops::reshape::OP]),
    apply: |rebuild, root| {
        let inner = rebuild.giver(root.operand(0)?)?;
        if !RESHAPING.contains(&inner.op) {
            return Err(NoMatch::Op { wanted: "reshape", found: inner.op.name });
        }
        let shape = root.operand(1)?;
        // A zero may mean the dim of the operand, which is another one then.
        if !root.attr().bool("allowzero") {
            let listed = rebuild.known(shape).and_then(glassbox_ir::Known::ints).ok_or(NoMatch::NotConstant)?;
            if listed.iter().any(|dim| dim.as_int().is_none_or(|size| size == 0)) {
                return Err(NoMatch::OtherContents);
            }
        }
        let attrs = Attrs::from([("allowzero", Attr::Bool(root.attr().bool("allowzero")))]);
        let attrs = if root.attrs.is_empty() { Attrs::new() } else { attrs };
        let operands = [inner.operand(0)?, shape];
        Ok(vec![rebuild.emit(&ops::reshape::OP, &operands, attrs)?])
    },
};

/// Other dims, and then those from before.
pub(super) static AND_BACK: Rule = Rule {
    name: "reshape-and-back",
    equation: "squeeze(unsqueeze(x, a), a) = unsqueeze(squeeze(x, a), a) = x, and all that leads back to the dims of x",
    roots: Roots::Ops(&[&ops::reshape::OP, &ops::squeeze::OP, &ops::unsqueeze::OP]),
    apply: |rebuild, root| {
        let inner = rebuild.giver(root.operand(0)?)?;
        if !RESHAPING.contains(&inner.op) {
            return Err(NoMatch::Op { wanted: "reshape", found: inner.op.name });
        }
        let x = inner.operand(0)?;
        check_same_dims(rebuild, x, root.result()?)?;
        Ok(vec![x])
    },
};

/// Two values surely have the same dims.
fn check_same_dims(rebuild: &Rebuild, a: ValueId, b: ValueId) -> Result<(), NoMatch> {
    let (a, b) = (rebuild.tensor_type(a)?, rebuild.tensor_type(b)?);
    let (a, b) = (a.dims().ok_or(NoMatch::UnknownDim)?, b.dims().ok_or(NoMatch::UnknownDim)?);
    if a.iter().chain(b).any(glassbox_ir::Dim::is_unknown) {
        return Err(NoMatch::UnknownDim);
    }
    if a == b { Ok(()) } else { Err(NoMatch::OtherDims) }
}

#[cfg(test)]
mod tests {
    use super::super::{SIMPLIFY, check::table};

    #[test]
    fn reshapes_cancel_and_meet() {
        let inputs = "input %x: f32[2, 3] input %u: f32[2, N] input %k: f32[2, ?]";
        let shapes = "%six = constant() {value = i64[1] [6]} %rest = constant() {value = i64[1] [-1]}
            %back = constant() {value = i64[2] [2, 3]} %zero = constant() {value = i64[2] [0, -1]}
            %axis = constant() {value = i64[1] [1]} %first = constant() {value = i64[1] [0]}";
        for (body, want) in [
            ("%r = reshape(%x, %back) %y = neg(%r)", &["neg"][..]),
            ("%r = expand(%x, %back) %y = neg(%r)", &["neg"]),
            ("%r = reshape(%x, %six) %s = reshape(%r, %back) %y = neg(%s)", &["neg"]),
            ("%r = reshape(%u, %rest) %y = reshape(%r, %zero)", &["reshape", "reshape"]),
            ("%r = unsqueeze(%u, %axis) %s = squeeze(%r, %axis) %y = neg(%s)", &["neg"]),
            ("%r = unsqueeze(%u, %axis) %y = reshape(%r, %rest)", &["reshape"]),
            // The dim N may be 1, and would go too.
            ("%r = unsqueeze(%u, %axis) %y = squeeze(%r)", &["unsqueeze", "squeeze"]),
            ("%s = shape(%u) %r = reshape(%u, %s) %y = neg(%r)", &["neg"]),
            // These dims may be others when it runs.
            ("%s = shape(%k) %r = reshape(%k, %s) %y = neg(%r)", &["shape", "reshape", "neg"]),
            ("%r = unsqueeze(%k, %first) %s = squeeze(%r, %first) %y = neg(%s)", &["unsqueeze", "squeeze", "neg"]),
        ] {
            table(SIMPLIFY, inputs, &[(&format!("{shapes} {body}"), want)]);
        }
    }
}
