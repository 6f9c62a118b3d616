//! What the families are made of: each a few formulas over parameters of one place.
//!
//! All compute in f32, whatever dtype the checkpoint stores.

pub mod activation;
pub mod attention;
pub mod moe;
pub mod norm;
pub mod rotary;
pub mod windows;

use glassbox_ir::{Attrs, Dim, Expr, attrs, ops};

use crate::config::Config;
use crate::error::ModelError;
use crate::net::Net;
use activation::Activation;

/// The sizes that most configurations spell alike.
#[derive(Clone, Debug)]
pub struct Shape {
    /// How many tokens there are.
    pub vocabulary: i64,
    /// The channels between layers.
    pub width: i64,
    /// How many layers there are.
    pub layers: i64,
    /// Heads of queries.
    pub heads: i64,
    /// Heads of keys and values; it divides `heads`.
    pub kv_heads: i64,
    /// The channels of a head.
    pub head_size: i64,
    /// The channels inside the MLP.
    pub inner: i64,
    /// What is added to the mean square in norms.
    pub epsilon: f64,
    /// How many positions the model was made for.
    pub positions: u64,
    /// Whether the embedding is the output matrix, too.
    pub tied: bool,
}

impl Shape {
    /// Reads the sizes from a configuration as transformers writes it.
    ///
    /// # Errors
    ///
    /// Where a size is missing or out of range, or two contradict each other.
    pub fn read(net: &Net<'_>, config: &Config) -> Result<Shape, ModelError> {
        let (width, heads) = (net.size(config, "hidden_size")?, net.size(config, "num_attention_heads")?);
        let kv_heads = config.opt_size("num_key_value_heads")?.unwrap_or(heads);
        let head_size = match config.opt_size("head_dim")? {
            Some(size) => size,
            None if width % heads == 0 => width / heads,
            None => return Err(config.wrong("num_attention_heads", format!("{heads} doesn't divide {width}"))),
        };
        if heads % kv_heads != 0 {
            let rule = format!("{kv_heads} heads of keys can't be shared by {heads} heads of queries");
            return Err(config.wrong("num_key_value_heads", rule));
        }
        net.fits(config, "head_dim", heads.checked_mul(head_size))?;
        Ok(Shape {
            vocabulary: net.size(config, "vocab_size")?,
            width,
            layers: net.count(config, "num_hidden_layers")?,
            heads,
            kv_heads,
            head_size,
            inner: net.size(config, "intermediate_size")?,
            epsilon: config.positive("rms_norm_eps")?,
            positions: config.size("max_position_embeddings")? as u64,
            tied: config.flag("tie_word_embeddings", false)?,
        })
    }

    /// The channels of all heads of queries.
    pub fn queries(&self) -> i64 {
        self.heads * self.head_size
    }

    /// The channels of all heads of keys, or of values.
    pub fn keys(&self) -> i64 {
        self.kv_heads * self.head_size
    }
}

/// The rows of `weight` [rows, width] that `indices` name.
pub fn embedding<'b>(net: &Net<'b>, indices: Expr<'b>, rows: i64, width: i64) -> Expr<'b> {
    let table = net.weight("weight", &[rows, width]);
    net.f().op(&ops::gather::OP, &[table, indices], attrs! { axis: 0 })
}

/// x `weight`ᵀ, and `bias` where there is one: x is [B, T, n], `weight` [`width`, n]. A bias in the checkpoint
/// that isn't added would be a wrong result, and is an error.
pub fn linear<'b>(net: &Net<'b>, x: Expr<'b>, width: i64, bias: bool) -> Expr<'b> {
    if !bias && net.has("bias") {
        let message = format!("the checkpoint has {:?}, which the configuration doesn't know", net.name("bias"));
        return net.f().mistake("parameter", message);
    }
    let weight = net.weight("weight", &[width, channels(x)]);
    let y = x.matmul(weight.transpose(&[1, 0]));
    if bias { y + net.weight("bias", &[width]) } else { y }
}

