//! The verifier: whether a graph keeps the rules that everything else relies on.
//!
//! All errors are reported at once, each with the node, the op and the label of the rule. A graph that
//! was built in whatever way can be verified: ids are checked before they are followed, and nesting has
//! a limit, so that verifying neither panics nor hangs.
//!
//! | rule | says |
//! | --- | --- |
//! | `ids` | every id is within its arena |
//! | `regions` | a region is the body of one node, a node stands in one region; parameters have settled types |
//! | `nesting` | regions and types don't nest beyond a limit |
//! | `defined` | a value is defined once |
//! | `visible` | a value is used after its definition, in the same region or one inside |
//! | `names` | names of values are unique, and not empty |
//! | `draw` | a node that draws has the number of its draw |
//! | `state` | declarations of states make sense |
//! | `types` | types are what inference says, without negative dims |
//! | `hint` | hints have names; types in them are types |
//! | the rest | `attribute`, `arity`, `dtype` and the labels of the op: see its declaration |

use std::collections::{HashMap, HashSet};
use std::fmt;

use thiserror::Error;

use crate::attr::{Attr, Hints};
use crate::builder::{type_of_tensor, unsettled};
use crate::effects::Effects;
use crate::error::Violation;
use crate::graph::{Graph, NodeId, RegionId, State, ValueId};
use crate::held::{Held, is_concerned, is_steady};
use crate::infer::{Known, Operand, Signature, check_type, check_use, infer_op_after};
use crate::ops;
use crate::types::{Shape, Type};

/// How deep regions may stand in each other.
pub const MAX_NESTED_REGIONS: usize = 64;

/// One rule that a graph breaks.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub struct VerifyError {
    /// What the node is called; `None` where the graph as a whole breaks the rule.
    pub node: Option<String>,
    /// The op of the node.
    pub op: Option<&'static str>,
    /// The rule and what is wrong.
    pub violation: Violation,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.node, self.op) {
            (Some(node), Some(op)) => write!(f, "{op} `{node}` breaks {}", self.violation),
            _ => write!(f, "graph: {}", self.violation),
        }
    }
}

