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
//! - a body that may run again is entered with a symbol of its own for each, `K'` for `K`: what is held when that turn
//!   begins. Where states share a symbol, they must leave as much as each other; else nothing is known in the body. After
//!   it nothing is known of the states that it changes, and no value that outlives it names its symbols;
//! - a region that is built before it is said what runs it is entered with nothing known; once the node is added, it is
//!   inferred again.
//!
//! Invariant: what is said of an extent is true whenever the node runs, or it is unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::dim::Dim;
use crate::graph::{Graph, Node, NodeId, RegionId, State, StateTable, ValueId};
use crate::infer::{AttrView, Infer, Operand};
use crate::types::{Shape, TensorType, Type};

/// What the states hold at one place of a graph. See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// What is held by states that were changed on the way, by name. Shared: many regions begin alike.
    changed: Option<Arc<BTreeMap<String, TensorType>>>,
    /// Whether the way here isn't known, so that nothing is known of the other states.
    anywhere: bool,
    /// How many bodies that run again stand around.
    turns: usize,
}

/// How the bodies of a node run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// The only one, once.
    Once,
    /// One of them, once.
    OneOf,
    /// Again and again, or not at all.
    Again,
}

impl Bodies {
    /// What is held where a body of a node begins, before which the states hold `outside`.
    pub(crate) fn entry(self, states: &StateTable, outside: &Held) -> Held {
        match self {
            _ if !states.any_followed() => outside.clone(),
            Bodies::Once | Bodies::OneOf => outside.clone(),
            Bodies::Again => outside.turn(states),
        }
    }

    /// What is held after a node with these bodies, before which the states hold `outside`, given what each body leaves.
    pub(crate) fn exit(self, graph: &Graph, regions: &[RegionId], mut outside: Held, left: &[&Held]) -> Held {
        let mut left = left.iter().map(|held| (*held).clone());
        match (self, left.next()) {
            (Bodies::Once, Some(only)) => only,
            (Bodies::OneOf, Some(first)) => left.fold(first, |so_far, held| so_far.join(&held, &graph.states)),
            _ => {
                outside.forget(&graph.states, &changed_by(graph, regions));
                outside
            }
        }
    }

    /// The type of a result of a node, around which the states hold `outside`: what a symbol stands for in one turn of a
    /// body means nothing after it.
    pub(crate) fn outlive(self, states: &[State], outside: &Held, ty: &Type) -> Type {
        if self != Bodies::Again {
            return ty.clone();
        }
        let names: BTreeSet<String> =
            states.iter().flat_map(State::symbols).map(|name| outside.name_in_turn(name)).collect();
        ty.map_dims(&|dim| {
            let mut inside = false;
            dim.for_each_symbol(&mut |name| inside |= names.contains(name));
            if inside { Dim::Unknown } else { dim.clone() }
        })
    }
}

impl Held {
    /// At the start of a run: as declared.
    pub const START: Held = Held { changed: None, anywhere: false, turns: 0 };
    /// At a place to which the way isn't known.
    pub const ANYWHERE: Held = Held { changed: None, anywhere: true, turns: 0 };

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

    /// What is held at the beginning of a turn of a body that runs again: as much as a symbol of that turn says, `K'` for
    /// `K`, where the states that share `K` hold as much as each other before the first.
    fn turn(&self, states: &[State]) -> Held {
        if self.anywhere {
            return Held::ANYWHERE;
        }
        let mut before: BTreeMap<&str, Option<Dim>> = BTreeMap::new();
        for (state, axis, symbol) in each_symbol(states) {
            let dim = self.dim(state, axis);
            let known = before.entry(symbol).or_insert_with(|| Some(dim.clone()));
            if known.as_ref().is_some_and(|known| *known != dim) || dim.is_unknown() {
                *known = None;
            }
        }
        let mut turn = Held { changed: None, anywhere: false, turns: self.turns + 1 };
        for state in states.iter().filter(|state| state.is_followed()) {
            let dim = |dim: &Dim| match dim.as_symbol() {
                Some(symbol) if before.get(symbol).is_some_and(Option::is_some) => {
                    Dim::symbol(&self.name_in_turn(symbol))
                }
                Some(_) => Dim::Unknown,
                None => dim.clone(),
            };
            turn.set(state, TensorType { dtype: state.ty.dtype, shape: state.ty.shape.map_dims(&dim) });
        }
        turn
    }

