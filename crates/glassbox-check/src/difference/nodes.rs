//! Nodes held against their partners: op, attributes, operands, what their bodies give.

use super::partners::{Constants, Partners};
use super::{Change, Changed, Counts, Difference, Lone};
use crate::skeleton::{Inner, Node};
use crate::statics::COMMUTATIVE;

/// Compares the nodes.
pub(super) fn compare(partners: &Partners, found: &mut Difference) {
    let (ours, theirs) = (partners.ours.skeleton, partners.theirs.skeleton);
    for (a, node) in ours.nodes.iter().enumerate() {
        let Some(b) = partners.pairs.nodes[a] else {
            found.only_ours.push(lone(node));
            continue;
        };
        let partner = &theirs.nodes[b];
        let changes = changes(partners, node, partner);
        if !changes.is_empty() {
            let unnamed = partner.is_unnamed() && node.is_unnamed();
            found.changed.push(Changed {
                node: node.name.clone(),
                theirs: Some(&partner.name).filter(|name| **name != node.name && !unnamed).cloned(),
                op: node.op.clone(),
                layer: node.layer.clone(),
                changes,
            });
        }
    }
    for (b, node) in theirs.nodes.iter().enumerate() {
        if partners.pairs.their_nodes[b].is_none() {
            found.only_theirs.push(lone(node));
        }
    }
    let paired = partners.pairs.nodes.iter().flatten().count();
    found.nodes = Counts { ours: ours.nodes.len(), theirs: theirs.nodes.len(), paired };
}

fn lone(node: &Node) -> Lone {
    Lone { node: node.name.clone(), op: node.op.clone(), layer: node.layer.clone() }
}

fn changes(partners: &Partners, left: &Node, right: &Node) -> Vec<Change> {
    let mut found = Vec::new();
    // A file and a graph of ours call an op in their own ways.
    let other_op = left.op != right.op && !means_the_same(left, right);
    if other_op {
        found.push(Change::Op { ours: left.op.clone(), theirs: right.op.clone() });
    } else {
        attributes(left, right, &mut found);
    }
    // The operands of another op mean something else, unless there are as many.
    if !other_op || left.operands.len() == right.operands.len() {
        operands(partners, left, right, &mut found);
    }
    yields(partners, left, right, &mut found);
    found
}

type Attrs = [(String, String)];

