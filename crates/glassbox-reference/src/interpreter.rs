//! Running a graph, node by node.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use glassbox_ir::{
    AttrView, BuildError, Dim, Graph, Known, Node, NodeId, Operand, RegionId, TensorType, Tier, Type, ValueId,
    decompose, infer_op,
};
use glassbox_tensor::{DType, NoParams, Overflow, ParamSource, Tensor};

use crate::call::{Call, Outcome};
use crate::checks::{check_inputs, check_params, check_results};
use crate::error::{KernelError, RunError};
use crate::host::{Host, NoHost};
use crate::kernels;
use crate::observer::{Event, Frame, Nothing, Observer};
use crate::plan::Plan;
use crate::states::{States, Transaction};
use crate::value::Value;

/// In which dtype floats are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Precision {
    /// In the dtype that the graph says.
    #[default]
    Declared,
    /// f16, bf16 and f32 are carried as f64, from the inputs to the outputs; casts between them don't round.
    Precise,
}

/// How a session runs.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// In which dtype floats are carried.
    pub precision: Precision,
    /// Where a run stops with an error.
    pub limits: Limits,
    /// The seed of ops that draw at random and have no seed of their own.
    pub seed: u64,
}

/// Where a run stops with an error.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most bytes that the results of one node may take.
    pub bytes: usize,
    /// The most turns that one loop may take.
    pub turns: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { bytes: memory_of_machine().unwrap_or(8 << 30), turns: 100_000_000 }
    }
}

/// The main memory, where the system tells.
fn memory_of_machine() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok()?.checked_mul(1024)
}

/// A graph that can be run, with its states and its parameters.
pub struct Session {
    program: Arc<Program>,
    params: Arc<dyn ParamSource>,
    states: States,
    /// The states as they are at the start.
    initial: States,
    options: Options,
    decompositions: HashMap<Use, Arc<Program>>,
}

/// A graph and the plan of its values.
struct Program {
    /// Unlike that of any other program: an address would come again after the program is gone.
    identity: u64,
    graph: Graph,
    plan: Plan,
}

/// A use of a composite with operands of certain types: what its decomposition depends on.
#[derive(PartialEq, Eq, Hash)]
struct Use {
    program: u64,
    node: NodeId,
    types: Vec<Option<Type>>,
    contents: Vec<Option<Vec<u8>>>,
}

/// The most decompositions that a session keeps; past it they are made anew.
const MAX_DECOMPOSITIONS: usize = 4096;

/// The values of a graph that are alive.
type Environment = Vec<Option<Value>>;

/// One run of a session.
pub(crate) struct Run<'s> {
    options: &'s Options,
    params: &'s dyn ParamSource,
    decompositions: &'s mut HashMap<Use, Arc<Program>>,
    pub(crate) states: Transaction<'s>,
    pub(crate) initial: &'s States,
    observer: &'s mut dyn Observer,
    pub(crate) host: &'s mut dyn Host,
    path: Vec<Frame>,
    draws: u64,
    /// How many decompositions the run is inside of.
    depth: usize,
}

/// One graph within a run: the session's own, or that of a decomposition.
pub(crate) struct Scope<'p> {
    pub(crate) graph: &'p Graph,
    plan: &'p Plan,
    identity: u64,
    pub(crate) values: Environment,
}

static NEXT_PROGRAM: AtomicU64 = AtomicU64::new(0);

impl Program {
    fn new(graph: Graph) -> Arc<Program> {
        let most = graph.walk().iter().flat_map(|node| graph.node(*node).regions.clone()).map(RegionId::index).max();
        let plan = Plan::new(&graph, most.unwrap_or(0) + 1);
        Arc::new(Program { identity: NEXT_PROGRAM.fetch_add(1, Ordering::Relaxed), graph, plan })
    }
}

impl Session {
    /// A session that runs `graph`, with its states as at the start. It has no parameters.
    pub fn new(graph: Graph, options: Options) -> Result<Session, KernelError> {
        let initial = States::initial(&graph, options.precision)?;
        let (program, params, states) = (Program::new(graph), Arc::new(NoParams), initial.clone());
        Ok(Session { program, params, states, initial, options, decompositions: HashMap::new() })
    }

