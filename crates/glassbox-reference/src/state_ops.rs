//! The ops on states: what they hold, as a whole and by regions.
//!
//! Control ops aren't inferred again at run time, so what inference couldn't know is checked here: that regions
//! lie in what a state holds, that what is written has the region's dims, that growth keeps to the limits of the
//! node, of the state and of the session's memory.

use glassbox_exec::checks::check_contents;
use glassbox_exec::{KernelError, Value};
use glassbox_ir::ops::slices::{StateSlice, slice_of};
use glassbox_ir::{AttrView, Dim, Graph, Node, NodeId, State, Type};
use glassbox_tensor::Tensor;

use crate::control::{Stop, missing, tensor, type_of};
use crate::execution::Execution;

/// A region up to this size is read as a copy: a view would make the next write copy all that the state holds.
const MAX_COPIED_BYTES: usize = 1024;

impl Execution {
    pub(crate) fn run_state(
        &mut self,
        graph: &Graph,
        id: NodeId,
        node: &Node,
        inputs: &[Option<Value>],
    ) -> Result<Vec<Value>, Stop> {
        let attr = AttrView::new(node.op, &node.attrs);
        let name = attr.str("state");
        let Some(state) = graph.state(name) else {
            return Err(KernelError::Internal(format!("state `{name}` isn't declared")).into());
        };
        let given = |place: usize| inputs.get(place).and_then(Option::as_ref).map_or_else(|| Err(missing()), tensor);
        let value = match node.op.name {
            "state_read" => self.states.get(name)?.clone(),
            "state_write" => self.write(state, given(0)?.clone())?,
            "state_reset" => {
                let first = self.prepared.initial.get(name)?.clone();
                self.write(state, first)?
            }
            "state_append" => self.append(graph, id, state, attr.int("axis"), given(0)?)?,
            "state_slice" => {
                let held = self.states.get(name)?;
                let part = part(&attr, state, held, [given(0)?, given(1)?], &|_| false)?;
                slice(held, &part)?
            }
            "state_update" => {
                let (x, held) = (given(0)?, self.states.get(name)?);
                let within = attr.ints("within").unwrap_or_default();
                let may_grow = |axis| !within.contains(&(axis as i64));
                let part = part(&attr, state, held, [given(1)?, given(2)?], &may_grow)?;
                if x.shape() != part.dims() {
                    let (dims, given) = (part.dims(), x.shape());
                    let message = format!("the region of `{name}` has the dims {dims:?}, and can't take {given:?}");
                    return Err(KernelError::invalid("C5", message).into());
                }
                let shared = !held.is_sole_owner() && x.shape() != held.shape();
                if shared {
                    // Writing makes a copy of all that the state holds.
                    self.check_memory(graph, id, &[type_of(held)]).map_err(Stop::Run)?;
                }
                self.grow(graph, id, state, &attr, &part.ends())?;
                let mut region = x.clone();
                for axis in &part.squeezed {
                    region = region.expand_dims(*axis)?;
                }
                self.states.overwrite(name, &part.starts, &region)?;
                x.clone()
            }
            "state_grow" => {
                let wanted = wanted(state, self.states.get(name)?, given(0)?)?;
                self.grow(graph, id, state, &attr, &wanted)?;
                self.states.get(name)?.clone()
            }
            other => return Err(KernelError::Internal(format!("`{other}` isn't an op on states")).into()),
        };
        Ok(vec![value.into()])
    }

    fn write(&mut self, state: &State, tensor: Tensor) -> Result<Tensor, KernelError> {
        self.states.replace(state, tensor.clone())?;
        Ok(tensor)
    }

    fn append(&mut self, graph: &Graph, id: NodeId, state: &State, axis: i64, x: &Tensor) -> Result<Tensor, Stop> {
        let held = self.states.get(&state.name)?.clone();
        let axis = glassbox_ir::infer::normalise_axis("C3", axis, held.rank()).map_err(KernelError::from)?;
        let mut extents = held.shape().to_vec();
        extents[axis] = extents[axis].saturating_add(x.shape().get(axis).copied().unwrap_or(0));
        self.check_growth(graph, id, state, &held, &extents)?;
        drop(held);
        Ok(self.states.append(state, axis, x)?)
    }

