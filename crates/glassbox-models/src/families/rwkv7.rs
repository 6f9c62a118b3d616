//! RWKV-7 "Goose" (arXiv 2503.14456): no attention and no cache, but a matrix for each head that each token
//! changes by a rule of its own: some of it decays, what a key finds is partly taken out, a value is put in.
//! A layer remembers that and its last inputs, however long the sequence. Official checkpoints have no
//! configuration: all sizes are those of the parameters, and settings that say otherwise are an error.

use glassbox_ir::{Dim, Expr, attrs, ops};
use glassbox_tensor::DType;

use super::Family;
use crate::config::Config;
use crate::error::ModelError;
use crate::layers::{apart, embedding, linear, logits, norm, together};
use crate::net::Net;
use crate::rows::pick;

/// The row of the table.
pub(super) static FAMILY: Family = Family { name: "rwkv7", model_types: &["rwkv7"], build };

/// The decay is e^(-e^(-1/2) σ(z)): at most e^(-1/2) in the exponent, whatever z is.
const DECAY: f64 = -0.606_530_659_712_633_4;
/// The least length that a key is divided by.
const LEAST_LENGTH: f64 = 1e-12;

/// The sizes of a model.
struct Sizes {
    vocabulary: i64,
    width: i64,
    layers: i64,
    heads: i64,
    head_size: i64,
    inner: i64,
    epsilon: f64,
    head_epsilon: f64,
}

impl Sizes {
    fn read(net: &Net<'_>, config: &Config) -> Result<Sizes, ModelError> {
        let [vocabulary, width] = net.at("emb").matrix("weight")?;
        let first = net.at("blocks.0");
        let [heads, head_size] = first.at("att").matrix("r_k")?;
        let [inner, _] = first.at("ffn").at("key").matrix("weight")?;
        let layers = net.layers("blocks");
        let found = [
            ("vocab_size", vocabulary),
            ("hidden_size", width),
            ("num_hidden_layers", layers),
            ("num_heads", heads),
            ("head_dim", head_size),
            ("intermediate_size", inner),
        ];
        for (key, size) in found {
            if config.opt_size(key)?.is_some_and(|said| said != size) {
                return Err(config.wrong(key, format!("the parameters say {size}")));
            }
        }
        if heads.checked_mul(head_size) != Some(width) {
            return Err(config.wrong("num_heads", format!("{heads} heads of {head_size} aren't the width, {width}")));
        }
        config.off("tie_word_embeddings")?;
        Ok(Sizes {
            vocabulary,
            width,
            layers,
            heads,
            head_size,
            inner,
            epsilon: config.opt_positive("layer_norm_eps")?.unwrap_or(1e-5),
            head_epsilon: config.opt_positive("head_norm_eps")?.unwrap_or(64e-5),
        })
    }
}

fn build<'b>(net: &Net<'b>, config: &Config) -> Result<Expr<'b>, ModelError> {
    let sizes = Sizes::read(net, config)?;
    let tokens = embedding(&net.at("emb"), net.tokens(), sizes.vocabulary, sizes.width);
    let mut x = norm::layer_norm(&net.at("blocks.0.ln0"), tokens, sizes.epsilon);
    let mut first_value = None;
    let mut remembered = Vec::new();
    for n in 0..sizes.layers {
        let layer = net.at(format!("blocks.{n}"));
        let u = norm::layer_norm(&layer.at("ln1"), x, sizes.epsilon);
        let (before, last) = shifted(&layer, "att_x", u, &sizes)?;
        let (y, matrices) = time_mix(&layer, u, before, &mut first_value, &sizes)?;
        x = x + y;
        let u = norm::layer_norm(&layer.at("ln2"), x, sizes.epsilon);
        let (before, last_fed) = shifted(&layer, "ffn_x", u, &sizes)?;
        x = x + channel_mix(&layer.at("ffn"), u, before, &sizes);
        remembered.push((layer, [last, last_fed, matrices]));
    }
    let x = norm::layer_norm(&net.at("ln_out"), x, sizes.epsilon);
    let logits = logits(&net.at("head"), x, sizes.vocabulary);
    for (layer, contents) in remembered {
        layer.here();
        contents.into_iter().for_each(|(state, contents)| net.write(&state, contents));
    }
    Ok(logits)
}

/// The token before each of u [B, T, C], the one before the first being the state `name`; and what that
/// state will hold, the last of each row.
fn shifted<'b>(
    layer: &Net<'b>,
    name: &str,
    u: Expr<'b>,
    sizes: &Sizes,
) -> Result<(Expr<'b>, (String, Expr<'b>)), ModelError> {
    layer.here();
    let state = layer.state(name, DType::F32, &[Dim::Int(sizes.width)], None)?;
    let old = layer.read(&state).unsqueeze(&[1]);
    let all = layer.f().concat(&[old, u], 1);
    // Of a row without tokens it is what the state holds.
    let last = pick(all, layer.rows().lengths()).squeeze(&[1]);
    Ok((all.slice(1, 0, -1, 1), (state, last)))
}

