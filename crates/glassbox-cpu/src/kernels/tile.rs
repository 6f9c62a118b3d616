//! Elementwise nodes and reductions over the last axes: one tile program.

use std::borrow::Cow;

use glassbox_exec::KernelError;
use glassbox_ir::{AttrView, Node};
use glassbox_kernels::tile::{Compiled, DataMut, Destination, MAX_RANK, Source, Space};
use glassbox_tensor::{DType, Tensor};

use super::output::Output;
use super::place::{data, strides_in, walkable};
use super::{Built, Kernel, program};
use crate::facts::last_axes;
use crate::fragment::{Fragment, Sizes};
use crate::roles::reduction;
use crate::slots::Call;

struct Tile {
    compiled: Compiled,
    /// The numbers of the values that are read.
    loads: Vec<usize>,
    /// The numbers of the values that are written, and whether each lacks the reduced axes.
    stores: Vec<(usize, bool)>,
    /// The number of a value that has an element for each that is computed.
    whole: usize,
    /// How many axes at the end are one row of the program, where it has reductions.
    reduced: Option<usize>,
}

/// A tile program of all nodes of a fragment.
pub(super) fn build(fragment: &Fragment) -> Built {
    let made = program::make(fragment, 0..fragment.nodes().len(), None, fragment.outputs())?;
    let compiled = Compiled::new(&made.program).map_err(|error| error.to_string())?;
    let mut reduced = None;
    let mut whole = *fragment.outputs().first().ok_or("it has no results")?;
    for node in fragment.nodes().filter(|node| reduction(node.op).is_some()) {
        let x = node.operands.first().copied().flatten().ok_or("an operand is missing")?;
        let rank = fragment.declared(x).and_then(|ty| ty.rank()).ok_or("a rank isn't known")?;
        let axes = match node.operands.get(1).copied().flatten() {
            Some(axes) => {
                Some(fragment.content(fragment.number(axes)).ok_or("the axes of a reduction aren't constants")?)
            }
            None => None,
        };
        let count = last_axes(node, rank, axes).ok_or("a reduction isn't over the last axes")?;
        if reduced.is_some_and(|known| known != count) {
            return Err("reductions over other axes".to_owned());
        }
        (reduced, whole) = (Some(count), fragment.number(x));
    }
    let lacks_axes = |number: &usize| {
        let mut nodes = fragment.nodes().filter(|node| node.results.iter().any(|id| fragment.number(*id) == *number));
        let reduction = nodes.next().filter(|node| reduction(node.op).is_some());
        reduction.is_some_and(|node| !AttrView::new(node.op, &node.attrs).bool("keepdims"))
    };
    let stores = made.stores.iter().map(|number| (*number, lacks_axes(number))).collect();
    Ok(Box::new(Tile { compiled, loads: made.loads, stores, whole, reduced }))
}

impl Kernel for Tile {
    /// Not the reduction of nothing to something, and no results but those of one size, or of one for each row. Those who
    /// group nodes go by dims that have names, and one name may turn out to be of two sizes.
    fn takes(&self, fragment: &Fragment, sizes: &Sizes) -> bool {
        let (whole, sizes) = (&sizes.sizes[self.whole][..], &sizes.sizes);
        let kept = whole.len() - self.reduced.unwrap_or(0).min(whole.len());
        let is_whole = |dims: &[usize]| dims == whole;
        let of_rows = |dims: &[usize]| {
            self.reduced.is_some() && dims.starts_with(&whole[..kept]) && dims[kept..].iter().all(|size| *size == 1)
        };
        let fits = |node: &Node| {
            node.results
                .iter()
                .all(|id| is_whole(&sizes[fragment.number(*id)]) || of_rows(&sizes[fragment.number(*id)]))
        };
        let reduces_whole = |node: &Node| {
            let x = node.operands.first().copied().flatten();
            reduction(node.op).is_none() || x.is_some_and(|x| is_whole(&sizes[fragment.number(x)]))
        };
        let something = !whole.contains(&0) || self.stores.iter().all(|(store, _)| sizes[*store].contains(&0));
        something && fragment.nodes().all(|node| fits(node) && reduces_whole(node))
    }

    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let sizes = &call.sizes.sizes[self.whole][..];
        let make =
            |(number, _): &(usize, bool)| call.output(call.sizes.types[*number].dtype, &call.sizes.sizes[*number]);
        let mut outputs = self.stores.iter().map(make).collect::<Result<Vec<_>, _>>()?;
        let mut loads: Vec<Cow<Tensor>> =
            self.loads.iter().map(|number| walkable(call.inputs[*number])).collect::<Result<_, _>>()?;
        let mut axes = self.axes(call, &loads, sizes);
        if !axes.fit(self.reduced) {
            for load in &mut loads {
                *load = Cow::Owned(load.broadcast_to(sizes)?.contiguous()?);
            }
            axes = self.axes(call, &loads, sizes);
        }
        let (columns, rows) = axes.sizes.split_last().map_or((1, &[][..]), |(columns, rows)| (*columns, rows));
        let split =
            |strides: &[isize]| strides.split_last().map_or((0, Vec::new()), |(last, rows)| (*last, rows.to_vec()));
        let split: Vec<(isize, Vec<isize>)> = axes.strides.iter().map(|strides| split(strides)).collect();
        let mut sources = Vec::with_capacity(loads.len());
        for (tensor, (column, rows)) in loads.iter().zip(&split) {
            sources.push(Source { data: data(tensor)?, offset: 0, row_strides: rows, column_stride: *column });
        }
        let mut destinations: Vec<Destination> = Vec::with_capacity(outputs.len());
        for ((output, (number, _)), (column, rows)) in outputs.iter_mut().zip(&self.stores).zip(&split[loads.len()..]) {
            let data = match call.sizes.types[*number].dtype {
                DType::Bool => DataMut::Bool(output.bytes()),
                _ => DataMut::F32(output.floats()),
            };
            destinations.push(Destination { data, offset: 0, row_strides: rows, column_stride: *column });
        }
        self.compiled.run(Space { rows, columns }, &sources, &mut destinations);
        drop(destinations);
        outputs.into_iter().map(Output::finish).collect()
    }
}

