//! Attention over what a model remembers: the keys and values of all tokens so far.
//!
//! Keys and values live in states, `[1, heads, K, channels]` for each layer, which grow along the K tokens that
//! came before; with those of a step there are S = K+T. How many tokens came before is read off the first of them, so there is no counter that
//! could disagree.

use std::cell::RefCell;

use glassbox_ir::{Attrs, Dim, Expr, attrs, ops};

use super::{Shape, count_to, extent, linear};
use crate::error::ModelError;
use crate::net::Net;

/// The states of all layers, and what follows from how much they hold.
pub struct Cache<'b> {
    names: Vec<[String; 2]>,
    /// The positions of the tokens of this step: i64[1, T].
    positions: Expr<'b>,
    /// The positions of all tokens: i64[S].
    all: Expr<'b>,
    /// The masks made so far, by window.
    masks: RefCell<Vec<(Option<i64>, Expr<'b>)>>,
    net: Net<'b>,
}

impl<'b> Cache<'b> {
    /// Declares the states of all layers of `shape` below `net`.
    pub fn of(net: &Net<'b>, shape: &Shape) -> Result<Cache<'b>, ModelError> {
        net.no_more_layers("layers", "num_hidden_layers", shape.layers)?;
        Cache::new(net, shape.layers, shape.kv_heads, shape.head_size, shape.positions)
    }

    /// Declares the states of `layers` layers below `net`, for `heads` heads of `size` channels.
    pub fn new(net: &Net<'b>, layers: i64, heads: i64, size: i64, positions: u64) -> Result<Cache<'b>, ModelError> {
        let capacity = Some(net.options().context.unwrap_or(positions));
        // All layers remember the same tokens, so one symbol says how many.
        let dims = [Dim::Int(1), Dim::Int(heads), Dim::symbol("K"), Dim::Int(size)];
        let mut names = Vec::new();
        for n in 0..layers {
            let layer = net.at(format!("cache.{n}"));
            names.push([layer.state("keys", &dims, capacity)?, layer.state("values", &dims, capacity)?]);
        }
        let net = net.at("positions");
        let past = names.first().map_or_else(|| net.f().int(0), |[keys, _]| extent(net.read(keys), 2));
        let new = extent(net.tokens(), 1);
        let positions = (count_to(new) + past).unsqueeze(&[0]);
        let all = count_to(past + new);
        Ok(Cache { names, positions, all, masks: RefCell::default(), net })
    }

    /// The positions of the tokens of this step, from 0: i64[1, T].
    pub fn positions(&self) -> Expr<'b> {
        self.positions
    }

    /// The positions of all tokens, those of this step last: `i64[S]`.
    pub fn all(&self) -> Expr<'b> {
        self.all
    }

    /// Which token (axis 2) may see which (axis 3): those before it and itself, and only the last
    /// `window` of them, where there is a window. bool[1, 1, T, S].
    pub fn mask(&self, window: Option<i64>) -> Expr<'b> {
        if let Some((_, mask)) = self.masks.borrow().iter().find(|(known, _)| *known == window) {
            return *mask;
        }
        self.net.here();
        let queries = self.positions.unsqueeze(&[1, 3]);
        let keys = self.all.unsqueeze(&[0, 1, 2]);
        let before = !keys.greater(queries);
        let mask = window.map_or(before, |window| before.and(keys.greater(queries - window as f64)));
        self.masks.borrow_mut().push((window, mask));
        mask
    }
}

/// The settings of attention that differ between families.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attention {
    /// What scores are multiplied by: 1 / sqrt(channels of a head), if not given.
    pub scale: Option<f64>,
    /// Scores s become cap tanh(s / cap).
    pub softcap: Option<f64>,
}

impl Attention {
    /// Attention of queries to all keys so far, whose values are mixed: [1, T, heads · channels]. The keys
    /// and values of this step join those of layer `layer`. Each of `qkv` is [1, heads, T, channels].
    pub fn apply<'b>(
        &self,
        net: &Net<'b>,
        cache: &Cache<'b>,
        layer: i64,
        [q, k, v]: [Expr<'b>; 3],
        mask: Expr<'b>,
    ) -> Expr<'b> {
        net.here();
        let f = net.f();
        let [keys, values] = &cache.names[layer as usize];
        let append = |x: Expr<'b>, state: &str| f.op(&ops::state_append::OP, &[x], attrs! { state: state, axis: 2 });
        let (k, v) = (append(k, keys), append(v, values));
        let mut attrs = Attrs::new();
        attrs.extend(self.scale.map(|scale| ("scale", scale.into())));
        attrs.extend(self.softcap.map(|cap| ("softcap", cap.into())));
        join_heads(f.op(&ops::attention::OP, &[q, k, v, mask], attrs))
    }
}

/// Queries, keys and values of u, by `q_proj`, `k_proj` and `v_proj`: each [1, T, heads · channels].
pub fn project<'b>(net: &Net<'b>, u: Expr<'b>, shape: &Shape, bias: bool) -> [Expr<'b>; 3] {
    let parts = [("q_proj", shape.queries()), ("k_proj", shape.keys()), ("v_proj", shape.keys())];
    parts.map(|(name, width)| linear(&net.at(name), u, width, bias))
}

/// Queries, keys and values in their heads: each [1, heads, T, channels].
pub fn in_heads<'b>([q, k, v]: [Expr<'b>; 3], shape: &Shape) -> [Expr<'b>; 3] {
    [split_heads(q, shape.heads), split_heads(k, shape.kv_heads), split_heads(v, shape.kv_heads)]
}

/// Channels in heads: [1, T, heads · n] becomes [1, heads, T, n].
pub fn split_heads(x: Expr<'_>, heads: i64) -> Expr<'_> {
    let size = super::channels(x) / heads.max(1);
    x.reshape(&[1, -1, heads, size].map(Dim::Int)).transpose(&[0, 2, 1, 3])
}

/// [1, heads, T, n] becomes [1, T, heads · n].
pub fn join_heads(x: Expr<'_>) -> Expr<'_> {
    let heads = x.dims().and_then(|dims| dims.get(1)?.as_int()).unwrap_or(0);
    let width = heads * super::channels(x);
    x.transpose(&[0, 2, 1, 3]).reshape(&[1, -1, width].map(Dim::Int))
}
