//! A run that is under way: which bodies it is in, how far it has come in each, and the values that are alive.
//!
//! The bodies stand on a stack of [`Activation`]s, so that a run can be left after any node and taken up again, and
//! nesting takes no stack of the machine. A node that is no body gives its results at once; one with bodies is
//! entered, and gives them when its last turn has ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use glassbox_exec::{Event, EventSource, Flow, Frame, KernelError, Progress, RunContext, RunError, Value, Wants};
use glassbox_ir::{Graph, NodeId, RegionId, Tier, Type, ValueId};
use glassbox_tensor::{DType, Interrupt, Tensor};

use crate::control::Turns;
use crate::program::PlannedGraph;
use crate::session::Prepared;
use crate::states::Transaction;

/// See the [module](self).
pub(crate) struct Execution {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) states: Transaction,
    /// The graphs that it is in: the session's, and in it decompositions.
    scopes: Vec<Scope>,
    activations: Vec<Activation>,
    pub(crate) path: Vec<Frame>,
}

/// One graph within a run.
struct Scope {
    program: Arc<PlannedGraph>,
    /// The values that are alive.
    values: Vec<Option<Value>>,
}

/// A region that is running.
struct Activation {
    region: RegionId,
    /// The node that comes next.
    place: usize,
    body: Body,
    /// When the node that it belongs to began, where somebody sees it.
    started: Option<Instant>,
}

/// What a region is a body of.
pub(crate) enum Body {
    /// The session's graph.
    Whole,
    /// The decomposition of a composite, whose results have these types.
    Composite(NodeId, Vec<Type>),
    /// The body of a node, which runs once or in turns.
    Node(NodeId, Turns),
}

/// What a node does when its turn comes.
pub(crate) enum Begun {
    /// It gives its results.
    Results(Vec<Value>),
    /// It runs its region with these arguments first.
    Body { region: RegionId, turns: Turns, arguments: Vec<Value> },
    /// It runs its decomposition with these arguments first.
    Composite { program: Arc<PlannedGraph>, types: Vec<Type>, arguments: Vec<Value> },
}

/// What is the same for all nodes between two pauses.
pub(crate) struct Surroundings<'c, 'r> {
    pub(crate) context: &'c mut RunContext<'r>,
    /// What the observer wants, if there is one.
    wants: Option<Wants>,
    /// Says to long kernels when to give up, where anybody may ask for it.
    pub(crate) interrupt: Option<Interrupt>,
}

impl Execution {
    /// A run of a prepared graph that is at its beginning.
    pub(crate) fn new(prepared: Arc<Prepared>, states: Transaction, inputs: Vec<Value>) -> Execution {
        let program = prepared.program.clone();
        let mut execution =
            Execution { prepared, states, scopes: Vec::new(), activations: Vec::new(), path: Vec::new() };
        let body = program.graph.body();
        execution.scopes.push(Scope { values: vec![None; program.graph.value_count()], program });
        execution.enter(body, Body::Whole, inputs, None);
        execution
    }

    /// The states as the run has left them, with what is needed to go back. The run is over.
    pub(crate) fn take_states(&mut self) -> Transaction {
        self.activations.clear();
        self.scopes.clear();
        std::mem::take(&mut self.states)
    }

    /// Goes on, to the end or until the observer pauses it.
    pub(crate) fn resume(&mut self, context: &mut RunContext) -> Result<Progress, RunError> {
        let wants = context.observer.as_ref().map(|observer| observer.wants());
        let interrupt = interrupt(context);
        let mut around = Surroundings { context, wants, interrupt };
        loop {
            let (Some(scope), Some(top)) = (self.scopes.last(), self.activations.last()) else {
                return Err(RunError::Session("the run is over"));
            };
            let program = scope.program.clone();
            let region = program.graph.region(top.region);
            let flow = match region.nodes.get(top.place) {
                Some(node) => self.node(&program, *node, &mut around)?,
                None => match self.end_of_region(&program, &mut around)? {
                    Ended::Run(outputs) => return Ok(Progress::Done(outputs)),
                    Ended::Region(flow) => flow,
                },
            };
            if flow == Flow::Pause {
                return Ok(Progress::Paused);
            }
        }
    }

