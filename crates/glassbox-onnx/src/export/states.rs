//! States: what a session remembers between runs, which a model of ONNX is given and gives back.
//!
//! A state that is read before it is written is an input `past.NAME`; one that is changed is an output `present.NAME`. Who
//! runs the model gives what came out of one run to the next. While the graph is written, each state has the name of the
//! value that it holds; an op that changes it writes nodes for the new contents.

use glassbox_ir::{Attr, State};
use glassbox_tensor::{DType, Tensor};

use super::attributes::int;
use super::emitter::{Emitter, Why};
use super::site::Site;

impl<'g> Emitter<'g> {
    /// The value that a state holds here. What it held before the run is an input.
    pub(super) fn held(&mut self, state: &'g str) -> String {
        if let Some(name) = self.states.get(state) {
            return name.clone();
        }
        let initial = self.graph.state(state).and_then(|state| state.initial.as_ref());
        if initial.and_then(|initial| initial.to_bytes().ok()).is_some_and(|bytes| bytes.iter().any(|byte| *byte != 0))
        {
            self.note(
                "a state doesn't begin with zeros: the first run has to be given what the graph says it begins with",
            );
        }
        let name = self.fresh(&format!("past.{state}"));
        self.past.push((state, name.clone()));
        self.states.insert(state, name.clone());
        name
    }
}

/// The state that the node is about.
fn state<'g>(site: &Site<'_, 'g>) -> Result<&'g State, Why> {
    let name = site.node.state().unwrap_or_default();
    site.e.graph.state(name).ok_or_else(|| format!("the graph has no state `{name}`"))
}

/// A node that gives what it is given.
fn copy(site: &mut Site, from: &str) -> Result<(), Why> {
    site.last("Identity", &[from], Vec::new())
}

pub(super) fn read(site: &mut Site) -> Result<(), Why> {
    let held = state(site)?.name.as_str();
    let held = site.e.held(held);
    copy(site, &held)
}

pub(super) fn write(site: &mut Site) -> Result<(), Why> {
    let name = state(site)?.name.as_str();
    let x = site.operand(0).to_owned();
    copy(site, &x)?;
    hold_result(site, name);
    Ok(())
}

/// From here on the state holds the first result of the node.
fn hold_result<'g>(site: &mut Site<'_, 'g>, state: &'g str) {
    let result = site.results.first().cloned().unwrap_or_default();
    site.e.states.insert(state, result);
}

pub(super) fn append(site: &mut Site) -> Result<(), Why> {
    let name = state(site)?.name.as_str();
    let (held, x) = (site.e.held(name), site.operand(0).to_owned());
    let axis = site.attr().int("axis");
    site.last("Concat", &[&held, &x], vec![int("axis", axis)])?;
    hold_result(site, name);
    Ok(())
}

pub(super) fn reset(site: &mut Site) -> Result<(), Why> {
    let state = state(site)?;
    let rank = state.ty.rank().ok_or("the rank of the state isn't known")?;
    let first = match &state.initial {
        Some(initial) => {
            let full = |axis: usize| {
                let size = initial.shape().get(axis).copied();
                state.grows(axis) || state.ty.dims().and_then(|dims| dims.get(axis)?.as_size()) == size
            };
            if !(0..rank).all(full) {
                return Err("its contents at the start are given once for several places".to_owned());
            }
            initial.clone()
        }
        None => {
            let extent = |axis: usize| match state.ty.dims().and_then(|dims| dims.get(axis)) {
                _ if state.grows(axis) => Some(0),
                Some(dim) => dim.as_size(),
                None => None,
            };
            let shape: Option<Vec<usize>> = (0..rank).map(extent).collect();
            let shape = shape.ok_or("the dims of the state aren't known")?;
            Tensor::zeros(state.ty.dtype, &shape).map_err(|error| error.to_string())?
        }
    };
    let first = site.tensor(first)?;
    copy(site, &first)?;
    hold_result(site, state.name.as_str());
    Ok(())
}

/// A region of a tensor: starts and ends along its first axes, of which some are dropped.
struct Part {
    starts: String,
    ends: String,
    axes: String,
    /// The axes along which the part is one index, which the result doesn't have.
    squeezed: Vec<i64>,
}

/// The region that a node names whose starts are operand `first`.
fn part(site: &mut Site, first: usize) -> Result<Part, Why> {
    let count = site.ty(first).and_then(|ty| ty.as_tensor()?.dims()?.first()?.as_int());
    let count = count.ok_or("how many axes its region has isn't known")?;
    let axes: Vec<i64> = (0..count).collect();
    let squeezed = site.attr().ints("squeeze").unwrap_or_default().to_vec();
    let to_i64 = vec![int("to", i64::from(super::attributes::number(DType::I64)?))];
    let (starts, ends) = (site.operand(first).to_owned(), site.operand(first + 1).to_owned());
    let starts = site.value("Cast", &[&starts], to_i64.clone())?;
    let mut ends = site.value("Cast", &[&ends], to_i64)?;
    if !squeezed.is_empty() && count > 0 {
        // Where the part is one index, the end is the index behind it; behind -1 that is the end of all.
        let mask: Vec<bool> = axes.iter().map(|axis| squeezed.contains(axis)).collect();
        let mask = Tensor::from_vec(&[mask.len()], mask).map_err(|error| error.to_string())?;
        let (mask, one, last, all) =
            (site.tensor(mask)?, site.vector(&[1])?, site.vector(&[-1])?, site.vector(&[i64::MAX])?);
        let next = site.value("Add", &[&starts, &one], Vec::new())?;
        let is_last = site.value("Equal", &[&starts, &last], Vec::new())?;
        let next = site.value("Where", &[&is_last, &all, &next], Vec::new())?;
        ends = site.value("Where", &[&mask, &next, &ends], Vec::new())?;
    }
    Ok(Part { starts, ends, axes: site.vector(&axes)?, squeezed })
}

