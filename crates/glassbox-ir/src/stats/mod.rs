//! What a graph costs: operations, bytes read and written, weights, and the memory of its values.
//!
//! In comes a graph, of any sizes; out come a [`Cost`] for each node and the most memory that its values take at one time.
//! Every figure is a [`Dim`]: a number, a formula over the symbols of the graph, or unknown. Nothing is guessed: what can't
//! be said is unknown, and [`Stats::notes`] say why. To have numbers, [`specialise`](crate::specialise()) the graph first.
//!
//! How it is counted:
//!
//! - A product and a sum are an operation each: a product of matrices takes `2 * rows * inner * columns`.
//! - An elementwise op takes one operation for each element that it gives, a reduction one for each element that it reads.
//! - A composite takes what its decomposition takes.
//! - What only moves, chooses or converts elements takes none. Ops whose work hangs on more than sizes aren't counted:
//!   [`Stats::uncounted`] names them.
//! - A node reads its operands and writes its results once, a composite as one node; an op that gives another view of its
//!   operand does neither, and one that picks elements reads as many as it gives.
//! - A body runs as often as is known. Of the branches of an `if` the costlier is counted.

mod memory;
mod work;

use std::collections::BTreeMap;

use crate::attr::Attr;
use crate::bind::Bindings;
use crate::builder::GraphBuilder;
use crate::decompose::decompose;
use crate::dim::Dim;
use crate::error::BuildError;
use crate::graph::{Graph, Node, NodeId, RegionId, ValueId};
use crate::infer::{AttrView, Operand};
use crate::op::Tier;
use crate::ops;
use crate::types::{Shape, Type};

/// What a node takes, as often as it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// Operations on numbers.
    pub flops: Dim,
    /// Those among them that are multiply-adds, in pairs: a pair is one.
    pub macs: Dim,
    /// Bytes of operands.
    pub read: Dim,
    /// Bytes of results.
    pub written: Dim,
    /// Elements of the constants and parameters that this node is the first to read.
    pub weights: Dim,
    /// Their bytes.
    pub weight_bytes: Dim,
}

impl Default for Cost {
    fn default() -> Cost {
        let zero = || Dim::Int(0);
        Cost { flops: zero(), macs: zero(), read: zero(), written: zero(), weights: zero(), weight_bytes: zero() }
    }
}

impl Cost {
    /// Adds another cost.
    pub fn add(&mut self, other: &Cost) {
        self.flops = &self.flops + &other.flops;
        self.macs = &self.macs + &other.macs;
        self.read = &self.read + &other.read;
        self.written = &self.written + &other.written;
        self.weights = &self.weights + &other.weights;
        self.weight_bytes = &self.weight_bytes + &other.weight_bytes;
    }

    /// The cost of doing it `turns` times; weights stay as many.
    fn times(&self, turns: &Dim) -> Cost {
        Cost {
            flops: times(&self.flops, turns),
            macs: times(&self.macs, turns),
            read: times(&self.read, turns),
            written: times(&self.written, turns),
            ..self.clone()
        }
    }
}

/// A product in which nothing, however often, is nothing.
fn times(cost: &Dim, turns: &Dim) -> Dim {
    if *cost == Dim::Int(0) { Dim::Int(0) } else { cost * turns }
}

/// What a graph costs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// The nodes in the order of the program, those of bodies as often as they run. Constants and parameters are counted at
    /// the node that reads them first, and aren't listed.
    pub nodes: Vec<(NodeId, Cost)>,
    /// What each `call` takes as a whole: the operations of its body, and what it reads from outside and gives. What passes
    /// from node to node inside isn't read or written.
    pub calls: Vec<(NodeId, Cost)>,
    /// The most bytes that inputs, outputs and values take at one time, where nodes run in their order and values are freed
    /// after their last use; without constants, parameters, states, and what an op needs inside.
    pub peak: Dim,
    /// How many nodes there are of each op whose operations aren't counted.
    pub uncounted: BTreeMap<&'static str, usize>,
    /// What isn't known or is counted in another way than one may think, in words.
    pub notes: Vec<String>,
}

impl Stats {
    /// The cost of all nodes.
    pub fn total(&self) -> Cost {
        let mut total = Cost::default();
        self.nodes.iter().for_each(|(_, cost)| total.add(cost));
        total
    }
}

