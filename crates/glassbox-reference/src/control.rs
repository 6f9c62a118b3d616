//! The ops that the interpreter runs itself: bodies, parameters, functions of the host. Those on states are in
//! [`state_ops`](crate::state_ops).

use glassbox_exec::{Host, HostError, KernelError, NoHost, RunError, Value};
use glassbox_ir::infer::normalise_axis;
use glassbox_ir::{AttrView, Graph, Node, NodeId, Type, ValueId};
use glassbox_tensor::Tensor;

use crate::execution::{Begun, Execution, Surroundings, fail};
use crate::kernels::concat::concatenate;

/// The error of a control op, before the node is known.
pub(crate) enum Stop {
    Kernel(KernelError),
    Run(RunError),
}

impl<E: Into<KernelError>> From<E> for Stop {
    fn from(error: E) -> Stop {
        Stop::Kernel(error.into())
    }
}

/// The turns of a body, and what goes from each to the next.
pub(crate) enum Turns {
    /// It runs once.
    Once,
    /// The body of a loop.
    Loop(LoopTurns),
    /// The body of a scan.
    Scan(ScanTurns),
}

/// How far a loop has come.
pub(crate) struct LoopTurns {
    count: Option<u64>,
    turn: u64,
    going: bool,
    carried: Vec<Value>,
    /// The slices that each turn gave, for each result that is stacked.
    scans: Vec<Vec<Tensor>>,
}

/// How far a scan has come.
pub(crate) struct ScanTurns {
    turns: usize,
    turn: usize,
    carried: Vec<Value>,
    sources: Vec<ScanSource>,
    scans: Vec<Vec<Tensor>>,
}

/// An operand whose slices a scan is given one by one.
struct ScanSource {
    tensor: Tensor,
    axis: usize,
    backward: bool,
}

impl Turns {
    /// Which turn it is, where there are turns.
    pub(crate) fn turn(&self) -> Option<u64> {
        match self {
            Turns::Once => None,
            Turns::Loop(state) => Some(state.turn),
            Turns::Scan(state) => Some(state.turn as u64),
        }
    }
}

impl LoopTurns {
    fn goes_on(&self) -> bool {
        self.going && self.count.is_none_or(|count| self.turn < count)
    }
}

impl ScanTurns {
    /// What the body is given in this turn.
    fn arguments(&mut self) -> Result<Vec<Value>, KernelError> {
        let mut arguments = std::mem::take(&mut self.carried);
        for source in &self.sources {
            let place = if source.backward { self.turns - 1 - self.turn } else { self.turn };
            arguments.push(source.tensor.slice_axis(source.axis, place, 1, 1)?.squeeze_axis(source.axis)?.into());
        }
        Ok(arguments)
    }
}

type Results = Result<Begun, Stop>;

impl Execution {
    /// Begins a control op.
    pub(crate) fn control(
        &mut self,
        graph: &Graph,
        id: NodeId,
        node: &Node,
        inputs: Vec<Option<Value>>,
        around: &mut Surroundings,
    ) -> Result<Begun, RunError> {
        let begun = match node.op.name {
            "if" => begin_if(node, &inputs),
            "loop" => self.begin_loop(graph, id, node, inputs),
            "scan" => self.begin_scan(graph, node, inputs),
            "call" => {
                let arguments = inputs.into_iter().flatten().collect();
                Ok(Begun::Body { region: node.regions[0], turns: Turns::Once, arguments })
            }
            "barrier" => Ok(Begun::Results(inputs.into_iter().flatten().collect())),
            _ if node.op.state_attr().is_some() => self.run_state(graph, id, node, &inputs).map(Begun::Results),
            "parameter" => self.run_parameter(graph, node).map(Begun::Results),
            "host" => self.run_host(node, inputs, around).map(Begun::Results),
            other => Err(KernelError::Internal(format!("`{other}` isn't known to the interpreter")).into()),
        };
        begun.map_err(|stop| stopped(graph, id, stop))
    }

    /// A turn of the body of a node has ended: the next one, or the node's results.
    pub(crate) fn end_of_turn(
        &mut self,
        graph: &Graph,
        id: NodeId,
        turns: Turns,
        results: Vec<Value>,
    ) -> Result<Begun, RunError> {
        let node = graph.node(id);
        let begun = match turns {
            Turns::Once => Ok(Begun::Results(results)),
            Turns::Loop(state) => self.end_of_loop_turn(graph, id, node, state, results),
            Turns::Scan(state) => self.end_of_scan_turn(graph, node, state, results),
        };
        begun.map_err(|stop| stopped(graph, id, stop))
    }

