//! Ops of classical machine learning, which the domain `ai.onnx.ml` has.

use glassbox_ir::{Attr, Graph, Node, ops};
use glassbox_tensor::{DType, Tensor};

use super::attributes::{self, float, floats, int, ints, text, texts};
use super::emitter::Why;
use super::site::Site;
use crate::proto::AttributeProto;

/// Keys, values and default are lists of the dtypes for which there are lists, else tensors.
pub(super) fn label_encoder(site: &mut Site) -> Result<(), Why> {
    let tensor = |name: &str| match site.node.attrs.get(name) {
        Some(Attr::Tensor(tensor)) => Ok(tensor),
        _ => Err(format!("it has no {name}")),
    };
    let (keys, values, default) = (tensor("keys")?, tensor("values")?, tensor("default")?);
    let mut made = vec![list("keys", keys)?, list("values", values)?];
    made.push(match (values.dtype(), default.to_strings()) {
        (DType::String, Some(texts)) => text("default_string", texts.first().map_or("", String::as_str)),
        (DType::I64, _) => int("default_int64", first(default)? as i64),
        (DType::F32, _) => float("default_float", first(default)?),
        _ => attributes::tensor("default_tensor", &vector(default)?)?,
    });
    let x = site.operand(0).to_owned();
    site.last("ai.onnx.ml.LabelEncoder", &[&x], made)
}

fn first(tensor: &Tensor) -> Result<f64, Why> {
    let values = tensor.load::<f64>().map_err(|error| error.to_string())?;
    values.first().copied().ok_or_else(|| "the default is empty".to_owned())
}

fn vector(tensor: &Tensor) -> Result<Tensor, Why> {
    tensor.reshape(&[tensor.len()]).map_err(|error| error.to_string())
}

fn list(prefix: &str, tensor: &Tensor) -> Result<AttributeProto, Why> {
    let wrong = |error: glassbox_tensor::TensorError| error.to_string();
    Ok(match (tensor.dtype(), tensor.to_strings()) {
        (_, Some(list)) => texts(&format!("{prefix}_strings"), &list),
        (DType::I64, _) => ints(&format!("{prefix}_int64s"), &tensor.load::<i64>().map_err(wrong)?),
        (DType::F32, _) => floats(&format!("{prefix}_floats"), &tensor.load::<f64>().map_err(wrong)?),
        _ => attributes::tensor(&format!("{prefix}_tensor"), &vector(tensor)?)?,
    })
}

/// The names of the comparisons of nodes, by their numbers.
const MODES: &[&str] = &["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"];

/// The version of `ai.onnx.ml` that a graph is written with: the one that goes with the opset, but for trees the last that has
/// the form with several weights for a leaf, unless one of them needs what only the form after it has.
pub(super) fn version(graph: &Graph, opset: i64) -> i64 {
    let newest = super::release(opset).1;
    let trees = || graph.walk().into_iter().map(|id| graph.node(id)).filter(|node| node.op == &ops::tree_ensemble::OP);
    let earlier = |node: &Node| {
        let narrow = node.results.first().is_some_and(|id| graph.value(*id).ty.dtype() == DType::F32);
        let members = matches!(node.attrs.get("nodes_modes"), Some(Attr::Ints(modes)) if modes.contains(&MEMBER));
        narrow && !members
    };
    if newest >= PARTED && trees().next().is_some() && trees().all(earlier) { PARTED - 1 } else { newest }
}

/// The version of `ai.onnx.ml` from which on leaves are apart from the nodes.
const PARTED: i64 = 5;

/// The number of the comparison that asks for membership.
const MEMBER: i64 = 6;

pub(super) fn trees(site: &mut Site) -> Result<(), Why> {
    if site.e.version_of("ai.onnx.ml") >= PARTED { parted(site) } else { mixed(site) }
}

/// The form with leaves apart, which the op has from. A leaf has one weight, and there are no base values.
fn parted(site: &mut Site) -> Result<(), Why> {
    let attr = site.attr();
    if attr.ints("leaf_counts").is_some_and(|counts| counts.iter().any(|count| *count != 1)) {
        return Err("a leaf has several weights, and other trees need the form that has one for a leaf".to_owned());
    }
    let mut made = Vec::new();
    for (name, value) in &site.node.attrs {
        match (*name, value) {
            ("leaf_counts" | "base_values" | "nodes_modes" | "aggregate_function", _) => {}
            (name, Attr::Ints(values)) => made.push(ints(name, values)),
            (name, Attr::Int(value)) => made.push(int(name, *value)),
            (name, Attr::Tensor(tensor)) => made.push(attributes::tensor(name, tensor)?),
            (name, _) => return Err(format!("it has the attribute `{name}`")),
        }
    }
    let modes: Vec<u8> = attr.ints("nodes_modes").unwrap_or_default().iter().map(|mode| *mode as u8).collect();
    let modes = Tensor::from_vec(&[modes.len()], modes).map_err(|error| error.to_string())?;
    made.push(attributes::tensor("nodes_modes", &modes)?);
    let aggregate = ["AVERAGE", "SUM", "MIN", "MAX"].iter().position(|name| *name == attr.str("aggregate_function"));
    made.push(int("aggregate_function", aggregate.map_or(1, |place| place as i64)));
    let x = site.operand(0).to_owned();
    match site.node.attrs.get("base_values") {
        Some(Attr::Tensor(base)) => {
            let scores = site.value("ai.onnx.ml.TreeEnsemble", &[&x], made)?;
            let base = site.tensor(base.clone())?;
            site.last("Add", &[&scores, &base], Vec::new())
        }
        _ => site.last("ai.onnx.ml.TreeEnsemble", &[&x], made),
    }
}

