//! `GroupQueryAttention`: attention whose heads share keys and values, with a past that may be a buffer.
//!
//! Row b of a batch has `seqlens_k[b] + 1` keys with its new ones, so its past is that less the new steps, or 0 in a
//! prompt that is shorter than the longest. New keys are written behind the past of their row; what a buffer holds
//! beyond them is not seen.

use super::activation::wide;
use super::attention::{Rotation, joined_heads, split_heads};
use super::masks::{added, open};
use super::normalization::rms_normalized;
use super::*;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] = &[row("com.microsoft.GroupQueryAttention", 1, formula(group_query_attention))];

/// What attributes say.
struct Settings {
    heads: i64,
    kv_heads: i64,
    causal: bool,
    /// How many keys before its own a query sees; -1 for all.
    left: i64,
    softcap: f64,
}

fn settings(c: &NodeContext) -> Result<Settings, OnnxError> {
    for name in ["k_quant_type", "v_quant_type"] {
        if c.str(name, "NONE")? != "NONE" {
            return Err(c.unsupported(format!(
                "a quantised past (attribute `{name}`); export the model with a past of floats: it"
            )));
        }
    }
    c.ignore("kv_cache_bit_width");
    without(c, &[12, 13], "a quantised past; export the model with a past of floats: it")?;
    only_int(c, "sliding_window_cache", 0, "a past that drops its first keys; export the model with a whole past: it")?;
    Ok(Settings {
        heads: c.required("num_heads", c.opt_int("num_heads")?)?,
        kv_heads: c.required("kv_num_heads", c.opt_int("kv_num_heads")?)?,
        causal: c.bool("causal", true)?,
        // The window has the query's own key in it.
        left: (c.int("local_window_size", -1)? - 1).max(-1),
        softcap: c.float("softcap", 0.0)?,
    })
}

fn group_query_attention<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let settings = settings(c)?;
    let [query, key, value] = streams(c, &settings)?;
    let steps = extent(query, 2);
    // The lengths of the past and of all, for each row.
    let counted = c.x(5).cast(DType::I64);
    let lengths = shaped(counted, &[-1]) + 1.0;
    let past = match c.opt(3) {
        Some(_) => (lengths - steps).maximum(c.f.ints(&[0])),
        None => (lengths * 0.0).cast(DType::I64),
    };
    let places = past.unsqueeze(&[1]) + iota(steps);
    let query_key = normalised(c, query, key)?;
    let [query, key] = rotated(c, query_key, places)?;
    let (key, value) = match (c.opt(3), c.opt(4)) {
        (Some(past_key), Some(past_value)) => {
            let total = shaped(c.x(6).cast(DType::I64), &[1]);
            let written = |buffer: Expr<'a>, new: Expr<'a>| {
                let missing = (total - extent(buffer, 2)).maximum(c.f.ints(&[0]));
                let zeros = c.f.ints(&[0, 0, 0, 0, 0, 0]);
                let pads = c.f.concat(&[zeros, missing, c.f.ints(&[0])], 0);
                let buffer = buffer.binary(&ops::pad::OP, pads);
                c.f.op(&ops::tensor_scatter::OP, &[buffer, new, past], attrs! { axis: 2i64 })
            };
            (written(past_key, key), written(past_value, value))
        }
        (None, None) => {
            c.ignore_operand(6);
            (key, value)
        }
        _ => return Err(c.error("past_key and past_value are given both or neither")),
    };
    // Of a row that is shorter than the longest, causality hides what stands behind its end from its own queries. Where
    // there is none, its length does.
    let seen = if settings.causal { past + steps } else { lengths };
    attended(c, &settings, [query, key, value], seen)
}

/// Query, key and value with the heads in axis 1; they may be side by side in one tensor.
fn streams<'a>(c: &NodeContext<'a>, settings: &Settings) -> Result<[Expr<'a>; 3], OnnxError> {
    let (heads, kv_heads) = (settings.heads, settings.kv_heads);
    let parts = match (c.opt(1), c.opt(2)) {
        (Some(key), Some(value)) => [(c.x(0), heads), (key, kv_heads), (value, kv_heads)],
        (None, None) => {
            let together = split_heads(c.x(0), heads + 2 * kv_heads);
            let sizes = c.f.ints(&[heads, kv_heads, kv_heads]);
            let parts = c.f.op_many(&ops::split::OP, &[Some(together), Some(sizes)], attrs! { axis: 1i64 }, vec![], 3);
            return Ok([parts[0], parts[1], parts[2]]);
        }
        _ => return Err(c.error("key and value are given both or neither")),
    };
    Ok(parts.map(|(x, count)| split_heads(x, count)))
}

/// Each head of queries and keys divided by the root of the mean of its squares, where there are weights for it.
fn normalised<'a>(c: &NodeContext<'a>, query: Expr<'a>, key: Expr<'a>) -> Result<[Expr<'a>; 2], OnnxError> {
    let epsilon = c.float("qk_norm_epsilon", f64::from(1e-6f32))?;
    Ok(match (c.opt(14), c.opt(15)) {
        (Some(q), Some(k)) => [(query, q), (key, k)].map(|(x, w)| rms_normalized(x, w, -1, epsilon).cast(x.dtype())),
        (None, None) => [query, key],
        _ => return Err(c.error("q_norm_weight and k_norm_weight are given both or neither")),
    })
}

