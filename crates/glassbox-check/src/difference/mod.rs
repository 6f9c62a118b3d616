//! In what two models differ as they are, without running them: `glassbox diff`.
//!
//! In: the [`Skeleton`]s of both, ours (A) and theirs (B). Out: a [`Difference`], as data; [`text`] and [`json`] show it.
//! Values and nodes are paired first ([`pairing`](crate::pairing)), so that names and the order of nodes count for nothing:
//! what is only called otherwise is listed as renamed, and isn't a difference. Then the partners are held against each other:
//! inputs, outputs and states ([`ends`]), nodes ([`nodes`]), weights ([`weights`]).
//!
//! What has no partner is never dropped: it is listed as being on one side only. Weights are read in parts, and those that
//! differ are held against each other while both are at hand.
//!
//! ```
//! use glassbox_check::difference;
//! use glassbox_check::skeleton::of_graph;
//! use glassbox_ir::text::{ParseOptions, parse};
//! use glassbox_tensor::{NoParams, ParamSource};
//! use std::sync::Arc;
//!
//! let params: Arc<dyn ParamSource> = Arc::new(NoParams);
//! let skeleton = |text: &str| {
//!     let graph = parse(text, &ParseOptions::default()).expect("a graph");
//!     of_graph(&graph, &params, &[], None)
//! };
//! let ours = skeleton("graph \"a\" { input %x: f32[N] %y = exp(%x) output %y }");
//! let theirs = skeleton("graph \"b\" { input %u: f32[M] %v = exp(%u) output %v }");
//! let found = difference::between(&ours, &theirs)?;
//! assert!(found.is_same());
//! assert_eq!(found.headline(), "same structure, 3 names differ");
//! # Ok::<(), glassbox_check::CheckError>(())
//! ```

mod ends;
mod fold;
mod json;
mod nodes;
mod partners;
mod text;
mod weights;

pub use json::json;
pub use text::text;

use crate::error::CheckError;
use crate::pairing;
use crate::report::Apart;
use crate::skeleton::{Def, Skeleton};
use partners::Partners;

/// In what two models differ. Ours is the first, A; theirs the second, B.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// Ours, as it was named.
    pub ours: String,
    /// Theirs, as it was named.
    pub theirs: String,
    /// Why only weights were compared, where that is so.
    pub weights_only: Option<String>,
    /// How many nodes there are.
    pub nodes: Counts,
    /// How many weights there are.
    pub weights: Counts,
    /// Inputs, outputs and states that differ or are called otherwise.
    pub ends: Vec<End>,
    /// Nodes that have a partner, and differ from it.
    pub changed: Vec<Changed>,
    /// Nodes of ours without a partner.
    pub only_ours: Vec<Lone>,
    /// Nodes of theirs without a partner.
    pub only_theirs: Vec<Lone>,
    /// Weights that differ; what differs most comes first.
    pub weights_changed: Vec<Weight>,
    /// Weights of ours without a partner.
    pub weights_only_ours: Vec<LoneWeight>,
    /// Weights of theirs without a partner.
    pub weights_only_theirs: Vec<LoneWeight>,
    /// What is the same and called otherwise.
    pub renamed: Vec<Renamed>,
    /// What the files say beside the model: who wrote them, versions, metadata. Only what differs.
    pub notes: Vec<Note>,
}

/// How many there are on each side, and how many of them are partners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ours.
    pub ours: usize,
    /// Theirs.
    pub theirs: usize,
    /// The pairs.
    pub paired: usize,
}

/// An input, an output or a state that differs or is called otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// What it is.
    pub kind: EndKind,
    /// Ours; `None` where only they have it.
    pub ours: Option<Named>,
    /// Theirs; `None` where only we have it.
    pub theirs: Option<Named>,
    /// For an output: the values that both give, where they aren't partners.
    pub gives: Option<(String, String)>,
    /// Whether it differs in more than its name.
    pub differs: bool,
}

/// What an [`End`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndKind {
    /// An input.
    #[default]
    Input,
    /// An output.
    Output,
    /// A state.
    State,
}

impl EndKind {
    /// The name, as JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            EndKind::Input => "input",
            EndKind::Output => "output",
            EndKind::State => "state",
        }
    }
}

/// A name, its type as text, and its place in the order of the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// The type.
    pub ty: String,
    /// The place.
    pub place: usize,
}