/// Whether `graph` keeps every rule; if not, all that it breaks.
///
/// # Errors
///
/// All rules that the graph breaks, each with the node and the label of the rule.
///
/// ```
/// use glassbox_ir::text::{ParseOptions, parse};
/// let graph = parse("graph \"g\" { input %x: f32[2] output %x }", &ParseOptions::default())?;
/// assert!(glassbox_ir::verify(&graph).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(graph: &Graph) -> Result<(), Vec<VerifyError>> {
    let mut errors = structure(graph);
    if errors.is_empty() {
        let mut verifier = Verifier::new(graph);
        verifier.run();
        errors = verifier.errors;
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Whether hints have names, and no type in them nests beyond the limit.
pub(crate) fn check_hints(hints: &Hints) -> Result<(), Violation> {
    for (name, advice) in hints {
        if name.is_empty() {
            return Err(Violation::new("hint", "a hint has no name"));
        }
        if let Attr::Type(ty) = advice {
            check_type(ty)?;
        }
    }
    Ok(())
}

/// Whether the declaration of a state makes sense.
pub(crate) fn check_state(state: &State) -> Result<(), Violation> {
    let wrong = |what: String| Err(Violation::new("state", format!("the state `{}` {what}", state.name)));
    if state.name.is_empty() {
        return Err(Violation::new("state", "a state has no name"));
    }
    let ty = &state.ty;
    if ty.dims().is_none() {
        return wrong(format!("has the type {ty}, of unknown rank"));
    }
    check_type(&ty.clone().into())?;
    let Some(capacity) = state.capacity else { return check_initial(state) };
    let Some(axis) = state.bounded_axis() else {
        return wrong(format!("has a capacity, but no dim of {ty} grows"));
    };
    let held = state.initial.as_ref().and_then(|initial| initial.shape().get(axis).copied());
    match held {
        Some(held) if held as u64 > capacity => {
            wrong(format!("has the capacity {capacity}, but begins with an extent of {held}"))
        }
        _ => check_initial(state),
    }
}

/// States that share a symbol begin with the same extent along its axes.
fn check_first_extents(states: &[State]) -> Result<(), Violation> {
    let mut first: HashMap<&str, (usize, &str)> = HashMap::new();
    for state in states {
        for (axis, dim) in state.ty.dims().unwrap_or_default().iter().enumerate() {
            let Some(symbol) = dim.as_symbol() else { continue };
            let extent = state.initial.as_ref().and_then(|initial| initial.shape().get(axis).copied()).unwrap_or(0);
            let (known, other) = *first.entry(symbol).or_insert((extent, &state.name));
            if known != extent {
                let message =
                    format!("`{symbol}` is {known} at the start in `{other}`, and {extent} in `{}`", state.name);
                return Err(Violation::new("state", message));
            }
        }
    }
    Ok(())
}

fn check_initial(state: &State) -> Result<(), Violation> {
    let Some(initial) = &state.initial else { return Ok(()) };
    let declared = Type::from(state.ty.clone());
    let mut given = type_of_tensor(initial);
    if let (Some(declared), Shape::Ranked(dims)) = (state.ty.dims(), &mut given.shape) {
        // One stands for all along an axis that doesn't grow.
        let fixed = dims
            .iter_mut()
            .zip(declared)
            .filter(|(given, declared)| declared.as_int().is_some() && given.as_int() == Some(1));
        fixed.for_each(|(given, declared)| given.clone_from(declared));
    }
    if declared.admits(&given.clone().into()) {
        return Ok(());
    }
    Err(Violation::new("state", format!("the state `{}` is {declared}, but begins as {given}", state.name)))
}

/// Whether ids can be followed: in range, without cycles, not too deep.
fn structure(graph: &Graph) -> Vec<VerifyError> {
    let mut errors = Vec::new();
    let mut report = |rule, message: String| {
        errors.push(VerifyError { node: None, op: None, violation: Violation::new(rule, message) });
    };
    let mut regions = vec![false; graph.regions.len()];
    let mut nodes = vec![false; graph.nodes.len()];
    let values = |ids: &[ValueId]| ids.iter().all(|id| id.index() < graph.values.len());
    let mut stack = vec![(graph.body(), 0)];
    while let Some((id, depth)) = stack.pop() {
        let Some(region) = graph.regions.get(id.index()) else {
            report("ids", format!("region {} is not in the graph, which has {}", id.index(), graph.regions.len()));
            continue;
        };
        if std::mem::replace(&mut regions[id.index()], true) {
            report("regions", format!("region {} is the body of more than one node", id.index()));
            continue;
        }
        if depth > MAX_NESTED_REGIONS {
            report("nesting", format!("region {} lies deeper than {MAX_NESTED_REGIONS} others", id.index()));
            continue;
        }
        if !values(&region.parameters) || !values(&region.results) {
            report("ids", format!("region {} has parameters or results that are not in the graph", id.index()));
        }
        for id in &region.nodes {
            let Some(node) = graph.nodes.get(id.index()) else {
                report("ids", format!("node {} is not in the graph, which has {}", id.index(), graph.nodes.len()));
                continue;
            };
            if std::mem::replace(&mut nodes[id.index()], true) {
                report("regions", format!("node {} stands in more than one place", id.index()));
                continue;
            }
            let operands: Vec<ValueId> = node.operands.iter().flatten().copied().collect();
            if !values(&operands) || !values(&node.results) {
                report("ids", format!("node {} has operands or results that are not in the graph", id.index()));
            }
            stack.extend(node.regions.iter().map(|region| (*region, depth + 1)));
        }
    }
    errors
}

/// What is found on the way through a graph whose ids can be followed.
struct Verifier<'g> {
    graph: &'g Graph,
    errors: Vec<VerifyError>,
    defined: Vec<bool>,
    visible: Vec<bool>,
    /// What is known of contents, as the builder knew it.
    known: Vec<Option<Box<Known>>>,
    names: HashMap<&'g str, ValueId>,
    /// What the states hold here.
    held: Held,
}

