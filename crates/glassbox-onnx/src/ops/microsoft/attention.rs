//! Attention of many heads, in the three ops that take all keys at once, and the rotation of queries and keys.

use super::activation::wide;
use super::masks::{added, key_mask};
use super::*;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] = &[
    row("com.microsoft.Attention", 1, formula(attention)),
    row("com.microsoft.DecoderMaskedMultiHeadAttention", 1, formula(decoder_masked)),
    row("com.microsoft.GemmaRotaryEmbedding", 1, formula(gemma_rotary_embedding)),
    row("com.microsoft.LinearAttention", 1, formula(linear_attention)),
    row("com.microsoft.MultiHeadAttention", 1, formula(multi_head)),
    row("com.microsoft.RotaryEmbedding", 1, formula(rotary_embedding)),
];

/// Queries, keys and values, [batch, length, heads * size] or with the heads in axis 1, and what came before them.
pub(super) struct Streams<'a> {
    pub(super) query: Expr<'a>,
    pub(super) key: Expr<'a>,
    pub(super) value: Expr<'a>,
    /// Keys and values [batch, heads, length, size].
    pub(super) past: Option<(Expr<'a>, Expr<'a>)>,
}

impl<'a> Streams<'a> {
    /// How many keys there are, with those of the past.
    pub(super) fn keys(&self) -> Expr<'a> {
        let new = extent(self.key, if self.key.rank() == Some(4) { 2 } else { 1 });
        self.past.map_or(new, |(key, _)| extent(key, 2) + new)
    }
}

/// The attention of these: y, keys and values with the past, and the scores.
pub(super) fn attend<'a>(
    c: &NodeContext<'a>,
    streams: &Streams<'a>,
    mask: Option<Expr<'a>>,
    attrs: Attrs,
) -> Result<Vec<Expr<'a>>, OnnxError> {
    let mut attrs = attrs;
    attrs.extend(given_scale(c)?.map(|scale| ("scale", scale.into())));
    let (past_key, past_value) = streams.past.unzip();
    let operands = [Some(streams.query), Some(streams.key), Some(streams.value), mask, past_key, past_value];
    Ok(c.f.op_many(&ops::attention::OP, &operands, attrs, Vec::new(), 4))
}

/// The attributes of heads that are side by side in the last axis.
pub(super) fn heads(count: i64) -> Attrs {
    attrs! { q_num_heads: count, kv_num_heads: count }
}

/// Queries, keys and values from one product, side by side in the last axis.
pub(super) fn projected<'a>(c: &NodeContext<'a>, product: Expr<'a>) -> Result<[Expr<'a>; 3], OnnxError> {
    let (sizes, attrs) = match c.ints("qkv_hidden_sizes")?.filter(|sizes| !sizes.is_empty()) {
        Some(sizes) if sizes.len() != 3 => return Err(c.error(format!("`qkv_hidden_sizes` is {sizes:?}"))),
        Some(sizes) => (Some(c.f.ints(sizes)), attrs! { axis: -1i64 }),
        None => (None, attrs! { axis: -1i64, num_outputs: 3i64 }),
    };
    let parts = c.f.op_many(&ops::split::OP, &[Some(product), sizes], attrs, Vec::new(), 3);
    Ok([parts[0], parts[1], parts[2]])
}

/// Keys and values in one tensor, [2, batch, heads, length, size].
pub(super) fn unstacked(past: Option<Expr<'_>>) -> Option<(Expr<'_>, Expr<'_>)> {
    past.map(|past| (slice_at(past, 0, 0), slice_at(past, 0, 1)))
}

/// Keys and values as one tensor.
pub(super) fn stacked<'a>(key: Expr<'a>, value: Expr<'a>) -> Expr<'a> {
    key.owner().concat(&[key.unsqueeze(&[0]), value.unsqueeze(&[0])], 0)
}

/// Weights, bias, mask, past, bias of the scores, and the length of the past in a shared buffer.
fn attention<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let count = c.required("num_heads", c.opt_int("num_heads")?)?;
    only_int(c, "do_rotary", 0, "a rotation inside of Attention; save the model with RotaryEmbedding nodes: it")?;
    c.ignore("rotary_embedding_dim");
    only_int(
        c,
        "past_present_share_buffer",
        0,
        "a past in the buffer of the present; export the model without it: it",
    )?;
    without(c, &[6], "a past in the buffer of the present; export the model without it: it")?;
    let product = c.x(0).matmul(c.x(1));
    let [query, key, value] = projected(c, c.opt(2).map_or(product, |bias| product + bias))?;
    self_attention(c, Streams { query, key, value, past: unstacked(c.opt(4)) }, 3, c.opt(5), count)
}

