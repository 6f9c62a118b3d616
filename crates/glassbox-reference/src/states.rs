//! The states of a session: tensors that live from run to run.
//!
//! A run changes them in place, through a [`Transaction`] that knows how to take everything back: what a state
//! held before it was replaced, or the regions that were overwritten, whichever is less. So one write costs what
//! is written, not what the state holds, and after an error the states are what they were.

use std::collections::BTreeMap;

use glassbox_ir::{Dim, Graph, State, TensorType};
use glassbox_tensor::{Class, Overflow, Tensor, TensorError};

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

    /// New contents for a state.
    pub(crate) fn write(&mut self, state: &State, tensor: Tensor) -> Result<(), KernelError> {
        check_contents(state, tensor.shape())?;
        self.0.insert(state.name.clone(), tensor);
        Ok(())
    }
}

/// A state can have these extents: those that it declares, and no more than its capacity.
pub(crate) fn check_contents(state: &State, extents: &[usize]) -> Result<(), KernelError> {
    let dims = state.ty.dims().unwrap_or_default();
    let differs = |(dim, extent): (&Dim, &usize)| dim.as_size().is_some_and(|size| size != *extent);
    if dims.len() != extents.len() || dims.iter().zip(extents).any(differs) {
        let given = TensorType::new(state.ty.dtype, extents.iter().copied());
        return Err(KernelError::invalid("state", format!("`{}` is {}, and can't hold {given}", state.name, state.ty)));
    }
    let Some(capacity) = state.capacity else { return Ok(()) };
    match state.growing().first().map(|axis| extents[*axis]).filter(|extent| *extent as u64 > capacity) {
        Some(extent) => {
            let message = format!("`{}` would hold {extent}, its capacity is {capacity}", state.name);
            Err(KernelError::invalid("capacity", message))
        }
        None => Ok(()),
    }
}

/// What a state holds at the start. Zeros take no memory until they are overwritten.
fn initial(state: &State, precision: Precision) -> Result<Tensor, TensorError> {
    let dtype = promote(state.ty.dtype, precision);
    match &state.initial {
        Some(tensor) if tensor.dtype() == dtype => Ok(tensor.clone()),
        Some(tensor) => tensor.cast(dtype, Overflow::Wrap),
        None => {
            let dims = state.ty.dims().unwrap_or_default();
            let sizes: Vec<usize> = dims.iter().map(|dim| dim.as_size().unwrap_or(0)).collect();
            match dtype.class() {
                Class::Block => Tensor::zeros(dtype, &sizes),
                _ => Tensor::zeros(dtype, &[])?.broadcast_to(&sizes),
            }
        }
    }
}

/// What one run does to the states. Dropped without [`Transaction::commit`], it takes everything back.
pub(crate) struct Transaction<'s> {
    states: &'s mut States,
    /// What the states held that the run has changed, by name.
    before: BTreeMap<String, Before>,
}

/// What a state held at the beginning of a run, as far as it is needed to go back.
enum Before {
    /// All of it.
    Whole(Tensor),
    /// The regions that were overwritten since.
    Regions(Regions),
}

/// What the regions of a state held before they were overwritten, and where each begins, in order.
#[derive(Default)]
struct Regions {
    overwritten: Vec<(Vec<usize>, Tensor)>,
    bytes: usize,
}

/// About what remembering a region takes beside its elements.
const REGION_BYTES: usize = 200;

impl Regions {
    /// Remembers what a region holds. Once that would take more than the state itself, gives all that the state
    /// held at the beginning instead.
    fn remember(&mut self, held: &Tensor, starts: &[usize], sizes: &[usize]) -> Result<Option<Tensor>, TensorError> {
        let old = held.region(starts, sizes)?;
        self.bytes = self.bytes.saturating_add(REGION_BYTES).saturating_add(stored_bytes(&old));
        if self.bytes <= stored_bytes(held) {
            self.overwritten.push((starts.to_vec(), old.copied()?));
            return Ok(None);
        }
        let mut first = held.copied()?;
        self.restore(&mut first)?;
        Ok(Some(first))
    }

