//! Which constant of ours is which of theirs, and whether two values are the same thing: on top of the pairs of values and
//! nodes that names and structure give.
//!
//! A constant has one partner at most. It is found by name, by the place where partners read it, by what it holds, and
//! where no graph tells more, by the end of its name. Small constants that nodes read (axes, sizes, factors) say what a node
//! does: they are part of it, and no weights.

use std::collections::{HashMap, HashSet};

use super::{Difference, Renamed};
use crate::pairing::{How, Pairs};
use crate::skeleton::{Constant, Def, Node, Skeleton, Value};

/// The most elements of a constant that says what a node does.
const FEW: usize = 8;
/// How many parts at the ends of two names are compared, at most.
const PARTS: usize = 8;

/// The constants of one side. Several values may be one: a weight, and the same weight cast for its reader.
pub(super) struct Constants<'a> {
    pub(super) skeleton: &'a Skeleton,
    /// For each value, the first that is the same constant.
    first: Vec<usize>,
    /// For each value that is the first, the nodes that read it.
    pub(super) readers: Vec<Vec<usize>>,
    /// For each value that is the first, its partner.
    pub(super) partner: Vec<Option<usize>>,
    /// Those that partners read in one place, and that hold the same: each may stand for several of the other side.
    met: HashSet<usize>,
}

impl<'a> Constants<'a> {
    fn of(skeleton: &'a Skeleton) -> Constants<'a> {
        let count = skeleton.values.len();
        let mut first: Vec<usize> = (0..count).collect();
        let mut readers = vec![Vec::new(); count];
        // Only what holds the same can be the same.
        let mut by_hash: HashMap<[u8; 32], Vec<usize>> = HashMap::new();
        for (place, value) in skeleton.values.iter().enumerate() {
            let Some(constant) = value.constant() else { continue };
            if let Some(hash) = constant.hash() {
                let known = by_hash.entry(hash).or_default();
                let is = |one: &usize| skeleton.values[*one].constant().is_some_and(|one| one.is(constant));
                match known.iter().find(|one| is(one)) {
                    Some(one) => first[place] = *one,
                    None => known.push(place),
                }
            }
            readers[first[place]].extend(value.users.iter().map(|(node, _)| *node));
        }
        Constants { skeleton, first, readers, partner: vec![None; count], met: HashSet::new() }
    }

    /// The constant that a value is.
    pub(super) fn get(&self, value: usize) -> Option<&'a Constant> {
        self.skeleton.values[value].constant()
    }

    /// The constants, each once.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, &'a Value, &'a Constant)> {
        let values = self.skeleton.values.iter().enumerate();
        values
            .filter(|(place, _)| self.first[*place] == *place)
            .filter_map(|(at, value)| Some((at, value, value.constant()?)))
    }

    /// Whether a constant has a partner, or is met by one that holds the same.
    pub(super) fn is_known(&self, value: usize) -> bool {
        let first = self.first[value];
        self.partner[first].is_some() || self.met.contains(&first)
    }

    /// Whether a value is a constant that says what a node does: it is small, no list of floats, no parameter, and read.
    pub(super) fn is_setting(&self, value: usize) -> bool {
        self.get(value).is_some_and(|constant| {
            let one = constant.len() == 1 && constant.shape().len() <= 1;
            let small = constant.len() <= FEW && (!constant.dtype().is_float() || one);
            small && constant.parameter_name().is_none() && !self.readers[self.first[value]].is_empty()
        })
    }
}

/// Both sides, and what is the same in them.
pub(super) struct Partners<'a> {
    pub(super) ours: Constants<'a>,
    pub(super) theirs: Constants<'a>,
    pub(super) pairs: Pairs,
}

