//! The piece of a graph between some of its values.

use std::collections::{BTreeMap, BTreeSet};

use super::{BodyValues, EditError};
use crate::builder::GraphBuilder;
use crate::dim::Dim;
use crate::effects::{EffectTable, Effects};
use crate::graph::{Graph, NodeId, StateTable, ValueId, ValueInfo};
use crate::types::Type;

/// A piece of a graph.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Piece {
    /// The piece, whose values have the names that they had.
    pub graph: Graph,
    /// The inputs of the graph that it needs besides the values that it was to begin with; they are inputs of it, too.
    pub also_needs: Vec<String>,
}

/// The nodes of `graph` that compute the values `to` from the values `from`, as a graph whose inputs are `from` and whose
/// outputs are `to`. Without `from` it begins with the inputs of the graph, without `to` it ends with its outputs.
///
/// Constants and parameters that the piece needs are in it, and so are the states that it reads, with every node before
/// that writes them. Other nodes that are there for their effects (checks, barriers, calls of the host whose results
/// nobody uses) are left out. A dim of an input that was computed from sizes of what is left out is a symbol of its own.
///
/// # Errors
///
/// A value stands in a body, begins and ends the piece, or isn't needed; or what was known of the contents of a value that
/// is an input now was needed to infer a type.
///
/// ```
/// use glassbox_ir::edit::{body_value, extract};
/// use glassbox_ir::text::{ParseOptions, parse};
/// let text = "graph \"g\" { input %x: f32[N] %a = abs(%x) %b = neg(%a) %c = exp(%b) output %c }";
/// let graph = parse(text, &ParseOptions::default())?;
/// let piece = extract(&graph, &[body_value(&graph, "a")?], &[body_value(&graph, "b")?])?;
/// assert_eq!(piece.graph.to_string(), "graph \"g\" {\n  input %a: f32[N]\n  %b = neg(%a) : f32[N]\n  output %b\n}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn extract(graph: &Graph, from: &[ValueId], to: &[ValueId]) -> Result<Piece, EditError> {
    let values = BodyValues::of(graph);
    from.iter().chain(to).try_for_each(|value| values.check(graph, *value))?;
    let to = if to.is_empty() { graph.outputs() } else { to };
    let mut slice = Slice::new(graph, from);
    if let Some(both) = to.iter().find(|value| slice.is_from[value.index()]) {
        return Err(EditError::BothEnds { name: graph.value_label(*both) });
    }
    slice.run(to);
    if let Some(unneeded) = from.iter().find(|value| !slice.needed[value.index()]) {
        let ends = to.iter().map(|value| format!("`{}`", graph.value_label(*value))).collect::<Vec<_>>().join(", ");
        return Err(EditError::Unneeded { name: graph.value_label(*unneeded), ends });
    }
    slice.finish(from, to)
}

/// What a piece is made of, while that is found out.
struct Slice<'g> {
    graph: &'g Graph,
    is_from: Vec<bool>,
    needed: Vec<bool>,
    /// The states that are touched.
    states: BTreeSet<&'g str>,
    /// In the order of the program, backwards.
    kept: Vec<NodeId>,
}

impl<'g> Slice<'g> {
    fn new(graph: &'g Graph, from: &[ValueId]) -> Slice<'g> {
        let mut is_from = vec![false; graph.value_count()];
        from.iter().for_each(|value| is_from[value.index()] = true);
        Slice { graph, is_from, needed: vec![false; graph.value_count()], states: BTreeSet::new(), kept: Vec::new() }
    }

    /// Goes backwards from the values `to`.
    fn run(&mut self, to: &[ValueId]) {
        let (graph, effects) = (self.graph, EffectTable::of(self.graph));
        to.iter().for_each(|value| self.needed[value.index()] = true);
        for id in graph.region(graph.body()).nodes.iter().rev() {
            let results = &graph.node(*id).results;
            let used = results.iter().any(|value| self.needed[value.index()] && !self.is_from[value.index()]);
            let writes = || {
                effects.of_node(*id).contains(Effects::WRITES)
                    && states(graph, *id).iter().any(|state| self.states.contains(state))
            };
            if used || writes() {
                self.keep(*id);
            }
        }
    }

    /// Keeps a node, and needs what it and its bodies read.
    fn keep(&mut self, id: NodeId) {
        self.kept.push(id);
        self.states.extend(states(self.graph, id));
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            let node = self.graph.node(id);
            node.operands.iter().flatten().for_each(|value| self.needed[value.index()] = true);
            for region in node.regions.iter().map(|region| self.graph.region(*region)) {
                region.results.iter().for_each(|value| self.needed[value.index()] = true);
                stack.extend(&region.nodes);
            }
        }
    }