    fn begin_loop(&mut self, graph: &Graph, id: NodeId, node: &Node, mut inputs: Vec<Option<Value>>) -> Results {
        let count = match inputs.first().and_then(Option::as_ref) {
            Some(value) => Some(tensor(value)?.item::<i64>()?.max(0) as u64),
            None => None,
        };
        let going = truth(&inputs, 1)?.unwrap_or(true);
        let carried: Vec<Value> = inputs.drain(inputs.len().min(2)..).flatten().collect();
        let scans = vec![Vec::new(); node.results.len() - carried.len()];
        self.next_loop_turn(graph, id, node, LoopTurns { count, turn: 0, going, carried, scans })
    }

    fn next_loop_turn(&mut self, graph: &Graph, id: NodeId, node: &Node, mut state: LoopTurns) -> Results {
        if state.goes_on() {
            self.check_turns(graph, id, state.turn).map_err(Stop::Run)?;
            let mut arguments = vec![Tensor::scalar(state.turn as i64).into(), Tensor::scalar(state.going).into()];
            arguments.append(&mut state.carried);
            return Ok(Begun::Body { region: node.regions[0], turns: Turns::Loop(state), arguments });
        }
        let mut results = state.carried;
        let carried = results.len();
        for (slices, result) in state.scans.iter().zip(&node.results[carried..]) {
            results.push(self.stack(slices, 0, graph, *result)?.into());
        }
        Ok(Begun::Results(results))
    }

    fn end_of_loop_turn(
        &mut self,
        graph: &Graph,
        id: NodeId,
        node: &Node,
        mut state: LoopTurns,
        mut results: Vec<Value>,
    ) -> Results {
        let carried = node.results.len() - state.scans.len();
        state.going = tensor(&results[0])?.item::<bool>()?;
        keep(&mut state.scans, &results[1 + carried..])?;
        results.truncate(1 + carried);
        state.carried.extend(results.drain(1..));
        state.turn += 1;
        self.next_loop_turn(graph, id, node, state)
    }

    fn begin_scan(&mut self, graph: &Graph, node: &Node, inputs: Vec<Option<Value>>) -> Results {
        let attr = AttrView::new(node.op, &node.attrs);
        let mut carried: Vec<Value> = inputs.into_iter().flatten().collect();
        let scanned = carried.split_off(carried.len() - attr.int("num_scan_inputs") as usize);
        let mut sources = Vec::new();
        for (index, source) in scanned.iter().enumerate() {
            let tensor = tensor(source)?.clone();
            let axis = normalise_axis("C3", at(&attr, "scan_input_axes", index), tensor.rank())?;
            let backward = at(&attr, "scan_input_directions", index) == 1;
            sources.push(ScanSource { tensor, axis, backward });
        }
        let extent = |source: &ScanSource| source.tensor.shape()[source.axis];
        let turns = sources.first().map_or(0, extent);
        if sources.iter().any(|source| extent(source) != turns) {
            return Err(KernelError::invalid("C4", "scan inputs have different extents").into());
        }
        let scans = vec![Vec::new(); node.results.len() - carried.len()];
        self.next_scan_turn(graph, node, ScanTurns { turns, turn: 0, carried, sources, scans })
    }

    fn next_scan_turn(&mut self, graph: &Graph, node: &Node, mut state: ScanTurns) -> Results {
        if state.turn < state.turns {
            let arguments = state.arguments()?;
            return Ok(Begun::Body { region: node.regions[0], turns: Turns::Scan(state), arguments });
        }
        let attr = AttrView::new(node.op, &node.attrs);
        let mut results = state.carried;
        let carried = results.len();
        for (index, slices) in state.scans.iter_mut().enumerate() {
            if at(&attr, "scan_output_directions", index) == 1 {
                slices.reverse();
            }
            let rank = slices.first().map_or(1, |slice| slice.rank() + 1);
            let axis = normalise_axis("C3", at(&attr, "scan_output_axes", index), rank)?;
            results.push(self.stack(slices, axis, graph, node.results[carried + index])?.into());
        }
        Ok(Begun::Results(results))
    }

    fn end_of_scan_turn(
        &mut self,
        graph: &Graph,
        node: &Node,
        mut state: ScanTurns,
        mut results: Vec<Value>,
    ) -> Results {
        let carried = node.results.len() - state.scans.len();
        keep(&mut state.scans, &results[carried..])?;
        results.truncate(carried);
        state.carried = results;
        state.turn += 1;
        self.next_scan_turn(graph, node, state)
    }