impl<'a> Partners<'a> {
    pub(super) fn find(ours: &'a Skeleton, theirs: &'a Skeleton, pairs: Pairs) -> Partners<'a> {
        let mut partners = Partners { ours: Constants::of(ours), theirs: Constants::of(theirs), pairs };
        partners.by_pairs();
        partners.by_readers();
        partners.by_contents();
        partners.by_ends_of_names();
        partners.lone_nodes();
        partners
    }

    /// Makes two constants partners, where neither has one.
    fn join(&mut self, x: usize, y: usize) {
        let (x, y) = (self.ours.first[x], self.theirs.first[y]);
        if self.ours.partner[x].is_none() && self.theirs.partner[y].is_none() {
            self.ours.partner[x] = Some(y);
            self.theirs.partner[y] = Some(x);
        }
    }

    fn by_pairs(&mut self) {
        for x in 0..self.ours.skeleton.values.len() {
            if let Some(y) = self.pairs.of(x)
                && self.ours.get(x).is_some()
                && self.theirs.get(y).is_some()
            {
                self.join(x, y);
            }
        }
    }

    /// The constants that partners read in the same place: first those that hold the same.
    fn by_readers(&mut self) {
        let (ours, theirs) = (self.ours.skeleton, self.theirs.skeleton);
        for same in [true, false] {
            for (a, left) in ours.nodes.iter().enumerate() {
                let Some(b) = self.pairs.nodes[a] else { continue };
                for (x, y) in left.operands.iter().zip(&theirs.nodes[b].operands) {
                    let (Some(x), Some(y)) = (*x, *y) else { continue };
                    let (Some(one), Some(other)) = (self.ours.get(x), self.theirs.get(y)) else { continue };
                    match (same, one.same(other)) {
                        (true, true) => {
                            self.join(x, y);
                            self.ours.met.insert(self.ours.first[x]);
                            self.theirs.met.insert(self.theirs.first[y]);
                        }
                        (false, false) if !self.ours.is_known(x) && !self.theirs.is_known(y) => self.join(x, y),
                        _ => {}
                    }
                }
            }
        }
    }

    /// Constants without a partner that hold the same, in their order where there are as many on both sides.
    fn by_contents(&mut self) {
        let lone = |constants: &Constants| {
            let mut found: HashMap<[u8; 32], Vec<usize>> = HashMap::new();
            for (place, _, constant) in constants.all().filter(|(place, ..)| !constants.is_known(*place)) {
                if let Some(hash) = constant.hash() {
                    found.entry(hash).or_default().push(place);
                }
            }
            found
        };
        let (ours, theirs) = (lone(&self.ours), lone(&self.theirs));
        for (hash, places) in ours {
            if let Some(others) = theirs.get(&hash).filter(|others| others.len() == places.len()) {
                places.into_iter().zip(others).for_each(|(x, y)| self.join(x, *y));
            }
        }
    }

    /// Weights without a partner whose names end alike, and no others' do: one side has a word more before all names.
    fn by_ends_of_names(&mut self) {
        for parts in (2..=PARTS).rev() {
            let lone = |constants: &Constants| {
                let mut found: HashMap<(String, Vec<usize>), Option<usize>> = HashMap::new();
                for (place, value, constant) in constants.all().filter(|(place, ..)| !constants.is_known(*place)) {
                    if let Some(end) = end_of(weight_name(value), parts) {
                        let key = (end.to_owned(), constant.shape().to_vec());
                        found.entry(key).and_modify(|one| *one = None).or_insert(Some(place));
                    }
                }
                found
            };
            let (ours, theirs) = (lone(&self.ours), lone(&self.theirs));
            for (key, place) in ours {
                if let (Some(x), Some(Some(y))) = (place, theirs.get(&key)) {
                    self.join(x, *y);
                }
            }
        }
    }

    /// Nodes without a partner that do the same with the same operands: what they read is known only by now.
    fn lone_nodes(&mut self) {
        let (ours, theirs) = (self.ours.skeleton, self.theirs.skeleton);
        for (a, left) in ours.nodes.iter().enumerate() {
            if self.pairs.nodes[a].is_some() {
                continue;
            }
            let Some(x) = left.operands.iter().flatten().next().copied() else { continue };
            let alike = |b: &usize| {
                let right = &theirs.nodes[*b];
                let operands = left.operands.iter().zip(&right.operands).all(|pair| match pair {
                    (Some(x), Some(y)) => self.same(*x, *y),
                    (x, y) => x.is_none() && y.is_none(),
                });
                let body = left.parent.map(|parent| self.pairs.nodes[parent]) == right.parent.map(Some);
                self.pairs.their_nodes[*b].is_none()
                    && left.op == right.op
                    && left.operands.len() == right.operands.len()
                    && left.results.len() == right.results.len()
                    && body
                    && operands
            };
            let readers: Vec<usize> = match (self.ours.get(x), self.pairs.of(x)) {
                (Some(_), _) => {
                    self.ours.partner[self.ours.first[x]].map_or(Vec::new(), |y| self.theirs.readers[y].clone())
                }
                (None, Some(y)) => theirs.values[y].users.iter().map(|(node, _)| *node).collect(),
                (None, None) => Vec::new(),
            };
            let Some(b) = readers.into_iter().find(alike) else { continue };
            self.pairs.nodes[a] = Some(b);
            self.pairs.their_nodes[b] = Some(a);
            for (x, y) in left.results.iter().zip(&theirs.nodes[b].results) {
                if self.pairs.values[*x].is_none() && self.pairs.their_values[*y].is_none() {
                    self.pairs.values[*x] = Some((*y, How::Structure));
                    self.pairs.their_values[*y] = Some(*x);
                }
            }
        }
    }

    /// Whether a value of ours and one of theirs are the same thing. Weights that are partners are, whatever they hold.
    pub(super) fn same(&self, x: usize, y: usize) -> bool {
        if let (Some(one), Some(other)) = (self.ours.get(x), self.theirs.get(y)) {
            return self.ours.partner[self.ours.first[x]] == Some(self.theirs.first[y]) || one.same(other);
        }
        if self.pairs.of(x) == Some(y) {
            return true;
        }
        // Results of partners whose ops differ aren't paired.
        let lone = self.pairs.of(x).is_none() && self.pairs.their_values[y].is_none();
        match (&self.ours.skeleton.values[x].def, &self.theirs.skeleton.values[y].def) {
            (Def::Node(a, i), Def::Node(b, j)) => lone && i == j && self.pairs.nodes[*a] == Some(*b),
            _ => false,
        }
    }

    /// Whether neither has a partner, so that what stands before them says it already.
    pub(super) fn both_are_lone(&self, x: usize, y: usize) -> bool {
        let computed = self.ours.get(x).is_none() && self.theirs.get(y).is_none();
        computed && self.pairs.of(x).is_none() && self.pairs.their_values[y].is_none()
    }

    /// What is called otherwise on the other side.
    pub(super) fn renamed(&self, found: &mut Difference) {
        let mut add = |what: &'static str, ours: &str, theirs: &str| {
            if ours != theirs {
                found.renamed.push(Renamed { what, ours: ours.to_owned(), theirs: theirs.to_owned() });
            }
        };
        let (ours, theirs) = (self.ours.skeleton, self.theirs.skeleton);
        for (a, left) in ours.nodes.iter().enumerate() {
            let Some(right) = self.pairs.nodes[a].map(|b| &theirs.nodes[b]) else { continue };
            // A node that is called as its result isn't renamed twice.
            let as_value = |skeleton: &Skeleton, node: &Node| {
                node.results.iter().any(|result| skeleton.values[*result].name == node.name)
            };
            let told = as_value(ours, left) && as_value(theirs, right);
            if !told && !left.is_unnamed() && !right.is_unnamed() {
                add("node", &left.name, &right.name);
            }
        }
        for (x, value) in ours.values.iter().enumerate() {
            let partner = if value.constant().is_some() { self.ours.partner[x] } else { self.pairs.of(x) };
            let Some(other) = partner.map(|y| &theirs.values[y]) else { continue };
            if is_unnamed(value) || is_unnamed(other) {
                continue;
            }
            let what = match &value.def {
                Def::Input => "input",
                Def::Constant(_) if !self.ours.is_setting(x) => "weight",
                _ => "value",
            };
            add(what, weight_name(value), weight_name(other));
        }
    }
}