    fn finish(mut self, from: &[ValueId], to: &[ValueId]) -> Result<Piece, EditError> {
        let source = self.graph;
        let also = source.inputs().iter().filter(|id| self.needed[id.index()] && !self.is_from[id.index()]);
        let also: Vec<ValueId> = also.copied().collect();
        let mut graph = source.clone();
        self.kept.reverse();
        for id in &self.kept {
            // A result that is an input now has its name; what the node gives is a value that nobody reads.
            for place in 0..graph.node(*id).results.len() {
                let result = graph.node(*id).results[place];
                if self.is_from[result.index()] {
                    let fresh = ValueId(graph.values.len() as u32);
                    graph.values.push(ValueInfo { name: None, ty: graph.value(result).ty.clone() });
                    graph.nodes[id.index()].results[place] = fresh;
                }
            }
        }
        let states = source.states().iter().filter(|state| self.states.contains(state.name.as_str()));
        graph.states = states.cloned().collect::<StateTable>();
        let body = &mut graph.regions[source.body().index()];
        (body.nodes, body.parameters) = (self.kept, from.iter().chain(&also).copied().collect());
        let live = GraphBuilder::over(graph).finish_live(to.to_vec())?.graph;
        let types = input_types(&live);
        let also_needs = if from.is_empty() { Vec::new() } else { also };
        let also_needs = also_needs.into_iter().map(|id| source.value_label(id)).collect();
        Ok(Piece { graph: GraphBuilder::retype(live, types)?, also_needs })
    }
}

/// The states that a node, or one in its bodies, reads or writes.
fn states(graph: &Graph, id: NodeId) -> Vec<&str> {
    let (mut found, mut stack) = (Vec::new(), vec![id]);
    while let Some(id) = stack.pop() {
        let node = graph.node(id);
        found.extend(node.state());
        stack.extend(node.regions.iter().flat_map(|region| graph.region(*region).nodes.iter().copied()));
    }
    found
}