/// What `graph` costs.
///
/// # Errors
///
/// The types of the graph can't be inferred anew, which is a bug of Glassbox.
///
/// ```
/// use glassbox_ir::stats::stats;
/// use glassbox_ir::text::{ParseOptions, parse};
/// let text = "graph \"g\" { input %a: f32[N, 3] input %b: f32[3, 4] %y = matmul(%a, %b) output %y }";
/// let total = stats(&parse(text, &ParseOptions::default())?)?.total();
/// assert_eq!((total.flops.to_string(), total.macs.to_string()), ("24*N".into(), "12*N".into()));
/// assert_eq!((total.read.to_string(), total.written.to_string()), ("12*N+48".into(), "16*N".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn stats(graph: &Graph) -> Result<Stats, BuildError> {
    stats_at(graph, &Bindings::new())
}

/// What `graph` costs where symbols stand for these sizes: those of states as well, which no input says.
///
/// # Errors
///
/// Those of [`stats`].
///
/// ```
/// use glassbox_ir::stats::stats_at;
/// use glassbox_ir::text::{ParseOptions, parse};
/// let text = "graph \"g\" { input %x: f32[N] %y = abs(%x) output %y }";
/// let stats = stats_at(&parse(text, &ParseOptions::default())?, &[("N", 5i64)].into_iter().collect())?;
/// assert_eq!((stats.total().flops.as_int(), stats.peak.as_int()), (Some(5), Some(40)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn stats_at(graph: &Graph, sizes: &Bindings) -> Result<Stats, BuildError> {
    let types = graph.inputs().iter().map(|id| graph.value(*id).ty.clone()).collect();
    let mut builder = GraphBuilder::retyped(graph.clone(), types)?;
    builder.substitute(sizes);
    let sized = builder.graph().clone();
    let graph = &sized;
    let mut counter = Counter::new(&builder);
    let mut costs = vec![None; graph.node_count()];
    counter.region(graph.body(), &Dim::Int(1), &mut costs);
    let Counter { uncounted, mut notes, calls, .. } = counter;
    add_weights(graph, &mut costs);
    let listed = graph.walk().into_iter().filter(|id| !is_weight(graph.node(*id)));
    let nodes = listed.filter_map(|id| costs[id.index()].take().map(|cost| (id, cost))).collect();
    let (peak, unknown) = memory::peak(graph);
    if let Some(value) = unknown {
        let (label, ty) = (graph.value_label(value), &graph.value(value).ty);
        notes.push(format!("how much memory the values take hangs on sizes that aren't known: `{label}` is {ty}"));
    }
    Ok(Stats { nodes, calls, peak, uncounted, notes })
}

/// Whether a node gives data of the model.
fn is_weight(node: &Node) -> bool {
    *node.op == ops::constant::OP || *node.op == ops::parameter::OP
}

/// Gives each constant and parameter to the first node that reads it.
fn add_weights(graph: &Graph, costs: &mut [Option<Cost>]) {
    let mut open = vec![false; graph.value_count()];
    let weights = graph.walk().into_iter().filter(|id| is_weight(graph.node(*id)));
    weights.flat_map(|id| &graph.node(id).results).for_each(|value| open[value.index()] = true);
    for id in graph.walk() {
        for value in graph.node(id).operands.iter().flatten() {
            if !std::mem::take(&mut open[value.index()]) {
                continue;
            }
            let ty = &graph.value(*value).ty;
            let cost = costs[id.index()].get_or_insert_default();
            cost.weights = &cost.weights + &elements(ty);
            cost.weight_bytes = &cost.weight_bytes + &bytes(ty);
        }
    }
}

/// The number of elements of a tensor; unknown of anything else.
fn elements(ty: &Type) -> Dim {
    let dims = ty.as_tensor().and_then(|tensor| tensor.dims());
    dims.map_or(Dim::Unknown, |dims| dims.iter().fold(Dim::Int(1), |product, dim| times(&product, dim)))
}

/// The bytes of a tensor of a dtype whose elements are all of one size; unknown of anything else.
fn bytes(ty: &Type) -> Dim {
    let count = elements(ty);
    if let Some(count) = count.as_size() {
        return ty.as_tensor().and_then(|tensor| tensor.dtype.byte_len(count)).map_or(Dim::Unknown, Dim::from);
    }
    match ty.as_tensor().and_then(|tensor| tensor.dtype.bits()) {
        Some(bits) if bits % 8 == 0 => &count * &Dim::from(bits / 8),
        Some(bits) => (&count * &Dim::from(bits)).ceil_div(&Dim::Int(8)),
        None => Dim::Unknown,
    }
}

