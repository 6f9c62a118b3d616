//! The states of a session: tensors that live from run to run.

use std::collections::BTreeMap;

use glassbox_ir::{Graph, State};
use glassbox_tensor::{Overflow, Tensor, TensorError};

use crate::error::KernelError;
use crate::interpreter::{Precision, promote};

/// What the states of a graph hold, by name.
#[derive(Clone, Debug, Default)]
pub struct States(BTreeMap<String, Tensor>);

impl States {
    /// Every state of `graph` as it is at the start.
    pub fn initial(graph: &Graph, precision: Precision) -> Result<States, TensorError> {
        let states = graph.states.iter().map(|state| Ok((state.name.clone(), initial(state, precision)?)));
        states.collect::<Result<_, _>>().map(States)
    }

    /// What a state holds.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name)
    }

    pub(crate) fn read(&self, name: &str) -> Result<Tensor, KernelError> {
        let state = self.0.get(name).cloned();
        state.ok_or_else(|| KernelError::Internal(format!("state `{name}` isn't there")))
    }

    /// New contents for a state, within its capacity.
    pub(crate) fn write(&mut self, state: &State, tensor: Tensor) -> Result<(), KernelError> {
        let growing = state.ty.dims().and_then(|dims| dims.iter().position(|dim| dim.as_int().is_none()));
        let extent = growing.and_then(|axis| tensor.shape().get(axis)).copied().unwrap_or(0);
        if let Some(capacity) = state.capacity.filter(|capacity| extent as u64 > *capacity) {
            let message = format!("`{}` would hold {extent}, its capacity is {capacity}", state.name);
            return Err(KernelError::invalid("capacity", message));
        }
        self.0.insert(state.name.clone(), tensor);
        Ok(())
    }
}

/// What a state holds at the start.
pub(crate) fn initial(state: &State, precision: Precision) -> Result<Tensor, TensorError> {
    let dtype = promote(state.ty.dtype, precision);
    match &state.initial {
        Some(tensor) if tensor.dtype() == dtype => Ok(tensor.clone()),
        Some(tensor) => tensor.cast(dtype, Overflow::Wrap),
        None => {
            let dims = state.ty.dims().unwrap_or_default();
            let sizes: Vec<usize> = dims.iter().map(|dim| dim.as_size().unwrap_or(0)).collect();
            Tensor::zeros(dtype, &sizes)
        }
    }
}
