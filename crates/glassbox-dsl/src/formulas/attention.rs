//! Memory of keys and values, and attention over it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use glassbox_ir::{Attrs, Dim, State, TensorType, ValueId, attrs, ops};
use glassbox_tensor::{DType, Tensor};

use super::{Arg, FormulaValue, Formulas};
use crate::lower::build_message;

/// Keys and values of the steps so far, layer by layer.
///
/// What a layer keeps is the states `NAME.LAYER.k` and `NAME.LAYER.v`. Their dims are those of the k and v that are written, with
/// the axis of steps before the last one.
#[derive(Debug)]
pub struct KvCache {
    name: &'static str,
    dtype: DType,
    layers: usize,
    capacity: usize,
    written: RefCell<BTreeSet<usize>>,
}

impl KvCache {
    /// A memory of `layers` layers, each of at most `capacity` steps.
    pub fn new(name: &'static str, dtype: DType, layers: usize, capacity: usize) -> KvCache {
        KvCache { name, dtype, layers, capacity, written: RefCell::new(BTreeSet::new()) }
    }

    fn state(&self, layer: usize, part: &str) -> String {
        format!("{}.{layer}.{part}", self.name)
    }
}

impl Formulas<'_> {
    /// Keeps `k` and `v` as those of step `step` of a layer.
    pub fn kv_write<'f>(&'f self, kv: &KvCache, layer: usize, step: Arg<'f>, k: FormulaValue<'f>, v: FormulaValue<'f>) {
        if layer >= kv.layers {
            self.wrong(format!("`{}` has {} layers; layer {layer} is past them", kv.name, kv.layers));
            return;
        }
        let step = self.step(step);
        for (part, value) in [("k", k), ("v", v)] {
            let (Some(id), Some(step)) = (value.id, step.id) else { return };
            if let Err(message) = self.keep(kv, layer, part, id, step) {
                self.wrong(message);
                return;
            }
        }
        kv.written.borrow_mut().insert(layer);
    }

    /// The keys and the values of a layer, of the steps up to and with `step`.
    pub fn kv_read<'f>(&'f self, kv: &KvCache, layer: usize, step: Arg<'f>) -> [FormulaValue<'f>; 2] {
        if !kv.written.borrow().contains(&layer) {
            self.wrong(format!(
                "`{}` isn't written for layer {layer} before it is read: `kv_write` says the dims of keys",
                kv.name
            ));
            return [self.nothing(); 2];
        }
        let step = self.step(step);
        let next = self.op1("add", vec![step.into(), 1i64.into()], vec![]);
        let Some(next) = next.id else { return [self.nothing(); 2] };
        ["k", "v"].map(|part| match self.recall(&kv.state(layer, part), next) {
            Ok(id) => self.value(id),
            Err(message) => self.wrong(message),
        })
    }

    /// The number of a step as i64.
    fn step<'f>(&'f self, step: Arg<'f>) -> FormulaValue<'f> {
        let step = match step {
            Arg::Literal(literal) => match crate::lower::literal_tensor(&[literal], DType::I64, &[]) {
                Ok(tensor) => {
                    let id = self.builder().constant(tensor);
                    return self.value(id);
                }
                Err(message) => return self.wrong(message),
            },
            other => other,
        };
        self.op1("cast", vec![step], vec![("to", DType::I64.into())])
    }

    fn keep(&self, kv: &KvCache, layer: usize, part: &str, value: ValueId, step: ValueId) -> Result<(), String> {
        let name = kv.state(layer, part);
        let mut builder = self.builder();
        let given = builder.type_of(value).clone();
        if given.dtype() != kv.dtype {
            return Err(format!("`{part}` is {given}, and `{}` holds {}: cast it first", kv.name, kv.dtype));
        }
        let Some(dims) = given.as_tensor().and_then(|ty| ty.dims()).filter(|dims| !dims.is_empty()) else {
            return Err(format!("`{part}` is {given}; it wants dims that are known, at least one"));
        };
        let known = |dim: &Dim| if dim.as_int().is_some() { dim.clone() } else { Dim::Unknown };
        let mut kept: Vec<Dim> = dims.iter().map(known).collect();
        let axis = kept.len() - 1;
        kept.insert(axis, Dim::Unknown);
        let rank = kept.len();
        if builder.graph().state(&name).is_none() {
            let ty = TensorType::new(kv.dtype, kept);
            let state = State { name: name.clone(), ty, capacity: None, initial: None };
            builder.state(state).map_err(|error| error.to_string())?;
        }
        let mut limits = vec![-1; rank];
        limits[axis] = i64::try_from(kv.capacity).unwrap_or(i64::MAX);
        // The place of this step: whole in every axis but that of steps, where it is an index.
        let starts = vec![0i64; axis];
        let failed = |error: glassbox_ir::BuildError| build_message(&error);
        let zero = ints(&mut builder, &[0])?;
        let shape = builder
            .node(&ops::shape::OP, &[Some(value)], attrs! { start: 0i64, end: axis as i64 }, 1)
            .map_err(failed)?[0];
        let step = builder.node(&ops::unsqueeze::OP, &[Some(step), Some(zero)], Attrs::new(), 1).map_err(failed)?[0];
        let before = ints(&mut builder, &starts)?;
        let concat = |builder: &mut glassbox_ir::GraphBuilder, a, b| {
            builder.node(&ops::concat::OP, &[Some(a), Some(b)], attrs! { axis: 0i64 }, 1).map(|made| made[0])
        };
        let starts = concat(&mut builder, before, step).map_err(failed)?;
        let ends = concat(&mut builder, shape, step).map_err(failed)?;
        let attrs = attrs! { state: name.as_str(), squeeze: vec![axis as i64], limits: limits };
        builder.node(&ops::state_update::OP, &[Some(value), Some(starts), Some(ends)], attrs, 1).map_err(failed)?;
        Ok(())
    }

    /// What a state holds of the steps before `next`.
    fn recall(&self, state: &str, next: ValueId) -> Result<ValueId, String> {
        let mut builder = self.builder();
        let failed = |error: glassbox_ir::BuildError| build_message(&error);
        let declared = builder.graph().state(state);
        let rank = declared.and_then(|known| known.ty.rank()).ok_or_else(|| format!("no state `{state}`"))?;
        let axis = rank - 2;
        let starts = ints(&mut builder, &vec![0; axis + 1])?;
        let before = ints(&mut builder, &vec![i64::MAX; axis])?;
        let zero = ints(&mut builder, &[0])?;
        let next = builder.node(&ops::unsqueeze::OP, &[Some(next), Some(zero)], Attrs::new(), 1).map_err(failed)?[0];
        let ends =
            builder.node(&ops::concat::OP, &[Some(before), Some(next)], attrs! { axis: 0i64 }, 1).map_err(failed)?[0];
        let attrs = attrs! { state: state };
        Ok(builder.node(&ops::state_slice::OP, &[Some(starts), Some(ends)], attrs, 1).map_err(failed)?[0])
    }

    /// Attention of queries to keys and values: `softmax(q kᵀ / sqrt(d)) v`, with the op `attention`.
    ///
    /// Keys and values are `[.., T, D]`; the axis before T is that of heads, if they have rank 4, and there is one head if they have rank 3 or
    /// 2. Queries have the same rank, or one less: then they are of one token, and the result is, too. Where `mask` (bool, or an integer that
    /// counts as true if it isn't zero; or a float that is added) says true, is attended to; it may be longer than there are keys: its first T
    /// are used, of as many keys as there are.
    pub fn sdpa<'f>(
        &'f self,
        q: FormulaValue<'f>,
        k: FormulaValue<'f>,
        v: FormulaValue<'f>,
        mask: Option<FormulaValue<'f>>,
    ) -> FormulaValue<'f> {
        let (Some(query), Some(key)) = (q.id, k.id) else { return self.nothing() };
        let rank = |id| self.builder.borrow().type_of(id).as_tensor().and_then(TensorType::rank);
        let (Some(q_rank), Some(rank)) = (rank(query), rank(key)) else {
            return self.wrong("`sdpa` wants queries and keys of a rank that is known");
        };
        if !(2..=4).contains(&rank) || !(q_rank == rank || q_rank + 1 == rank) {
            let message = format!(
                "`sdpa`: keys of rank {rank} and queries of rank {q_rank}: keys have rank 2 to 4, queries the same or one less"
            );
            return self.wrong(message);
        }
        // To [batch, heads, tokens, dim].
        let unsqueeze = |value: FormulaValue<'f>, axes: &[i64]| {
            if axes.is_empty() {
                value
            } else {
                self.op1("unsqueeze", vec![value.into(), Arg::list(axes.iter().copied())], vec![])
            }
        };
        let lead: Vec<i64> = match rank {
            4 => vec![],
            3 => vec![1],
            _ => vec![0, 1],
        };
        let one_token = q_rank + 1 == rank;
        let q = if one_token { unsqueeze(q, &[-2]) } else { q };
        let (q, k, v) = (unsqueeze(q, &lead), unsqueeze(k, &lead), unsqueeze(v, &lead));
        let mask = match mask {
            Some(mask) => match self.fitting_mask(mask, k) {
                Some(mask) => Arg::Value(mask),
                None => return self.nothing(),
            },
            None => Arg::Skipped,
        };
        let y = self.op1("attention", vec![q.into(), k.into(), v.into(), mask], vec![]);
        let squeeze = |value: FormulaValue<'f>, axes: &[i64]| {
            if axes.is_empty() {
                value
            } else {
                self.op1("squeeze", vec![value.into(), Arg::list(axes.iter().copied())], vec![])
            }
        };
        let y = if one_token { squeeze(y, &[-2]) } else { y };
        squeeze(y, &lead)
    }

    /// The mask as `attention` wants it, as long as there are keys.
    fn fitting_mask<'f>(&'f self, mask: FormulaValue<'f>, k: FormulaValue<'f>) -> Option<FormulaValue<'f>> {
        let dtype = self.builder.borrow().type_of(mask.id?).dtype();
        let mask = if dtype.is_integer() {
            self.op1("cast", vec![mask.into()], vec![("to", DType::Bool.into())])
        } else {
            mask
        };
        let length = self.op1("shape", vec![k.into()], vec![("start", 2i64.into()), ("end", 3i64.into())]);
        let arguments = vec![mask.into(), Arg::list([0i64]), length.into(), Arg::list([-1i64])];
        let cut = self.op1("slice", arguments, vec![]);
        cut.id.map(|_| cut)
    }
}

/// A constant vector of i64.
fn ints(builder: &mut glassbox_ir::GraphBuilder, values: &[i64]) -> Result<ValueId, String> {
    let tensor = Tensor::from_vec(&[values.len()], values.to_vec()).map_err(|error| error.to_string())?;
    Ok(builder.constant(tensor))
}