impl Tile {
    /// The axes that are gone over, as few as can be.
    fn axes(&self, call: &Call, loads: &[Cow<Tensor>], sizes: &[usize]) -> Axes {
        let mut strides: Vec<Vec<isize>> = loads.iter().map(|load| strides_in(load, sizes)).collect();
        strides.extend(self.stores.iter().map(|(number, lacks_axes)| {
            let mut own = call.sizes.sizes[*number].clone();
            own.extend(std::iter::repeat_n(1, if *lacks_axes { self.reduced.unwrap_or(0) } else { 0 }));
            dense_in(&own, sizes)
        }));
        let mut axes = Axes { sizes: sizes.to_vec(), strides, outer: 0 };
        axes.collapse(self.reduced);
        axes
    }
}

/// The strides of a dense tensor along the axes of `whole`, to which it broadcasts.
fn dense_in(sizes: &[usize], whole: &[usize]) -> Vec<isize> {
    let missing = whole.len() - sizes.len().min(whole.len());
    let mut strides = vec![0; whole.len()];
    let mut stride = 1;
    for (axis, size) in sizes.iter().enumerate().rev() {
        strides[missing + axis] = if *size == 1 { 0 } else { stride };
        stride *= *size as isize;
    }
    strides
}

/// The axes that a program goes over, with the strides of every operand along them.
struct Axes {
    sizes: Vec<usize>,
    strides: Vec<Vec<isize>>,
    /// How many axes come before those of a row, where a program has reductions.
    outer: usize,
}

impl Axes {
    /// Whether a program can go over them: one axis for the elements of a row, and not too many around it.
    fn fit(&self, reduced: Option<usize>) -> bool {
        (reduced.is_none() || self.sizes.len() == self.outer + 1) && self.sizes.len() <= MAX_RANK + 1
    }

    /// Makes one axis of neighbours that lie evenly in every operand. With `reduced`, so many axes at the end become one, and
    /// no other is merged with them; without, the last axis is the longest that there can be.
    fn collapse(&mut self, reduced: Option<usize>) {
        let mut boundary = reduced.map(|count| self.sizes.len().saturating_sub(count));
        let mut axis = self.sizes.len();
        while axis > 1 {
            axis -= 1;
            if boundary == Some(axis) {
                continue;
            }
            let inner = self.sizes[axis] as isize;
            let merges = |strides: &Vec<isize>| strides[axis - 1] == strides[axis] * inner;
            let (one, outer_one) = (self.sizes[axis] == 1, self.sizes[axis - 1] == 1);
            if one || outer_one || self.strides.iter().all(merges) {
                for strides in &mut self.strides {
                    let kept = if one { strides[axis - 1] } else { strides[axis] };
                    strides.remove(axis);
                    strides[axis - 1] = kept;
                }
                let size = self.sizes.remove(axis);
                self.sizes[axis - 1] *= size;
                if let Some(boundary) = boundary.as_mut().filter(|boundary| **boundary > axis) {
                    *boundary -= 1;
                }
            }
        }
        self.outer = boundary.unwrap_or(0);
    }
}
