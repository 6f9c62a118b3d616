//! Provenance: where the nodes of a graph come from.
//!
//! A node has any number of chains of origins. A chain is where a part of the node first came from, then what it went
//! through since: `onnx("n", "Conv") > decomposed("conv")`. A node that a frontend made has one chain; one that stands for
//! several nodes (a fused kernel, a common subexpression) has those of all of them.
//!
//! Cloning shares the chains, so that thousands of nodes of one layer cost one allocation.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Where a node comes from. See the [module](self).
///
/// ```
/// use glassbox_ir::{Origin, Provenance};
///
/// let a = Provenance::new(Origin::Layer("attn/q".into())).then(Origin::Decomposed("gemm".into()));
/// let b = Provenance::new(Origin::Layer("attn/k".into()));
/// let both = Provenance::merge([&a, &b, &a]);
/// assert_eq!(both.to_string(), r#"layer("attn/q") > decomposed("gemm") | layer("attn/k")"#);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Provenance {
    /// `None` where there are no chains, which needs no allocation.
    chains: Option<Arc<[Chain]>>,
}

/// The most chains that merging leads to: without a limit a chain of merges would take time and memory that grow with the
/// square of its length.
pub const MAX_CHAINS: usize = 64;

/// A chain of origins, which is never empty.
type Chain = Arc<[Origin]>;

/// One place that a node can come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// A node of an ONNX model: its name (or, if it has none, that of its first output) and op.
    Onnx {
        /// The name.
        node: String,
        /// The op, with its domain where that isn't the default.
        op: String,
    },
    /// A layer of a model: `decoder/layers.3/attn/q`.
    Layer(String),
    /// A statement of a program.
    Statement {
        /// The file.
        file: String,
        /// The line, from one.
        line: u32,
        /// The block and the loops in it: `entry/layers`. Empty in a program without blocks.
        block: String,
        /// Whether the node does what the statement says, so that the statement is done when the last such node is. A node
        /// that only helps (reads an index, checks a shape) doesn't complete it.
        completes: bool,
    },
    /// The decomposition of this op.
    Decomposed(String),
}

impl Provenance {
    /// A provenance with one origin.
    pub fn new(origin: Origin) -> Provenance {
        Provenance::of_chain([origin])
    }

    /// A provenance with one chain of origins, the first one first. None where there are no origins.
    pub fn of_chain(origins: impl IntoIterator<Item = Origin>) -> Provenance {
        Provenance::of_chains([origins.into_iter().collect()])
    }

    /// A provenance with these chains; those without origins, and those that occurred before, are passed over.
    pub fn of_chains(chains: impl IntoIterator<Item = Vec<Origin>>) -> Provenance {
        Provenance::of_shared(chains.into_iter().map(Chain::from))
    }

    fn of_shared(chains: impl IntoIterator<Item = Chain>) -> Provenance {
        let mut seen = HashSet::new();
        let chains = chains.into_iter().filter(|chain| !chain.is_empty() && seen.insert(chain.clone()));
        let chains: Vec<Chain> = chains.collect();
        Provenance { chains: (!chains.is_empty()).then(|| chains.into()) }
    }

    /// This provenance, then one step more: at the end of each chain.
    pub fn then(&self, origin: Origin) -> Provenance {
        if self.is_empty() {
            return Provenance::new(origin);
        }
        let longer = |chain: &[Origin]| chain.iter().cloned().chain([origin.clone()]).collect();
        Provenance::of_shared(self.chains().map(longer))
    }

    /// This provenance, then those steps that `inner` tells: each chain of the one with each of the other. It is what a
    /// node of a graph has that was put into another.
    pub fn around(&self, inner: &Provenance) -> Provenance {
        match (self.is_empty(), inner.is_empty()) {
            (true, _) => inner.clone(),
            (_, true) => self.clone(),
            _ => {
                let one = |outer: &[Origin], inner: &[Origin]| outer.iter().chain(inner).cloned().collect();
                let all = self.chains().flat_map(|outer| inner.chains().map(move |inner| one(outer, inner)));
                Provenance::of_shared(all)
            }
        }
    }

