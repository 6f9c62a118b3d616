//! What the states of a graph hold at one place of it, as far as their growth can be followed.
//!
//! A dim of a state that isn't a number grows. Where it is written `?`, how far isn't followed. Where it is a bare
//! symbol, `f16[8, K, 64]`, the symbol is what the state holds along that axis when a run begins, and the ops on states
//! give what it holds from there: after `state_append` of T more, a `state_read` is `f16[8, K+T, 64]`. A symbol is one
//! number in a run, so states with the same symbol hold as much as each other when a run begins
//! ([`bind_run`](crate::bind_run) checks it).
//!
//! In: the declared states and the nodes, in program order. Out: a [`Held`] before each node, with which the node is
//! inferred. Builder and verifier walk alike:
//!
//! - the bodies of a node are entered with what is held before the node; of several, of which one runs, what they
//!   leave is joined;
//! - a body that may run again is entered with nothing known, and after it nothing is known of the states that it
//!   changes;
//! - a region that is built before it is said what runs it is entered with nothing known; once the node is added, it is
//!   inferred again.
//!
//! Invariant: what is said of an extent is true whenever the node runs, or it is unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::attr::Attr;
use crate::dim::Dim;
use crate::graph::{Graph, Node, NodeId, RegionId, State};
use crate::types::{Shape, TensorType};

/// What the states hold at one place of a graph. See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// What is held by states that were changed on the way, by name. Shared: many regions begin alike.
    changed: Option<Arc<BTreeMap<String, TensorType>>>,
    /// Whether the way here isn't known, so that nothing is known of the other states.
    anywhere: bool,
}

/// How the bodies of a node run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// Each of them once, in their order.
    Once,
    /// One of them, once.
    OneOf,
    /// Again and again, or not at all.
    Again,
}

impl Bodies {
    /// What is held where a body of a node begins, before which the states hold `outside`.
    pub(crate) fn entry(self, outside: &Held) -> Held {
        match self {
            Bodies::Once | Bodies::OneOf => outside.clone(),
            Bodies::Again => Held::ANYWHERE,
        }
    }

    /// What is held after a node, before which the states hold `outside`, given what its bodies leave.
    pub(crate) fn exit(
        self,
        states: &[State],
        mut outside: Held,
        bodies: &[&Held],
        changed: impl FnOnce() -> BTreeSet<String>,
    ) -> Held {
        let mut left = bodies.iter().map(|held| (*held).clone());
        match (self, left.next()) {
            (Bodies::Once, Some(first)) => left.last().unwrap_or(first),
            (Bodies::OneOf, Some(first)) => left.fold(first, |so_far, held| so_far.join(&held, states)),
            _ => {
                outside.forget(states, &changed());
                outside
            }
        }
    }
}

impl Held {
    /// At the start of a run: as declared.
    pub const START: Held = Held { changed: None, anywhere: false };
    /// At a place to which the way isn't known.
    pub const ANYWHERE: Held = Held { changed: None, anywhere: true };

    /// The type of what a state holds.
    pub fn ty(&self, state: &State) -> TensorType {
        match self.changed.as_ref().and_then(|changed| changed.get(&state.name)) {
            Some(ty) => ty.clone(),
            None if self.anywhere => state.open_type(),
            None => state.ty.clone(),
        }
    }

    /// From here on a state holds `ty`.
    pub(crate) fn set(&mut self, state: &State, ty: TensorType) {
        if state.is_followed() {
            Arc::make_mut(self.changed.get_or_insert_default()).insert(state.name.clone(), ty);
        }
    }

    /// From here on nothing is known of the states that `names` says.
    pub(crate) fn forget(&mut self, states: &[State], names: &BTreeSet<String>) {
        states.iter().filter(|state| names.contains(&state.name)).for_each(|state| self.set(state, state.open_type()));
    }