fn get(attrs: &Attrs, name: &str) -> Option<String> {
    attrs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

/// The attributes that aren't the same on both sides, by name.
fn differing(ours: &Attrs, theirs: &Attrs) -> Vec<(String, Option<String>, Option<String>)> {
    let mut names: Vec<&str> = ours.iter().chain(theirs).map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let all = names.into_iter().map(|name| (name.to_owned(), get(ours, name), get(theirs, name)));
    all.filter(|(_, ours, theirs)| ours != theirs).collect()
}

/// Attributes with another value. Where we know what both nodes mean, one that is left out has its default, and what is
/// spelled otherwise and means the same is the same; of other nodes all that the files say counts.
fn attributes(left: &Node, right: &Node, found: &mut Vec<Change>) {
    let attribute = |(name, ours, theirs)| Change::Attribute { name, ours, theirs };
    if left.inner.is_empty() || right.inner.is_empty() {
        // A graph of ours and a file that we can't import spell attributes in their own ways.
        let (one, other) = (spelled(left), spelled(right));
        let known = !left.inner.is_empty() || !right.inner.is_empty();
        let all = differing(one, other);
        found.extend(all.into_iter().filter(|(_, a, b)| !known || (a.is_some() && b.is_some())).map(attribute));
        return;
    }
    if left.inner == right.inner {
        return;
    }
    let ops = |node: &Node| node.inner.iter().map(|inner| inner.op).collect::<Vec<_>>();
    let meant: Vec<_> = match ops(left) == ops(right) {
        true => left.inner.iter().zip(&right.inner).flat_map(|(a, b)| inner_differing(a, b)).collect(),
        false => Vec::new(),
    };
    // The file's own spelling says the same in words that people know.
    let spelled: Vec<_> = differing(&left.attrs, &right.attrs)
        .into_iter()
        .filter(|(name, a, b)| {
            (a.is_some() && b.is_some()) || meant.is_empty() || meant.iter().any(|(one, ..)| one == name)
        })
        .collect();
    let from_files = !left.attrs.is_empty() || !right.attrs.is_empty();
    if from_files && !spelled.is_empty() {
        found.extend(spelled.into_iter().map(attribute));
    } else if !meant.is_empty() {
        found.extend(meant.into_iter().map(attribute));
    } else {
        found.push(Change::Meaning { ours: ops(left).join(", "), theirs: ops(right).join(", ") });
    }
}

fn spelled(node: &Node) -> &Attrs {
    match node.inner.as_slice() {
        [only] if node.attrs.is_empty() => &only.attrs,
        _ => &node.attrs,
    }
}

fn inner_differing(one: &Inner, other: &Inner) -> Vec<(String, Option<String>, Option<String>)> {
    differing(&one.attrs, &other.attrs)
}

fn name_of(side: &Constants, value: usize) -> String {
    super::partners::weight_name(&side.skeleton.values[value]).to_owned()
}

fn operands(partners: &Partners, left: &Node, right: &Node, found: &mut Vec<Change>) {
    let (ours, theirs) = (&partners.ours, &partners.theirs);
    let count = left.operands.len().max(right.operands.len());
    let at = |node: &Node, place: usize| node.operands.get(place).copied().flatten();
    let differs = |place: &usize| match (at(left, *place), at(right, *place)) {
        (Some(x), Some(y)) => !partners.same(x, y),
        (x, y) => x.is_some() || y.is_some(),
    };
    let places: Vec<usize> = (0..count).filter(differs).collect();
    if let Some(order) = order(partners, left, right, &places) {
        if !commutes(left) || left.op != right.op {
            found.push(Change::Order { places: order });
        }
        settings(partners, left, right, found);
        return;
    }
    for place in places {
        let (x, y) = (at(left, place), at(right, place));
        match (x, y) {
            (Some(x), Some(y)) if partners.both_are_lone(x, y) => {}
            // What one version of an op has as an attribute another has as an operand; we know that both mean the same.
            (Some(x), None) if means_the_same(left, right) && ours.is_setting(x) => {}
            (None, Some(y)) if means_the_same(left, right) && theirs.is_setting(y) => {}
            (Some(x), Some(y)) if ours.is_setting(x) && theirs.is_setting(y) => {
                found.push(setting(partners, place, x, y))
            }
            _ => found.push(Change::Operand {
                operand: place,
                ours: x.map(|x| name_of(ours, x)),
                theirs: y.map(|y| name_of(theirs, y)),
            }),
        }
    }
    settings(partners, left, right, found);
}

/// Small constants that are partners, and hold something else.
fn settings(partners: &Partners, left: &Node, right: &Node, found: &mut Vec<Change>) {
    for (place, (x, y)) in left.operands.iter().zip(&right.operands).enumerate() {
        if let (Some(x), Some(y)) = (*x, *y)
            && partners.ours.is_setting(x)
            && partners.same(x, y)
            && let (Some(one), Some(other)) = (partners.ours.get(x), partners.theirs.get(y))
            && !one.same(other)
        {
            found.push(setting(partners, place, x, y));
        }
    }
}

fn setting(partners: &Partners, place: usize, x: usize, y: usize) -> Change {
    let short = |side: &Constants, value: usize| {
        side.get(value).map(|constant| (constant.short(), constant.ty())).unwrap_or_default()
    };
    let (ours, theirs) = (short(&partners.ours, x), short(&partners.theirs, y));
    // What reads alike differs in its type.
    let (ours, theirs) = match ours.0 == theirs.0 {
        true => (format!("{} {}", ours.1, ours.0), format!("{} {}", theirs.1, theirs.0)),
        false => (ours.0, theirs.0),
    };
    Change::Setting { operand: place, name: name_of(&partners.ours, x), ours, theirs }
}

fn means_the_same(left: &Node, right: &Node) -> bool {
    !left.inner.is_empty() && left.inner == right.inner
}

/// Where the operands in these places stand on our side that theirs has in their order, where they are the same ones.
fn order(partners: &Partners, left: &Node, right: &Node, places: &[usize]) -> Option<Vec<usize>> {
    if places.len() < 2 {
        return None;
    }
    let mut left_over = places.to_vec();
    let mut order = Vec::with_capacity(places.len());
    for place in places {
        let y = right.operands.get(*place).copied().flatten()?;
        let same = |at: &usize| left.operands.get(*at).copied().flatten().is_some_and(|x| partners.same(x, y));
        let found = left_over.iter().position(same)?;
        order.push(left_over.swap_remove(found));
    }
    Some(order)
}

/// Whether the order of a node's operands says nothing.
fn commutes(node: &Node) -> bool {
    match node.inner.as_slice() {
        [] => COMMUTATIVE.contains(&node.op.to_ascii_lowercase().as_str()),
        [only] => COMMUTATIVE.contains(&only.op),
        _ => false,
    }
}

/// What bodies give.
fn yields(partners: &Partners, left: &Node, right: &Node, found: &mut Vec<Change>) {
    let count = left.yields.len().max(right.yields.len());
    for place in 0..count {
        let at = |node: &Node| node.yields.get(place).copied().flatten();
        let (x, y) = (at(left), at(right));
        let same = match (x, y) {
            (Some(x), Some(y)) => {
                let both = partners.ours.get(x).zip(partners.theirs.get(y));
                partners.same(x, y) && both.is_none_or(|(one, other)| one.same(other)) || partners.both_are_lone(x, y)
            }
            (x, y) => x.is_none() && y.is_none() && left.yields.len() == right.yields.len(),
        };
        if !same {
            let (ours, theirs) = (x.map(|x| name_of(&partners.ours, x)), y.map(|y| name_of(&partners.theirs, y)));
            found.push(Change::Yield { place, ours, theirs });
        }
    }
}
