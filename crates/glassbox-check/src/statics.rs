//! In what two nodes differ that are partners: op, attributes, weights, what they read.

use crate::distance::{Bounds, coarser, distance, epsilon};
use crate::pairing::Pairs;
use crate::report::Cause;
use crate::skeleton::{Constant, Node, Skeleton};

/// Weights that were stored in another dtype differ by this many of its steps, at most.
pub(crate) const CAST_STEPS: f64 = 2.0;

/// Ops to which the order of their operands is the same.
pub(crate) const COMMUTATIVE: &[&str] = &[
    "add",
    "mul",
    "and",
    "or",
    "xor",
    "equal",
    "max",
    "min",
    "sum",
    "mean",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
];

/// In what a node of ours differs from its partner. Empty where it has none.
pub fn causes(ours: &Skeleton, theirs: &Skeleton, pairs: &Pairs, node: usize) -> Vec<Cause> {
    let Some(partner) = pairs.nodes[node] else { return Vec::new() };
    let (left, right) = (&ours.nodes[node], &theirs.nodes[partner]);
    let mut found = Vec::new();
    if !left.is_of_op(right) {
        found.push(Cause::Op { ours: left.op.clone(), theirs: right.op.clone() });
    }
    attributes(left, right, &mut found);
    let zeros = [(ours, left), (theirs, right)].iter().all(|(skeleton, node)| asks_for_no_zero(skeleton, node));
    found.retain(|cause| !matches!(cause, Cause::Attribute { name, .. } if name == "allowzero" && zeros));
    operands(ours, theirs, pairs, left, right, &mut found);
    found
}

/// Whether a node reads a list of whole numbers, none of which is zero: what a zero would mean makes no difference to it.
fn asks_for_no_zero(skeleton: &Skeleton, node: &Node) -> bool {
    let sizes = node.operands.get(1).copied().flatten().and_then(|value| skeleton.values[value].constant());
    let sizes = sizes.filter(|sizes| sizes.len() <= Constant::SHOWN).and_then(Constant::load);
    let loaded = sizes.and_then(|sizes| sizes.load::<i64>().ok().map(|sizes| !sizes.contains(&0)));
    loaded.unwrap_or(false)
}