impl<'g> Verifier<'g> {
    fn new(graph: &'g Graph) -> Verifier<'g> {
        let count = graph.value_count();
        Verifier {
            graph,
            errors: Vec::new(),
            defined: vec![false; count],
            visible: vec![false; count],
            known: vec![None; count],
            names: HashMap::new(),
            held: Held::START,
        }
    }

    fn run(&mut self) {
        let graph = self.graph;
        let mut names = HashSet::new();
        for state in &graph.states {
            if let Err(violation) = check_state(state) {
                self.report(None, violation);
            }
            if !names.insert(&state.name) {
                self.report(None, Violation::new("state", format!("two states are named `{}`", state.name)));
            }
        }
        if let Err(violation) = check_first_extents(&graph.states) {
            self.report(None, violation);
        }
        self.region(graph.body(), None);
    }

    fn report(&mut self, node: Option<NodeId>, violation: Violation) {
        let label = node.map(|id| self.graph.node_label(id));
        let op = node.map(|id| self.graph.node(id).op.name);
        self.errors.push(VerifyError { node: label, op, violation });
    }

    /// The definition of a value, and what of its type can be said without inference.
    fn define(&mut self, id: ValueId, node: Option<NodeId>) {
        let graph = self.graph;
        let value = graph.value(id);
        if std::mem::replace(&mut self.defined[id.index()], true) {
            let message = format!("the value `{}` is defined more than once", graph.value_label(id));
            self.report(node, Violation::new("defined", message));
        }
        self.visible[id.index()] = true;
        if let Some(name) = value.name.as_deref() {
            if name.is_empty() {
                self.report(node, Violation::new("names", format!("value {} has an empty name", id.index())));
            }
            if self.names.insert(name, id).is_some_and(|other| other != id) {
                self.report(node, Violation::new("names", format!("two values are named `{name}`")));
            }
        }
        if let Err(violation) = check_type(&value.ty) {
            self.report(node, Violation::new("types", format!("`{}`: {}", graph.value_label(id), violation.message)));
        }
    }

    /// Whether a value may be used here.
    fn use_value(&mut self, id: ValueId, what: &str, node: Option<NodeId>) -> bool {
        let visible = self.visible[id.index()];
        if !visible {
            let label = self.graph.value_label(id);
            let why = if self.defined[id.index()] {
                "is defined in a region that doesn't hold this use"
            } else {
                "isn't defined before"
            };
            self.report(node, Violation::new("visible", format!("the {what} `{label}` {why}")));
        }
        visible
    }

    /// A region, which is one of `owner`. The nesting is limited, so that recursion is safe.
    fn region(&mut self, id: RegionId, owner: Option<NodeId>) {
        let graph = self.graph;
        let region = graph.region(id);
        for parameter in &region.parameters {
            self.define(*parameter, owner);
        }
        for node in &region.nodes {
            self.node(*node);
        }
        for result in &region.results {
            self.use_value(*result, "result", owner);
        }
        let inside = region.nodes.iter().flat_map(|node| &graph.node(*node).results);
        for value in region.parameters.iter().chain(inside) {
            self.visible[value.index()] = false;
        }
    }

    fn node(&mut self, id: NodeId) {
        let graph = self.graph;
        let node = graph.node(id);
        let mut sound = true;
        for operand in node.operands.iter().flatten() {
            sound &= self.use_value(*operand, "operand", Some(id));
        }
        self.bodies(id);
        // What inference would say of values that aren't there helps nobody.
        if sound && let Err(violation) = self.infer(id) {
            self.report(Some(id), violation);
        }
        for result in &node.results {
            self.define(*result, Some(id));
        }
    }

    /// The bodies of a node, and what the states hold after them.
    fn bodies(&mut self, id: NodeId) {
        let graph = self.graph;
        let node = graph.node(id);
        let concerned = is_concerned(graph, &node.regions);
        if !concerned {
            return node.regions.iter().for_each(|region| self.region(*region, Some(id)));
        }
        let outside = self.held.clone();
        let mut entry = node.op.bodies.entry(&graph.states, &outside);
        if !is_steady(graph, node, &entry) {
            entry = Held::ANYWHERE;
        }
        let mut left = Vec::with_capacity(node.regions.len());
        for region in &node.regions {
            self.held = entry.clone();
            self.region(*region, Some(id));
            left.push(self.held.clone());
        }
        let left: Vec<&Held> = left.iter().collect();
        self.held = node.op.bodies.exit(graph, &node.regions, outside, &left);
    }

    /// Infers a node again and compares.
    fn infer(&mut self, id: NodeId) -> Result<(), Violation> {
        let graph = self.graph;
        let node = graph.node(id);
        let types = |ids: &[ValueId]| ids.iter().map(|id| graph.value(*id).ty.clone()).collect::<Vec<_>>();
        let operand =
            |id: ValueId| Operand { ty: graph.value(id).ty.clone(), known: self.known[id.index()].as_deref().cloned() };
        let operands: Vec<Option<Operand>> = node.operands.iter().map(|id| id.map(operand)).collect();
        let signature = |id: &RegionId| {
            let region = graph.region(*id);
            Signature { parameters: types(&region.parameters), results: types(&region.results) }
        };
        let signatures: Vec<Signature> = node.regions.iter().map(signature).collect();
        let of_regions = signatures.iter().flat_map(|region| region.parameters.iter().chain(&region.results));
        let of_operands = operands.iter().flatten().map(|operand| &operand.ty);
        if of_regions.chain(of_operands).any(too_deep) {
            // Reported where the value is defined.
            return Ok(());
        }
        check_use(node.op, &node.attrs, &operands, node.regions.len())?;
        check_hints(&node.hints)?;
        if node.op.effects.contains(Effects::DRAWS) && node.draw().is_none() {
            return Err(Violation::new("draw", "the node draws, and doesn't say the number of its draw"));
        }
        if !node.regions.is_empty() {
            let wanted = ops::region_parameters(node.op, &node.attrs, &operands, Some(&signatures))?;
            let differ = signatures.iter().zip(&wanted).any(|(signature, wanted)| signature.parameters != *wanted);
            if differ {
                return Err(unsettled(&signatures, &wanted));
            }
        }
        let states = (&graph.states, &mut self.held);
        let mut inferred = infer_op_after(node.op, &node.attrs, &operands, &signatures, states, node.results.len())?;
        if is_concerned(graph, &node.regions) {
            let outlive = |ty: &Type| node.op.bodies.outlive(&graph.states, &self.held, ty);
            inferred.iter_mut().for_each(|(ty, _)| *ty = outlive(ty));
        }
        let mut wrong = Vec::new();
        for (result, (ty, known)) in node.results.iter().zip(inferred) {
            let declared = &graph.value(*result).ty;
            if too_deep(declared) || *declared != ty {
                let (label, declared) = (graph.value_label(*result), Shown(declared));
                wrong.push(format!("`{label}` has the type {declared}, but inference says {ty}"));
            }
            self.known[result.index()] = known.map(Box::new);
        }
        if wrong.is_empty() { Ok(()) } else { Err(Violation::new("types", wrong.join("; "))) }
    }
}

fn too_deep(ty: &Type) -> bool {
    check_type(ty).is_err_and(|violation| violation.rule == "nesting")
}

/// A type for a message, however deep.
struct Shown<'t>(&'t Type);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if too_deep(self.0) { f.write_str("(nested too deep)") } else { write!(f, "{}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use glassbox_tensor::DType;

    use super::*;
    use crate::text::{ParseOptions, parse};
    use crate::{Dim, Shape, TensorType, ops};

    /// A graph with one node of each kind that matters, to be damaged.
    fn sound() -> Graph {
        let text = r#"graph "g" {
            state @s: f32[?] capacity 4 = f32[2] [1, 2]
            input %x: f32[2, B]
            input %c: bool[]
            %y = softmax(%x) {axis = 1} : f32[2, B]
            %z = if(%c) () { %a = neg(%y) yield %a } () { yield %y } : f32[2, B]
            %n = constant() {value = i64[] 3}
            %r = loop(%n, _, %z) (%i: i64[], %go: bool[], %v: f32[2, B]) { %w = abs(%v) yield %go, %w } : f32[2, B]
            output %r
        }"#;
        parse(text, &ParseOptions::default()).expect("the text is sound")
    }