/// A node that differs from its partner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The node.
    pub node: String,
    /// What its partner is called, where that is another name.
    pub theirs: Option<String>,
    /// The op of ours.
    pub op: String,
    /// The layer that it belongs to; empty where there is none.
    pub layer: String,
    /// In what it differs.
    pub changes: Vec<Change>,
}

/// In what a node differs from its partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is of another op.
    Op {
        /// Ours.
        ours: String,
        /// Theirs.
        theirs: String,
    },
    /// An attribute. A side that leaves it out has `None`.
    Attribute {
        /// Its name.
        name: String,
        /// Ours.
        ours: Option<String>,
        /// Theirs.
        theirs: Option<String>,
    },
    /// A constant operand that says what the node does: an axis, a size, a factor.
    Setting {
        /// The place of the operand.
        operand: usize,
        /// What the operand is called on our side.
        name: String,
        /// Ours.
        ours: String,
        /// Theirs.
        theirs: String,
    },
    /// An operand that is another value. A side that has none there has `None`.
    Operand {
        /// The place of the operand.
        operand: usize,
        /// Ours.
        ours: Option<String>,
        /// Theirs.
        theirs: Option<String>,
    },
    /// The same operands, in another order.
    Order {
        /// The places, as theirs has them in ours.
        places: Vec<usize>,
    },
    /// Its bodies give another value.
    Yield {
        /// The place among what the bodies give, one body after the other.
        place: usize,
        /// Ours.
        ours: Option<String>,
        /// Theirs.
        theirs: Option<String>,
    },
    /// The same op with the same attributes means other nodes of our graph: by its types, or by the version of the op.
    Meaning {
        /// The ops that ours is.
        ours: String,
        /// The ops that theirs is.
        theirs: String,
    },
}

/// A node without a partner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lone {
    /// The node.
    pub node: String,
    /// The op.
    pub op: String,
    /// The layer that it belongs to; empty where there is none.
    pub layer: String,
}

/// A weight that differs from its partner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weight {
    /// The weight.
    pub name: String,
    /// What its partner is called, where that is another name.
    pub theirs: Option<String>,
    /// The type of ours.
    pub ty: String,
    /// The type of theirs, where that is another one.
    pub their_ty: Option<String>,
    /// How they differ.
    pub kind: WeightKind,
    /// How many elements ours has.
    pub elements: usize,
    /// How far they are apart. `None` where the dims differ, or one isn't of numbers.
    pub apart: Option<Apart>,
    /// Both, where they are short.
    pub values: Option<(String, String)>,
}

/// How two weights differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightKind {
    /// They hold other elements.
    #[default]
    Values,
    /// They are stored in other dtypes, and differ by no more than rounding to the coarser one.
    Stored,
    /// They have other dims, or dtypes that can't be compared.
    Type,
}

impl WeightKind {
    /// The name, as JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            WeightKind::Values => "values",
            WeightKind::Stored => "stored",
            WeightKind::Type => "type",
        }
    }
}

/// A weight without a partner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoneWeight {
    /// The weight.
    pub name: String,
    /// Its type.
    pub ty: String,
    /// How many elements it has.
    pub elements: usize,
    /// Whether only nodes read it that have no partner either.
    pub of_lone_nodes: bool,
}

/// Something that is called otherwise on the other side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renamed {
    /// `input`, `output`, `node`, `value`, `weight`.
    pub what: &'static str,
    /// Ours.
    pub ours: String,
    /// Theirs.
    pub theirs: String,
}

/// Something that a file says beside the model, and the other says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// What.
    pub what: String,
    /// Ours.
    pub ours: Option<String>,
    /// Theirs.
    pub theirs: Option<String>,
}

/// Compares two models. Ours and theirs get their names, and notes, from the caller.
///
/// # Errors
///
/// Where a weight can't be read.
pub fn between(ours: &Skeleton, theirs: &Skeleton) -> Result<Difference, CheckError> {
    let (ours, theirs) = (&partners::unpacked(ours), &partners::unpacked(theirs));
    let read = weights::read(ours, theirs)?;
    if is_of_weights(ours) || is_of_weights(theirs) {
        let (ours, theirs) = (weights_of(ours), weights_of(theirs));
        return compare(&ours, &theirs, &read);
    }
    compare(ours, theirs, &read)
}

