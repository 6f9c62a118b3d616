//! The rows: how each ONNX op, by the rules of each version, is said with the ops of the IR.
//!
//! A row is an op's name (with its domain where that isn't the default), the versions for which it
//! holds, and how to convert a node. To add an op, add a row to the file of its topic:
//!
//! ```text
//! row("Relu", 1, direct(&ops::relu::OP)),                      // same operands, same attributes
//! row("Reshape", 5, bare(&ops::reshape::OP)).until(13),        // no attributes in these versions
//! row("Reciprocal", 1, formula(|c| Ok(vec![c.x(0).scalar_like(1.0) / c.x(0)]))),
//! ```
//!
//! A model declares one version of each domain, and its nodes are read by the rules of the row whose
//! versions have it: so the numbers in the rows are those at which an op's meaning, operands or
//! attributes change, not those at which it is merely extended to more dtypes. A version without a row
//! is an unsupported op, not another version's rules. An attribute that the conversion neither reads
//! nor [ignores](NodeContext::ignore) is an error; `consumed_inputs`, which meant nothing and was gone
//! with version 6, is passed over for every op.

mod activation;
mod attention;
mod control;
mod conversion;
mod experimental;
mod gradient;
mod image;
mod indexing;
mod logic;
mod loss;
mod math;
mod microsoft;
mod ml;
mod nn;
mod normalization;
mod quantization;
mod random;
mod recurrent;
mod reduction;
mod refused;
mod sequence;
mod shaping;
mod signal;
mod text;
mod training;

use std::collections::HashMap;
use std::sync::OnceLock;

use glassbox_ir::{Expr, OpDef};

use crate::error::OnnxError;
use crate::import::NodeContext;
use crate::model::full_op;

pub use refused::{refusal, refusals};

/// The expressions that a node's outputs are, in order; more than the node has are dropped.
pub type Exprs<'a> = Result<Vec<Expr<'a>>, OnnxError>;

/// Builds what a node stands for.
pub type Formula = for<'a> fn(&NodeContext<'a>) -> Exprs<'a>;

/// One op in a range of versions.
pub struct Row {
    /// The name, with the domain where that isn't the default: `Relu`, `ai.onnx.ml.Binarizer`.
    pub name: &'static str,
    /// The first version of the domain.
    pub since: i64,
    /// The last version of the domain.
    pub until: i64,
    /// How to convert a node.
    pub convert: Convert,
    /// Whether a node may take maps, of which each is two operands: keys and values.
    pub takes_maps: bool,
}

/// How a node is converted.
#[derive(Clone, Copy)]
pub enum Convert {
    /// To one op with the same operands, and the attributes of the same names.
    Direct(&'static OpDef),
    /// To one op with the same operands; the node has no attributes.
    Bare(&'static OpDef),
    /// By a formula.
    Formula(Formula),
}

/// A row for the versions from `since` to the latest.
const fn row(name: &'static str, since: i64, convert: Convert) -> Row {
    Row { name, since, until: i64::MAX, convert, takes_maps: false }
}

impl Row {
    /// The same for no version after `last`.
    const fn until(self, last: i64) -> Row {
        Row { until: last, ..self }
    }

    /// The same for maps as operands.
    const fn of_maps(self) -> Row {
        Row { takes_maps: true, ..self }
    }
}

/// The same operands, and the attributes of the same names.
const fn direct(op: &'static OpDef) -> Convert {
    Convert::Direct(op)
}

/// The same operands; no attributes.
const fn bare(op: &'static OpDef) -> Convert {
    Convert::Bare(op)
}

/// A formula, which may be a closure.
const fn formula(formula: Formula) -> Convert {
    Convert::Formula(formula)
}

/// What the files of this folder use.
mod prelude {
    pub(super) use super::{Exprs, Row, bare, direct, formula, row};
    pub(super) use crate::import::NodeContext;
    pub(super) use glassbox_ir::{Attrs, Expr, OpDef, attrs, ops};
    pub(super) use glassbox_tensor::Tensor;
}

/// The domains that have rows, with the latest version that the rows were written for.
pub const DOMAINS: &[(&str, i64)] =
    &[("", 28), ("ai.onnx.ml", 5), ("ai.onnx.preview", 1), ("ai.onnx.preview.training", 1), ("com.microsoft", 1)];

const FILES: &[&[Row]] = &[
    math::ROWS,
    logic::ROWS,
    reduction::ROWS,
    shaping::ROWS,
    conversion::ROWS,
    indexing::ROWS,
    nn::ROWS,
    normalization::ROWS,
    activation::ROWS,
    recurrent::ROWS,
    attention::ROWS,
    quantization::ROWS,
    sequence::ROWS,
    control::ROWS,
    random::ROWS,
    loss::ROWS,
    training::ROWS,
    gradient::ROWS,
    image::ROWS,
    signal::ROWS,
    text::ROWS,
    ml::ROWS,
    experimental::ROWS,
];

/// Every row.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    FILES.iter().chain(microsoft::FILES).flat_map(|rows| rows.iter())
}

/// The row for an op of a version of a domain.
pub fn find(domain: &str, op: &str, version: i64) -> Option<&'static Row> {
    static BY_NAME: OnceLock<HashMap<&str, Vec<&Row>>> = OnceLock::new();
    let by_name = BY_NAME.get_or_init(|| {
        let mut map: HashMap<&str, Vec<&Row>> = HashMap::new();
        rows().for_each(|row| map.entry(row.name).or_default().push(row));
        map
    });
    let rows = by_name.get(full_op(domain, op).as_str())?;
    rows.iter().find(|row| (row.since..=row.until).contains(&version)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_of_an_op_has_at_most_one_row() {
        for row in rows() {
            let domain = row.name.rsplit_once('.').map_or("", |(domain, _)| domain);
            let latest = DOMAINS.iter().find(|(name, _)| *name == domain).map(|(_, latest)| *latest);
            let latest = latest.unwrap_or_else(|| panic!("{}: the domain is not in DOMAINS", row.name));
            assert!(1 <= row.since && row.since <= row.until.min(latest), "{}: no version", row.name);
            let overlaps =
                |other: &&Row| other.name == row.name && other.since <= row.until && row.since <= other.until;
            assert_eq!(rows().filter(overlaps).count(), 1, "{} since {}: two rows hold", row.name, row.since);
        }
    }
}
