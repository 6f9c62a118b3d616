//! The states of a session: tensors that live from run to run.
//!
//! A run changes them in place, through a [`Transaction`] that knows how to take everything back: what a state
//! held before it was replaced, or the regions that were overwritten, whichever is less. So one write costs what
//! is written, not what the state holds, and after an error the states are what they were.

use std::collections::BTreeMap;

use glassbox_ir::{Graph, State};
use glassbox_tensor::{Class, Overflow, Tensor, TensorError};

use glassbox_exec::checks::check_contents;
use glassbox_exec::{KernelError, Precision};

use crate::kernels::concat::concatenate;

/// What the states of a graph hold, by name. Clones share it until one of them is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct States {
    held: BTreeMap<String, Tensor>,
    /// For states that were made longer: the memory that the next elements go to.
    room: BTreeMap<String, Room>,
}

/// A tensor of which a state holds the first part along an axis.
#[derive(Clone, Debug)]
struct Room {
    whole: Tensor,
    axis: usize,
}

/// Room for this many elements along an axis is made at least.
const MIN_ROOM: usize = 16;

impl States {
    /// Every state of `graph` as it is at the start.
    pub(crate) fn initial(graph: &Graph, precision: Precision) -> Result<States, TensorError> {
        let states = graph.states().iter().map(|state| Ok((state.name.clone(), initial(state, precision)?)));
        Ok(States { held: states.collect::<Result<_, TensorError>>()?, room: BTreeMap::new() })
    }

    /// What a state holds.
    pub(crate) fn get(&self, name: &str) -> Result<&Tensor, KernelError> {
        self.held.get(name).ok_or_else(|| missing(name))
    }

    /// New contents for a state, which it can hold.
    pub(crate) fn write(&mut self, name: &str, tensor: Tensor) {
        self.room.remove(name);
        self.held.insert(name.to_owned(), tensor);
    }

    /// Cuts a state to the first `extent` along an axis, which it has.
    pub(crate) fn truncate(&mut self, name: &str, axis: usize, extent: usize) -> Result<(), KernelError> {
        let cut = self.get(name)?.slice_axis(axis, 0, extent, 1)?;
        self.held.insert(name.to_owned(), cut);
        Ok(())
    }

    /// Puts x behind what a state holds along an axis: in place, where there is room and nobody else has its memory.
    fn append(&mut self, state: &State, axis: usize, x: &Tensor) -> Result<(), KernelError> {
        let name = state.name.as_str();
        let held = self.held.remove(name).ok_or_else(|| missing(name))?;
        let old = held.shape()[axis];
        let new = old.saturating_add(x.shape()[axis]);
        let room = self.room.remove(name).filter(|room| room.axis == axis && room.whole.shape()[axis] >= new);
        // What is held is the first part of it; without that view it may be nobody else's.
        let (held, own) = match room {
            Some(room) => {
                drop(held);
                let own = room.whole.is_sole_owner();
                (room.whole.slice_axis(axis, 0, old, 1)?, own.then_some(room.whole))
            }
            None => (held, None),
        };
        let made = own.map_or_else(|| room_after(&held, state, axis, new), Ok);
        let mut whole = match made {
            Ok(whole) => {
                drop(held);
                whole
            }
            Err(error) => {
                self.held.insert(name.to_owned(), held);
                return Err(error.into());
            }
        };
        let mut starts = vec![0; whole.rank()];
        starts[axis] = old;
        let written = whole.overwrite(&starts, x);
        let extent = if written.is_ok() { new } else { old };
        self.held.insert(name.to_owned(), whole.slice_axis(axis, 0, extent, 1)?);
        self.room.insert(name.to_owned(), Room { whole, axis });
        Ok(written?)
    }
}

/// A tensor that begins with what is held, with room for `new` elements along an axis and for about as many more.
fn room_after(held: &Tensor, state: &State, axis: usize, new: usize) -> Result<Tensor, TensorError> {
    let most = state.capacity.and_then(|capacity| usize::try_from(capacity).ok()).unwrap_or(usize::MAX);
    let mut sizes = held.shape().to_vec();
    sizes[axis] = new.saturating_mul(2).max(MIN_ROOM).min(most).max(new);
    held.extended(&sizes, None).or_else(|_| {
        sizes[axis] = new;
        held.extended(&sizes, None)
    })
}