/// The types of the inputs, in which an expression over symbols that no input or state has by itself is a symbol of its own:
/// nothing could say what its symbols are.
fn input_types(graph: &Graph) -> Vec<Type> {
    let inputs: Vec<Type> = graph.inputs().iter().map(|id| graph.value(*id).ty.clone()).collect();
    let states: Vec<Type> = graph.states().iter().map(|state| state.ty.clone().into()).collect();
    let (mut plain, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for dim in inputs.iter().chain(&states).flat_map(dims) {
        plain.extend(dim.as_symbol().map(str::to_owned));
    }
    for value in graph.value_ids() {
        dims(&graph.value(value).ty).iter().for_each(|dim| symbols(dim, &mut taken));
    }
    let mut fresh: BTreeMap<String, Dim> = BTreeMap::new();
    for dim in inputs.iter().flat_map(dims) {
        let mut used = BTreeSet::new();
        symbols(dim, &mut used);
        if used.is_subset(&plain) {
            continue;
        }
        fresh.entry(dim.to_string()).or_insert_with(|| {
            let mut number = 1;
            while !taken.insert(format!("D{number}")) {
                number += 1;
            }
            Dim::symbol(&format!("D{number}"))
        });
    }
    let replace = |dim: &Dim| fresh.get(&dim.to_string()).cloned().unwrap_or_else(|| dim.clone());
    inputs.iter().map(|ty| ty.map_dims(&replace)).collect()
}

/// The dims of a type that is a tensor, or of its elements.
fn dims(ty: &Type) -> &[Dim] {
    match ty {
        Type::Tensor(tensor) => tensor.dims().unwrap_or_default(),
        Type::Sequence(element) | Type::Optional(element) => dims(element),
    }
}

fn symbols(dim: &Dim, found: &mut BTreeSet<String>) {
    dim.for_each_symbol(&mut |name| {
        found.insert(name.to_owned());
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::body_value;
    use crate::text::{ParseOptions, parse};
    use crate::verify;

    /// The piece as text without its first and last line, or the message.
    fn piece(text: &str, from: &[&str], to: &[&str]) -> String {
        let graph = parse(text, &ParseOptions::default()).expect("the text is sound");
        let ids = |names: &[&str]| names.iter().map(|name| body_value(&graph, name)).collect::<Result<Vec<_>, _>>();
        match ids(from).and_then(|from| ids(to).map(|to| (from, to))).and_then(|(from, to)| extract(&graph, &from, &to))
        {
            Ok(piece) => {
                assert_eq!(verify(&piece.graph), Ok(()), "{}", piece.graph);
                let text = piece.graph.to_string();
                assert!(parse(&text, &ParseOptions::default()).expect("it reads").same_as(&piece.graph).is_ok());
                let lines: Vec<&str> = text.lines().map(str::trim).collect();
                format!("{} {:?}", lines[1..lines.len() - 1].join("; "), piece.also_needs)
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_piece_has_what_it_needs_and_nothing_else() {
        let text = "graph \"g\" { input %x: f32[N] input %y: f32[N] %k = constant() {value = f32[] 2} %a = mul(%x, %k) \
                    %b = add(%a, %y) %c = neg(%b) %d = exp(%a) output %c, %d }";
        let k = "%k = constant() {value = f32[] 2} : f32[]";
        for (from, to, want) in [
            (&["b"][..], &["c"][..], "input %b: f32[N]; %c = neg(%b) : f32[N]; output %c []".to_owned()),
            (&["a"], &["c"], "input %a: f32[N]; input %y: f32[N]; %b = add(%a, %y) : f32[N]; %c = neg(%b) : f32[N]; output %c [\"y\"]".to_owned()),
            (&[], &["a"], format!("input %x: f32[N]; {k}; %a = mul(%x, %k) : f32[N]; output %a []")),
            (&["k"], &["a"], "input %k: f32[]; input %x: f32[N]; %a = mul(%x, %k) : f32[N]; output %a [\"x\"]".to_owned()),
            (&["a", "b"], &[], "input %a: f32[N]; input %b: f32[N]; %c = neg(%b) : f32[N]; %d = exp(%a) : f32[N]; output %c, %d []".to_owned()),
            (&["d"], &["c"], "`c` can be computed without `d`; leave it out of what the piece begins with".to_owned()),
            (&["c"], &["c"], "the piece begins and ends with `c`, so there is nothing in it; give another value for one of both".to_owned()),
            (&["bb"], &[], "no value is named `bb`; is `b` meant?".to_owned()),
        ] {
            assert_eq!(piece(text, from, to), want, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn bodies_come_along_with_what_they_read_and_are_not_cut() {
        let text = "graph \"g\" { input %c: bool[] input %x: f32[2] %n = neg(%x) %y = if(%c) () { %i = abs(%n) yield %i } () { yield %x } output %y }";
        let whole = "%y = if(%c) () {; %i = abs(%n) : f32[2]; yield %i; } () {; yield %x; } : f32[2]; output %y";
        assert_eq!(
            piece(text, &["n"], &[]),
            format!("input %n: f32[2]; input %c: bool[]; input %x: f32[2]; {whole} [\"c\", \"x\"]")
        );
        assert_eq!(
            piece(text, &["i"], &[]),
            "`i` is a value inside a body of if `y`; a graph can be cut between the values outside of bodies only"
        );
    }

    #[test]
    fn states_that_are_read_are_written_as_before() {
        let text = "graph \"g\" { state @s: f32[2] state @t: f32[2] input %x: f32[2] %n = neg(%x) \
                    %w = state_write(%n) {state = \"s\"} %v = state_write(%x) {state = \"t\"} %r = state_read() {state = \"s\"} %y = abs(%r) output %y }";
        let got = piece(text, &["n"], &["y"]);
        assert!(got.contains("state @s") && !got.contains("state @t"), "{got}");
        assert!(got.contains("state_write(%n)"), "{got}");
    }

    #[test]
    fn one_result_of_a_node_may_be_cut_while_another_is_computed() {
        let text = "graph \"g\" { input %x: f32[4] %a, %b = split(%x) {axis = 0} %y = add(%a, %b) output %y }";
        let got = piece(text, &["a"], &["y"]);
        assert!(got.contains("input %a: f32[2]; input %x: f32[4]"), "{got}");
        assert!(got.contains("%b = split(%x)"), "{got}");
    }

    #[test]
    fn a_dim_of_sizes_that_are_gone_is_a_symbol_of_its_own() {
        let text = "graph \"g\" { input %x: f32[N] input %y: f32[N] %a = concat(%x, %x) {axis = 0} %b = concat(%x, %y) {axis = 0} %c = add(%a, %b) output %c }";
        let got = piece(text, &["a", "b"], &["c"]);
        assert_eq!(got, "input %a: f32[D1]; input %b: f32[D1]; %c = add(%a, %b) : f32[D1]; output %c []");
    }
}