/// Counts the nodes of one graph.
struct Counter<'g> {
    builder: &'g GraphBuilder,
    uncounted: BTreeMap<&'static str, usize>,
    notes: Vec<String>,
    calls: Vec<(NodeId, Cost)>,
}

impl<'g> Counter<'g> {
    fn new(builder: &'g GraphBuilder) -> Counter<'g> {
        Counter { builder, uncounted: BTreeMap::new(), notes: Vec::new(), calls: Vec::new() }
    }

    fn graph(&self) -> &Graph {
        self.builder.graph()
    }

    /// The cost of a region that runs `turns` times; that of its nodes goes into `costs`. The builder limits how deep regions
    /// nest, so that recursion is safe.
    fn region(&mut self, region: RegionId, turns: &Dim, costs: &mut [Option<Cost>]) -> Cost {
        let mut sum = Cost::default();
        for id in self.graph().region(region).nodes.clone() {
            let node = self.graph().node(id).clone();
            if is_weight(&node) {
                continue;
            }
            if node.regions.is_empty() {
                let cost = self.node(&node).times(turns);
                sum.add(&cost);
                costs[id.index()] = Some(cost);
            } else {
                sum.add(&self.with_bodies(id, &node, turns, costs));
            }
        }
        sum
    }

    /// The cost of the bodies of a node, as often as they run.
    fn with_bodies(&mut self, id: NodeId, node: &Node, turns: &Dim, costs: &mut [Option<Cost>]) -> Cost {
        let label = self.graph().node_label(id);
        if *node.op == ops::if_::OP {
            return self.branches(&label, node, turns, costs);
        }
        let own = self.turns(&label, node);
        let turns = if own == Dim::Int(1) { turns.clone() } else { times(&own, turns) };
        let mut sum = Cost::default();
        for region in &node.regions {
            sum.add(&self.region(*region, &turns, costs));
        }
        if *node.op == ops::call::OP {
            let (read, written) = self.passed(node);
            let (read, written) = (times(&read, &turns), times(&written, &turns));
            self.calls.push((id, Cost { read, written, ..sum.clone() }));
        }
        sum
    }

    /// The bytes that the body of a node reads from outside, weights that stand in it among them, and those that it gives.
    fn passed(&self, call: &Node) -> (Dim, Dim) {
        let (mut read, mut made, mut open) = (Dim::Int(0), Vec::new(), call.regions.clone());
        let mut seen = Vec::new();
        while let Some(region) = open.pop() {
            for node in self.graph().region(region).nodes.iter().map(|id| self.graph().node(*id)) {
                open.extend(&node.regions);
                if is_weight(node) {
                    continue;
                }
                let from_outside = |value: &ValueId| !made.contains(value);
                let picks = usize::from(work::picks(node));
                for (place, value) in node.operands.iter().enumerate().filter_map(|(at, id)| Some((at, (*id)?))) {
                    if !from_outside(&value) || seen.contains(&value) {
                        continue;
                    }
                    seen.push(value);
                    // What picks elements reads as many as it gives.
                    let counted = if place < picks { node.results.first().copied().unwrap_or(value) } else { value };
                    read = read + bytes(&self.graph().value(counted).ty);
                }
                made.extend(node.results.iter().copied());
            }
        }
        let written = call.results.iter().fold(Dim::Int(0), |sum, id| sum + bytes(&self.graph().value(*id).ty));
        (read, written)
    }

    /// How often the body of a node runs.
    fn turns(&mut self, label: &str, node: &Node) -> Dim {
        let dims = |index: usize| {
            let ty = &self.graph().value(node.operands.get(index).copied().flatten()?).ty;
            ty.as_tensor().and_then(|tensor| tensor.dims()).map(<[Dim]>::to_vec)
        };
        if *node.op == ops::scan::OP {
            let attr = AttrView::new(node.op, &node.attrs);
            let first = usize::try_from(attr.int("num_scan_inputs"))
                .ok()
                .and_then(|count| node.operands.len().checked_sub(count));
            let axis = attr.ints("scan_input_axes").and_then(|axes| axes.first().copied()).unwrap_or(0);
            let dims = first.and_then(dims).unwrap_or_default();
            let axis = usize::try_from(if axis < 0 { axis + dims.len() as i64 } else { axis }).unwrap_or(usize::MAX);
            return dims.get(axis).cloned().unwrap_or(Dim::Unknown);
        }
        if *node.op != ops::loop_::OP {
            return Dim::Int(1);
        }
        let count = node.operands.first().copied().flatten().and_then(|id| self.builder.known(id)?.ints());
        match count.as_deref() {
            Some([count]) if !count.is_unknown() => {
                self.notes.push(format!("the loop `{label}` is counted for {count} turns, the most that it may run"));
                count.clone()
            }
            _ => {
                self.notes.push(format!("how often the loop `{label}` runs isn't known, nor what it takes"));
                Dim::Unknown
            }
        }
    }

    /// The costlier branch.
    fn branches(&mut self, label: &str, node: &Node, turns: &Dim, costs: &mut [Option<Cost>]) -> Cost {
        let mut sums = Vec::new();
        for region in &node.regions {
            sums.push(self.region(*region, turns, costs));
        }
        let flops: Vec<Option<i64>> = sums.iter().map(|sum| sum.flops.as_int()).collect();
        let [Some(yes), Some(no)] = flops.as_slice() else {
            self.notes
                .push(format!("both branches of the if `{label}` are counted, since which is costlier isn't known"));
            let mut both = Cost::default();
            sums.iter().for_each(|sum| both.add(sum));
            return both;
        };
        let (kept, gone) = if yes >= no { (0, 1) } else { (1, 0) };
        let mut stack: Vec<RegionId> = node.regions.get(gone).copied().into_iter().collect();
        while let Some(region) = stack.pop() {
            for id in &self.graph().region(region).nodes {
                costs[id.index()] = None;
                stack.extend(&self.graph().node(*id).regions);
            }
        }
        self.notes.push(format!("of the branches of the if `{label}` the costlier is counted"));
        sums.swap_remove(kept)
    }

    /// The cost of a node without bodies.
    fn node(&mut self, node: &Node) -> Cost {
        let results: Vec<&Type> = node.results.iter().map(|id| &self.graph().value(*id).ty).collect();
        let operands: Vec<Option<Operand>> = node.operands.iter().map(|id| id.map(|id| self.operand(id))).collect();
        let (read, written) = work::traffic(node, &operands, &results);
        let work = match node.op.tier {
            Tier::Composite(_) => self.composite(node, &operands),
            _ => work::of(node, &operands, &results),
        };
        let (flops, macs) = work.unwrap_or_else(|| {
            *self.uncounted.entry(node.op.name).or_default() += 1;
            (Dim::Int(0), Dim::Int(0))
        });
        Cost { flops, macs, read, written, ..Cost::default() }
    }

    fn operand(&self, id: ValueId) -> Operand {
        Operand { ty: self.graph().value(id).ty.clone(), known: self.builder.known(id).cloned() }
    }

    /// The operations of a composite, which are those of its decomposition. Unknown where that can't be written yet.
    fn composite(&mut self, node: &Node, operands: &[Option<Operand>]) -> Option<(Dim, Dim)> {
        let unknown = || Some((Dim::Unknown, Dim::Unknown));
        // The decomposition gives names to unknown dims, which would come to stand in the formulas.
        if operands.iter().flatten().any(|operand| !is_whole(&operand.ty)) {
            return unknown();
        }
        let Ok(parts) = decompose(node.op, &node.attrs, operands, node.results.len()) else { return unknown() };
        let types = parts.inputs().iter().map(|id| parts.value(*id).ty.clone()).collect();
        let Ok(builder) = GraphBuilder::retyped(parts, types) else { return unknown() };
        let mut counter = Counter::new(&builder);
        let mut costs = vec![None; builder.graph().node_count()];
        let sum = counter.region(builder.graph().body(), &Dim::Int(1), &mut costs);
        for (op, count) in counter.uncounted {
            *self.uncounted.entry(op).or_default() += count;
        }
        Some((sum.flops, sum.macs))
    }
}

/// Whether all is known of a type but the values of symbols.
fn is_whole(ty: &Type) -> bool {
    match ty.as_tensor().map(|tensor| &tensor.shape) {
        Some(Shape::Ranked(dims)) => !dims.iter().any(Dim::is_unknown),
        _ => false,
    }
}

/// Integers of an attribute, where they are given.
fn ints<'n>(node: &'n Node, name: &str) -> Option<&'n [i64]> {
    match node.attrs.get(name) {
        Some(Attr::Ints(values)) => Some(values),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