    /// What holds of both places.
    pub(crate) fn join(&self, other: &Held, states: &[State]) -> Held {
        let mut both = Held { changed: None, anywhere: self.anywhere || other.anywhere };
        for state in states {
            let (a, b) = (self.ty(state), other.ty(state));
            let joined = TensorType { dtype: a.dtype, shape: a.shape.join(&b.shape) };
            if joined != both.ty(state) {
                both.set(state, joined);
            }
        }
        both
    }
}

impl State {
    /// Whether the state grows along an axis.
    pub fn grows(&self, axis: usize) -> bool {
        let dim = self.ty.dims().and_then(|dims| dims.get(axis));
        dim.is_some_and(|dim| dim.is_unknown() || dim.as_symbol().is_some())
    }

    /// The axes along which the state grows.
    pub fn growing(&self) -> Vec<usize> {
        (0..self.ty.rank().unwrap_or(0)).filter(|axis| self.grows(*axis)).collect()
    }

    /// Whether a symbol says what the state holds, so that its growth is followed.
    pub fn is_followed(&self) -> bool {
        self.ty.dims().unwrap_or_default().iter().any(|dim| dim.as_symbol().is_some())
    }

    /// The type of whatever the state may ever hold: unknown along the axes that grow.
    pub fn open_type(&self) -> TensorType {
        let unknown = |dim: &Dim| if dim.as_symbol().is_some() { crate::dim::Dim::Unknown } else { dim.clone() };
        TensorType { dtype: self.ty.dtype, shape: self.ty.shape.map_dims(&unknown) }
    }

    /// The type of what the state holds at the start of a session and after a reset: the extents of its initial
    /// contents, or zero, along the axes that grow and are followed.
    pub(crate) fn first_type(&self) -> TensorType {
        let Some(dims) = self.ty.dims() else { return self.ty.clone() };
        let first =
            |axis: usize| self.initial.as_ref().and_then(|initial| initial.shape().get(axis)).copied().unwrap_or(0);
        let dim = |(axis, dim): (usize, &Dim)| match dim.as_symbol() {
            Some(_) => first(axis).into(),
            None => dim.clone(),
        };
        TensorType { dtype: self.ty.dtype, shape: Shape::Ranked(dims.iter().enumerate().map(dim).collect()) }
    }
}

/// The states that a node's bodies change, bodies of bodies included.
pub(crate) fn changed_by(graph: &Graph, regions: &[RegionId]) -> BTreeSet<String> {
    let mut changed = BTreeSet::new();
    each_node(graph, regions, &mut |node| {
        if let (Some(_), Some(Attr::Str(name))) = (node.op.holds, node.attrs.get("state")) {
            changed.insert(name.clone());
        }
    });
    changed
}

/// Whether a node's bodies have an op on a state whose growth is followed.
pub(crate) fn is_concerned(graph: &Graph, regions: &[RegionId]) -> bool {
    if regions.is_empty() || !graph.states.iter().any(State::is_followed) {
        return false;
    }
    let mut found = false;
    each_node(graph, regions, &mut |node| found |= node.attrs.contains_key("state"));
    found
}

fn each_node(graph: &Graph, regions: &[RegionId], visit: &mut dyn FnMut(&Node)) {
    let mut rest: Vec<NodeId> = regions.iter().flat_map(|region| graph.region(*region).nodes.clone()).collect();
    while let Some(id) = rest.pop() {
        let node = graph.node(id);
        visit(node);
        rest.extend(node.regions.iter().flat_map(|region| graph.region(*region).nodes.iter().copied()));
    }
}

#[cfg(test)]
mod tests {
    use crate::builder::GraphBuilder;
    use crate::graph::{Graph, State};
    use crate::text::{ParseOptions, parse, parse_type};
    use crate::types::{TensorType, Type};
    use crate::{Attrs, attrs, json, ops, specialise, verify};