    /// Another session of the same graph, with the same parameters and options, and its states as at the start.
    /// What doesn't change is shared.
    pub fn fork(&self) -> Session {
        Session {
            program: self.program.clone(),
            params: self.params.clone(),
            states: self.initial.clone(),
            initial: self.initial.clone(),
            options: self.options.clone(),
            decompositions: HashMap::new(),
        }
    }

    /// The same session, whose `parameter` nodes read from `params`: every parameter that the graph names
    /// must be there, in the dtype and of the dims that it says.
    pub fn with_params(mut self, params: Arc<dyn ParamSource>) -> Result<Session, RunError> {
        check_params(self.graph(), params.as_ref())?;
        self.params = params;
        Ok(self)
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.program.graph
    }

    /// What the states hold.
    pub fn states(&self) -> &States {
        &self.states
    }

    /// Gives a state other contents: of its dtype and dims, within its capacity.
    pub fn set_state(&mut self, name: &str, contents: Tensor) -> Result<(), KernelError> {
        let program = self.program.clone();
        let Some(state) = program.graph.state(name) else {
            let names: Vec<&str> = program.graph.states().iter().map(|state| state.name.as_str()).collect();
            return Err(KernelError::invalid("state", format!("no state is named `{name}`; there are {names:?}")));
        };
        let carried = TensorType { dtype: promote(state.ty.dtype, self.options.precision), ..state.ty.clone() };
        let given = Type::tensor(contents.dtype(), contents.shape().iter().copied());
        if !Type::from(carried).admits(&given) {
            return Err(KernelError::invalid("state", format!("`{name}` is {}, and can't be {given}", state.ty)));
        }
        self.states.write(state, contents)
    }

    /// Every state as at the start.
    pub fn reset(&mut self) -> Result<(), KernelError> {
        self.states = self.initial.clone();
        Ok(())
    }

    /// Runs the graph once: the outputs, in order. After an error the states are what they were before.
    pub fn run(&mut self, inputs: &[Value]) -> Result<Vec<Value>, RunError> {
        self.run_observed(inputs, &mut Nothing)
    }

    /// Runs the graph once and shows `observer` every value as it is made.
    pub fn run_observed(&mut self, inputs: &[Value], observer: &mut dyn Observer) -> Result<Vec<Value>, RunError> {
        self.run_with(inputs, observer, &mut NoHost)
    }

    /// Runs the graph once, as [`Session::run_observed`] does; its `host` nodes call the functions of `host`.
    pub fn run_with(
        &mut self,
        inputs: &[Value],
        observer: &mut dyn Observer,
        host: &mut dyn Host,
    ) -> Result<Vec<Value>, RunError> {
        check_inputs(self.graph(), inputs)?;
        let precision = self.options.precision;
        let inputs = inputs.iter().map(|value| promote_value(value, precision)).collect::<Result<Vec<_>, _>>();
        let inputs = inputs.map_err(|error| RunError::Inputs(error.to_string()))?;
        let Session { program, params, states, initial, options, decompositions } = self;
        let states = Transaction::new(states);
        let (path, params) = (Vec::new(), params.as_ref());
        let mut run =
            Run { options, params, decompositions, states, initial, observer, host, path, draws: 0, depth: 0 };
        let outputs = run.program(program, inputs)?;
        run.states.commit();
        Ok(outputs)
    }
}