    fn run_parameter(&mut self, graph: &Graph, node: &Node) -> Result<Vec<Value>, Stop> {
        let attr = AttrView::new(node.op, &node.attrs);
        let tensor = self.prepared.params.load(attr.str("name")).map_err(KernelError::from)?;
        let declared = &graph.value(node.results[0]).ty;
        if !declared.admits(&type_of(&tensor)) {
            let message = format!("the source gave {}, the graph says {declared}", type_of(&tensor));
            return Err(KernelError::invalid("C1", message).into());
        }
        Ok(vec![self.prepared.options.precision.carry_tensor(&tensor)?.into()])
    }

    fn run_host(
        &mut self,
        node: &Node,
        inputs: Vec<Option<Value>>,
        around: &mut Surroundings,
    ) -> Result<Vec<Value>, Stop> {
        let attr = AttrView::new(node.op, &node.attrs);
        let (function, declared) = (attr.str("function"), attr.ty("type"));
        let inputs: Vec<Value> = inputs.into_iter().flatten().collect();
        let value = match &mut around.context.host {
            Some(host) => host.call(function, &inputs),
            None => NoHost.call(function, &inputs),
        };
        let value = value.map_err(KernelError::from)?;
        if !declared.admits(&value.ty()) {
            let error = HostError(format!("`{function}` gave {}, the graph says {declared}", value.ty()));
            return Err(KernelError::from(error).into());
        }
        Ok(vec![self.prepared.options.precision.carry(&value)?])
    }

    /// Slices of all turns, stacked along a new axis. Without a turn, an extent of zero: of the dims that
    /// are known, and zero for those that aren't.
    fn stack(&self, slices: &[Tensor], axis: usize, graph: &Graph, result: ValueId) -> Result<Tensor, KernelError> {
        if slices.is_empty() {
            let ty = &graph.value(result).ty;
            let dims = ty.as_tensor().and_then(|tensor| tensor.dims()).unwrap_or_default();
            let mut sizes: Vec<usize> = dims.iter().map(|dim| dim.as_size().unwrap_or(0)).collect();
            match sizes.get_mut(axis) {
                Some(size) => *size = 0,
                None => sizes = vec![0],
            }
            return Ok(Tensor::zeros(self.prepared.options.precision.carried(ty.dtype()), &sizes)?);
        }
        let parts = slices.iter().map(|slice| slice.expand_dims(axis)).collect::<Result<Vec<_>, _>>()?;
        concatenate(&parts.iter().collect::<Vec<_>>(), axis)
    }
}

fn begin_if(node: &Node, inputs: &[Option<Value>]) -> Results {
    let region = if truth(inputs, 0)?.unwrap_or(false) { node.regions[0] } else { node.regions[1] };
    Ok(Begun::Body { region, turns: Turns::Once, arguments: Vec::new() })
}

fn stopped(graph: &Graph, id: NodeId, stop: Stop) -> RunError {
    match stop {
        Stop::Run(error) => error,
        Stop::Kernel(error) => fail(graph, id, error),
    }
}

/// The integer in place `index` of an attribute that may be shorter, or absent.
fn at(attr: &AttrView, name: &str, index: usize) -> i64 {
    attr.ints(name).and_then(|values| values.get(index)).copied().unwrap_or(0)
}

pub(crate) fn type_of(tensor: &Tensor) -> Type {
    Type::tensor(tensor.dtype(), tensor.shape().iter().copied())
}

pub(crate) fn missing() -> KernelError {
    KernelError::Internal("an operand is missing".to_owned())
}

pub(crate) fn tensor(value: &Value) -> Result<&Tensor, KernelError> {
    value.as_tensor().ok_or_else(|| KernelError::Internal("a tensor was expected".to_owned()))
}

/// The one truth value of an operand that may be left out.
fn truth(inputs: &[Option<Value>], index: usize) -> Result<Option<bool>, KernelError> {
    let Some(value) = inputs.get(index).and_then(Option::as_ref) else { return Ok(None) };
    let condition = tensor(value)?;
    if condition.len() != 1 {
        return Err(KernelError::invalid("C1", format!("the condition has {} elements", condition.len())));
    }
    Ok(Some(condition.item::<bool>()?))
}

/// Keeps the slices that one turn gave.
fn keep(scans: &mut [Vec<Tensor>], slices: &[Value]) -> Result<(), KernelError> {
    for (scan, slice) in scans.iter_mut().zip(slices) {
        scan.push(tensor(slice)?.clone());
    }
    Ok(())
}
