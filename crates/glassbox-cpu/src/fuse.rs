//! Which nodes one kernel computes.
//!
//! A group begins with a node and grows along its users, in program order, as long as they belong to the same kernel: a
//! product takes the elementwise nodes that finish its elements; a chain of elementwise nodes and reductions over the same
//! last axes is one tile program. It ends before the first user that doesn't belong to it, because the kernel runs where the
//! last node of its group stood.

use std::collections::{BTreeSet, HashMap};

use glassbox_compiler::{Backend, Blocks, Group};
use glassbox_ir::{Dim, Graph, Node, NodeId, OpDef, RegionId, TensorType, Type, ValueId, ops};
use glassbox_tensor::{DType, Tensor};

use crate::facts::Facts;
use crate::images::choose_blocks;
use crate::kernels::pool::is_pool;
use crate::kernels::{attention, bytes, conv_bytes, dequantised, linear, recurrent};
use crate::overrides::{Chosen, Pattern, Surroundings};
use crate::roles::{Role, role_of};

/// The most nodes of a group.
const MAX_NODES: usize = 64;
/// The most results of a tile program that are used outside.
const MAX_RESULTS: usize = 4;
/// How many nodes are looked at to see whether a value hangs on a group.
const MAX_SEARCH: usize = 256;

/// What this backend takes whole, and what it computes together; patterns of registered kernels before all else.
#[derive(Default)]
pub(crate) struct Fusion {
    pub(crate) overrides: Vec<Chosen>,
}

impl Backend for Fusion {
    fn name(&self) -> &str {
        "cpu"
    }

    fn keeps(&self, graph: &Graph, node: NodeId) -> bool {
        let node = graph.node(node);
        attention::is_computed(graph, node)
            || recurrent::is_computed(graph, node)
            || bytes::is_computed(graph, node)
            || conv_bytes::is_computed(graph, node)
            || linear::is_computed(graph, node)
    }

    fn groups(&self, graph: &Graph) -> Vec<Group> {
        let mut regions = vec![graph.body()];
        let mut groups = Vec::new();
        let elsewhere = used_elsewhere(graph);
        let facts = Facts::of(graph);
        while let Some(region) = regions.pop() {
            regions
                .extend(graph.region(region).nodes.iter().flat_map(|node| graph.node(*node).regions.iter().copied()));
            let mut found = Region::new(graph, region, &elsewhere, &facts).groups(&self.overrides);
            if region == graph.body() {
                choose_blocks(graph, &facts, &mut found);
            }
            groups.extend(found);
        }
        groups
    }
}

/// For each value, whether another region than its own reads it, or a region gives it.
fn used_elsewhere(graph: &Graph) -> Vec<bool> {
    let mut regions = vec![graph.body()];
    let mut home: Vec<Option<RegionId>> = vec![None; graph.value_count()];
    let mut elsewhere = vec![false; graph.value_count()];
    while let Some(id) = regions.pop() {
        let region = graph.region(id);
        region.parameters.iter().for_each(|value| home[value.index()] = Some(id));
        for node in &region.nodes {
            let node = graph.node(*node);
            node.results.iter().for_each(|value| home[value.index()] = Some(id));
            for value in node.operands.iter().flatten() {
                elsewhere[value.index()] |= home[value.index()] != Some(id);
            }
            regions.extend(node.regions.iter().copied());
        }
        region.results.iter().for_each(|value| elsewhere[value.index()] = true);
    }
    elsewhere
}

/// One region, with what has been found in it.
pub(crate) struct Region<'g> {
    pub(crate) graph: &'g Graph,
    nodes: &'g [NodeId],
    /// The node that gives a value, by its place.
    pub(crate) givers: HashMap<ValueId, usize>,
    /// The places of the users of a value.
    users: HashMap<ValueId, Vec<usize>>,
    pub(crate) elsewhere: &'g [bool],
    pub(crate) facts: &'g Facts<'g>,
    /// The nodes that are in a group, or that are computed once and for all.
    pub(crate) taken: Vec<bool>,
}

/// A group that grows.
struct Growing {
    places: Vec<usize>,
    values: Vec<ValueId>,
}