    /// The node that comes next: it gives its results, or its body is entered.
    fn node(&mut self, program: &PlannedGraph, id: NodeId, around: &mut Surroundings) -> Result<Flow, RunError> {
        let graph = &program.graph;
        if let Some(why) = around.context.interruption() {
            return Err(RunError::Interrupted { why, node: graph.node_label(id) });
        }
        let node = graph.node(id);
        let started = around.wants.is_some().then(Instant::now);
        if let Some(results) = self.supplied(graph, id, started, around)? {
            self.keep(program, id, results);
            return Ok(Flow::Continue);
        }
        if self.scopes.len() == 1
            && let Some(scope) = self.scopes.last()
            && let Some(results) = self.computed(program, id, &scope.values, around)
        {
            return self.end_of_node(program, id, results?, started, around);
        }
        let begun = match node.op.tier {
            Tier::Control => {
                let inputs = self.inputs_of(graph, id)?.into_iter().map(|input| input.cloned()).collect();
                self.control(graph, id, node, inputs, around)?
            }
            _ => self.operation(program, id, node, &self.inputs_of(graph, id)?, around)?,
        };
        match begun {
            Begun::Results(results) => return self.end_of_node(program, id, results, started, around),
            Begun::Body { region, turns, arguments } => {
                self.path.push(Frame { graph: graph.clone(), node: id, turn: turns.turn() });
                self.enter(region, Body::Node(id, turns), arguments, started);
            }
            Begun::Composite { program, types, arguments } => {
                self.path.push(Frame { graph: graph.clone(), node: id, turn: None });
                let region = program.graph.body();
                self.scopes.push(Scope { values: vec![None; program.graph.value_count()], program });
                self.enter(region, Body::Composite(id, types), arguments, started);
            }
        }
        Ok(Flow::Continue)
    }

    /// What the observer gives in the place of running a node.
    fn supplied(
        &self,
        graph: &Arc<Graph>,
        id: NodeId,
        started: Option<Instant>,
        around: &mut Surroundings,
    ) -> Result<Option<Vec<Value>>, RunError> {
        let (Some(observer), Some(wants), Some(started)) = (&mut around.context.observer, around.wants, started) else {
            return Ok(None);
        };
        let node = graph.node(id);
        let plain = node.regions.is_empty() && node.op.effects.is_pure();
        if !wants.replaces || self.scopes.len() != 1 || !plain {
            return Ok(None);
        }
        let values = self.scopes.last().map(|scope| &scope.values[..]).unwrap_or_default();
        let source = Source { graph, node: id, values, results: &[], states: &self.states };
        let event = Event { graph, node: id, path: &self.path, started, time: Duration::ZERO, source: &source };
        let Some(results) = observer.supply(&event)? else { return Ok(None) };
        check_supplied(graph, id, &results)?;
        Ok(Some(results))
    }

    /// A node has given its results: they are shown and kept, and what is dead is freed.
    fn end_of_node(
        &mut self,
        program: &PlannedGraph,
        id: NodeId,
        mut results: Vec<Value>,
        started: Option<Instant>,
        around: &mut Surroundings,
    ) -> Result<Flow, RunError> {
        let graph = &program.graph;
        let values = self.scopes.last().map(|scope| &scope.values[..]).unwrap_or_default();
        let mut replaced = None;
        let flow = match (&mut around.context.observer, around.wants) {
            (Some(observer), Some(wants)) if wants.inside || self.scopes.len() == 1 => {
                let now = Instant::now();
                let started = started.unwrap_or(now);
                let source = Source { graph, node: id, values, results: &results, states: &self.states };
                let (path, time) = (&self.path[..], now.saturating_duration_since(started));
                let event = Event { graph, node: id, path, started, time, source: &source };
                let flow = observer.observe(&event)?;
                if wants.replaces && self.scopes.len() == 1 {
                    replaced = observer.replace(&event)?;
                }
                flow
            }
            _ => Flow::Continue,
        };
        if let Some(replaced) = replaced {
            check_replaced(graph, id, &results, &replaced)?;
            results = replaced;
        }
        if flow == Flow::Stop {
            return Err(RunError::Stopped { node: graph.node_label(id) });
        }
        self.keep(program, id, results);
        Ok(flow)
    }

    /// Keeps the results of a node, frees what is dead after it, and goes on to the next.
    fn keep(&mut self, program: &PlannedGraph, id: NodeId, results: Vec<Value>) {
        if let (Some(scope), Some(top)) = (self.scopes.last_mut(), self.activations.last_mut()) {
            for (result, value) in program.graph.node(id).results.iter().zip(results) {
                scope.values[result.index()] = Some(value);
            }
            for value in program.plan.dead(top.region, top.place) {
                scope.values[value.index()] = None;
            }
            top.place += 1;
        }
    }

