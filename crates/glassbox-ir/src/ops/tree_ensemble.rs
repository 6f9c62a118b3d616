//! `tree_ensemble`: decision trees, whose leaves are added up.

use super::common::*;

const MODES: &[&str] = &["SUM", "AVERAGE", "MIN", "MAX"];

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "tree_ensemble",
    doc: "For each row of x what the leaves give that its features lead to, one leaf of each tree: the sum of their \
          weights for each target (or what `aggregate_function` says; with AVERAGE divided by the number of trees), plus \
          the `base_values`. A target without a leaf has 0. Sums are computed in f64 and round once. At a node the \
          feature is compared with its split: nodes_modes 0 is <=, 1 <, 2 >=, 3 >, 4 ==, 5 !=, and 6 whether it is one \
          of the next values in `membership_values`, up to a NaN. A feature that is NaN goes the way that \
          nodes_missing_value_tracks_true says, false if not given. A branch leads to a node, or to a leaf if \
          nodes_trueleafs or nodes_falseleafs say so. A leaf has one target and weight, or as many, in order, as \
          `leaf_counts` says.",
    inputs: &[Input::one("x", DTypes::Float)],
    attrs: &[
        AttrSpec::required("tree_roots", AttrKind::Ints),
        AttrSpec::required("nodes_modes", AttrKind::Ints),
        AttrSpec::required("nodes_featureids", AttrKind::Ints),
        AttrSpec::required("nodes_splits", AttrKind::Tensor),
        AttrSpec::required("nodes_truenodeids", AttrKind::Ints),
        AttrSpec::required("nodes_trueleafs", AttrKind::Ints),
        AttrSpec::required("nodes_falsenodeids", AttrKind::Ints),
        AttrSpec::required("nodes_falseleafs", AttrKind::Ints),
        AttrSpec::optional("nodes_missing_value_tracks_true", AttrKind::Ints),
        AttrSpec::optional("membership_values", AttrKind::Tensor),
        AttrSpec::required("leaf_targetids", AttrKind::Ints),
        AttrSpec::required("leaf_weights", AttrKind::Tensor),
        AttrSpec::optional("leaf_counts", AttrKind::Ints),
        AttrSpec::required("n_targets", AttrKind::Int),
        AttrSpec::one_of("aggregate_function", MODES, "SUM"),
        AttrSpec::optional("base_values", AttrKind::Tensor),
    ],
    constraints: &[
        ("C1", "x is a matrix"),
        ("C2", "all nodes_* have the same length, and all leaf_* but leaf_counts, whose sum is that length"),
        ("C3", "roots, branches and targets are numbers of nodes, leaves and targets; modes are 0 to 6"),
        ("C4", "features are numbers of columns of x"),
        ("C5", "there are as many sets of members as nodes of mode 6"),
        ("C6", "base_values has one element for each target"),
        ("C7", "no branch leads back"),
    ],
    example: "tree_ensemble(f32[2, 1] [1, 3]) {tree_roots = [0], nodes_modes = [0], nodes_featureids = [0], \
              nodes_splits = f32[1] [2], nodes_truenodeids = [0], nodes_trueleafs = [1], nodes_falsenodeids = [1], \
              nodes_falseleafs = [1], leaf_targetids = [0, 0], leaf_weights = f32[2] [5, 7], n_targets = 1} \
              -> f32[2, 1] [5, 7]",
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let (x, attr) = (infer.tensor(0)?, infer.attr);
    if x.rank().is_some_and(|rank| rank != 2) {
        return Err(Violation::new("C1", format!("x is {x}")));
    }
    let ints = |name: &str| attr.ints(name).unwrap_or_default();
    let nodes = ints("nodes_modes").len();
    let same = ["nodes_featureids", "nodes_truenodeids", "nodes_trueleafs", "nodes_falsenodeids", "nodes_falseleafs"];
    let splits = attr.tensor("nodes_splits").map_or(0, |splits| splits.len());
    let tracks = attr.ints("nodes_missing_value_tracks_true").map_or(nodes, <[i64]>::len);
    if same.iter().any(|name| ints(name).len() != nodes) || splits != nodes || tracks != nodes {
        return Err(Violation::new("C2", format!("there are {nodes} nodes_modes, but not as many of all nodes_*")));
    }
    let pairs = ints("leaf_targetids").len();
    let weights = attr.tensor("leaf_weights").map_or(0, |weights| weights.len());
    let counts = attr.ints("leaf_counts");
    let sum = counts.map(|counts| counts.iter().try_fold(0u64, |sum, count| sum.checked_add(u64::try_from(*count).ok()?)));
    if weights != pairs || sum.is_some_and(|sum| sum != Some(pairs as u64)) {
        return Err(Violation::new("C2", format!("{pairs} leaf_targetids, {weights} leaf_weights")));
    }
    let leaves = counts.map_or(pairs, <[i64]>::len);
    let within = |name: &'static str, values: &[i64], count: usize| match values.iter().find(|value| **value < 0 || **value >= count as i64) {
        Some(value) => Err(Violation::new("C3", format!("{name} has {value}, outside [0, {count})"))),
        None => Ok(()),
    };
    let targets = usize::try_from(attr.int("n_targets")).unwrap_or(0);
    within("tree_roots", ints("tree_roots"), nodes)?;
    within("nodes_modes", ints("nodes_modes"), 7)?;
    within("leaf_targetids", ints("leaf_targetids"), targets)?;
    for (name, leaf) in [("nodes_truenodeids", "nodes_trueleafs"), ("nodes_falsenodeids", "nodes_falseleafs")] {
        for (branch, leaf) in ints(name).iter().zip(ints(leaf)) {
            within(name, &[*branch], if *leaf == 0 { nodes } else { leaves })?;
        }
    }
    let largest = ints("nodes_featureids").iter().max().copied().unwrap_or(-1);
    let columns = x.dims().and_then(|dims| dims[1].as_int());
    if columns.is_some_and(|columns| largest >= columns) || ints("nodes_featureids").iter().any(|feature| *feature < 0) {
        return Err(Violation::new("C4", format!("there is a feature {largest}, x is {x}")));
    }
    if attr.tensor("base_values").is_some_and(|base| base.len() != targets) {
        return Err(Violation::new("C6", format!("there are {targets} targets")));
    }
    let rows = x.dims().map_or(Dim::Unknown, |dims| dims[0].clone());
    Ok(vec![Type::tensor(x.dtype, [rows, Dim::from(targets)])])
}