/// The time mixing of u [B, T, C], and the matrices of all heads after it: f32[B, H, N, N], rows the channels of
/// values, columns those of keys.
fn time_mix<'b>(
    layer: &Net<'b>,
    u: Expr<'b>,
    before: Expr<'b>,
    first_value: &mut Option<Expr<'b>>,
    sizes: &Sizes,
) -> Result<(Expr<'b>, (String, Expr<'b>)), ModelError> {
    let net = layer.at("att");
    let width = sizes.width;
    let vector = |name: &str| net.weight(name, &[1, 1, width]);
    // x a b, of a low rank.
    let through = |x: Expr<'b>, a: &str, inside: fn(Expr<'b>) -> Expr<'b>, b: &str| -> Result<Expr<'b>, ModelError> {
        let [_, rank] = net.matrix(a)?;
        Ok(inside(x.matmul(net.weight(a, &[width, rank]))).matmul(net.weight(b, &[rank, width])))
    };
    let heads = |x: Expr<'b>| apart(x, sizes.heads);

    let difference = before - u;
    let mixed = |name: &str| u + difference * vector(name);
    let r = linear(&net.at("receptance"), mixed("x_r"), width, false);
    let k = linear(&net.at("key"), mixed("x_k"), width, false);
    let at_v = mixed("x_v");
    let mut v = linear(&net.at("value"), at_v, width, false);
    let z = vector("w0") + through(mixed("x_w"), "w1", Expr::tanh, "w2")?;
    let decay = (z.sigmoid() * DECAY).exp();
    // How much of what a key finds is taken out, for each channel.
    let a = (vector("a0") + through(mixed("x_a"), "a1", |x| x, "a2")?).sigmoid();
    let gate = through(mixed("x_g"), "g1", Expr::sigmoid, "g2")?;
    match *first_value {
        None => *first_value = Some(v),
        Some(first) => {
            let share = (vector("v0") + through(at_v, "v1", |x| x, "v2")?).sigmoid();
            v = v + (first - v) * share;
        }
    }
    let removed = heads(k * vector("k_k"));
    let length = (removed * removed).sum(&[-1], true).sqrt();
    let removed = removed / length.maximum(length.scalar_like(LEAST_LENGTH));
    let k = heads(k * ((a - 1.0) * vector("k_a") + 1.0));
    let (r, v) = (heads(r), heads(v));

    let dims = [sizes.heads, sizes.head_size, sizes.head_size].map(Dim::Int);
    let state = layer.state("att_s", DType::F32, &dims, None)?;
    net.here();
    // Padding decays nothing, takes nothing out and puts nothing in: it leaves the matrices as they are.
    let there = net.rows().there().unsqueeze(&[2, 3]);
    let (zero, one) = (r.scalar_like(0.0), r.scalar_like(1.0));
    let decay = there.select(heads(decay), one);
    let (added, taken) = (there.select(k, zero), there.select(removed * heads(a), zero));
    let steps = [r, decay, added, v, removed, taken];
    let [matrices, found] = recurrence(net.read(&state), steps)?;

    let norm = net.at("ln_x");
    let operands =
        [found.reshape(&[-1, width].map(Dim::Int)), norm.weight("weight", &[width]), norm.weight("bias", &[width])];
    let attributes = attrs! { num_groups: sizes.heads, epsilon: sizes.head_epsilon };
    let found = net.f().op(&ops::group_normalization::OP, &operands, attributes);
    net.here();
    let dims = u.unary(&ops::shape::OP);
    let found = found.binary(&ops::reshape::OP, dims);
    let bonus = (r * k * net.weight("r_k", &[sizes.heads, sizes.head_size])).sum(&[-1], true) * v;
    let y = linear(&net.at("output"), (found + together(bonus)) * gate, width, false);
    Ok((y, (state, matrices)))
}

/// One token after the other: S becomes S diag(w) - (S κ) bᵀ + v kᵀ, and gives S r. The steps are r, w, k, v, κ
/// and b, each [B, T, H, N]; results: the last S [B, H, N, N], and what they give [B, T, H, N].
fn recurrence<'b>(start: Expr<'b>, steps: [Expr<'b>; 6]) -> Result<[Expr<'b>; 2], ModelError> {
    let f = start.owner();
    let operands: Vec<_> = std::iter::once(start).chain(steps).map(Some).collect();
    let attributes = attrs! {
        num_scan_inputs: steps.len() as i64,
        scan_input_axes: vec![1; steps.len()],
        scan_output_axes: vec![1],
    };
    let ids = operands.iter().flatten().map(|operand| operand.id().map(Some)).collect::<Result<Vec<_>, _>>()?;
    let types = f.builder().region_parameters(&ops::scan::OP, &ids, &attributes)?;
    let (region, parameters) = f.builder().begin_region(types.first().map_or(&[], Vec::as_slice));
    let parameters: Vec<Expr<'b>> = parameters.into_iter().map(|id| f.expr(id)).collect();
    let mut results = Vec::new();
    if let [s, r, w, k, v, removed, b] = parameters[..] {
        let (row, column) = (|x: Expr<'b>| x.unsqueeze(&[2]), |x: Expr<'b>| x.unsqueeze(&[3]));
        let s = s * row(w) - s.matmul(column(removed)) * row(b) + column(v) * row(k);
        results = [s, s.matmul(column(r)).squeeze(&[3])].map(Expr::id).into_iter().flatten().collect();
    }
    f.builder().end_region(results);
    let results = f.op_many(&ops::scan::OP, &operands, attributes, vec![region], 2);
    Ok([results[0], results[1]])
}

/// value(relu(key(u + Δ ⊙ x_k))²).
fn channel_mix<'b>(net: &Net<'b>, u: Expr<'b>, before: Expr<'b>, sizes: &Sizes) -> Expr<'b> {
    let mixed = u + (before - u) * net.weight("x_k", &[1, 1, sizes.width]);
    let hidden = linear(&net.at("key"), mixed, sizes.inner, false).unary(&ops::relu::OP);
    linear(&net.at("value"), hidden * hidden, sizes.width, false)
}