impl Run<'_> {
    /// Runs a whole graph.
    fn program(&mut self, program: &Program, inputs: Vec<Value>) -> Result<Vec<Value>, RunError> {
        let mut scope = Scope {
            graph: &program.graph,
            plan: &program.plan,
            identity: program.identity,
            values: vec![None; program.graph.value_count()],
        };
        self.region(&mut scope, program.graph.body(), inputs)
    }

    /// Runs a region with these arguments: its results.
    pub(crate) fn region(
        &mut self,
        scope: &mut Scope,
        id: RegionId,
        arguments: Vec<Value>,
    ) -> Result<Vec<Value>, RunError> {
        let graph = scope.graph;
        let region = graph.region(id);
        for (parameter, argument) in region.parameters.iter().zip(arguments) {
            scope.values[parameter.index()] = Some(argument);
        }
        for (place, node) in region.nodes.iter().enumerate() {
            self.node(scope, *node)?;
            for value in scope.plan.dead(id, place) {
                scope.values[value.index()] = None;
            }
        }
        let results = region.results.iter().map(|id| {
            let value = scope.values[id.index()].clone();
            value.ok_or_else(|| RunError::Inputs(format!("`{}` has no value", graph.value_label(*id))))
        });
        let results = results.collect();
        for value in scope.plan.own(id) {
            scope.values[value.index()] = None;
        }
        results
    }

    /// Runs a node, keeps its results and shows them.
    fn node(&mut self, scope: &mut Scope, id: NodeId) -> Result<(), RunError> {
        let graph = scope.graph;
        let node = graph.node(id);
        let fail = |error| RunError::Node { op: node.op.name, node: graph.node_label(id), error };
        let inputs = inputs_of(scope, node).map_err(fail)?;
        let started = Instant::now();
        let results = match node.op.tier {
            Tier::Control => self.control(scope, id, node, inputs)?,
            tier => self.operation(scope, id, node, inputs, tier)?,
        };
        let time = started.elapsed();
        if self.depth == 0 || self.observer.inside_composites() {
            let (path, states) = (&self.path[..], self.states.all());
            let event = Event { graph, node: id, path, results: &results, states, started, time };
            if self.observer.observe(&event).is_break() {
                return Err(RunError::Stopped { node: graph.node_label(id) });
            }
        }
        for (result, value) in node.results.iter().zip(results) {
            scope.values[result.index()] = Some(value);
        }
        Ok(())
    }

    /// Runs a primitive or a composite: checks, computes, checks again.
    fn operation(
        &mut self,
        scope: &Scope,
        id: NodeId,
        node: &Node,
        inputs: Vec<Option<Value>>,
        tier: Tier,
    ) -> Result<Vec<Value>, RunError> {
        let graph = scope.graph;
        let fail = |error| RunError::Node { op: node.op.name, node: graph.node_label(id), error };
        let operands = operands_of(graph, node, &inputs);
        let outputs = node.results.len();
        let inferred = infer_op(node.op, &node.attrs, &operands, &[], graph.states(), outputs);
        let inferred = inferred.map_err(|violation| fail(violation.into()))?;
        let precision = self.options.precision;
        let types: Vec<Type> = inferred.into_iter().map(|(ty, _)| promote_type(&ty, precision)).collect();
        self.check_memory(graph, id, &types)?;
        let results = match tier {
            Tier::Composite(_) => {
                let program = self.decomposition(scope, id, node, &operands, outputs).map_err(|e| fail(e.into()))?;
                self.path.push(Frame { node: graph.node_label(id), op: node.op.name, turn: None });
                self.depth += 1;
                let results = self.program(&program, inputs.into_iter().flatten().collect())?;
                self.depth -= 1;
                self.path.pop();
                results
            }
            _ => {
                self.draws += 1;
                let seed = self.options.seed ^ self.draws.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let attr = AttrView::new(node.op, &node.attrs);
                run_kernel(&Call { op: node.op, attr, inputs: &inputs, types: &types, seed }).map_err(fail)?
            }
        };
        check_results(&types, &results).map_err(fail)?;
        Ok(results)
    }

    /// The results of a node fit the memory limit.
    pub(crate) fn check_memory(&self, graph: &Graph, id: NodeId, types: &[Type]) -> Result<(), RunError> {
        let limit = self.options.limits.bytes;
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
        Err(RunError::Limit {
            op: graph.node(id).op.name,
            node: graph.node_label(id),
            limit: format!("the result {} is larger than the limit of {limit} bytes", results.join(", ")),
        })
    }

    /// The graph that a use of a composite stands for; made once for operands of the same types.
    fn decomposition(
        &mut self,
        scope: &Scope,
        id: NodeId,
        node: &Node,
        operands: &[Option<Operand>],
        outputs: usize,
    ) -> Result<Arc<Program>, BuildError> {
        let contents = |operand: &Option<Operand>| operand.as_ref()?.known.as_ref()?.tensor()?.to_bytes().ok();
        let key = Use {
            program: scope.identity,
            node: id,
            types: operands.iter().map(|operand| Some(operand.as_ref()?.ty.clone())).collect(),
            contents: operands.iter().map(contents).collect(),
        };
        if let Some(program) = self.decompositions.get(&key) {
            return Ok(program.clone());
        }
        let program = Program::new(decompose(node.op, &node.attrs, operands, outputs)?);
        if self.decompositions.len() >= MAX_DECOMPOSITIONS {
            self.decompositions.clear();
        }
        self.decompositions.insert(key, program.clone());
        Ok(program)
    }

    /// Where parameters are read from.
    pub(crate) fn params(&self) -> &dyn ParamSource {
        self.params
    }

    /// In which dtype floats are carried.
    pub(crate) fn precision(&self) -> Precision {
        self.options.precision
    }

    /// Runs a body that is a turn of `node`.
    pub(crate) fn body(
        &mut self,
        scope: &mut Scope,
        id: NodeId,
        region: RegionId,
        turn: Option<u64>,
        arguments: Vec<Value>,
    ) -> Result<Vec<Value>, RunError> {
        let node = scope.graph.node(id);
        self.path.push(Frame { node: scope.graph.node_label(id), op: node.op.name, turn });
        let results = self.region(scope, region, arguments);
        self.path.pop();
        results
    }

    /// An error where a loop has taken as many turns as the limit allows.
    pub(crate) fn check_turns(&self, graph: &Graph, id: NodeId, turns: u64) -> Result<(), RunError> {
        let limit = self.options.limits.turns;
        if turns < limit {
            return Ok(());
        }
        let limit = format!("the loop has taken {turns} turns, as many as the limit allows");
        Err(RunError::Limit { op: graph.node(id).op.name, node: graph.node_label(id), limit })
    }
}