/// What a weight is called: as the file of weights calls it, where it is in one.
pub(super) fn weight_name(value: &Value) -> &str {
    value.constant().and_then(Constant::parameter_name).unwrap_or(&value.name)
}

/// Whether a value has no name but its number.
pub(super) fn is_unnamed(value: &Value) -> bool {
    value.is_unnamed() && weight_name(value) == value.name
}

/// The last parts of a name, where it has as many.
fn end_of(name: &str, parts: usize) -> Option<&str> {
    let mut cuts = name.rmatch_indices(['.', '/', ':']).map(|(at, _)| at);
    match cuts.nth(parts - 1) {
        Some(at) => Some(&name[at + 1..]),
        None => (name.split(['.', '/', ':']).count() == parts).then_some(name),
    }
}

/// The skeleton without the nodes that unpack block-quantised weights: the weight is read as it is stored, as one is that is
/// cast for its reader.
pub(super) fn unpacked(skeleton: &Skeleton) -> Skeleton {
    let packed = |node: &Node| match (node.inner.as_slice(), node.operands.as_slice()) {
        ([only], [Some(operand)]) if only.op == "dequantize_blocks" => skeleton.values[*operand].constant(),
        _ => None,
    };
    let mut left = 0;
    // What each node becomes: its new place, or the weight that it unpacks.
    let became: Vec<Result<usize, &Constant>> = skeleton
        .nodes
        .iter()
        .map(|node| match packed(node) {
            Some(constant) => Err(constant),
            None => {
                left += 1;
                Ok(left - 1)
            }
        })
        .collect();
    let mut unpacked = skeleton.clone();
    if left == skeleton.nodes.len() {
        return unpacked;
    }
    let place = |node: &usize| became[*node].ok();
    unpacked.nodes.clear();
    for node in skeleton.nodes.iter().zip(&became).filter(|(_, became)| became.is_ok()).map(|(node, _)| node) {
        let parent = node.parent.as_ref().and_then(place);
        let children = node.children.iter().filter_map(place).collect();
        unpacked.nodes.push(Node { parent, children, ..node.clone() });
    }
    for value in &mut unpacked.values {
        value.def = match &value.def {
            Def::Node(node, result) => match became[*node] {
                Ok(node) => Def::Node(node, *result),
                Err(constant) => Def::Constant(constant.clone()),
            },
            Def::Parameter(node) => place(node).map_or(Def::Unknown, Def::Parameter),
            other => other.clone(),
        };
    }
    unpacked.find_users();
    unpacked
}

/// The skeleton as it is paired: what is called by its number, which says where it stands, has a name that no other has, and
/// parameters are called as the file calls them.
pub(super) fn named(skeleton: &Skeleton, side: &str) -> Skeleton {
    let mut named = skeleton.clone();
    for (place, value) in named.values.iter_mut().enumerate() {
        if let Some(name) = value.constant().and_then(Constant::parameter_name) {
            value.name = name.to_owned();
        } else if value.is_unnamed() {
            value.name = format!("#{side}{place}");
        }
    }
    let unnamed = named.nodes.iter_mut().enumerate().filter(|(_, node)| node.is_unnamed());
    unnamed.for_each(|(place, node)| node.name = format!("#{side}{place}"));
    named
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn names_end_in_parts() {
        assert_eq!(end_of("model.layers.0.weight", 3), Some("layers.0.weight"));
        assert_eq!(end_of("layers.0.weight", 3), Some("layers.0.weight"));
        assert_eq!(end_of("0.weight", 3), None);
    }
}