/// Attributes with another value. What a side leaves out has its default, which our graphs know.
fn attributes(left: &Node, right: &Node, found: &mut Vec<Cause>) {
    let known = !left.inner.is_empty() && !right.inner.is_empty();
    if known && left.inner == right.inner {
        return;
    }
    let mut differing = Vec::new();
    let hold = |ours: &[(String, String)], theirs: &[(String, String)], both: bool, differing: &mut Vec<Cause>| {
        let names = ours.iter().chain(theirs).map(|(name, _)| name.as_str());
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        names.dedup();
        let get = |attrs: &[(String, String)], name: &str| {
            attrs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        for name in names {
            let (ours, theirs) = (get(ours, name), get(theirs, name));
            if ours != theirs && (!both || (ours.is_some() && theirs.is_some())) {
                differing.push(Cause::Attribute { name: name.to_owned(), ours, theirs });
            }
        }
    };
    if !known {
        // Of an op that we don't know, only what both say can be compared.
        hold(&left.attrs, &right.attrs, true, &mut differing);
    } else {
        for (one, other) in left.inner.iter().zip(&right.inner).filter(|(one, other)| one.op == other.op) {
            hold(&one.attrs, &other.attrs, false, &mut differing);
        }
        // The file's own spelling says the same in words that people know.
        let spelled = std::mem::take(&mut differing);
        hold(&left.attrs, &right.attrs, true, &mut differing);
        if differing.is_empty() {
            differing = spelled;
        }
    }
    found.extend(differing);
}

fn operands(ours: &Skeleton, theirs: &Skeleton, pairs: &Pairs, left: &Node, right: &Node, found: &mut Vec<Cause>) {
    let mut crossed = Vec::new();
    let mut others = Vec::new();
    for (place, (x, y)) in left.operands.iter().zip(&right.operands).enumerate() {
        let (Some(x), Some(y)) = (x, y) else { continue };
        let (one, other) = (&ours.values[*x], &theirs.values[*y]);
        match (one.constant(), other.constant()) {
            (Some(a), Some(b)) => {
                if let Some(cause) = constant(&one.name, place, a, b) {
                    // A constant that stands in another place on the other side has only changed places.
                    let elsewhere = right
                        .operands
                        .iter()
                        .flatten()
                        .position(|operand| theirs.values[*operand].constant().is_some_and(|there| there.same(a)));
                    match elsewhere {
                        Some(there) if there != place => crossed.push(there),
                        _ => found.push(cause),
                    }
                }
            }
            (None, None) => match (pairs.of(*x), pairs.their_values[*y]) {
                (Some(partner), _) if partner == *y => {}
                (Some(partner), Some(back)) => {
                    match right.operands.iter().position(|operand| *operand == Some(partner)) {
                        Some(there) => crossed.push(there),
                        None => others.push(Cause::Operand {
                            operand: place,
                            ours: one.name.clone(),
                            theirs: ours.values[back].name.clone(),
                        }),
                    }
                }
                _ => {}
            },
            (Some(a), None) => {
                let there =
                    right.operands.iter().flatten().position(|operand| {
                        theirs.values[*operand].constant().is_some_and(|constant| constant.same(a))
                    });
                crossed.extend(there.filter(|there| *there != place));
            }
            (None, Some(_)) => {}
        }
    }
    let commutes = |node: &Node| node.inner.len() == 1 && COMMUTATIVE.contains(&node.inner[0].op);
    let counts = !left.is_of_op(right) || !commutes(left);
    if counts && !crossed.is_empty() {
        found.push(Cause::Order { places: crossed });
    }
    found.append(&mut others);
}

/// In what two constants differ, beyond the dtype that they are stored in.
fn constant(name: &str, operand: usize, ours: &Constant, theirs: &Constant) -> Option<Cause> {
    if ours.same(theirs) {
        return None;
    }
    let relative = between(ours, theirs);
    let floats = ours.dtype().is_float() && theirs.dtype().is_float();
    let step = if floats { CAST_STEPS * epsilon(coarser(ours.dtype(), theirs.dtype())) } else { 0.0 };
    if ours.dtype() != theirs.dtype() && relative.is_some_and(|relative| relative <= step) {
        return None;
    }
    Some(Cause::Constant { name: name.to_owned(), operand, relative, ours: ours.short(), theirs: theirs.short() })
}

/// The norm of the difference over that of theirs. `None` where they can't be compared.
pub fn between(ours: &Constant, theirs: &Constant) -> Option<f64> {
    if ours.shape() != theirs.shape() {
        return None;
    }
    let found = distance(&ours.load()?, &theirs.load()?, &Bounds::default()).ok()??;
    Some(found.apart.rms_rel)
}

/// One cause in words, as they stand in a line.
pub fn words(cause: &Cause) -> String {
    let or_left_out = |value: &Option<String>| value.clone().unwrap_or_else(|| "left out".to_owned());
    match cause {
        Cause::Op { ours, theirs } => format!("it is {ours} here and {theirs} there"),
        Cause::Attribute { name, ours, theirs } => {
            format!("{name} is {} here and {} there", or_left_out(ours), or_left_out(theirs))
        }
        Cause::Constant { name, relative: Some(relative), ours, theirs, .. } if ours == theirs => {
            format!("`{name}` ({ours}) differs by {relative:.1e} of its norm")
        }
        Cause::Constant { name, ours, theirs, .. } => format!("`{name}` is {ours} here and {theirs} there"),
        Cause::Order { .. } => "its operands stand in another order".to_owned(),
        Cause::Operand { ours, theirs, .. } => format!("it reads `{ours}` where the other reads `{theirs}`"),
    }
}
