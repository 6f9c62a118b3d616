//! How well a node of ours and one of theirs suit each other.

use super::Pairs;
use crate::skeleton::{Node, Skeleton};

/// What counts for a pair, and against it. Only their order matters: an operand that is known to be the same says as much as
/// a weight that is, and together they outweigh another op.
const SAME_OP: i32 = 40;
const SAME_FAMILY: i32 = 25;
const OTHER_OP: i32 = -10;
const SAME_ATTRS: i32 = 20;
const SAME_VALUE: i32 = 25;
const ONLY_VALUE: i32 = 40;
const SAME_FEW: i32 = 15;
const OTHER_FEW: i32 = -10;
const SAME_SHAPE: i32 = 6;
const OTHER_SHAPE: i32 = -6;
const OTHER_PLACE: i32 = 15;
const OTHER_VALUE: i32 = -15;
const OTHER_KIND: i32 = -5;
const OTHER_RESULT: i32 = -30;
const FUSED_RESULT: i32 = -5;
const SAME_READER: i32 = 10;
const SAME_NAME: i32 = 15;
const SAME_TYPE: i32 = 4;
const OTHER_TYPE: i32 = -12;
const OTHER_BODY: i32 = -1000;
/// A node that reads constants only is known by them alone.
const OTHER_CONSTANTS: i32 = -60;

/// Constants with no more elements say what a node does: an axis, a place, a size.
const FEW: usize = 8;
/// How many readers of a result are asked, at most.
const READERS: usize = 8;

/// A pair below this says nothing.
pub(super) const LEAST: i32 = 22;

/// The op without its domain, and without what says that others were fused into it.
pub(crate) fn family(op: &str) -> &str {
    let name = op.rsplit([':', '.']).next().unwrap_or(op);
    let name = name.strip_prefix("Fused").unwrap_or(name);
    name.strip_prefix("fused_").unwrap_or(name)
}

/// The score of a pair.
pub(super) fn score(ours: &Skeleton, theirs: &Skeleton, pairs: &Pairs, names: bool, a: usize, b: usize) -> i32 {
    let (left, right) = (&ours.nodes[a], &theirs.nodes[b]);
    let mut total = if left.is_of_op(right) {
        SAME_OP
    } else if family(&left.op) == family(&right.op) {
        SAME_FAMILY
    } else {
        OTHER_OP
    };
    if same_attrs(left, right) {
        total += SAME_ATTRS;
    }
    if names && left.name == right.name {
        total += SAME_NAME;
    }
    let same_body = match (left.parent, right.parent) {
        (None, None) => true,
        (Some(a), Some(b)) => pairs.nodes[a] == Some(b),
        _ => false,
    };
    if !same_body {
        total += OTHER_BODY;
    }
    let beside = operands(ours, theirs, pairs, left, right) + results(ours, theirs, pairs, left, right);
    // That two nodes are of one op says nothing without something that they have in common.
    if beside <= 0 && !(names && left.name == right.name) { LEAST - 1 } else { total + beside }
}

/// Whether both say the same beside their operands.
pub(super) fn same_attrs(left: &Node, right: &Node) -> bool {
    match left.inner.is_empty() || right.inner.is_empty() {
        true => left.op == right.op && left.attrs == right.attrs,
        false => left.inner == right.inner,
    }
}

fn operands(ours: &Skeleton, theirs: &Skeleton, pairs: &Pairs, left: &Node, right: &Node) -> i32 {
    let mut total = 0;
    if left.operands.len() != right.operands.len() {
        total += OTHER_KIND;
    }
    let constants = |skeleton: &Skeleton, node: &Node| {
        let mut read = node.operands.iter().flatten().peekable();
        read.peek().is_some() && read.all(|operand| skeleton.values[*operand].constant().is_some())
    };
    if constants(ours, left) && constants(theirs, right) {
        let same = left.operands.iter().zip(&right.operands).all(|(x, y)| match (x, y) {
            (Some(x), Some(y)) => {
                ours.values[*x].constant().zip(theirs.values[*y].constant()).is_some_and(|(a, b)| a.same(b))
            }
            (x, y) => x.is_none() && y.is_none(),
        });
        if !same {
            total += OTHER_CONSTANTS;
        }
    }
    for (place, x) in left.operands.iter().enumerate() {
        let (Some(x), Some(y)) = (x, right.operands.get(place).copied().flatten()) else { continue };
        let here = operand(ours, theirs, pairs, *x, y);
        // What stands in another place may have changed places.
        let elsewhere = || {
            let others = right.operands.iter().flatten().filter(|other| **other != y);
            others.map(|other| operand(ours, theirs, pairs, *x, *other)).max().unwrap_or(OTHER_VALUE)
        };
        total += if here < 0 && elsewhere() >= SAME_FEW { OTHER_PLACE } else { here };
    }
    total
}

/// How well two operands suit each other.
fn operand(ours: &Skeleton, theirs: &Skeleton, pairs: &Pairs, x: usize, y: usize) -> i32 {
    match (ours.values[x].constant(), theirs.values[y].constant()) {
        // Of weights that each side has once.
        (Some(_), Some(_)) if pairs.of(x) == Some(y) => ONLY_VALUE,
        (Some(a), Some(b)) if a.same(b) => {
            if a.len() > FEW {
                SAME_VALUE
            } else {
                SAME_FEW
            }
        }
        (Some(a), Some(b)) if a.len() <= FEW && b.len() <= FEW => OTHER_FEW,
        (Some(a), Some(b)) if a.shape() == b.shape() => SAME_SHAPE,
        (Some(_), Some(_)) => OTHER_SHAPE,
        (None, None) => match (pairs.of(x), pairs.their_values[y]) {
            (Some(partner), _) if partner == y => SAME_VALUE,
            (None, None) => 0,
            _ => OTHER_VALUE,
        },
        _ => OTHER_KIND,
    }
}

fn results(ours: &Skeleton, theirs: &Skeleton, pairs: &Pairs, left: &Node, right: &Node) -> i32 {
    let mut total = 0;
    for (x, y) in left.results.iter().zip(&right.results) {
        let (one, other) = (&ours.values[*x], &theirs.values[*y]);
        total += match (pairs.of(*x), pairs.their_values[*y]) {
            (Some(partner), _) if partner == *y => SAME_VALUE,
            (None, None) => 0,
            // What a fused node gives is what the last of several nodes gives.
            _ if right.inner.is_empty() && left.op != right.op => FUSED_RESULT,
            _ => OTHER_RESULT,
        };
        total += match (&one.ty, &other.ty) {
            (Some(a), Some(b)) if a.fits(b) => SAME_TYPE,
            (Some(_), Some(_)) => OTHER_TYPE,
            _ => 0,
        };
        let read_alike = |user: &&(usize, usize)| {
            pairs.nodes[user.0]
                .is_some_and(|partner| other.users.iter().take(READERS).any(|(node, _)| *node == partner))
        };
        let readers = one.users.iter().take(READERS).filter(read_alike).count();
        total += SAME_READER * i32::try_from(readers.min(2)).unwrap_or(2);
    }
    total
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_family_is_an_op_without_domain_and_fusing() {
        assert_eq!(super::family("com.microsoft:FusedConv"), "Conv");
        assert_eq!(super::family("com.microsoft.FusedMatMul"), "MatMul");
        assert_eq!(super::family("Gelu"), "Gelu");
    }
}