impl<'g> Region<'g> {
    fn new(graph: &'g Graph, region: RegionId, elsewhere: &'g [bool], facts: &'g Facts<'g>) -> Region<'g> {
        let nodes = &graph.region(region).nodes[..];
        let mut givers = HashMap::new();
        let mut users: HashMap<ValueId, Vec<usize>> = HashMap::new();
        for (place, id) in nodes.iter().enumerate() {
            let node = graph.node(*id);
            givers.extend(node.results.iter().map(|value| (*value, place)));
            for value in node.operands.iter().flatten() {
                let list = users.entry(*value).or_default();
                if list.last() != Some(&place) {
                    list.push(place);
                }
            }
        }
        let taken = nodes.iter().map(|id| facts.is_fixed(graph.node(*id))).collect();
        Region { graph, nodes, givers, users, elsewhere, facts, taken }
    }

    pub(crate) fn node(&self, place: usize) -> &'g Node {
        self.graph.node(self.nodes[place])
    }

    fn groups(mut self, overrides: &[Chosen]) -> Vec<Group> {
        let mut groups = Vec::new();
        for chosen in overrides {
            for place in (0..self.nodes.len()).rev() {
                let Some(found) = self.pattern(&chosen.registered.pattern, place) else { continue };
                found.iter().for_each(|place| self.taken[*place] = true);
                let nodes = found.iter().map(|place| self.nodes[*place]).collect();
                groups.push(Group::of(chosen.registered.name.clone(), nodes));
            }
        }
        // Attention first, and then products, so that what finishes these is theirs.
        for place in 0..self.nodes.len() {
            if let Some(found) = self.spelled_attention(place) {
                self.take(found, Vec::new(), &mut groups);
            }
        }
        for place in 0..self.nodes.len() {
            let node = self.node(place);
            if is_product(node.op) && !self.taken[place] {
                let (found, mut copies) = (self.finishing(place), self.weight_nodes(node));
                copies.extend(dequantised::left(self.graph, self.facts, node, &copies));
                self.take(found, copies, &mut groups);
            }
        }
        for place in 0..self.nodes.len() {
            let node = self.node(place);
            if is_pool(self.graph, node) && !self.taken[place] {
                self.take(vec![place], Vec::new(), &mut groups);
            }
            if *node.op == ops::gather::OP && !self.taken[place] {
                let copies = self.table_nodes(node);
                self.take(vec![place], copies, &mut groups);
            }
        }
        for place in 0..self.nodes.len() {
            if !self.taken[place] && role_of(self.facts, self.graph, self.node(place)).is_some() {
                let found = self.tiles(place);
                self.take(found, Vec::new(), &mut groups);
            }
        }
        groups
    }

    /// The places of a pattern whose last node stands at `place`, where nothing else uses what is in between.
    fn pattern(&self, pattern: &Pattern, place: usize) -> Option<Vec<usize>> {
        let last = self.node(place);
        let result = *last.results.first().filter(|_| pattern.ends_with(last))?;
        let found = pattern.find(self, result)?.places;
        let inner = found.iter().filter(|other| **other != place);
        let mut inner = inner.flat_map(|place| &self.node(*place).results);
        let alone = inner
            .all(|value| !self.elsewhere[value.index()] && self.users_of(*value).all(|user| found.contains(&user)));
        let made: Vec<ValueId> = found.iter().flat_map(|place| self.node(*place).results.iter().copied()).collect();
        let mut operands = found.iter().flat_map(|place| self.node(*place).operands.iter().flatten());
        let apart = operands.all(|value| !self.hangs_on(*value, found[0], &made));
        (alone && apart && last.results.len() == 1).then_some(found)
    }

    fn take(&mut self, places: Vec<usize>, copies: Vec<NodeId>, groups: &mut Vec<Group>) {
        places.iter().for_each(|place| self.taken[*place] = true);
        // What works on images may have borders, and is a call even where it is one node.
        let alone = || matches!(self.node(places[0]).op.name, "conv" | "max_pool" | "average_pool" | "reduce_mean");
        if places.len() + copies.len() > 1 || alone() {
            let nodes: Vec<NodeId> = places.iter().map(|place| self.nodes[*place]).collect();
            groups.push(Group { name: name_of(self.graph, &nodes), nodes, copies, blocks: Blocks::default() });
        }
    }

    /// The nodes that make the second operand of a product of a weight that is stored in fewer bits: the kernel reads the
    /// weight as it is stored.
    fn weight_nodes(&self, product: &Node) -> Vec<NodeId> {
        let Some(mut value) = product.operands.get(1).copied().flatten() else { return Vec::new() };
        let (mut chain, mut widens) = (Vec::new(), false);
        while let Some((id, node)) = self.facts.giver(value) {
            let [Some(operand), ..] = node.operands[..] else { break };
            let narrow = [&ops::dequantize_blocks::OP, &ops::dequantize_linear::OP, &ops::cast::OP].contains(&node.op);
            if !self.facts.is_fixed(node) || !(narrow || *node.op == ops::transpose::OP) {
                break;
            }
            widens |= narrow;
            chain.insert(0, id);
            value = operand;
        }
        if widens { chain } else { Vec::new() }
    }

    /// The node that makes numbers of the blocks of a table, of which rows are taken: only these are made then.
    fn table_nodes(&self, gather: &Node) -> Vec<NodeId> {
        let giver = gather.operands.first().copied().flatten().and_then(|table| self.facts.giver(table));
        let blocks = giver.filter(|(_, node)| *node.op == ops::dequantize_blocks::OP && self.facts.is_fixed(node));
        blocks.map(|(id, _)| id).into_iter().collect()
    }

    /// The cast that makes f32 of the sums of a product of bytes, where nothing else uses these.
    fn numbers_of_sums(&self, product: &Node) -> Option<usize> {
        let sums = *product.results.first().filter(|_| *product.op == ops::matmul_integer::OP)?;
        let mut users = self.users_of(sums);
        let (Some(user), None) = (users.next(), users.next()) else { return None };
        let cast = self.node(user);
        let to_floats =
            cast.results.first().and_then(|value| self.tensor(*value)).is_some_and(|ty| ty.dtype == DType::F32);
        (*cast.op == ops::cast::OP && to_floats && !self.taken[user] && !self.elsewhere[sums.index()]).then_some(user)
    }

    /// A product and the elementwise nodes that finish its elements.
    fn finishing(&self, start: usize) -> Vec<usize> {
        let product = self.node(start);
        let Some(mut whole) = product.results.first().and_then(|value| self.tensor(*value)) else { return vec![start] };
        let (mut growing, mut best) = (Growing::at(self, start), vec![start]);
        if let Some(cast) = self.numbers_of_sums(product) {
            let result = self.node(cast).results[0];
            growing = Growing { places: vec![start, cast], values: vec![result] };
            best.push(cast);
            whole = self.tensor(result).unwrap_or(whole);
        }
        if whole.dtype != DType::F32 {
            return best;
        }
        self.grow(
            start,
            &mut growing,
            &mut best,
            &|node| {
                matches!(role_of(self.facts, self.graph, node), Some(Role::Elementwise))
                    && node.results.iter().all(|value| {
                        self.tensor(*value).is_some_and(|ty| ty.dtype == DType::F32 && same_dims(ty, whole))
                    })
            },
            1,
        );
        best
    }

    /// A chain of elementwise nodes and of reductions over the same last axes.
    fn tiles(&self, start: usize) -> Vec<usize> {
        let first = self.node(start);
        let whole = match role_of(self.facts, self.graph, first) {
            Some(Role::Reduction { .. }) => {
                first.operands.first().copied().flatten().and_then(|value| self.tensor(value))
            }
            _ => first.results.first().and_then(|value| self.tensor(*value)),
        };
        let Some(whole) = whole.filter(|whole| whole.dims().is_some()) else { return vec![start] };
        let rank = whole.rank().unwrap_or(0);
        let mut kept = match role_of(self.facts, self.graph, first) {
            Some(Role::Reduction { kept, .. }) => Some(kept),
            _ => None,
        };
        let (mut growing, mut best) = (Growing::at(self, start), vec![start]);
        let reduced = std::cell::RefCell::new(&mut kept);
        self.grow(
            start,
            &mut growing,
            &mut best,
            &|node| {
                let Some(ty) = node.results.first().and_then(|value| self.tensor(*value)) else { return false };
                let mut reduced = reduced.borrow_mut();
                match role_of(self.facts, self.graph, node) {
                    None => false,
                    Some(Role::Elementwise) => {
                        let of_rows = reduced.is_some_and(|kept| is_reduced(ty, whole, kept, rank));
                        same_dims(ty, whole) || of_rows
                    }
                    Some(Role::Reduction { kept, keepdims }) => {
                        let of_whole = node.operands.first().copied().flatten().and_then(|value| self.tensor(value));
                        let fits = keepdims
                            && of_whole.is_some_and(|ty| same_dims(ty, whole))
                            && reduced.is_none_or(|known| known == kept);
                        if fits {
                            **reduced = Some(kept);
                        }
                        fits
                    }
                }
            },
            MAX_RESULTS,
        );
        best
    }

    /// Lets a group grow by nodes that `accepts` takes; `best` becomes the longest beginning of it with at most `results`
    /// values that are used outside.
    fn grow(
        &self,
        start: usize,
        growing: &mut Growing,
        best: &mut Vec<usize>,
        accepts: &dyn Fn(&Node) -> bool,
        results: usize,
    ) {
        let mut next: BTreeSet<usize> = growing.values.iter().flat_map(|value| self.users_of(*value)).collect();
        while let Some(place) = next.pop_first() {
            let node = self.node(place);
            let fits = !self.taken[place]
                && node.regions.is_empty()
                && growing.places.len() < MAX_NODES
                && accepts(node)
                && node.operands.iter().flatten().all(|value| !self.hangs_on(*value, start, &growing.values));
            if !fits {
                // What uses a result outside must come after the last node.
                return;
            }
            growing.places.push(place);
            growing.values.extend(node.results.iter().copied());
            next.extend(node.results.iter().flat_map(|value| self.users_of(*value)));
            if self.results_of(growing) <= results {
                best.clone_from(&growing.places);
            }
        }
    }

    pub(crate) fn users_of(&self, value: ValueId) -> impl Iterator<Item = usize> {
        self.users.get(&value).into_iter().flatten().copied()
    }

    /// How many values of a group are used outside.
    fn results_of(&self, growing: &Growing) -> usize {
        let outside = |value: &&ValueId| {
            self.elsewhere[value.index()] || self.users_of(**value).any(|place| !growing.places.contains(&place))
        };
        growing.values.iter().filter(outside).count()
    }

    /// Whether a value from outside of a group that begins at `start` is computed from one of its `values`, as far as a short
    /// search can tell.
    pub(crate) fn hangs_on(&self, value: ValueId, start: usize, values: &[ValueId]) -> bool {
        if values.contains(&value) {
            return false;
        }
        let (mut open, mut seen) = (vec![value], BTreeSet::new());
        while let Some(value) = open.pop() {
            if values.contains(&value) || seen.len() > MAX_SEARCH {
                return true;
            }
            let Some(place) = self.givers.get(&value).copied().filter(|place| *place > start) else { continue };
            if seen.insert(place) {
                let node = self.node(place);
                if !node.regions.is_empty() {
                    return true;
                }
                open.extend(node.operands.iter().flatten().copied());
            }
        }
        false
    }

    pub(crate) fn tensor(&self, value: ValueId) -> Option<&'g TensorType> {
        self.graph.value(value).ty.as_tensor()
    }
}