/// The form with leaves among the nodes, which has several weights for a leaf and is what all readers know.
fn mixed(site: &mut Site) -> Result<(), Why> {
    if site.result_ty(0).map(glassbox_ir::Type::dtype) != Some(DType::F32) {
        return Err("before version 5 of ai.onnx.ml ensembles of trees give f32 only".to_owned());
    }
    let attr = site.attr();
    let list = |name: &str| attr.ints(name).unwrap_or_default();
    let tensor = |name: &str| -> Result<Vec<f64>, Why> {
        match site.node.attrs.get(name) {
            Some(Attr::Tensor(tensor)) => Ok(tensor.load::<f64>().map_err(|error| error.to_string())?.into_owned()),
            _ => Ok(Vec::new()),
        }
    };
    let modes: Option<Vec<&str>> =
        list("nodes_modes").iter().map(|mode| MODES.get(usize::try_from(*mode).ok()?).copied()).collect();
    let modes = modes.ok_or("a node asks for membership, which this form doesn't have")?;
    let (features, splits) = (list("nodes_featureids"), tensor("nodes_splits")?);
    let (yes, no) = (list("nodes_truenodeids"), list("nodes_falsenodeids"));
    let (yes_leaf, no_leaf) = (list("nodes_trueleafs"), list("nodes_falseleafs"));
    let (targets, weights) = (list("leaf_targetids"), tensor("leaf_weights")?);
    let counts = attr.ints("leaf_counts").map_or_else(|| vec![1; targets.len()], <[i64]>::to_vec);
    let starts: Vec<usize> = counts
        .iter()
        .scan(0usize, |start, count| {
            let here = *start;
            *start += usize::try_from(*count).unwrap_or_default();
            Some(here)
        })
        .collect();
    let mut written = Forest::default();
    for (tree, root) in list("tree_roots").iter().enumerate() {
        // Each place that is reached becomes a node of the tree, the root first.
        let mut open: Vec<(bool, usize)> = vec![(false, usize::try_from(*root).unwrap_or_default())];
        let mut at = 0;
        while let Some((leaf, place)) = open.get(at).copied() {
            if open.len() > MOST_NODES {
                return Err(format!("a tree has more than {MOST_NODES} nodes"));
            }
            written.treeids.push(tree as i64);
            written.nodeids.push(at as i64);
            if leaf {
                written.leaf();
                let start = starts.get(place).copied().unwrap_or_default();
                let count =
                    counts.get(place).copied().and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
                for index in start..start + count {
                    let (Some(target), Some(weight)) = (targets.get(index), weights.get(index)) else { break };
                    written.target(tree as i64, at as i64, *target, *weight);
                }
            } else {
                let branch = |to: &[i64], leafs: &[i64]| {
                    let to = to.get(place).copied().and_then(|to| usize::try_from(to).ok()).unwrap_or_default();
                    (leafs.get(place) == Some(&1), to)
                };
                written.yes.push(open.len() as i64);
                open.push(branch(yes, yes_leaf));
                written.no.push(open.len() as i64);
                open.push(branch(no, no_leaf));
                written.modes.push(modes.get(place).copied().unwrap_or("BRANCH_LEQ").to_owned());
                written.features.push(features.get(place).copied().unwrap_or_default());
                written.splits.push(splits.get(place).copied().unwrap_or_default());
                written.tracks.push(list("nodes_missing_value_tracks_true").get(place).copied().unwrap_or_default());
            }
            at += 1;
        }
    }
    let base = tensor("base_values")?;
    let mut made = written.attributes();
    made.push(int("n_targets", attr.int("n_targets")));
    made.push(text("aggregate_function", attr.str("aggregate_function")));
    if !base.is_empty() {
        made.push(floats("base_values", &base));
    }
    let x = site.operand(0).to_owned();
    site.last("ai.onnx.ml.TreeEnsembleRegressor", &[&x], made)
}

/// A tree whose places are shared could stand for far more nodes than it has.
const MOST_NODES: usize = 1 << 22;

/// The nodes of all trees, as the form has them.
#[derive(Default)]
struct Forest {
    treeids: Vec<i64>,
    nodeids: Vec<i64>,
    features: Vec<i64>,
    splits: Vec<f64>,
    modes: Vec<String>,
    yes: Vec<i64>,
    no: Vec<i64>,
    tracks: Vec<i64>,
    target_treeids: Vec<i64>,
    target_nodeids: Vec<i64>,
    target_ids: Vec<i64>,
    target_weights: Vec<f64>,
}

impl Forest {
    fn leaf(&mut self) {
        self.modes.push("LEAF".to_owned());
        self.splits.push(0.0);
        for list in [&mut self.features, &mut self.yes, &mut self.no, &mut self.tracks] {
            list.push(0);
        }
    }

    fn target(&mut self, tree: i64, node: i64, target: i64, weight: f64) {
        self.target_treeids.push(tree);
        self.target_nodeids.push(node);
        self.target_ids.push(target);
        self.target_weights.push(weight);
    }

    fn attributes(&self) -> Vec<AttributeProto> {
        let mut made = vec![
            ints("nodes_treeids", &self.treeids),
            ints("nodes_nodeids", &self.nodeids),
            ints("nodes_featureids", &self.features),
            floats("nodes_values", &self.splits),
            texts("nodes_modes", &self.modes),
            ints("nodes_truenodeids", &self.yes),
            ints("nodes_falsenodeids", &self.no),
            ints("target_treeids", &self.target_treeids),
            ints("target_nodeids", &self.target_nodeids),
            ints("target_ids", &self.target_ids),
            floats("target_weights", &self.target_weights),
        ];
        if self.tracks.contains(&1) {
            made.push(ints("nodes_missing_value_tracks_true", &self.tracks));
        }
        made
    }
}