/// The part of `whole`.
fn taken(site: &mut Site, whole: &str, part: &Part) -> Result<String, Why> {
    site.value("Slice", &[whole, &part.starts, &part.ends, &part.axes], Vec::new())
}

pub(super) fn slice(site: &mut Site) -> Result<(), Why> {
    site.e.note("reads of states aren't checked for their bounds: ONNX cuts a region off at the border");
    let held = state(site)?.name.as_str();
    let held = site.e.held(held);
    let part = part(site, 0)?;
    let region = taken(site, &held, &part)?;
    if part.squeezed.is_empty() {
        return copy(site, &region);
    }
    let axes = site.vector(&part.squeezed)?;
    site.last("Squeeze", &[&region, &axes], Vec::new())
}

/// What a state holds, grown to at least these extents along the axes that grow.
fn grown(site: &mut Site, state: &State, held: &str, sizes: &str) -> Result<String, Why> {
    let rank = state.ty.rank().ok_or("the rank of the state isn't known")?;
    let grows: Vec<i64> = (0..rank).map(|axis| i64::from(state.grows(axis))).collect();
    if grows.iter().all(|grows| *grows == 0) {
        return Ok(held.to_owned());
    }
    let shape = site.value("Shape", &[held], Vec::new())?;
    let (grows, zeros) = (site.vector(&grows)?, site.vector(&vec![0; rank])?);
    let more = site.value("Sub", &[sizes, &shape], Vec::new())?;
    let more = site.value("Max", &[&more, &zeros], Vec::new())?;
    let more = site.value("Mul", &[&more, &grows], Vec::new())?;
    let pads = site.value("Concat", &[&zeros, &more], vec![int("axis", 0)])?;
    match site.node.attrs.get("fill") {
        Some(Attr::Tensor(fill)) => {
            let fill = site.tensor(fill.clone())?;
            site.value("Pad", &[held, &pads, &fill], Vec::new())
        }
        _ => site.value("Pad", &[held, &pads], Vec::new()),
    }
}

fn unbounded(site: &mut Site, state: &State) {
    if site.node.attrs.contains_key("limits") || state.capacity.is_some() {
        site.e.note("how far states may grow isn't checked: ONNX has no op for it");
    }
}

pub(super) fn grow(site: &mut Site) -> Result<(), Why> {
    let state = state(site)?;
    unbounded(site, state);
    let held = site.e.held(state.name.as_str());
    let to_i64 = vec![int("to", i64::from(super::attributes::number(DType::I64)?))];
    let sizes = site.operand(0).to_owned();
    let sizes = site.value("Cast", &[&sizes], to_i64)?;
    let whole = grown(site, state, &held, &sizes)?;
    copy(site, &whole)?;
    hold_result(site, state.name.as_str());
    Ok(())
}

/// The elements of the whole are numbered; those of the region are replaced by number.
pub(super) fn update(site: &mut Site) -> Result<(), Why> {
    site.e.note("writes to states aren't checked for their bounds: ONNX has no op for it");
    let state = state(site)?;
    unbounded(site, state);
    let rank = state.ty.rank().ok_or("the rank of the state isn't known")?;
    let held = site.e.held(state.name.as_str());
    let part = part(site, 1)?;
    let x = site.operand(0).to_owned();
    // How far the region reaches: its ends along its axes, nothing along the others. An end that counts from the back, or
    // that is the end of all, reaches no further than what is there.
    let all = site.vector(&[i64::MAX])?;
    let zero = site.vector(&[0])?;
    let is_all = site.value("Equal", &[&part.ends, &all], Vec::new())?;
    let reach = site.value("Where", &[&is_all, &zero, &part.ends], Vec::new())?;
    let count = site.ty(1).and_then(|ty| ty.as_tensor()?.dims()?.first()?.as_size()).unwrap_or_default();
    let rest = site.vector(&vec![0; rank.saturating_sub(count)])?;
    let reach = site.value("Concat", &[&reach, &rest], vec![int("axis", 0)])?;
    let whole = grown(site, state, &held, &reach)?;
    let shape = site.value("Shape", &[&whole], Vec::new())?;
    let size = site.value("Size", &[&whole], Vec::new())?;
    let (nothing, step) = (site.tensor(Tensor::scalar(0i64))?, site.tensor(Tensor::scalar(1i64))?);
    let numbers = site.value("Range", &[&nothing, &size, &step], Vec::new())?;
    let numbers = site.value("Reshape", &[&numbers, &shape], Vec::new())?;
    let numbers = taken(site, &numbers, &part)?;
    let flat = site.vector(&[-1])?;
    let numbers = site.value("Reshape", &[&numbers, &flat], Vec::new())?;
    let (old, new) =
        (site.value("Reshape", &[&whole, &flat], Vec::new())?, site.value("Reshape", &[&x, &flat], Vec::new())?);
    let mixed = site.value("ScatterElements", &[&old, &numbers, &new], vec![int("axis", 0)])?;
    let held = site.value("Reshape", &[&mixed, &shape], Vec::new())?;
    site.e.states.insert(state.name.as_str(), held);
    copy(site, &x)
}