    /// The rules that the graph breaks once it is damaged.
    fn rules(damage: impl FnOnce(&mut Graph)) -> Vec<&'static str> {
        let mut graph = sound();
        damage(&mut graph);
        match verify(&graph) {
            Ok(()) => Vec::new(),
            Err(errors) => errors.iter().map(|error| error.violation.rule).collect(),
        }
    }

    fn named(graph: &Graph, name: &str) -> ValueId {
        graph.find_value(name).expect("the name is there")
    }

    fn node_of(graph: &Graph, op: &str) -> usize {
        graph.nodes.iter().position(|node| node.op.name == op).expect("the op is there")
    }

    #[test]
    fn a_sound_graph_passes() {
        assert_eq!(verify(&sound()), Ok(()));
        assert_eq!(verify(&Graph::default()), Ok(()));
    }

    #[test]
    fn ids_are_checked_before_they_are_followed() {
        let beyond = 1000;
        assert_eq!(rules(|graph| graph.nodes[0].operands[0] = Some(ValueId(beyond))), ["ids"]);
        assert_eq!(rules(|graph| graph.regions[0].results = vec![ValueId(beyond)]), ["ids"]);
        assert_eq!(rules(|graph| graph.regions[0].nodes.push(NodeId(beyond))), ["ids"]);
        assert_eq!(rules(|graph| graph.nodes[0].regions.push(RegionId(beyond))), ["ids"]);
        assert_eq!(rules(|graph| graph.regions.clear()), ["ids"]);
    }

    #[test]
    fn cycles_and_shared_parts_are_found() {
        assert_eq!(rules(|graph| graph.nodes[0].regions.push(RegionId(0))), ["regions"]);
        assert_eq!(rules(|graph| graph.regions[0].nodes.push(NodeId(0))), ["regions"]);
        let twice = |graph: &mut Graph| {
            let at = node_of(graph, "if");
            graph.nodes[at].regions[1] = graph.nodes[at].regions[0];
        };
        assert_eq!(rules(twice), ["regions"]);
    }

    #[test]
    fn definitions_and_uses_are_checked() {
        let twice = |graph: &mut Graph| graph.regions[0].parameters.push(ValueId(0));
        assert_eq!(rules(twice), ["defined"]);
        let too_early = |graph: &mut Graph| graph.regions[0].nodes.reverse();
        assert!(rules(too_early).contains(&"visible"));
        let from_a_body = |graph: &mut Graph| graph.regions[0].results = vec![named(graph, "a")];
        assert_eq!(rules(from_a_body), ["visible"]);
        let same_name = |graph: &mut Graph| {
            let (x, y) = (named(graph, "x"), named(graph, "y"));
            graph.values[y.index()].name = graph.values[x.index()].name.clone();
        };
        assert_eq!(rules(same_name), ["names"]);
        let no_name = |graph: &mut Graph| graph.values[0].name = Some("".into());
        assert_eq!(rules(no_name), ["names"]);
    }

    #[test]
    fn types_are_what_inference_says() {
        let wrong = |graph: &mut Graph| {
            let y = named(graph, "y");
            graph.values[y.index()].ty = Type::unranked(DType::F32);
        };
        let found = rules(wrong);
        assert!(found.contains(&"types"), "{found:?}");
        let negative = |graph: &mut Graph| graph.values[0].ty = Type::tensor(DType::F32, [-2i64]);
        assert!(rules(negative).contains(&"types"));
        let parameter = |graph: &mut Graph| {
            let v = named(graph, "v");
            graph.values[v.index()].ty = Type::tensor(DType::F32, [2i64, 7]);
        };
        assert!(rules(parameter).contains(&"regions"));
    }

    #[test]
    fn ops_keep_their_declarations() {
        let axis = |graph: &mut Graph| {
            graph.nodes[0].attrs.insert("axis", Attr::Int(5));
        };
        assert_eq!(rules(axis), ["C1"]);
        let kind = |graph: &mut Graph| {
            graph.nodes[0].attrs.insert("axis", Attr::Bool(true));
        };
        assert_eq!(rules(kind), ["attribute"]);
        let unknown = |graph: &mut Graph| {
            graph.nodes[0].attrs.insert("depth", Attr::Int(5));
        };
        assert_eq!(rules(unknown), ["attribute"]);
        assert_eq!(rules(|graph| graph.nodes[0].operands.clear()), ["arity"]);
        let results = |graph: &mut Graph| {
            let at = node_of(graph, "softmax");
            graph.nodes[at].results.clear();
        };
        assert!(rules(results).contains(&"arity"));
        let fewer = |graph: &mut Graph| {
            let at = node_of(graph, "loop");
            graph.nodes[at].regions.clear();
        };
        assert_eq!(rules(fewer), ["regions"]);
        let op = |graph: &mut Graph| graph.nodes[0].op = &ops::scan::OP;
        assert_eq!(rules(op), ["attribute"]);
    }

    #[test]
    fn states_are_checked() {
        assert_eq!(rules(|graph| graph.states.list[0].capacity = Some(1)), ["state"]);
        assert_eq!(rules(|graph| graph.states.list[0].name.clear()), ["state"]);
        assert_eq!(rules(|graph| graph.states.push(graph.states.list[0].clone())), ["state"]);
        let ty = |shape| move |graph: &mut Graph| graph.states.list[0].ty = TensorType { dtype: DType::F32, shape };
        assert_eq!(rules(ty(Shape::Unranked)), ["state"]);
        assert_eq!(rules(ty(Shape::of_rank(2))), ["state"]);
        assert_eq!(rules(ty(Shape::Ranked(vec![Dim::Int(2)]))), ["state"]);
    }

    #[test]
    fn hints_are_checked() {
        let hint = |name: &'static str, advice: Attr| {
            rules(move |graph| graph.nodes[0].hints = Hints::from([(name.to_owned(), advice)]))
        };
        assert_eq!(hint("fuse", Attr::Bool(true)), Vec::<&str>::new());
        assert_eq!(hint("", Attr::Bool(true)), ["hint"]);
        let deep = (0..1000).fold(Type::scalar(DType::F32), |ty, _| Type::sequence(ty));
        assert_eq!(hint("like", Attr::Type(deep)), ["nesting"]);
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |graph: &mut Graph| {
            let deep = (0..1000).fold(Type::scalar(DType::F32), |ty, _| Type::sequence(ty));
            graph.values[0].ty = deep;
        };
        assert_eq!(rules(nested), ["types"]);
        let regions = |graph: &mut Graph| {
            for _ in 0..5000 {
                let (node, region) = (graph.nodes.len() as u32, graph.regions.len() as u32);
                let mut call = graph.nodes[0].clone();
                (call.op, call.operands, call.results) = (&ops::call::OP, Vec::new(), Vec::new());
                call.regions = vec![RegionId(region)];
                graph.nodes.push(call);
                graph.regions.last_mut().expect("there is a body").nodes.push(NodeId(node));
                graph.regions.push(Default::default());
            }
        };
        assert!(rules(regions).contains(&"nesting"));
    }

    #[test]
    fn all_errors_are_reported() {
        let found = rules(|graph| {
            graph.nodes[0].attrs.insert("axis", Attr::Int(5));
            graph.states.list[0].name.clear();
            graph.regions[0].results = vec![named(graph, "a")];
        });
        assert_eq!(found, ["state", "C1", "visible"]);
    }
}