    /// Makes a state as large as `wanted`, where it is smaller.
    fn grow(
        &mut self,
        graph: &Graph,
        id: NodeId,
        state: &State,
        attr: &AttrView,
        wanted: &[usize],
    ) -> Result<(), Stop> {
        let held = self.states.get(&state.name)?;
        let extents: Vec<usize> = held.shape().iter().zip(wanted).map(|(held, wanted)| *held.max(wanted)).collect();
        if extents == held.shape() {
            return Ok(());
        }
        for (axis, limit) in attr.ints("limits").unwrap_or_default().iter().enumerate() {
            let (now, then) = (held.shape().get(axis), extents.get(axis));
            let Some(extent) = then.filter(|then| Some(*then) != now) else { continue };
            if usize::try_from(*limit).is_ok_and(|limit| *extent > limit) {
                let message = format!("`{}` would hold {extent} along axis {axis}, its limit is {limit}", state.name);
                return Err(KernelError::invalid("limit", message).into());
            }
        }
        self.check_growth(graph, id, state, held, &extents)?;
        let grown = held.extended(&extents, attr.tensor("fill"))?;
        self.states.replace(state, grown)?;
        Ok(())
    }

    /// A state can grow to these extents: by what it declares, and within the memory of the session.
    fn check_growth(
        &self,
        graph: &Graph,
        id: NodeId,
        state: &State,
        held: &Tensor,
        extents: &[usize],
    ) -> Result<(), Stop> {
        check_contents(state, extents)?;
        let grown = Type::tensor(held.dtype(), extents.iter().map(|extent| Dim::from(*extent)));
        self.check_memory(graph, id, &[grown]).map_err(Stop::Run)
    }
}

/// The region that a node means of what a state holds.
fn part(
    attr: &AttrView,
    state: &State,
    held: &Tensor,
    [starts, ends]: [&Tensor; 2],
    may_grow: &dyn Fn(usize) -> bool,
) -> Result<StateSlice, KernelError> {
    for bound in [starts, ends] {
        if bound.rank() != 1 {
            let message = format!("a bound has the dims {:?}, and isn't a vector", bound.shape());
            return Err(KernelError::invalid("C2", message));
        }
    }
    let (starts, ends) = (starts.load::<i64>()?, ends.load::<i64>()?);
    let squeeze = attr.ints("squeeze").unwrap_or_default();
    Ok(slice_of(state, held.shape(), &starts, &ends, squeeze, may_grow)?)
}

/// A region of what a state holds, without the axes that are dropped.
fn slice(held: &Tensor, part: &StateSlice) -> Result<Tensor, KernelError> {
    let mut region = held.region(&part.starts, &part.sizes)?;
    let bytes = region.byte_len().unwrap_or_else(|| region.len().saturating_mul(size_of::<String>()));
    if bytes <= MAX_COPIED_BYTES {
        region = region.copied()?;
    }
    for axis in part.squeezed.iter().rev() {
        region = region.squeeze_axis(*axis)?;
    }
    Ok(region)
}

/// The extents that a state shall have at least, axis by axis; those that it has along axes that don't grow.
fn wanted(state: &State, held: &Tensor, sizes: &Tensor) -> Result<Vec<usize>, KernelError> {
    if sizes.shape() != [held.rank()] {
        let message = format!("the sizes of `{}`, which has {} axes, are {:?}", state.name, held.rank(), sizes.shape());
        return Err(KernelError::invalid("C2", message));
    }
    let sizes = sizes.load::<i64>()?;
    let mut wanted = held.shape().to_vec();
    for (axis, size) in sizes.iter().enumerate() {
        if state.grows(axis) {
            wanted[axis] = usize::try_from(*size).map_err(|_| {
                KernelError::invalid("C3", format!("the size of `{}` along axis {axis} is {size}", state.name))
            })?;
        }
    }
    Ok(wanted)
}