    /// The symbol of a turn of a body that begins here.
    fn name_in_turn(&self, symbol: &str) -> String {
        format!("{symbol}{}", "'".repeat(self.turns + 1))
    }

    /// What a state holds along an axis.
    fn dim(&self, state: &State, axis: usize) -> Dim {
        self.ty(state).dims().and_then(|dims| dims.get(axis)).cloned().unwrap_or(Dim::Unknown)
    }

    /// What holds of both places.
    pub(crate) fn join(&self, other: &Held, states: &[State]) -> Held {
        let mut both = Held { changed: None, anywhere: self.anywhere || other.anywhere, turns: self.turns };
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

    /// The axis that the state's capacity is for: the last of those along which it grows.
    pub fn bounded_axis(&self) -> Option<usize> {
        self.growing().last().copied()
    }

    /// Whether a symbol says what the state holds, so that its growth is followed.
    pub fn is_followed(&self) -> bool {
        self.ty.dims().unwrap_or_default().iter().any(|dim| dim.as_symbol().is_some())
    }

    /// The symbols that say what the state holds.
    fn symbols(&self) -> impl Iterator<Item = &str> {
        self.ty.dims().unwrap_or_default().iter().filter_map(Dim::as_symbol)
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

/// The axes of states whose extents symbols say.
fn each_symbol(states: &[State]) -> impl Iterator<Item = (&State, usize, &str)> {
    states.iter().flat_map(|state| {
        let dims = state.ty.dims().unwrap_or_default().iter().enumerate();
        dims.filter_map(move |(axis, dim)| Some((state, axis, dim.as_symbol()?)))
    })
}

/// Whether what is held where a turn of a node's body ends is again what one symbol for each shared one says, if the turn
/// begins with `entry`. It goes by the types that the nodes have, whose inference is checked elsewhere.
pub(crate) fn is_steady(graph: &Graph, node: &Node, entry: &Held) -> bool {
    if node.op.bodies != Bodies::Again || *entry == Held::ANYWHERE || !is_concerned(graph, &node.regions) {
        return true;
    }
    node.regions.iter().all(|region| {
        let left = followed(graph, *region, entry.clone());
        let mut after: BTreeMap<&str, Dim> = BTreeMap::new();
        each_symbol(&graph.states).all(|(state, axis, symbol)| {
            let dim = left.dim(state, axis);
            match after.get(symbol) {
                Some(known) => *known == dim && !dim.is_unknown(),
                None => after.insert(symbol, dim).is_none(),
            }
        })
    })
}

/// What is held at the end of a region, by the types that its nodes have.
fn followed(graph: &Graph, region: RegionId, mut held: Held) -> Held {
    for id in &graph.region(region).nodes {
        let node = graph.node(*id);
        let ty = |id: &ValueId| graph.value(*id).ty.clone();
        if let (Some(holds), Some(name)) = (node.op.holds, node.state())
            && let Some(state) = graph.state(name)
        {
            let operand = |id: &Option<ValueId>| id.as_ref().map(|id| Operand { ty: ty(id), known: None });
            let operands: Vec<_> = node.operands.iter().map(operand).collect();
            let types: Vec<Type> = node.results.iter().map(ty).collect();
            let infer = Infer {
                op: node.op,
                attr: AttrView::new(node.op, &node.attrs),
                operands: &operands,
                regions: &[],
                states: &graph.states,
                held: &held,
                outputs: types.len(),
            };
            let after = holds(&infer, &types).unwrap_or_else(|| state.open_type());
            held.set(state, after);
        }
        if is_concerned(graph, &node.regions) {
            let entry = if node.op.bodies == Bodies::Again { Held::ANYWHERE } else { held.clone() };
            let left: Vec<Held> = node.regions.iter().map(|region| followed(graph, *region, entry.clone())).collect();
            held = node.op.bodies.exit(graph, &node.regions, held, &left.iter().collect::<Vec<_>>());
        }
    }
    held
}

/// The states that a node's bodies change, bodies of bodies included.
pub(crate) fn changed_by(graph: &Graph, regions: &[RegionId]) -> BTreeSet<String> {
    let mut changed = BTreeSet::new();
    any_node(graph, regions, &mut |node| {
        if let (Some(_), Some(name)) = (node.op.holds, node.state()) {
            changed.insert(name.to_owned());
        }
        false
    });
    changed
}

/// Whether a node's bodies have an op on a state whose growth is followed.
pub(crate) fn is_concerned(graph: &Graph, regions: &[RegionId]) -> bool {
    !regions.is_empty() && graph.states.any_followed() && any_node(graph, regions, &mut |node| node.state().is_some())
}

/// Whether a node in the regions, or in regions inside, is such a one.
fn any_node(graph: &Graph, regions: &[RegionId], is_such: &mut dyn FnMut(&Node) -> bool) -> bool {
    let mut rest: Vec<NodeId> = regions.iter().flat_map(|region| graph.region(*region).nodes.clone()).collect();
    while let Some(id) = rest.pop() {
        let node = graph.node(id);
        if is_such(node) {
            return true;
        }
        rest.extend(node.regions.iter().flat_map(|region| graph.region(*region).nodes.iter().copied()));
    }
    false
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
            // A turn doesn't know how many came before it, and what it read has another extent in each.
            (
                format!(
                    "%y, %s = loop(%n, _, %x) (%i: i64[], %g: bool[], %h: f32[T, 2]) {{
                    %b = state_append(%h) {APPEND} %q = state_append(%h) {{state = \"v\", axis = 0}}
                    %d = sub(%b, %q) yield %g, %h, %d }}
                    %z {READ} %o = state_read() {{state = \"v\"}} output %y, %s, %z, %o"
                ),
                "T ? ? ?",
            ),
            (
                format!(
                    "loop(%n, _) (%i: i64[], %g: bool[]) {{ %a {READ} %b = state_append(%x) {APPEND}
                    loop(%n, _) (%j: i64[], %e: bool[]) {{ %d {READ} yield %e }} yield %g }}
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

    /// The types in the body of a loop, in the order of the text.
    fn in_loop(body: &str) -> Vec<String> {
        let graph = graph(&format!("loop(%n, _) (%i: i64[], %g: bool[]) {{ {body} yield %g }} output %x"));
        assert_eq!(verify(&graph), Ok(()));
        let again = parse(&graph.to_string(), &ParseOptions::default()).expect("it reads back");
        again.same_as(&graph).expect("it reads back as it is");
        let special = specialise(
            &graph,
            &["f32[5, 2]", "f32[1, 2]", "bool[]", "i64[]"].map(|ty| parse_type(ty).expect("a type")),
        );
        assert_eq!(verify(&special.expect("it fits")), Ok(()));
        let results = graph.walk().into_iter().filter_map(|id| graph.node(id).results.first().copied());
        results.map(|id| graph.value(id).ty.to_string()).collect()
    }

    #[test]
    fn a_turn_has_symbols_of_its_own() {
        let both =
            format!("%k = state_append(%one) {APPEND} %v = state_append(%one) {{state = \"v\", axis = 0}} %q {READ}");
        assert_eq!(in_loop(&both), ["f32[\"K'\"+1, 2]", "f32[\"K'\"+1, 2]", "f32[\"K'\"+1, 2]"]);
        // In the second turn the two states don't hold as much as each other.
        assert_eq!(in_loop(&format!("%k = state_append(%one) {APPEND} %q {READ}")), ["f32[?, 2]", "f32[?, 2]"]);
        // Nor do they where only one turn in two appends.
        let branch = format!("{both} if(%c) () {{ %a = state_append(%one) {APPEND} yield }} () {{ yield }}");
        assert!(in_loop(&branch)[..3].iter().all(|ty| ty == "f32[?, 2]"), "{:?}", in_loop(&branch));
        let nested = format!("{both} loop(%n, _) (%j: i64[], %e: bool[]) {{ %r {READ} yield %e }}");
        assert_eq!(in_loop(&nested).last().map(String::as_str), Some("f32[\"K''\", 2]"));
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
        for op in ops::TABLE.iter().filter(|op| op.state_attr().is_some()) {
            let writes = op.effects.contains(crate::Effects::WRITES);
            assert_eq!(op.holds.is_some(), writes, "{}", op.name);
        }
    }
}