fn compare(ours: &Skeleton, theirs: &Skeleton, read: &weights::Read) -> Result<Difference, CheckError> {
    let pairs = pairing::pair(&partners::named(ours, "ours"), &partners::named(theirs, "theirs"), None);
    let partners = Partners::find(ours, theirs, pairs);
    let mut found = Difference::default();
    nodes::compare(&partners, &mut found);
    ends::compare(&partners, &mut found);
    weights::compare(&partners, read, &mut found)?;
    partners.renamed(&mut found);
    Ok(found)
}

/// Whether there is nothing but weights.
fn is_of_weights(skeleton: &Skeleton) -> bool {
    skeleton.nodes.is_empty() && skeleton.inputs.is_empty() && skeleton.outputs.is_empty()
}

/// The weights alone.
fn weights_of(skeleton: &Skeleton) -> Skeleton {
    let mut alone = Skeleton::default();
    for value in &skeleton.values {
        if let Def::Constant(constant) = &value.def {
            let name = constant.parameter_name().unwrap_or(&value.name);
            alone.push(name, None, Def::Constant(constant.clone()));
        }
    }
    alone
}

/// What of the things that files say is not the same on both sides: in the order of ours, then what only they have.
pub fn notes(ours: &[(String, String)], theirs: &[(String, String)]) -> Vec<Note> {
    let get = |list: &[(String, String)], what: &str| {
        list.iter().find(|(known, _)| known == what).map(|(_, value)| value.clone())
    };
    let added = theirs.iter().filter(|(what, _)| get(ours, what).is_none());
    let all = ours.iter().chain(added).map(|(what, _)| Note {
        what: what.clone(),
        ours: get(ours, what),
        theirs: get(theirs, what),
    });
    all.filter(|note| note.ours != note.theirs).collect()
}

impl Difference {
    /// Whether the models are the same: in structure, inputs, outputs, states and weights, whatever they call them.
    pub fn is_same(&self) -> bool {
        self.has_same_structure()
            && self.weights_changed.is_empty()
            && self.weights_only_ours.is_empty()
            && self.weights_only_theirs.is_empty()
    }

    /// Whether nodes, inputs, outputs and states are the same, whatever they are called.
    pub fn has_same_structure(&self) -> bool {
        self.differing_nodes() == 0 && !self.ends.iter().any(|end| end.differs)
    }

    /// How many nodes differ or are on one side only.
    pub fn differing_nodes(&self) -> usize {
        self.changed.len() + self.only_ours.len() + self.only_theirs.len()
    }

    /// The answer in one line.
    pub fn headline(&self) -> String {
        let mut parts = Vec::new();
        let mut count = |count: usize, one: &str, many: &str, does: [&str; 2]| {
            if count > 0 {
                let (thing, does) = if count == 1 { (one, does[0]) } else { (many, does[1]) };
                parts.push(format!("{count} {thing} {does}"));
            }
        };
        let differ = ["differs", "differ"];
        count(self.differing_nodes(), "node", "nodes", differ);
        for (kind, many) in [(EndKind::Input, "inputs"), (EndKind::Output, "outputs"), (EndKind::State, "states")] {
            let ends = self.ends.iter().filter(|end| end.kind == kind && end.differs);
            count(ends.count(), kind.name(), many, differ);
        }
        let (stored, changed): (Vec<&Weight>, Vec<&Weight>) =
            self.weights_changed.iter().partition(|weight| weight.kind == WeightKind::Stored);
        count(changed.len(), "weight", "weights", differ);
        count(stored.len(), "weight", "weights", ["is stored in another dtype", "are stored in another dtype"]);
        let alone = |weights: &[LoneWeight]| weights.iter().filter(|weight| !weight.of_lone_nodes).count();
        let alone = alone(&self.weights_only_ours) + alone(&self.weights_only_theirs);
        count(alone, "weight", "weights", ["is on one side only", "are on one side only"]);
        let same = self.is_same();
        count(if same { self.renamed.len() } else { 0 }, "name", "names", differ);
        let structure = match &self.weights_only {
            _ if !self.has_same_structure() => None,
            Some(_) if same => Some("same weights"),
            Some(_) => None,
            None if parts.is_empty() => Some("same"),
            None => Some("same structure"),
        };
        structure.into_iter().map(str::to_owned).chain(parts).collect::<Vec<_>>().join(", ")
    }
}
