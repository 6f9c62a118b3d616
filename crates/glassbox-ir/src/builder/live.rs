//! Finishing a graph without what nobody needs.
//!
//! A node is needed where a result of it is used by what is needed, or where its effects (those of its bodies included)
//! don't let it go: see [`Effects::is_removable`](crate::Effects::is_removable). What a body gives is needed where its node
//! is. The arenas of the finished graph hold what is reachable, in the canonical order, so that equal graphs that were
//! built in different ways have equal ids.

use crate::builder::GraphBuilder;
use crate::effects::EffectTable;
use crate::error::BuildError;
use crate::graph::{Graph, Node, NodeId, Region, RegionId, ValueId};
use crate::order::Order;

/// A graph without what nobody needs, and what became of the values and nodes of the builder.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Live {
    /// The graph.
    pub graph: Graph,
    /// By the index of a value of the builder: that of the graph, or `None` where nobody needs it.
    pub values: Vec<Option<ValueId>>,
    /// By the index of a node of the builder: that of the graph, or `None` where nobody needs it.
    pub nodes: Vec<Option<NodeId>>,
}

impl GraphBuilder {
    /// The finished graph with these outputs, without the nodes that nobody needs.
    ///
    /// # Errors
    ///
    /// Those of [`GraphBuilder::finish`].
    ///
    /// ```
    /// use glassbox_ir::{Attrs, GraphBuilder, Type, ops};
    /// use glassbox_tensor::DType;
    ///
    /// let mut builder = GraphBuilder::new("g");
    /// let x = builder.input("x", Type::tensor(DType::F32, ["N"]));
    /// let unused = builder.node(&ops::neg::OP, &[Some(x)], Attrs::new(), 1)?[0];
    /// let y = builder.node(&ops::abs::OP, &[Some(x)], Attrs::new(), 1)?;
    /// let live = builder.finish_live(y)?;
    /// assert_eq!(live.graph.node_count(), 1);
    /// assert_eq!(live.values[unused.index()], None);
    /// # Ok::<(), glassbox_ir::BuildError>(())
    /// ```
    pub fn finish_live(mut self, outputs: Vec<ValueId>) -> Result<Live, BuildError> {
        self.set_outputs(outputs)?;
        let mut graph = self.graph;
        let needed = Needed::of(&graph).nodes;
        for region in &mut graph.regions {
            region.nodes.retain(|id| needed[id.index()]);
        }
        Ok(compact(graph))
    }
}

/// Which nodes and values are needed.
struct Needed<'g> {
    graph: &'g Graph,
    effects: EffectTable,
    nodes: Vec<bool>,
    values: Vec<bool>,
}

impl Needed<'_> {
    fn of(graph: &Graph) -> Needed<'_> {
        let (nodes, values) = (vec![false; graph.node_count()], vec![false; graph.value_count()]);
        let mut needed = Needed { graph, effects: EffectTable::of(graph), nodes, values };
        needed.region(graph.body());
        needed
    }

    /// Marks what a region that is needed needs. The builder limits how deep regions nest, so that recursion is safe.
    fn region(&mut self, id: RegionId) {
        let graph = self.graph;
        let region = graph.region(id);
        self.mark(&region.results);
        for id in region.nodes.iter().rev() {
            let node = graph.node(*id);
            let used = node.results.iter().any(|result| self.values[result.index()]);
            if !used && self.effects.of_node(*id).is_removable() {
                continue;
            }
            self.nodes[id.index()] = true;
            node.operands.iter().flatten().for_each(|operand| self.mark(&[*operand]));
            node.regions.iter().for_each(|region| self.region(*region));
        }
    }

    fn mark(&mut self, values: &[ValueId]) {
        values.iter().for_each(|value| self.values[value.index()] = true);
    }
}

/// The graph with arenas that hold what the body reaches, in canonical order. Parts are moved, not copied.
fn compact(graph: Graph) -> Live {
    let order = Order::of(&graph);
    let values = places(graph.value_count(), order.values.iter().map(|id| id.index()), ValueId);
    let nodes = places(graph.node_count(), order.nodes.iter().map(|id| id.index()), NodeId);
    let regions = places(graph.region_count(), order.regions.iter().map(|id| id.index()), RegionId);
    let Graph { name, metadata, states, mut names, values: old_values, nodes: old_nodes, regions: old_regions } = graph;
    let to_values = |ids: &mut [ValueId]| move_all(ids, &values);
    names.retain(|_, id| values[id.index()].is_some());
    names.values_mut().for_each(|id| move_all(std::slice::from_mut(id), &values));
    let node = |mut node: Node| {
        node.operands.iter_mut().flatten().for_each(|id| to_values(std::slice::from_mut(id)));
        to_values(&mut node.results);
        move_all(&mut node.regions, &regions);
        node
    };
    let region = |mut region: Region| {
        to_values(&mut region.parameters);
        to_values(&mut region.results);
        move_all(&mut region.nodes, &nodes);
        region
    };
    let graph = Graph {
        name,
        metadata,
        states,
        names,
        values: in_order(old_values, order.values.iter().map(|id| id.index())).collect(),
        nodes: in_order(old_nodes, order.nodes.iter().map(|id| id.index())).map(node).collect(),
        regions: in_order(old_regions, order.regions.iter().map(|id| id.index())).map(region).collect(),
    };
    Live { graph, values, nodes }
}