/// x `weight` + `bias`: x is [B, T, n], `weight` [n, `width`].
pub fn linear_in_out<'b>(net: &Net<'b>, x: Expr<'b>, width: i64) -> Expr<'b> {
    let weight = net.weight("weight", &[channels(x), width]);
    x.matmul(weight) + net.weight("bias", &[width])
}

/// down(activation(gate(x)) ⊙ up(x)).
pub fn gated_mlp<'b>(net: &Net<'b>, x: Expr<'b>, inner: i64, activation: Activation, bias: bool) -> Expr<'b> {
    let width = channels(x);
    let gate = activation.apply(linear(&net.at("gate_proj"), x, inner, bias));
    let up = linear(&net.at("up_proj"), x, inner, bias);
    linear(&net.at("down_proj"), gate * up, width, bias)
}

/// The logits of x, whose output matrix is `weight` [vocabulary, n] of this place.
pub fn logits<'b>(net: &Net<'b>, x: Expr<'b>, vocabulary: i64) -> Expr<'b> {
    let x = if net.options().last_only { net.rows().last(x) } else { x };
    linear(net, x, vocabulary, false)
}

/// The logits of x by `lm_head` of `net`, or by the embedding of `model` where the two are tied.
pub fn output<'b>(net: &Net<'b>, model: &Net<'b>, x: Expr<'b>, shape: &Shape) -> Expr<'b> {
    logits(&head(net, model.at("embed_tokens"), shape.tied), x, shape.vocabulary)
}

/// The place of the output matrix: `lm_head` of `net`, or `embedding` where the two are tied. A checkpoint of a tied model that
/// holds an output matrix all the same may hold another one: it counts, as in transformers.
pub(crate) fn head<'b>(net: &Net<'b>, embedding: Net<'b>, tied: bool) -> Net<'b> {
    let own = net.at("lm_head");
    if tied && !own.has("weight") { embedding } else { own }
}

/// c tanh(x / c), where there is a cap.
pub fn soft_cap(x: Expr<'_>, cap: Option<f64>) -> Expr<'_> {
    cap.map_or(x, |cap| (x / cap).tanh() * cap)
}

/// Channels in heads: [B, T, heads · n] becomes [B, T, heads, n].
pub(crate) fn apart(x: Expr<'_>, heads: i64) -> Expr<'_> {
    let size = channels(x) / heads.max(1);
    x.reshape(&places_and(x, &[heads, size]))
}

/// [B, T, heads, n] becomes [B, T, heads · n].
pub(crate) fn together(x: Expr<'_>) -> Expr<'_> {
    let heads = x.dims().and_then(|dims| dims.get(2)?.as_int()).unwrap_or(0);
    x.reshape(&places_and(x, &[heads * channels(x)]))
}

/// The dims of x [B, T, …] with others after the first two.
fn places_and(x: Expr<'_>, others: &[i64]) -> Vec<Dim> {
    let places = x.dims().unwrap_or_default().into_iter().take(2);
    places.chain(others.iter().copied().map(Dim::Int)).collect()
}

/// The extent of the last axis, which a model's values always know.
pub(crate) fn channels(x: Expr<'_>) -> i64 {
    x.dims().and_then(|dims| dims.last()?.as_int()).unwrap_or(0)
}

/// How many there are along an axis, as an i64 scalar.
pub(crate) fn extent(x: Expr<'_>, axis: i64) -> Expr<'_> {
    x.owner().op(&ops::shape::OP, &[x], attrs! { start: axis, end: axis + 1 }).squeeze(&[0])
}

/// 0, 1, … before `end`, an i64 scalar.
pub(crate) fn count_to(end: Expr<'_>) -> Expr<'_> {
    let f = end.owner();
    f.op(&ops::range::OP, &[f.int(0), end, f.int(1)], Attrs::new())
}