    /// All nodes of the region on top have been run.
    fn end_of_region(&mut self, program: &PlannedGraph, around: &mut Surroundings) -> Result<Ended, RunError> {
        let (Some(scope), Some(activation)) = (self.scopes.last_mut(), self.activations.pop()) else {
            return Err(RunError::Session("the run is over"));
        };
        let (graph, region) = (&program.graph, activation.region);
        let results = graph.region(region).results.iter().map(|id| value_of(&scope.values, graph, *id).cloned());
        let results =
            results.collect::<Result<Vec<Value>, _>>().map_err(|error| RunError::Inputs(error.to_string()))?;
        for value in program.plan.own(region) {
            scope.values[value.index()] = None;
        }
        let (id, graph, results) = match activation.body {
            Body::Whole => return Ok(Ended::Run(results)),
            Body::Composite(id, types) => {
                self.scopes.pop();
                let outer = self.owner()?;
                self.check_results(&outer.graph, id, &types, &results)?;
                (id, outer, results)
            }
            Body::Node(id, turns) => match self.end_of_turn(graph, id, turns, results)? {
                Begun::Body { region, turns, arguments } => {
                    if let Some(frame) = self.path.last_mut() {
                        frame.turn = turns.turn();
                    }
                    self.enter(region, Body::Node(id, turns), arguments, activation.started);
                    return Ok(Ended::Region(Flow::Continue));
                }
                Begun::Results(results) => (id, self.owner()?, results),
                Begun::Composite { .. } => return Err(RunError::Session("a body can't become a composite")),
            },
        };
        self.path.pop();
        self.end_of_node(&graph, id, results, activation.started, around).map(Ended::Region)
    }

    /// The program of the scope on top.
    fn owner(&self) -> Result<Arc<PlannedGraph>, RunError> {
        self.scopes.last().map(|scope| scope.program.clone()).ok_or(RunError::Session("the run is over"))
    }

    /// Puts a region on top, with the values that it is given.
    fn enter(&mut self, region: RegionId, body: Body, arguments: Vec<Value>, started: Option<Instant>) {
        if let Some(scope) = self.scopes.last_mut() {
            let graph = scope.program.graph.clone();
            for (parameter, argument) in graph.region(region).parameters.iter().zip(arguments) {
                scope.values[parameter.index()] = Some(argument);
            }
        }
        self.activations.push(Activation { region, place: 0, body, started });
    }

    fn inputs_of(&self, graph: &Graph, id: NodeId) -> Result<Vec<Option<&Value>>, RunError> {
        let node = graph.node(id);
        let values = self.scopes.last().map(|scope| &scope.values[..]).unwrap_or_default();
        let operands = node.operands.iter().map(|operand| operand.map(|id| value_of(values, graph, id)).transpose());
        operands.collect::<Result<_, _>>().map_err(|error| fail(graph, id, error))
    }

    /// The results of a node fit the memory limit.
    pub(crate) fn check_memory(&self, graph: &Graph, id: NodeId, types: &[Type]) -> Result<(), RunError> {
        let limit = self.prepared.options.limits.bytes;
        let size = |ty: &Type| {
            let Type::Tensor(tensor) = ty else { return Some(0) };
            let Some(sizes) = tensor.shape.sizes() else { return Some(0) };
            let elements = sizes.iter().try_fold(1usize, |product, size| product.checked_mul(*size))?;
            if tensor.dtype == DType::String { elements.checked_mul(24) } else { tensor.dtype.byte_len(elements) }
        };
        let total = types.iter().try_fold(0usize, |total, ty| total.checked_add(size(ty)?));
        if total.is_some_and(|total| total <= limit) {
            return Ok(());
        }
        let results: Vec<String> = types.iter().map(Type::to_string).collect();
        let limit = format!("the result {} is larger than the limit of {limit} bytes", results.join(", "));
        Err(limit_of(graph, id, limit))
    }

    /// An error where a loop has taken as many turns as the limit allows.
    pub(crate) fn check_turns(&self, graph: &Graph, id: NodeId, turns: u64) -> Result<(), RunError> {
        if turns < self.prepared.options.limits.turns {
            return Ok(());
        }
        let limit = format!("the loop has taken {turns} turns, as many as the limit allows");
        Err(limit_of(graph, id, limit))
    }
}