    /// Puts back what the regions held, the last first. After an error it can be tried again.
    fn restore(&self, tensor: &mut Tensor) -> Result<(), TensorError> {
        self.overwritten.iter().rev().try_for_each(|(starts, old)| tensor.overwrite(starts, old))
    }
}

impl<'s> Transaction<'s> {
    pub(crate) fn new(states: &'s mut States) -> Transaction<'s> {
        Transaction { states, before: BTreeMap::new() }
    }

    /// What all states hold now.
    pub(crate) fn all(&self) -> &States {
        self.states
    }

    /// What a state holds now.
    pub(crate) fn get(&self, name: &str) -> Result<&Tensor, KernelError> {
        self.states.get(name).ok_or_else(|| missing(name))
    }

    /// New contents for a state.
    pub(crate) fn replace(&mut self, state: &State, tensor: Tensor) -> Result<(), KernelError> {
        check_contents(state, tensor.shape())?;
        self.swap(&state.name, tensor)
    }

    /// Writes x into the region of a state that begins at `starts`; the state has that region.
    pub(crate) fn overwrite(&mut self, name: &str, starts: &[usize], x: &Tensor) -> Result<(), KernelError> {
        let held = self.states.0.get_mut(name).ok_or_else(|| missing(name))?;
        if held.shape() == x.shape() {
            return self.swap(name, x.clone());
        }
        match self.before.get_mut(name) {
            Some(Before::Whole(_)) => {}
            Some(Before::Regions(regions)) => {
                if let Some(first) = regions.remember(held, starts, x.shape())? {
                    self.before.insert(name.to_owned(), Before::Whole(first));
                }
            }
            // Writing makes a copy whatever we do: the original needn't be copied too.
            None if !held.is_sole_owner() => drop(self.before.insert(name.to_owned(), Before::Whole(held.clone()))),
            None => {
                let mut regions = Regions::default();
                let whole = regions.remember(held, starts, x.shape())?;
                self.before.insert(name.to_owned(), whole.map_or(Before::Regions(regions), Before::Whole));
            }
        }
        Ok(held.overwrite(starts, x)?)
    }

    /// Puts a tensor in the place of what a state holds.
    fn swap(&mut self, name: &str, tensor: Tensor) -> Result<(), KernelError> {
        let held = self.states.0.get_mut(name).ok_or_else(|| missing(name))?;
        if let Some(Before::Regions(regions)) = self.before.get(name) {
            regions.restore(held)?;
        }
        let old = std::mem::replace(held, tensor);
        if !matches!(self.before.get(name), Some(Before::Whole(_))) {
            self.before.insert(name.to_owned(), Before::Whole(old));
        }
        Ok(())
    }

    /// Keeps what the run did.
    pub(crate) fn commit(mut self) {
        self.before.clear();
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        for (name, before) in std::mem::take(&mut self.before) {
            let restored = match before {
                Before::Whole(tensor) => {
                    self.states.0.insert(name.clone(), tensor);
                    Ok(())
                }
                Before::Regions(regions) => match self.states.0.get_mut(&name) {
                    Some(held) => regions.restore(held),
                    None => Ok(()),
                },
            };
            if restored.is_err() {
                // No memory to go back with. What the state held is lost, and whoever asks for it is told so.
                self.states.0.remove(&name);
            }
        }
    }
}

/// About how many bytes a tensor takes in memory of its own.
fn stored_bytes(tensor: &Tensor) -> usize {
    tensor.byte_len().unwrap_or_else(|| tensor.len().saturating_mul(size_of::<String>()))
}

fn missing(name: &str) -> KernelError {
    let message = format!(
        "state `{name}` isn't there: there was too little memory to take back a run that failed; reset the session"
    );
    KernelError::invalid("state", message)
}