/// The items at these places, each of which occurs once.
fn in_order<T>(items: Vec<T>, order: impl Iterator<Item = usize>) -> impl Iterator<Item = T> {
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order.filter_map(move |index| items.get_mut(index).and_then(Option::take))
}

/// Each id becomes the one that it has now; everything that is reachable has one.
fn move_all<Id: Copy + Into<usize>>(ids: &mut [Id], places: &[Option<Id>]) {
    for id in ids {
        *id = places[(*id).into()].unwrap_or(*id);
    }
}

/// By index: the id that says at which place of `order` the index is.
fn places<Id>(count: usize, order: impl Iterator<Item = usize>, id: impl Fn(u32) -> Id) -> Vec<Option<Id>> {
    let mut places: Vec<Option<Id>> = (0..count).map(|_| None).collect();
    for (place, index) in order.enumerate() {
        places[index] = Some(id(place as u32));
    }
    places
}

#[cfg(test)]
mod tests {
    use crate::builder::GraphBuilder;
    use crate::graph::Graph;
    use crate::text::{ParseOptions, parse};
    use crate::verify;

    /// The graph without what nobody needs, as a list of its ops.
    fn ops(text: &str) -> Vec<&'static str> {
        let graph = parse(text, &ParseOptions::default()).expect("the text is sound");
        let outputs = graph.outputs().to_vec();
        let live = GraphBuilder::over(graph).finish_live(outputs).expect("the outputs are there").graph;
        assert_eq!(verify(&live), Ok(()), "{live}");
        let again = parse(&live.to_string(), &ParseOptions::default()).expect("the text reads");
        assert_eq!(live.same_as(&again), Ok(()));
        arenas_are_in_order(&live);
        live.walk().into_iter().map(|id| live.node(id).op.name).collect()
    }

    fn arenas_are_in_order(graph: &Graph) {
        let walked: Vec<usize> = graph.walk().into_iter().map(|id| id.index()).collect();
        assert_eq!(walked, (0..graph.node_count()).collect::<Vec<_>>());
        for index in 0..graph.value_count() {
            let id = crate::ValueId(index as u32);
            if let Some(name) = &graph.value(id).name {
                assert_eq!(graph.find_value(name), Some(id));
            }
        }
    }

    const HEAD: &str = r#"graph "g" { state @s: f32[2] input %x: f32[2] input %c: bool[] "#;

    #[test]
    fn what_nobody_uses_goes_and_effects_stay() {
        for (body, want) in [
            ("%a = neg(%x) %b = abs(%a) %y = exp(%x) output %y", vec!["exp"]),
            ("%a = neg(%x) %b = abs(%a) output %b", vec!["neg", "abs"]),
            ("%a = state_write(%x) {state = \"s\"} output %x", vec!["state_write"]),
            ("%a = state_read() {state = \"s\"} output %x", vec![]),
            ("%a = random_normal() {shape = [2]} output %x", vec![]),
            ("%n = constant() {value = i64[1] [2]} %a = expect(%x, %n) output %x", vec!["constant", "expect"]),
            ("%a = neg(%x) %b = barrier(%a) output %x", vec!["neg", "barrier"]),
            ("%a = host(%x) {function = \"f\", type = f32[2]} output %x", vec!["host"]),
            // What stands in a body keeps its node, and what the body reads.
            (
                "%a = neg(%x) %b = if(%c) () { %w = state_write(%a) {state = \"s\"} yield %x } () { yield %x } output %x",
                vec!["neg", "if", "state_write"],
            ),
            ("%a = neg(%x) %b = if(%c) () { %w = abs(%a) yield %w } () { yield %x } output %x", vec![]),
            ("%b = if(%c) () { %u = neg(%x) %w = abs(%x) yield %w } () { yield %x } output %b", vec!["if", "abs"]),
        ] {
            assert_eq!(ops(&format!("{HEAD}{body} }}")), want, "{body}");
        }
    }
}
