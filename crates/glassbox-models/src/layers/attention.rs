//! Attention over what a model remembers: the keys and values of all tokens so far.
//!
//! Keys and values live in states, `[B, heads, K, channels]` for each layer, which grow along K by the T tokens of a step,
//! for all rows alike: S = K+T. Where a row had fewer tokens than T, some of what it holds is padding. Which, says
//! one more state, `[B, K]`: the place of each token in its row, from 1, and 0 for padding. Rows of states can therefore
//! be reordered, dropped and added each for itself, and a row of zeros is an empty one.
//!
//! Queries see keys of their own row by these places alone. Padding sees the padding of its row, itself at least, so
//! that its numbers stay finite: they are multiplied by weights of zero elsewhere, and 0 · ∞ would be NaN.

use std::cell::RefCell;

use glassbox_ir::{Attrs, Dim, Expr, attrs, ops};
use glassbox_tensor::DType;

use super::{Shape, apart, count_to, extent, linear, together};
use crate::error::ModelError;
use crate::net::Net;

/// The states of all layers, and what follows from how much they hold.
pub struct Cache<'b> {
    names: Vec<[String; 2]>,
    /// The places of the tokens of this step, from 1: i64[B, T].
    places: Expr<'b>,
    /// The places of all tokens: i64[B, S].
    all: Expr<'b>,
    /// How many tokens each row has, those of this step included: i64[B, 1].
    counts: Expr<'b>,
    /// The masks made so far, by window.
    masks: RefCell<Vec<(Option<i64>, Expr<'b>)>>,
    net: Net<'b>,
}

impl<'b> Cache<'b> {
    /// Declares the states of all layers of `shape` below `net`.
    ///
    /// # Errors
    ///
    /// Those of [`Cache::new`], and where the checkpoint has more layers than `shape`.
    pub fn of(net: &Net<'b>, shape: &Shape) -> Result<Cache<'b>, ModelError> {
        net.no_more_layers("layers", "num_hidden_layers", shape.layers)?;
        Cache::new(net, shape.layers, shape.kv_heads, shape.head_size, shape.positions)
    }

    /// Declares the states of `layers` layers below `net`, for `heads` heads of `size` channels.
    ///
    /// # Errors
    ///
    /// Where a state of such a name is there already.
    pub fn new(net: &Net<'b>, layers: i64, heads: i64, size: i64, positions: u64) -> Result<Cache<'b>, ModelError> {
        let capacity = Some(net.options().context.unwrap_or(positions));
        // All layers remember the same tokens, so one symbol says how many.
        let dims = [Dim::Int(heads), Dim::symbol("K"), Dim::Int(size)];
        let mut names = Vec::new();
        for n in 0..layers {
            let layer = net.at(format!("cache.{n}"));
            let state = |name: &str| layer.state(name, DType::F32, &dims, capacity);
            names.push([state("keys")?, state("values")?]);
        }
        let held = net.at("cache").state("places", DType::I64, &[Dim::symbol("K")], capacity)?;
        let net = net.at("positions");
        let (f, rows) = (net.f(), net.rows());
        // The largest of nothing is the least number there is.
        let past = net.read(&held).reduce(&ops::reduce_max::OP, &[1], true).maximum(f.int(0));
        let next = past + (count_to(extent(rows.tokens(), 1)) + f.int(1));
        let places = rows.there().select(next, f.int(0));
        let all = f.op(&ops::state_append::OP, &[places], attrs! { state: held.as_str(), axis: 1 });
        let counts = past + rows.lengths().unsqueeze(&[1]);
        Ok(Cache { names, places, all, counts, masks: RefCell::default(), net })
    }

    /// The positions of the tokens of this step in their rows, from 0, and -1 for padding: i64[B, T].
    pub fn positions(&self) -> Expr<'b> {
        self.places - self.net.f().int(1)
    }

    /// How many tokens each row has, those of this step included: i64[B, 1].
    pub fn counts(&self) -> Expr<'b> {
        self.counts
    }

    /// Which token (axis 2) may see which (axis 3): those of its row before it and itself, and only the last
    /// `window` of them, where there is a window. bool[B, 1, T, S].
    pub fn mask(&self, window: Option<i64>) -> Expr<'b> {
        if let Some((_, mask)) = self.masks.borrow().iter().find(|(known, _)| *known == window) {
            return *mask;
        }
        self.net.here();
        let int = |value| self.net.f().int(value);
        let queries = self.places.unsqueeze(&[1, 3]);
        let keys = self.all.unsqueeze(&[1, 2]);
        // Above this is what a query may see: 0, which is padding, or what the window leaves out; -1 for padding.
        let below = window.map_or(int(0), |window| (queries - int(window)).maximum(int(0)));
        let below = (queries - int(1)).minimum(below);
        let mask = keys.less(queries + int(1)).and(keys.greater(below));
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
    /// Attention of queries to all keys so far, whose values are mixed: [B, T, heads · channels]. The keys
    /// and values of this step join those of layer `layer`. Each of `qkv` is [B, heads, T, channels].
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

/// Queries, keys and values of u, by `q_proj`, `k_proj` and `v_proj`: each [B, T, heads · channels].
pub fn project<'b>(net: &Net<'b>, u: Expr<'b>, shape: &Shape, bias: bool) -> [Expr<'b>; 3] {
    let parts = [("q_proj", shape.queries()), ("k_proj", shape.keys()), ("v_proj", shape.keys())];
    parts.map(|(name, width)| linear(&net.at(name), u, width, bias))
}

/// Queries, keys and values in their heads: each [B, heads, T, channels].
pub fn in_heads<'b>([q, k, v]: [Expr<'b>; 3], shape: &Shape) -> [Expr<'b>; 3] {
    [split_heads(q, shape.heads), split_heads(k, shape.kv_heads), split_heads(v, shape.kv_heads)]
}

/// Channels in heads: [B, T, heads · n] becomes [B, heads, T, n].
pub fn split_heads(x: Expr<'_>, heads: i64) -> Expr<'_> {
    apart(x, heads).transpose(&[0, 2, 1, 3])
}

/// [B, heads, T, n] becomes [B, T, heads · n].
pub fn join_heads(x: Expr<'_>) -> Expr<'_> {
    together(x.transpose(&[0, 2, 1, 3]))
}