    fn graph(nodes: &str) -> Graph {
        let text = format!(
            "graph \"g\" {{ state @k: f32[K, 2] capacity 100 state @v: f32[K, 2] state @u: f32[?, 2]
            input %x: f32[T, 2] input %one: f32[1, 2] input %c: bool[] input %n: i64[] {nodes} }}"
        );
        parse(&text, &ParseOptions::default()).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// The dims before the last of each output.
    fn extents(nodes: &str) -> String {
        let graph = graph(nodes);
        assert_eq!(verify(&graph), Ok(()));
        let again = parse(&graph.to_string(), &ParseOptions::default()).expect("it reads back");
        again.same_as(&graph).expect("it reads back as it is");
        let read = json::from_str(&json::to_string(&graph).expect("it is written")).expect("it is read");
        read.same_as(&graph).expect("it is read as it is");
        let extent = |ty: &Type| ty.as_tensor().and_then(|ty| ty.dims()).map(|dims| dims[0].to_string());
        let outputs = graph.outputs().iter().map(|id| extent(&graph.value(*id).ty).unwrap_or_default());
        outputs.collect::<Vec<_>>().join(" ")
    }

    const READ: &str = "= state_read() {state = \"k\"}";
    const APPEND: &str = "{state = \"k\", axis = 0}";

    #[test]
    fn growth_is_followed_in_program_order() {
        for (nodes, want) in [
            (format!("%a {READ} output %a"), "K"),
            (format!("%a {READ} %b = state_append(%x) {APPEND} %c2 {READ} output %a, %b, %c2"), "K K+T K+T"),
            (format!("%b = state_append(%x) {APPEND} %b2 = state_append(%one) {APPEND} output %b2"), "K+T+1"),
            (format!("%w = state_write(%x) {{state = \"k\"}} %b = state_append(%x) {APPEND} output %b"), "2*T"),
            (format!("%w = state_reset() {{state = \"k\"}} %b = state_append(%x) {APPEND} output %w, %b"), "0 T"),
            (
                format!(
                    "%s = constant() {{value = i64[2] [7, 2]}} %g = state_grow(%s) {{state = \"k\"}} %a {READ} output %g, %a"
                ),
                "max(7, K) max(7, K)",
            ),
            (
                format!(
                    "%s = constant() {{value = i64[1] [4]}} %e = constant() {{value = i64[1] [5]}}
                    %g = state_update(%one, %s, %e) {{state = \"k\"}} %a {READ} output %g, %a"
                ),
                "1 max(5, K)",
            ),
            // The growth of a state that is declared with `?` isn't followed.
            ("%b = state_append(%x) {state = \"u\", axis = 0} output %b".to_owned(), "?"),
            // The other state still holds what it held.
            (format!("%b = state_append(%x) {APPEND} %o = state_read() {{state = \"v\"}} output %o"), "K"),
        ] {
            assert_eq!(extents(&nodes), want, "{nodes}");
        }
    }

    #[test]
    fn bodies_are_followed_as_they_run() {
        let append = format!("%a = state_append(%x) {APPEND} %r {READ} yield %r");
        for (nodes, want) in [
            (format!("%y = call() () {{ {append} }} %z {READ} output %y, %z"), "K+T K+T"),
            (format!("%y = if(%c) () {{ {append} }} () {{ yield %x }} %z {READ} output %z"), "?"),
            (
                format!(
                    "%y = if(%c) () {{ {append} }} () {{ %b = state_append(%x) {APPEND} yield %b }} %z {READ} output %y, %z"
                ),
                "K+T K+T",
            ),
            // A turn doesn't know how many came before it.
            (
                format!(
                    "%y = loop(%n, _, %x) (%i: i64[], %g: bool[], %h: f32[T, 2]) {{
                    %b = state_append(%h) {APPEND} %q = state_read() {{state = \"v\"}} yield %g, %h }}
                    %z {READ} %o = state_read() {{state = \"v\"}} output %z, %o"
                ),
                "? K",
            ),
            (
                format!(
                    "%y = call() () {{ %q = call() () {{ {append} }} %w {READ} yield %w }} %z {READ} output %y, %z"
                ),
                "K+T K+T",
            ),
        ] {
            assert_eq!(extents(&nodes), want, "{nodes}");
        }
    }

    #[test]
    fn regions_that_are_built_first_are_inferred_again() {
        let mut builder = GraphBuilder::new("g");
        let ty = TensorType::new(glassbox_tensor::DType::F32, ["K"]);
        let state = State { name: "k".to_owned(), ty, capacity: None, initial: None };
        builder.state(state).expect("it is declared");
        let x = builder.input("x", parse_type("f32[T]").expect("a type"));
        let attrs = || attrs! { state: "k", axis: 0i64 };
        let (outer, _) = builder.begin_region(&[]);
        let (inner, _) = builder.begin_region(&[]);
        let all = builder.node(&ops::state_append::OP, &[Some(x)], attrs(), 1).expect("it is added")[0];
        assert_eq!(builder.type_of(all).to_string(), "f32[?]");
        builder.end_region(vec![all]);
        let call = |builder: &mut GraphBuilder, region| {
            builder.node_with_regions(&ops::call::OP, &[], Attrs::new(), vec![region], 1).expect("it is added")[0]
        };
        let result = call(&mut builder, inner);
        builder.end_region(vec![result]);
        let result = call(&mut builder, outer);
        assert_eq!(builder.type_of(result).to_string(), "f32[K+T]");
        let after = builder.node(&ops::state_read::OP, &[], attrs! { state: "k" }, 1).expect("it is added")[0];
        let graph = builder.finish(vec![after]).expect("it is finished");
        assert_eq!(graph.value(after).ty.to_string(), "f32[K+T]");
        assert_eq!(verify(&graph), Ok(()));
        let special = specialise(&graph, &[parse_type("f32[1]").expect("a type")]).expect("it fits");
        assert_eq!(special.value(special.outputs()[0]).ty.to_string(), "f32[K+1]");
        assert_eq!(verify(&special), Ok(()));
    }

    #[test]
    fn states_with_one_symbol_begin_alike() {
        let text = "graph \"g\" { state @k: f32[K] = f32[2] [1, 2] state @v: f32[K] output }";
        let graph = parse(text, &ParseOptions::default());
        let errors = graph
            .map_err(|error| vec![error.to_string()])
            .and_then(|graph| verify(&graph).map_err(|errors| errors.iter().map(ToString::to_string).collect()));
        assert_eq!(errors, Err(vec!["graph: state: `K` is 2 at the start in `k`, and 0 in `v`".to_owned()]));
    }

    #[test]
    fn a_run_binds_what_states_hold() {
        let graph = graph("output %x");
        let types = ["f32[3, 2]", "f32[1, 2]", "bool[]", "i64[]"].map(|text| parse_type(text).expect("a type"));
        let bound = |k: &str, v: &str| {
            let held = |name: &str| parse_type(if name == "k" { k } else { v }).ok();
            match crate::bind_run(&graph, &types, &held) {
                Ok(bindings) => format!("{:?} {:?}", bindings.size("K"), bindings.size("T")),
                Err(error) => error.to_string(),
            }
        };
        assert_eq!(bound("f32[5, 2]", "f32[5, 2]"), "Some(5) Some(3)");
        assert_eq!(bound("f32[5, 2]", "f32[4, 2]"), "`K` is 5 by axis 0 of `k`, and 4 by axis 0 of `v`");
    }

    /// An op on states that changes one says what is held after it.
    #[test]
    fn every_op_that_changes_a_state_is_followed() {
        for op in ops::TABLE.iter().filter(|op| op.attr("state").is_some()) {
            let reads = matches!(op.name, "state_read" | "state_slice");
            assert_eq!(op.holds.is_none(), reads, "{}", op.name);
        }
    }
}
