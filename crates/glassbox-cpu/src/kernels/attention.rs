//! Attention, in tiles.

use std::borrow::Cow;

use glassbox_exec::KernelError;
use glassbox_ir::{AttrView, Graph, Node, ops};
use glassbox_kernels::attention::{Attention, Mask, Offset, Sizes, View};
use glassbox_tensor::{DType, Tensor};

use super::place::{as_bytes, strides_in, walkable};
use super::{Built, Kernel};
use crate::fragment::Fragment;
use crate::slots::Call;

struct Attend {
    /// The numbers of q, k and v.
    qkv: [usize; 3],
    mask: Option<usize>,
    lengths: Option<usize>,
    /// How many heads q and k have, where they stand side by side in the last axis.
    heads: Option<[usize; 2]>,
    scale: Option<f64>,
    softcap: f64,
    causal: bool,
    left: Option<usize>,
    right: Option<usize>,
}

/// Whether a use of `attention` is one that is computed here: of f32, without a past, for its first result.
pub(crate) fn is_computed(graph: &Graph, node: &Node) -> bool {
    if *node.op != ops::attention::OP {
        return false;
    }
    let dtype = |place: usize| node.operands.get(place).copied().flatten().map(|id| graph.value(id).ty.dtype());
    let floats = (0..3).all(|place| dtype(place) == Some(DType::F32));
    let masked = matches!(dtype(3), None | Some(DType::F32 | DType::Bool));
    let alone = dtype(4).is_none() && dtype(5).is_none() && node.results.len() == 1;
    let precise =
        AttrView::new(node.op, &node.attrs).dtype("softmax_precision").is_none_or(|dtype| dtype == DType::F32);
    floats && masked && alone && precise
}

/// An `attention` of f32 without a past, of which only the result is wanted.
pub(super) fn build(fragment: &Fragment) -> Built {
    let Some(node) = fragment.nodes().next().filter(|node| *node.op == ops::attention::OP) else {
        return Err(String::new());
    };
    let attr = AttrView::new(node.op, &node.attrs);
    let number = |place: usize| node.operands.get(place).copied().flatten().map(|id| fragment.number(id));
    let ([Some(q), Some(k), Some(v)], None, None) = ([0, 1, 2].map(number), number(4), number(5)) else {
        return Err("attention with a past is taken apart".to_owned());
    };
    let (mask, lengths) = (number(3), number(6));
    if fragment.nodes().len() != 1 || !is_computed(fragment.graph(), node) {
        return Err("attention is computed here in f32, for its first result".to_owned());
    }
    let count = |name: &'static str| attr.opt_int(name).and_then(|count| usize::try_from(count).ok());
    let heads = count("q_num_heads").zip(count("kv_num_heads")).map(|(q, kv)| [q, kv]);
    let flat = fragment.declared(node.results[0]).and_then(|ty| ty.rank()) == Some(3);
    let window = |name: &'static str| usize::try_from(attr.int(name)).ok();
    Ok(Box::new(Attend {
        qkv: [q, k, v],
        mask,
        lengths,
        heads: heads.filter(|_| flat),
        scale: attr.opt_float("scale"),
        softcap: attr.float("softcap"),
        causal: attr.bool("is_causal"),
        left: window("left_window_size"),
        right: window("right_window_size"),
    }))
}

/// An operand as [batch, heads, length, size].
fn in_heads<'a>(tensor: &'a Tensor, heads: Option<usize>) -> Result<Cow<'a, Tensor>, KernelError> {
    let tensor = walkable(tensor)?;
    let Some(heads) = heads else { return Ok(tensor) };
    let [batch, length, width] = tensor.shape()[..] else { return Ok(tensor) };
    let dense = tensor.contiguous()?;
    let apart = dense.reshape(&[batch, length, heads, width / heads.max(1)])?;
    Ok(Cow::Owned(apart.permute(&[0, 2, 1, 3])?))
}