    /// The chains of all of `parts`, each once, in the order in which they first occur; of more than [`MAX_CHAINS`] the
    /// first. What became of the others is in the [lineage](crate::Lineage) of the graph.
    pub fn merge<'p>(parts: impl IntoIterator<Item = &'p Provenance>) -> Provenance {
        let mut parts = parts.into_iter().filter(|part| !part.is_empty());
        let Some(first) = parts.next() else { return Provenance::default() };
        let rest: Vec<&Provenance> = parts.filter(|part| *part != first).collect();
        if rest.is_empty() {
            return first.clone();
        }
        if first.chains().count() >= MAX_CHAINS {
            return first.clone();
        }
        let all = [first].into_iter().chain(rest).flat_map(|part| part.chains.iter().flat_map(|chains| chains.iter()));
        let mut seen = HashSet::new();
        Provenance::of_shared(all.filter(|chain| seen.insert(*chain)).take(MAX_CHAINS).cloned())
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.chains.is_none()
    }

    /// The chains, each with the first origin first.
    pub fn chains(&self) -> impl Iterator<Item = &[Origin]> {
        self.chains.iter().flat_map(|chains| chains.iter()).map(|chain| &chain[..])
    }

    /// The origins of all chains, in order.
    pub fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.chains().flatten()
    }

    /// The first origin of the first chain.
    pub fn first(&self) -> Option<&Origin> {
        self.origins().next()
    }

    /// The statements that the node completes, as their file, line and block.
    pub fn completed(&self) -> impl Iterator<Item = (&str, u32, &str)> {
        self.origins().filter_map(|origin| match origin {
            Origin::Statement { file, line, block, completes: true } => Some((file.as_str(), *line, block.as_str())),
            _ => None,
        })
    }
}

/// Chains with ` | ` between them, the origins of each with ` > `.
impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, chain) in self.chains().enumerate() {
            f.write_str(if place > 0 { " | " } else { "" })?;
            for (place, origin) in chain.iter().enumerate() {
                f.write_str(if place > 0 { " > " } else { "" })?;
                write!(f, "{origin}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Onnx { node, op } => write!(f, "onnx({node:?}, {op:?})"),
            Origin::Layer(path) => write!(f, "layer({path:?})"),
            Origin::Statement { file, line, block, completes } => {
                let role = if *completes { "" } else { ", helps" };
                write!(f, "statement({file:?}, {line}, {block:?}{role})")
            }
            Origin::Decomposed(op) => write!(f, "decomposed({op:?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(path: &str) -> Origin {
        Origin::Layer(path.to_owned())
    }

    #[test]
    fn merging_keeps_each_chain_once_and_in_order() {
        let none = Provenance::default();
        let (a, b) = (Provenance::new(layer("a")), Provenance::new(layer("b")));
        let both = Provenance::merge([&a, &none, &b]);
        assert_eq!(Provenance::merge([&both, &a]), both);
        assert_eq!(Provenance::merge([&b, &both]).to_string(), r#"layer("b") | layer("a")"#);
        assert_eq!(Provenance::merge([&none, &none]), none);
        assert_eq!(Provenance::of_chains([Vec::new()]), none);
    }

    #[test]
    fn steps_go_to_the_end_of_each_chain() {
        let both = Provenance::merge([&Provenance::new(layer("a")), &Provenance::new(layer("b"))]);
        let then = both.then(Origin::Decomposed("gemm".to_owned()));
        assert_eq!(then.to_string(), r#"layer("a") > decomposed("gemm") | layer("b") > decomposed("gemm")"#);
        assert_eq!(both.around(&Provenance::new(Origin::Decomposed("gemm".to_owned()))), then);
        assert_eq!(both.around(&Provenance::default()), both);
        assert_eq!(Provenance::default().around(&both), both);
    }

    #[test]
    fn a_node_that_was_merged_completes_all_of_its_statements() {
        let statement = |line, completes| Origin::Statement { file: "f".into(), line, block: String::new(), completes };
        let parts = [statement(1, true), statement(2, false), statement(3, true)].map(Provenance::new);
        let lines: Vec<u32> = Provenance::merge(&parts).completed().map(|(_, line, _)| line).collect();
        assert_eq!(lines, [1, 3]);
    }
}