/// What has come to its end.
enum Ended {
    /// The run, with these outputs.
    Run(Vec<Value>),
    /// A region.
    Region(Flow),
}

/// What stands in the place of results has their types.
fn check_replaced(graph: &Graph, id: NodeId, results: &[Value], replaced: &[Value]) -> Result<(), RunError> {
    let types = |values: &[Value]| values.iter().map(|value| value.ty().to_string()).collect::<Vec<_>>().join(", ");
    let (given, wanted) = (types(replaced), types(results));
    if given == wanted {
        return Ok(());
    }
    let message = format!("its results are {wanted}; they can't be replaced by {given}");
    Err(fail(graph, id, KernelError::invalid("replace", message)))
}

/// What stands in the place of results that weren't computed is as many values, which fit what was inferred of their dims.
fn check_supplied(graph: &Graph, id: NodeId, supplied: &[Value]) -> Result<(), RunError> {
    let results = &graph.node(id).results;
    let fits = |(result, value): (&ValueId, &Value)| match (&graph.value(*result).ty, value) {
        (Type::Tensor(declared), Value::Tensor(tensor)) => {
            declared.shape.sizes().is_none_or(|sizes| sizes == tensor.shape())
        }
        (Type::Tensor(_), _) | (_, Value::Tensor(_)) => false,
        _ => true,
    };
    if results.len() == supplied.len() && results.iter().zip(supplied).all(fits) {
        return Ok(());
    }
    let wanted: Vec<String> = results.iter().map(|result| graph.value(*result).ty.to_string()).collect();
    let given: Vec<String> = supplied.iter().map(|value| value.ty().to_string()).collect();
    let message = format!("its results are {}; {} can't stand in their place", wanted.join(", "), given.join(", "));
    Err(fail(graph, id, KernelError::invalid("supply", message)))
}

/// The values that an event can be asked for.
struct Source<'a> {
    graph: &'a Graph,
    node: NodeId,
    /// Those that are alive in the graph.
    values: &'a [Option<Value>],
    results: &'a [Value],
    states: &'a Transaction,
}

impl EventSource for Source<'_> {
    fn result(&self, index: usize) -> Result<Value, RunError> {
        self.results.get(index).cloned().ok_or(RunError::Session("the node has fewer results than were asked for"))
    }

    fn operand(&self, index: usize) -> Result<Option<Value>, RunError> {
        let operand = self.graph.node(self.node).operands.get(index);
        let operand = operand.ok_or(RunError::Session("the node has fewer operands than were asked for"))?;
        let value = operand.map(|id| value_of(self.values, self.graph, id).cloned()).transpose();
        value.map_err(|error| fail(self.graph, self.node, error))
    }

    fn state(&self, name: &str) -> Result<Tensor, RunError> {
        self.states.all().get(name).cloned().map_err(|error| RunError::Inputs(error.to_string()))
    }
}

/// What kernels ask whether to go on, where anybody may want them not to.
fn interrupt(context: &RunContext) -> Option<Interrupt> {
    let (cancel, deadline) = (context.cancel.clone(), context.deadline);
    if cancel.is_none() && deadline.is_none() {
        return None;
    }
    Some(Arc::new(move || {
        cancel.as_ref().is_some_and(|cancel| cancel.is_cancelled()) || deadline.is_some_and(|end| Instant::now() >= end)
    }))
}

fn value_of<'v>(values: &'v [Option<Value>], graph: &Graph, id: ValueId) -> Result<&'v Value, KernelError> {
    let value = values.get(id.index()).and_then(Option::as_ref);
    value.ok_or_else(|| KernelError::Internal(format!("`{}` has no value", graph.value_label(id))))
}

/// The error of a node.
pub(crate) fn fail(graph: &Graph, id: NodeId, error: KernelError) -> RunError {
    let onnx = graph.onnx_op(id).map(Box::from);
    RunError::Node { op: graph.node(id).op.name, node: graph.node_label(id), onnx, error: Box::new(error) }
}

fn limit_of(graph: &Graph, id: NodeId, limit: String) -> RunError {
    let onnx = graph.onnx_op(id).map(Box::from);
    RunError::Limit { op: graph.node(id).op.name, node: graph.node_label(id), onnx, limit }
}
