//! The ops that the interpreter runs itself: bodies, parameters, functions of the host. Those on states are in
//! [`state_ops`](crate::state_ops).

use glassbox_ir::infer::normalise_axis;
use glassbox_ir::{AttrView, Node, NodeId, Type, ValueId};
use glassbox_tensor::{Overflow, Tensor};

use crate::error::{KernelError, RunError};
use crate::host::HostError;
use crate::interpreter::{Run, Scope, promote, promote_value};
use crate::kernels::concat::concatenate;
use crate::value::Value;

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

pub(crate) type Results = Result<Vec<Value>, Stop>;

impl Run<'_> {
    /// Runs a control op.
    pub(crate) fn control(
        &mut self,
        scope: &mut Scope,
        id: NodeId,
        node: &Node,
        inputs: Vec<Option<Value>>,
    ) -> Result<Vec<Value>, RunError> {
        let graph = scope.graph;
        let results = match node.op.name {
            "if" => self.run_if(scope, id, node, &inputs),
            "loop" => self.run_loop(scope, id, node, inputs),
            "scan" => self.run_scan(scope, id, node, inputs),
            "call" => {
                self.body(scope, id, node.regions[0], None, inputs.into_iter().flatten().collect()).map_err(Stop::Run)
            }
            "barrier" => Ok(inputs.into_iter().flatten().collect()),
            name if name.starts_with("state_") => self.run_state(scope, id, node, &inputs),
            "parameter" => self.run_parameter(scope, node),
            "host" => self.run_host(node, inputs),
            other => Err(KernelError::Internal(format!("`{other}` isn't known to the interpreter")).into()),
        };
        results.map_err(|stop| match stop {
            Stop::Run(error) => error,
            Stop::Kernel(error) => RunError::Node { op: node.op.name, node: graph.node_label(id), error },
        })
    }

    fn run_if(&mut self, scope: &mut Scope, id: NodeId, node: &Node, inputs: &[Option<Value>]) -> Results {
        let region = if truth(inputs, 0)?.unwrap_or(false) { node.regions[0] } else { node.regions[1] };
        self.body(scope, id, region, None, Vec::new()).map_err(Stop::Run)
    }

    fn run_loop(&mut self, scope: &mut Scope, id: NodeId, node: &Node, mut inputs: Vec<Option<Value>>) -> Results {
        let count = match inputs.first().and_then(Option::as_ref) {
            Some(value) => Some(tensor(value)?.item::<i64>()?.max(0) as u64),
            None => None,
        };
        let mut going = truth(&inputs, 1)?.unwrap_or(true);
        let mut carried: Vec<Value> = inputs.drain(inputs.len().min(2)..).flatten().collect();
        let states = carried.len();
        let mut scans: Vec<Vec<Tensor>> = vec![Vec::new(); node.results.len() - states];
        let mut turn = 0;
        while going && count.is_none_or(|count| turn < count) {
            self.check_turns(scope.graph, id, turn).map_err(Stop::Run)?;
            let mut arguments = vec![Tensor::scalar(turn as i64).into(), Tensor::scalar(going).into()];
            arguments.append(&mut carried);
            let mut results = self.body(scope, id, node.regions[0], Some(turn), arguments).map_err(Stop::Run)?;
            going = tensor(&results[0])?.item::<bool>()?;
            keep(&mut scans, &results[1 + states..])?;
            results.truncate(1 + states);
            carried.extend(results.drain(1..));
            turn += 1;
        }
        for (slices, result) in scans.iter().zip(&node.results[states..]) {
            carried.push(self.stack(slices, 0, scope, *result)?.into());
        }
        Ok(carried)
    }

    fn run_scan(&mut self, scope: &mut Scope, id: NodeId, node: &Node, inputs: Vec<Option<Value>>) -> Results {
        let attr = AttrView::new(node.op, &node.attrs);
        let mut carried: Vec<Value> = inputs.into_iter().flatten().collect();
        let sources = carried.split_off(carried.len() - attr.int("num_scan_inputs") as usize);
        let states = carried.len();
        let at = |name: &str, index: usize| attr.ints(name).and_then(|values| values.get(index)).copied().unwrap_or(0);
        let mut inputs = Vec::new();
        for (index, source) in sources.iter().enumerate() {
            let source = tensor(source)?;
            let axis = normalise_axis("C3", at("scan_input_axes", index), source.rank())?;
            inputs.push((source, axis, at("scan_input_directions", index) == 1));
        }
        let turns = inputs.first().map_or(0, |(source, axis, _)| source.shape()[*axis]);
        if inputs.iter().any(|(source, axis, _)| source.shape()[*axis] != turns) {
            return Err(KernelError::invalid("C4", "scan inputs have different extents").into());
        }
        let mut scans: Vec<Vec<Tensor>> = vec![Vec::new(); node.results.len() - states];
        for turn in 0..turns {
            let mut arguments = std::mem::take(&mut carried);
            for (source, axis, backward) in &inputs {
                let place = if *backward { turns - 1 - turn } else { turn };
                arguments.push(source.slice_axis(*axis, place, 1, 1)?.squeeze_axis(*axis)?.into());
            }
            let mut results = self.body(scope, id, node.regions[0], Some(turn as u64), arguments).map_err(Stop::Run)?;
            keep(&mut scans, &results[states..])?;
            results.truncate(states);
            carried = results;
        }
        for (index, slices) in scans.iter_mut().enumerate() {
            if at("scan_output_directions", index) == 1 {
                slices.reverse();
            }
            let rank = slices.first().map_or(1, |slice| slice.rank() + 1);
            let axis = normalise_axis("C3", at("scan_output_axes", index), rank)?;
            carried.push(self.stack(slices, axis, scope, node.results[states + index])?.into());
        }
        Ok(carried)
    }

    fn run_parameter(&mut self, scope: &Scope, node: &Node) -> Results {
        let attr = AttrView::new(node.op, &node.attrs);
        let tensor = self.params().load(attr.str("name")).map_err(KernelError::from)?;
        let declared = &scope.graph.value(node.results[0]).ty;
        if !declared.admits(&type_of(&tensor)) {
            let message = format!("the source gave {}, the graph says {declared}", type_of(&tensor));
            return Err(KernelError::invalid("C1", message).into());
        }
        let dtype = promote(tensor.dtype(), self.precision());
        Ok(vec![if dtype == tensor.dtype() { tensor } else { tensor.cast(dtype, Overflow::Wrap)? }.into()])
    }

    fn run_host(&mut self, node: &Node, inputs: Vec<Option<Value>>) -> Results {
        let attr = AttrView::new(node.op, &node.attrs);
        let (function, declared) = (attr.str("function"), attr.ty("type"));
        let inputs: Vec<Value> = inputs.into_iter().flatten().collect();
        let value = self.host.call(function, &inputs).map_err(KernelError::from)?;
        if !declared.admits(&value.ty()) {
            let error = HostError(format!("`{function}` gave {}, the graph says {declared}", value.ty()));
            return Err(KernelError::from(error).into());
        }
        Ok(vec![promote_value(&value, self.precision())?])
    }

    /// Slices of all turns, stacked along a new axis. Without a turn, an extent of zero: of the dims that
    /// are known, and zero for those that aren't.
    fn stack(&self, slices: &[Tensor], axis: usize, scope: &Scope, result: ValueId) -> Result<Tensor, KernelError> {
        if slices.is_empty() {
            let ty = &scope.graph.value(result).ty;
            let dims = ty.as_tensor().and_then(|tensor| tensor.dims()).unwrap_or_default();
            let mut sizes: Vec<usize> = dims.iter().map(|dim| dim.as_size().unwrap_or(0)).collect();
            match sizes.get_mut(axis) {
                Some(size) => *size = 0,
                None => sizes = vec![0],
            }
            return Ok(Tensor::zeros(promote(ty.dtype(), self.precision()), &sizes)?);
        }
        let parts = slices.iter().map(|slice| slice.expand_dims(axis)).collect::<Result<Vec<_>, _>>()?;
        concatenate(&parts.iter().collect::<Vec<_>>(), axis)
    }
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