/// A tensor as it is read where it broadcasts to `sizes`.
pub(super) fn view(tensor: &Tensor, sizes: [usize; 4]) -> Result<View<'_>, KernelError> {
    let unreadable = || KernelError::Internal("an operand of attention can't be read".to_owned());
    let strides = strides_in(tensor, &sizes);
    Ok(View {
        data: tensor.reach::<f32>().ok_or_else(unreadable)?,
        strides: std::array::from_fn(|axis| strides[axis].unsigned_abs()),
    })
}

impl Kernel for Attend {
    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let heads = |place: usize| self.heads.map(|heads| heads[usize::from(place > 0)]);
        let [q, k, v] = [0, 1, 2].map(|place| in_heads(call.inputs[self.qkv[place]], heads(place)));
        let (q, k, v) = (q?, k?, v?);
        let ([batch, heads, queries, size], [_, kv_heads, keys, _]) = (dims(&q)?, dims(&k)?);
        let [.., value_size] = dims(&v)?;
        let sizes = Sizes { batch, heads, kv_heads, queries, keys, size, value_size };
        let scores = [batch, heads, queries, keys];
        let mask = self.mask.map(|mask| whole_mask(call.inputs[mask], keys)).transpose()?;
        let strides = |mask: &Tensor| -> [usize; 4] {
            let strides = strides_in(mask, &scores);
            std::array::from_fn(|axis| strides[axis].unsigned_abs())
        };
        let unreadable = || KernelError::Internal("the mask can't be read".to_owned());
        let mask = match &mask {
            None => Mask::None,
            Some(mask) if mask.dtype() == DType::Bool => {
                let data = as_bytes(mask.reach::<bool>().ok_or_else(unreadable)?);
                Mask::Allow(View { data, strides: strides(mask) })
            }
            Some(mask) => Mask::Add(View { data: mask.reach::<f32>().ok_or_else(unreadable)?, strides: strides(mask) }),
        };
        let lengths: Option<Vec<usize>> = match self.lengths {
            None => None,
            Some(number) => {
                let lengths = call.inputs[number].load::<i64>()?;
                Some(lengths.iter().map(|length| usize::try_from(*length).unwrap_or(0).min(keys)).collect())
            }
        };
        let attention = Attention::new(sizes, view(&q, dims(&q)?)?, view(&k, dims(&k)?)?, view(&v, dims(&v)?)?);
        let attention = Attention {
            mask,
            scale: self.scale.map_or(attention.scale, |scale| scale as f32),
            softcap: self.softcap as f32,
            causal: self.causal,
            left: self.left,
            right: self.right,
            offset: if lengths.is_some() { Offset::Last } else { Offset::Keys(0) },
            lengths: lengths.as_deref(),
            ..attention
        };
        // With the heads of a query side by side, which is how they are mostly read.
        let mut output = call.output(DType::F32, &[batch, queries, heads, value_size])?;
        let row = heads * value_size;
        attention.run(output.floats(), [queries * row, value_size, row, 1]);
        let made = output.finish()?;
        Ok(vec![match self.heads {
            Some(_) => made.reshape(&[batch, queries, row])?,
            None => made.permute(&[0, 2, 1, 3])?,
        }])
    }
}

fn dims(tensor: &Tensor) -> Result<[usize; 4], KernelError> {
    tensor.shape().try_into().map_err(|_| KernelError::Internal("an operand of attention hasn't four axes".to_owned()))
}

/// A mask whose last axis has an element for each key, or one for all: what it lacks isn't seen.
fn whole_mask(mask: &Tensor, keys: usize) -> Result<Cow<'_, Tensor>, KernelError> {
    let mut sizes = mask.shape().to_vec();
    let Some(last) = sizes.last_mut() else { return Ok(Cow::Borrowed(mask)) };
    // One element may stand for all keys, as broadcasting has it, only where there is one key.
    if *last == keys {
        return walkable(mask);
    }
    *last = keys;
    let unseen = if mask.dtype() == DType::Bool { Tensor::scalar(false) } else { Tensor::scalar(f32::NEG_INFINITY) };
    Ok(Cow::Owned(mask.extended(&sizes, Some(&unseen))?))
}