impl Surroundings for Region<'_> {
    fn giver(&self, value: ValueId) -> Option<(usize, &Node)> {
        let place = self.givers.get(&value).copied().filter(|place| !self.taken[*place])?;
        Some((place, self.node(place)))
    }

    fn constant(&self, value: ValueId) -> Option<Tensor> {
        self.facts.constant(value).cloned()
    }

    fn ty(&self, value: ValueId) -> &Type {
        &self.graph.value(value).ty
    }
}

impl Growing {
    fn at(region: &Region, place: usize) -> Growing {
        Growing { places: vec![place], values: region.node(place).results.clone() }
    }
}

/// What a kernel of its own computes, with what finishes its elements.
fn is_product(op: &OpDef) -> bool {
    [&ops::matmul::OP, &ops::conv::OP, &ops::matmul_integer::OP].contains(&op)
}

/// Whether two types surely have the same dims.
pub(crate) fn same_dims(a: &TensorType, b: &TensorType) -> bool {
    let (Some(a), Some(b)) = (a.dims(), b.dims()) else { return false };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b) == Some(true))
}

/// Whether a type has the dims of `whole` on the first `kept` axes, and one on the others.
fn is_reduced(ty: &TensorType, whole: &TensorType, kept: usize, rank: usize) -> bool {
    let (Some(dims), Some(whole)) = (ty.dims(), whole.dims()) else { return false };
    let same = |(axis, dim): (usize, &Dim)| match axis < kept {
        true => dim.same(&whole[axis]) == Some(true),
        false => dim.as_int() == Some(1),
    };
    dims.len() == rank && dims.iter().enumerate().all(same)
}

/// A name that says what is computed: the ops in order, the same ones in a row once, at most five.
fn name_of(graph: &Graph, nodes: &[NodeId]) -> String {
    let mut names: Vec<&str> = nodes.iter().map(|node| graph.node(*node).op.name).collect();
    names.dedup();
    let more = names.len() > 5;
    names.truncate(5);
    format!("{}{}", names.join("+"), if more { "+…" } else { "" })
}
