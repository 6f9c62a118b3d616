//! Attention that is spelled out, as one kernel.

use std::borrow::Cow;

use glassbox_exec::KernelError;
use glassbox_ir::ops;
use glassbox_kernels::attention::{Attention, Finish as Finished, Sizes as Extents, View};
use glassbox_kernels::tile::{Epilogue, Source};
use glassbox_tensor::{DType, Tensor};

use super::attention::view;
use super::epilogue::Finish;
use super::place::{data, strides_in, walkable};
use super::{Built, Kernel, are_of_one_size};
use crate::fragment::{Fragment, Sizes};
use crate::slots::Call;

/// How many nodes follow the scores: the five of a softmax, and the last product.
const AFTER: usize = 6;

struct Spelled {
    /// The numbers of queries, transposed keys, and values.
    operands: [usize; 3],
    /// The number of the scores, which the softmax is of.
    scores: usize,
    /// What is done with the products of queries and keys.
    finish: Option<Finish>,
}

/// Two products with a softmax between them, as [`spelled_attention`](crate::fuse::Region::spelled_attention) finds them.
pub(super) fn build(fragment: &Fragment) -> Built {
    let ops: Vec<&str> = fragment.nodes().map(|node| node.op.name).collect();
    let softmax = ["reduce_max", "sub", "exp", "reduce_sum", "div", "matmul"];
    let (Some(first), Some(last)) = (fragment.nodes().next(), fragment.nodes().last()) else {
        return Err(String::new());
    };
    if *first.op != ops::matmul::OP || ops.len() <= AFTER || ops[ops.len() - AFTER..] != softmax {
        return Err(String::new());
    }
    let ([Some(q), Some(k)], [_, Some(v)]) = (&first.operands[..], &last.operands[..]) else {
        return Err(String::new());
    };
    let between = 1..ops.len() - AFTER;
    let Some(maximum) = fragment.nodes().nth(between.end) else { return Err(String::new()) };
    let Some(scores) = maximum.operands.first().copied().flatten() else { return Err(String::new()) };
    let scores = fragment.number(scores);
    let finish = Finish::of(fragment, between, fragment.number(first.results[0]), &[scores])?;
    let operands = [*q, *k, *v].map(|value| fragment.number(value));
    if operands.iter().any(|operand| *operand >= fragment.inputs().len()) {
        return Err("what is attended to is computed in the same kernel".to_owned());
    }
    Ok(Box::new(Spelled { operands, scores, finish }))
}

/// Sizes of four axes: batch, heads, rows and columns. Where there are three, the first is the batch, and there is one head.
fn four(sizes: &[usize]) -> Option<[usize; 4]> {
    match *sizes {
        [batch, rows, columns] => Some([batch, 1, rows, columns]),
        [batch, heads, rows, columns] => Some([batch, heads, rows, columns]),
        _ => None,
    }
}

/// A tensor that can be walked along, with the axis of heads where scores of `rank` axes have none.
fn operand(tensor: &Tensor, rank: usize) -> Result<Cow<'_, Tensor>, KernelError> {
    let tensor = walkable(tensor)?;
    Ok(if rank == 3 && tensor.rank() == 3 { Cow::Owned(tensor.expand_dims(1)?) } else { tensor })
}

/// A tensor that broadcasts to the scores.
struct Load<'a> {
    tensor: Cow<'a, Tensor>,
    /// Its stride along each axis of the scores.
    strides: Vec<isize>,
}

/// What is done with the scores of each head.
struct Heads<'a> {
    heads: Vec<Epilogue<'a>>,
    queries: usize,
}

impl<'a> Heads<'a> {
    /// For scores of these sizes; `loads` are the tensors that the program reads beside a score, with their strides.
    fn new(finish: &'a Finish, loads: &'a [Load], sizes: [usize; 4]) -> Result<Heads<'a>, KernelError> {
        let [batch, heads, queries, keys] = sizes;
        let of_head = |head: usize| {
            let source = |Load { tensor, strides }: &'a Load| {
                let offset = strides[0].unsigned_abs() * (head / heads) + strides[1].unsigned_abs() * (head % heads);
                Ok(Source { data: data(tensor)?, offset, row_strides: &strides[2..3], column_stride: strides[3] })
            };
            let sources = loads.iter().map(source).collect::<Result<Vec<_>, KernelError>>()?;
            Ok(finish.compiled().epilogue(queries, keys, &sources))
        };
        Ok(Heads { heads: (0..batch * heads).map(of_head).collect::<Result<_, KernelError>>()?, queries })
    }
}

impl glassbox_kernels::Epilogue for Heads<'_> {
    fn finish(&self, row: usize, column: usize, values: &mut [f32]) {
        self.heads[row / self.queries].apply(row % self.queries, column, values);
    }
}

impl Kernel for Spelled {
    fn takes(&self, fragment: &Fragment, sizes: &Sizes) -> bool {
        let whole = four(&sizes.sizes[self.scores]);
        let ranks = self.operands.iter().all(|operand| four(&sizes.sizes[*operand]).is_some());
        let made = four(&sizes.sizes[fragment.outputs()[0]]);
        // Weights of one head for values of several would be several heads.
        let heads = whole.zip(made).is_some_and(|(scores, made)| scores[..3] == made[..3]);
        ranks && heads && are_of_one_size(fragment, sizes, 0..fragment.nodes().len() - AFTER)
    }

    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let wrong = || KernelError::Internal("attention has other axes".to_owned());
        let (scores, made) = (&call.sizes.sizes[self.scores], &call.sizes.sizes[call.fragment.outputs()[0]]);
        let (Some(whole), Some([.., value_size])) = (four(scores), four(made)) else { return Err(wrong()) };
        let [batch, heads, queries, keys] = whole;
        let [q, k, v] = self.operands.map(|number| operand(call.inputs[number], scores.len()));
        let (q, k, v) = (q?, k?, v?);
        let size = *q.shape().last().ok_or_else(wrong)?;
        let turned = view(&k, [batch, heads, size, keys])?;
        let [first, second, channel, key] = turned.strides;
        let attention = Attention {
            scale: 1.0,
            nan_unseen: true,
            ..Attention::new(
                Extents { batch, heads, kv_heads: heads, queries, keys, size, value_size },
                view(&q, [batch, heads, queries, size])?,
                View { strides: [first, second, key, channel], ..turned },
                view(&v, [batch, heads, keys, value_size])?,
            )
        };
        // With the heads of a query side by side, which is how they are mostly read.
        let mut output = call.output(DType::F32, &[batch, queries, heads, value_size])?;
        let row = heads * value_size;
        let strides = [queries * row, value_size, row, 1];
        match &self.finish {
            None => attention.run(output.floats(), strides),
            Some(finish) => {
                let load = |number: &usize| {
                    let tensor = operand(call.inputs[*number], scores.len())?;
                    Ok(Load { strides: strides_in(&tensor, &whole), tensor })
                };
                let loads = finish.loads().iter().map(load).collect::<Result<Vec<_>, KernelError>>()?;
                let finishing = Heads::new(finish, &loads, whole)?;
                let attention = Attention { finish: Some(Finished(&finishing)), ..attention };
                attention.run(output.floats(), strides);
            }
        }
        let whole = output.finish()?.permute(&[0, 2, 1, 3])?;
        Ok(vec![if made.len() == 3 { whole.reshape(made)? } else { whole }])
    }
}