/// Attention of a sequence to itself and its past, whose mask of keys is operand `mask`: y and the present.
pub(super) fn self_attention<'a>(
    c: &NodeContext<'a>,
    streams: Streams<'a>,
    mask: usize,
    bias: Option<Expr<'a>>,
    count: i64,
) -> Exprs<'a> {
    let dtype = wide(streams.query);
    let past = streams.past.map(|(key, _)| extent(key, 2));
    let mask = key_mask(c, mask, streams.keys(), past, dtype)?;
    let mask = added([mask, bias.map(|bias| bias.cast(dtype))]);
    let mut attrs = heads(count);
    attrs.insert("is_causal", c.bool("unidirectional", false)?.into());
    let results = attend(c, &streams, mask, attrs)?;
    if c.outputs == 1 {
        return Ok(vec![results[0]]);
    }
    Ok(vec![results[0], stacked(results[1], results[2])])
}

/// The parts of a packed tensor, which are in axis 3 of five, each [batch, length, heads * size].
fn unpacked<'a>(packed: Expr<'a>, count: i64) -> Vec<Expr<'a>> {
    (0..count).map(|index| shaped(slice_at(packed, 3, index), &[0, 0, -1])).collect()
}

/// Heads from the last of three axes to the second of four.
pub(super) fn split_heads(x: Expr<'_>, count: i64) -> Expr<'_> {
    shaped(x, &[0, 0, count, -1]).transpose(&[0, 2, 1, 3])
}

/// Heads from the second of four axes into the last of three.
pub(super) fn joined_heads(x: Expr<'_>) -> Expr<'_> {
    shaped(x.transpose(&[0, 2, 1, 3]), &[0, 0, -1])
}

/// Query, key and value in the forms that they may have, with the bias added; those of another attention's past, with
/// the heads in axis 1, get none.
fn inputs<'a>(c: &NodeContext<'a>, bias: usize, count: i64) -> Result<[Expr<'a>; 3], OnnxError> {
    let query = c.x(0);
    let parts = match (c.rank(0)?, c.opt(1), c.opt(2)) {
        (5, None, None) => unpacked(query, 3),
        (3, Some(key), None) if c.rank(1)? == 5 => [vec![query], unpacked(key, 2)].concat(),
        (3, Some(key), Some(value)) => vec![query, key, value],
        // Decoders pack them side by side.
        (3, None, None) => projected(c, query)?.to_vec(),
        _ => return Err(c.error("query, key and value are neither three tensors nor packed into one or two")),
    };
    let crossing = parts[1].rank() == Some(4);
    let mut parts = [parts[0], parts[1], parts[2]];
    if let Some(bias) = c.opt(bias) {
        let biased = if crossing { 1 } else { 3 };
        let mut first = c.f.ints(&[0]);
        for part in parts.iter_mut().take(biased) {
            let end = first + extent(*part, 2);
            *part = *part + cut(bias, 0, first, end);
            first = end;
        }
    }
    if crossing {
        parts[0] = split_heads(parts[0], count);
    }
    Ok(parts)
}

/// Query, key, value, bias, mask of keys, bias of the scores, past keys and values.
fn multi_head<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let count = c.required("num_heads", c.opt_int("num_heads")?)?;
    without(c, &[8, 9], "a past in the buffer of the present; export the model without it: it")?;
    let [query, key, value] = inputs(c, 3, count)?;
    let streams = Streams { query, key, value, past: c.opt(6).zip(c.opt(7)) };
    finished(c, streams, 4, 5, count, c.bool("unidirectional", false)?)
}

/// The attention of a node whose mask of keys and bias of scores are these operands.
fn finished<'a>(
    c: &NodeContext<'a>,
    streams: Streams<'a>,
    mask: usize,
    bias: usize,
    count: i64,
    causal: bool,
) -> Exprs<'a> {
    let dtype = wide(streams.query);
    let past = streams.past.map(|(key, _)| extent(key, 2));
    let mask = key_mask(c, mask, streams.keys(), past, dtype)?;
    let mask = added([mask, c.opt(bias).map(|bias| bias.cast(dtype))]);
    let crossing = streams.query.rank() == Some(4);
    let mut attrs = if crossing { Attrs::new() } else { heads(count) };
    attrs.insert("is_causal", causal.into());
    // The fourth result is the scores with the mask, before the softmax.
    attrs.insert("qk_matmul_output_mode", 2i64.into());
    let mut results = attend(c, &streams, mask, attrs)?;
    if crossing {
        results[0] = joined_heads(results[0]);
    }
    Ok(results)
}