fn inputs_of(scope: &Scope, node: &Node) -> Result<Vec<Option<Value>>, KernelError> {
    let value = |id: ValueId| {
        let value = scope.values[id.index()].clone();
        value.ok_or_else(|| KernelError::Internal(format!("`{}` has no value", scope.graph.value_label(id))))
    };
    node.operands.iter().map(|operand| operand.map(value).transpose()).collect()
}

/// What inference is told of the operands: the dtypes that the graph declares, the true sizes, and
/// the contents of those that shape the results.
fn operands_of(graph: &Graph, node: &Node, inputs: &[Option<Value>]) -> Vec<Option<Operand>> {
    let operand = |(index, value): (usize, &Option<Value>)| {
        let value = value.as_ref()?;
        let declared = node.operands.get(index).copied().flatten().map(|id| graph.value(id).ty.clone());
        let ty = match (value, declared) {
            (Value::Tensor(tensor), Some(declared)) => {
                TensorType::new(declared.dtype(), tensor.shape().iter().map(|size| Dim::from(*size))).into()
            }
            (_, Some(declared)) => declared,
            (value, None) => value.ty(),
        };
        let shapes = node.op.input(index).is_some_and(|input| input.shapes);
        let known = value.as_tensor().filter(|_| shapes).map(|tensor| Known::Tensor(tensor.clone()));
        Some(Operand { ty, known })
    };
    inputs.iter().enumerate().map(operand).collect()
}

/// Runs the kernel of a primitive. A panic in it is a bug of ours, and an error like any other.
fn run_kernel(call: &Call) -> Outcome {
    let Some(kernel) = kernels::find(call.op.name) else {
        return Err(KernelError::Internal(format!("`{}` has no reference kernel", call.op.name)));
    };
    catch_unwind(AssertUnwindSafe(|| kernel(call))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(KernelError::Internal(format!("the kernel panicked: {}", text.unwrap_or("no message"))))
    })
}

/// The dtype in which values of `dtype` are carried.
pub(crate) fn promote(dtype: DType, precision: Precision) -> DType {
    match (precision, dtype) {
        (Precision::Precise, DType::F16 | DType::BF16 | DType::F32) => DType::F64,
        _ => dtype,
    }
}

fn promote_type(ty: &Type, precision: Precision) -> Type {
    match ty {
        Type::Tensor(tensor) => {
            TensorType { dtype: promote(tensor.dtype, precision), shape: tensor.shape.clone() }.into()
        }
        Type::Sequence(element) => Type::sequence(promote_type(element, precision)),
        Type::Optional(element) => Type::optional(promote_type(element, precision)),
    }
}

pub(crate) fn promote_value(value: &Value, precision: Precision) -> Result<Value, glassbox_tensor::TensorError> {
    value.map(&|tensor: &Tensor| match promote(tensor.dtype(), precision) {
        dtype if dtype == tensor.dtype() => Ok(tensor.clone()),
        dtype => tensor.cast(dtype, Overflow::Wrap),
    })
}