/// What a state holds at the start. Zeros take no memory until they are overwritten.
pub(crate) fn initial(state: &State, precision: Precision) -> Result<Tensor, TensorError> {
    let dtype = precision.carried(state.ty.dtype);
    match &state.initial {
        Some(tensor) => {
            let dims = state.ty.dims().unwrap_or_default();
            // One stands for all along an axis that doesn't grow.
            let sizes = dims.iter().zip(tensor.shape()).map(|(dim, held)| dim.as_size().unwrap_or(*held));
            let whole = tensor.broadcast_to(&sizes.collect::<Vec<_>>())?;
            if whole.dtype() == dtype { Ok(whole) } else { whole.cast(dtype, Overflow::Wrap) }
        }
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

/// What one run does to the states: kept by [`Transaction::commit`], taken back by [`Transaction::rollback`].
#[derive(Default)]
pub(crate) struct Transaction {
    states: States,
    /// What the states held that the run has changed, by name.
    before: BTreeMap<String, Before>,
}

/// What a state held at the beginning of a run, as far as it is needed to go back.
enum Before {
    /// All of it.
    Whole(Tensor),
    /// The first `extent` along an axis of what it holds now.
    Shorter { axis: usize, extent: usize },
    /// The regions that were overwritten since.
    Parts(Overwritten),
}

/// What the regions of a state held before they were overwritten, and where each begins, in order.
#[derive(Default)]
struct Overwritten {
    overwritten: Vec<(Vec<usize>, Tensor)>,
    bytes: usize,
}

/// About what remembering a region takes beside its elements.
const REGION_BYTES: usize = 200;

impl Overwritten {
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

impl Transaction {
    pub(crate) fn new(states: States) -> Transaction {
        Transaction { states, before: BTreeMap::new() }
    }

    /// What all states hold now.
    pub(crate) fn all(&self) -> &States {
        &self.states
    }

    /// What a state holds now.
    pub(crate) fn get(&self, name: &str) -> Result<&Tensor, KernelError> {
        self.states.get(name)
    }

    /// New contents for a state.
    pub(crate) fn replace(&mut self, state: &State, tensor: Tensor) -> Result<(), KernelError> {
        check_contents(state, tensor.shape())?;
        self.swap(&state.name, tensor)
    }

    /// Writes x into the region of a state that begins at `starts`; the state has that region.
    pub(crate) fn overwrite(&mut self, name: &str, starts: &[usize], x: &Tensor) -> Result<(), KernelError> {
        self.settle(name)?;
        let held = self.states.held.get_mut(name).ok_or_else(|| missing(name))?;
        if held.shape() == x.shape() {
            return self.swap(name, x.clone());
        }
        match self.before.get_mut(name) {
            Some(Before::Whole(_) | Before::Shorter { .. }) => {}
            Some(Before::Parts(regions)) => {
                if let Some(first) = regions.remember(held, starts, x.shape())? {
                    self.before.insert(name.to_owned(), Before::Whole(first));
                }
            }
            // Writing makes a copy whatever we do: the original needn't be copied too.
            None if !held.is_sole_owner() => drop(self.before.insert(name.to_owned(), Before::Whole(held.clone()))),
            None => {
                let mut regions = Overwritten::default();
                let whole = regions.remember(held, starts, x.shape())?;
                self.before.insert(name.to_owned(), whole.map_or(Before::Parts(regions), Before::Whole));
            }
        }
        Ok(held.overwrite(starts, x)?)
    }

    /// Puts x behind what a state holds along an axis; the state can hold both.
    pub(crate) fn append(&mut self, state: &State, axis: usize, x: &Tensor) -> Result<Tensor, KernelError> {
        let name = state.name.as_str();
        let held = self.get(name)?;
        let others = |tensor: &Tensor| -> Vec<usize> {
            tensor.shape().iter().enumerate().filter(|(other, _)| *other != axis).map(|(_, size)| *size).collect()
        };
        if held.rank() != x.rank() || others(held) != others(x) {
            let message = format!("{:?} and {:?} don't fit side by side", held.shape(), x.shape());
            return Err(KernelError::invalid("C2", message));
        }
        // Blocks can't be written one by one.
        if held.dtype().class() == Class::Block {
            let longer = concatenate(&[held, x], axis)?;
            self.swap(name, longer)?;
            return Ok(self.get(name)?.clone());
        }
        let extent = held.shape()[axis];
        match self.before.get(name) {
            Some(Before::Whole(_)) => {}
            Some(Before::Shorter { axis: known, .. }) if *known == axis => {}
            None => drop(self.before.insert(name.to_owned(), Before::Shorter { axis, extent })),
            Some(Before::Parts(_) | Before::Shorter { .. }) => {
                let held = self.get(name)?.clone();
                self.swap(name, held)?;
            }
        }
        self.states.append(state, axis, x)?;
        Ok(self.get(name)?.clone())
    }

    /// Before a state is changed otherwise than by making it longer: it has memory of its own, and what it held is known as
    /// a tensor.
    fn settle(&mut self, name: &str) -> Result<(), KernelError> {
        self.states.room.remove(name);
        if let Some(Before::Shorter { axis, extent }) = self.before.get(name) {
            let before = self.get(name)?.slice_axis(*axis, 0, *extent, 1)?;
            self.before.insert(name.to_owned(), Before::Whole(before));
        }
        Ok(())
    }

    /// Puts a tensor in the place of what a state holds.
    fn swap(&mut self, name: &str, tensor: Tensor) -> Result<(), KernelError> {
        self.settle(name)?;
        let held = self.states.held.get_mut(name).ok_or_else(|| missing(name))?;
        if let Some(Before::Parts(regions)) = self.before.get(name) {
            regions.restore(held)?;
        }
        let old = std::mem::replace(held, tensor);
        if !matches!(self.before.get(name), Some(Before::Whole(_))) {
            self.before.insert(name.to_owned(), Before::Whole(old));
        }
        Ok(())
    }

    /// Keeps what the run did.
    pub(crate) fn commit(self) -> States {
        self.states
    }

    /// Takes back what the run did.
    pub(crate) fn rollback(mut self) -> States {
        for (name, before) in std::mem::take(&mut self.before) {
            let restored = match before {
                Before::Whole(tensor) => {
                    self.states.write(&name, tensor);
                    Ok(())
                }
                Before::Shorter { axis, extent } => match self.states.held.get_mut(&name) {
                    Some(held) => held.slice_axis(axis, 0, extent, 1).map(|cut| *held = cut),
                    None => Ok(()),
                },
                Before::Parts(regions) => match self.states.held.get_mut(&name) {
                    Some(held) => regions.restore(held),
                    None => Ok(()),
                },
            };
            if restored.is_err() {
                // There was no memory to go back with. What the state held is lost, and reading it is an error.
                self.states.held.remove(&name);
            }
        }
        self.states
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