/// One new token. Its key and value come after the past, or are written into the past's buffer in the place that
/// `past_sequence_length` says; or keys and values are all given, with the heads in axis 1.
fn decoder_masked<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let count = c.required("num_heads", c.opt_int("num_heads")?)?;
    without(c, &[9], "a search by beams inside of the node, which needs the buffers of one runtime: it")?;
    c.ignore_operand(8);
    c.ignore("output_qk");
    let shared = c.bool("past_present_share_buffer", false)?;
    let [query, key, value] = inputs(c, 10, count)?;
    let past = c.opt(5).zip(c.opt(6));
    let (Some((past_key, past_value)), true) = (past.filter(|_| query.rank() == Some(3)), shared) else {
        c.ignore_operand(7);
        return finished(c, Streams { query, key, value, past }, 3, 4, count, false);
    };
    let place = shaped(c.x(7).cast(DType::I64), &[1]);
    let batch = extent(query, 0);
    let places = place.binary(&ops::expand::OP, batch);
    let written = |buffer: Expr<'a>, new: Expr<'a>| {
        c.f.op(&ops::tensor_scatter::OP, &[buffer, split_heads(new, count), places], attrs! { axis: 2i64 })
    };
    let (key, value) = (written(past_key, key), written(past_value, value));
    let seen = |buffer: Expr<'a>| cut(buffer, 2, c.f.ints(&[0]), place + 1.0);
    let streams = Streams { query: split_heads(query, count), key: seen(key), value: seen(value), past: None };
    let mut results = finished(c, streams, 3, 4, count, false)?;
    (results[1], results[2]) = (key, value);
    Ok(results)
}

/// x, the places of its steps, the caches of cosines and sines.
fn rotary_embedding<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    only_int(c, "is_packed_batching", 0, "a batch of sequences without a batch axis; export the model without it: it")?;
    let scale = c.float("scale", 1.0)?;
    if scale != 1.0 {
        return Err(c.unsupported(format!("a scale of {scale}; multiply the caches by it, then leave it out: it")));
    }
    let (turned, count) = (c.int("rotary_embedding_dim", 0)?, c.int("num_heads", 0)?);
    let (x, rank) = (c.x(0), c.rank(0)?);
    let steps = if rank == 4 { 2 } else { 1 };
    let places = match c.rank(1)? {
        1 => {
            // One number is where the first step of every sequence stands.
            let counted = iota(extent(x, steps)) + c.x(1).cast(DType::I64);
            counted.binary(&ops::expand::OP, c.f.concat(&[extent(x, 0), extent(x, steps)], 0))
        }
        _ => c.x(1),
    };
    let caches = Rotation { cos: c.x(2), sin: c.x(3), interleaved: c.bool("interleaved", false)?, turned };
    if rank == 4 {
        return Ok(vec![caches.of(x, places, None)]);
    }
    let count = match count {
        0 => {
            // Heads are as wide as the caches turn.
            let (pairs, width) = (c.sizes(2)?[1] as i64, x.dims().and_then(|dims| dims[2].as_int()));
            let width = width.ok_or_else(|| c.unsupported("an unknown number of heads (`num_heads` is 0)"))?;
            width / (2 * pairs).max(1)
        }
        given => given,
    };
    Ok(vec![caches.of(x, places, Some(count))])
}

/// Queries and keys, each with its halves changed places beside it, turned by angles [batch, steps, size].
fn gemma_rotary_embedding<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (angles, dtype) = (c.x(0), c.x(1).dtype());
    let [cos, sin] = [angles.cos(), angles.sin()].map(|x| x.cast(dtype).unsqueeze(&[1]));
    Ok(vec![c.x(1) * cos + c.x(2) * sin, c.x(3) * cos + c.x(4) * sin])
}

/// As in the default domain, with the last state only.
fn linear_attention<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    only_int(c, "state_window", 0, "the states of several last steps")?;
    c.direct(&ops::linear_attention::OP)
}

/// How queries and keys are turned.
pub(super) struct Rotation<'a> {
    pub(super) cos: Expr<'a>,
    pub(super) sin: Expr<'a>,
    pub(super) interleaved: bool,
    /// How many numbers of a head are turned; 0 for all.
    pub(super) turned: i64,
}

impl<'a> Rotation<'a> {
    /// x turned by the places [batch, steps] of its steps: x has the heads in axis 1, or `heads` of them in its last.
    pub(super) fn of(&self, x: Expr<'a>, places: Expr<'a>, heads: Option<i64>) -> Expr<'a> {
        let mut attrs = attrs! { interleaved: self.interleaved, rotary_embedding_dim: self.turned };
        attrs.extend(heads.map(|heads| ("num_heads", heads.into())));
        let caches = [self.cos, self.sin].map(|cache| cache.cast(x.dtype()));
        let operands = [x, caches[0], caches[1], places.cast(DType::I64)];
        x.owner().op(&ops::rotary_embedding::OP, &operands, attrs)
    }
}