/// Queries and keys turned by their places, where the node turns them.
fn rotated<'a>(c: &NodeContext<'a>, parts: [Expr<'a>; 2], places: Expr<'a>) -> Result<[Expr<'a>; 2], OnnxError> {
    let interleaved = c.bool("rotary_interleaved", false)?;
    let given = c.opt(9);
    if !c.bool("do_rotary", false)? {
        [7, 8].into_iter().for_each(|index| c.ignore_operand(index));
        return Ok(parts);
    }
    let pairs = c.x(7).dims().and_then(|dims| dims.get(1)?.as_int());
    let pairs = pairs.ok_or_else(|| c.unsupported(format!("a cos_cache of unknown width, {},", c.x(7).ty())))?;
    let rotation = Rotation { cos: c.x(7), sin: c.x(8), interleaved, turned: 2 * pairs };
    Ok(parts.map(|x| rotation.of(x, given.unwrap_or(places), None)))
}

/// The attention, of which each row sees its first `lengths` keys.
fn attended<'a>(
    c: &NodeContext<'a>,
    settings: &Settings,
    [query, key, value]: [Expr<'a>; 3],
    lengths: Expr<'a>,
) -> Exprs<'a> {
    let dtype = wide(query);
    let smooth = c.int("smooth_softmax", -1)? == 1;
    let sink = c.opt(11).map(|sink| sink.cast(dtype).unsqueeze(&[0, 2, 3]));
    let sink = sink.or(smooth.then(|| shaped(c.f.scalar(dtype, 0.0), &[1, 1, 1, 1])));
    let bias = c.opt(10).map(|bias| bias.cast(dtype));
    let mode = match c.int("qk_output", 0)? {
        0 | 1 => 2,
        2 => 3,
        other => return Err(c.error(format!("attribute `qk_output` is {other}, not 0, 1 or 2"))),
    };
    let mut attrs: Attrs = attrs! { softcap: settings.softcap, qk_matmul_output_mode: mode };
    attrs.extend(given_scale(c)?.map(|scale| ("scale", scale.into())));
    let left = if settings.causal { settings.left } else { -1 };
    let operands = match sink {
        None => {
            attrs.extend([("is_causal", settings.causal.into()), ("left_window_size", left.into())]);
            vec![Some(query), Some(key), Some(value), bias, None, None, Some(lengths)]
        }
        Some(sink) => {
            let mask = whole_mask(settings, [query, key], lengths, bias, dtype);
            let outer = c.f.concat(&[extent(query, 0), c.f.ints(&[settings.heads]), extent(query, 2)], 0);
            let one =
                |x: Expr<'a>, count: Expr<'a>| x.binary(&ops::expand::OP, c.f.concat(&[count, c.f.ints(&[1])], 0));
            let all = c.f.concat(&[outer, extent(key, 2)], 0);
            let mask = c.f.concat(&[mask.binary(&ops::expand::OP, all), one(sink, outer)], -1);
            // A key of zeros scores 0 and gives nothing; the mask adds what it counts as.
            let with_zeros = |x: Expr<'a>| x.binary(&ops::pad::OP, c.f.ints(&[0, 0, 0, 0, 0, 0, 1, 0]));
            vec![Some(query), Some(with_zeros(key)), Some(with_zeros(value)), Some(mask)]
        }
    };
    let results = c.f.op_many(&ops::attention::OP, &operands, attrs, Vec::new(), 4);
    let shown = if sink.is_some() { results[3].slice(3, 0, -1, 1) } else { results[3] };
    Ok(vec![joined_heads(results[0]), key, value, shown])
}

/// What is added to the scores, with what attributes would otherwise say.
fn whole_mask<'a>(
    settings: &Settings,
    [query, key]: [Expr<'a>; 2],
    lengths: Expr<'a>,
    bias: Option<Expr<'a>>,
    dtype: DType,
) -> Expr<'a> {
    let f = query.owner();
    let keys = iota(extent(key, 2));
    let lengths = lengths.unsqueeze(&[1, 2, 3]);
    let place = lengths - extent(query, 2) + iota(extent(query, 2)).unsqueeze(&[1]);
    let mut seen = keys.less(lengths);
    if settings.causal {
        seen = seen.and(!keys.greater(place));
        if settings.left >= 0 {
            seen = seen.and(!keys.less(place - settings.left as f64));
        }
    }
    let bias = bias.map(|bias| {
        // A bias for fewer keys than the buffer has says nothing of the rest, which nobody sees.
        let missing = extent(key, 2) - extent(bias, 3);
        let pads = f.concat(&[f.ints(&[0, 0, 0, 0, 0, 0, 0]), missing], 0);
        bias.binary(&ops::pad::OP, pads)
    });
    let open = open(seen, f64::NEG_INFINITY, dtype);
    added([Some(open), bias]).unwrap_or(open)
}
