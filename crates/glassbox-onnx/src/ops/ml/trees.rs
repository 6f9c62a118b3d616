//! Ensembles of decision trees, of the present and of the earlier form, as the op `tree_ensemble`.

use std::collections::HashMap;

use super::scores::{best, by_limit, of_two, transformed};
use super::*;

/// The present form, whose leaves are apart from the nodes.
pub(super) fn ensemble<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    c.ignore("nodes_hitrates");
    let name = |names: &[&'static str], attribute: &str, default: i64| {
        let given = c.int(attribute, default)?;
        let name = usize::try_from(given).ok().and_then(|index| names.get(index).copied());
        name.ok_or_else(|| c.error(format!("attribute `{attribute}` is {given}")))
    };
    let aggregate = name(&["AVERAGE", "SUM", "MIN", "MAX"], "aggregate_function", 1)?;
    let transform = name(&["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"], "post_transform", 0)?;
    let modes = c.required("nodes_modes", c.tensor("nodes_modes")?)?;
    let modes = modes.load::<i64>().map_err(|error| c.error(error))?.into_owned();
    let mut attrs = attrs! { nodes_modes: modes, aggregate_function: aggregate };
    for key in ["tree_roots", "nodes_featureids", "nodes_truenodeids", "nodes_trueleafs", "nodes_falsenodeids"] {
        attrs.insert(key, c.required(key, c.ints(key)?)?.into());
    }
    for key in ["nodes_falseleafs", "leaf_targetids"] {
        attrs.insert(key, c.required(key, c.ints(key)?)?.into());
    }
    for key in ["nodes_splits", "leaf_weights"] {
        attrs.insert(key, c.required(key, c.tensor(key)?)?.into());
    }
    attrs.insert("n_targets", c.required("n_targets", c.opt_int("n_targets")?)?.into());
    attrs.extend(
        c.ints("nodes_missing_value_tracks_true")?.map(|tracks| ("nodes_missing_value_tracks_true", tracks.into())),
    );
    attrs.extend(c.tensor("membership_values")?.map(|members| ("membership_values", members.into())));
    let scores = c.f.op(&ops::tree_ensemble::OP, &[c.x(0)], attrs);
    Ok(vec![transformed(c, scores, transform)?])
}

/// Floats that are given as floats, or as a tensor with another name.
fn floats_or_tensor(c: &NodeContext, name: &str) -> Result<Option<Tensor>, OnnxError> {
    let tensor = c.tensor(&format!("{name}_as_tensor"))?;
    match c.floats(name)?.filter(|values| !values.is_empty()) {
        Some(_) if tensor.is_some() => Err(c.error(format!("`{name}` and `{name}_as_tensor` are both given"))),
        Some(values) => floats(c, &values).map(Some),
        None => Ok(tensor.filter(|tensor| !tensor.is_empty())),
    }
}

/// The scores of the earlier form, whose leaves are nodes with pairs `prefix_…` of target and weight,
/// for `targets` targets. Base values are added where they are `with_base`.
fn earlier<'a>(
    c: &NodeContext<'a>,
    prefix: &str,
    targets: i64,
    aggregate: &str,
    base: Option<Tensor>,
) -> Result<Expr<'a>, OnnxError> {
    c.ignore("nodes_hitrates");
    c.ignore("nodes_hitrates_as_tensor");
    let required = |name: &str| c.required(name, c.ints(name)?);
    let [trees, ids, features, yes, no] =
        ["nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids"].map(required);
    let (trees, ids, features, yes, no) = (trees?, ids?, features?, yes?, no?);
    let modes = c.required("nodes_modes", c.strs("nodes_modes")?)?;
    let splits = c.required("nodes_values", floats_or_tensor(c, "nodes_values")?)?;
    let tracks = c.ints("nodes_missing_value_tracks_true")?.filter(|tracks| !tracks.is_empty());
    let count = modes.len();
    let lengths = [trees.len(), ids.len(), features.len(), yes.len(), no.len(), splits.len()];
    if lengths.iter().any(|length| *length != count) || tracks.is_some_and(|tracks| tracks.len() != count) {
        return Err(c.error(format!("the attributes nodes_* have {count} modes, but not as many of all others")));
    }
    let mut places: HashMap<(i64, i64), usize> = HashMap::with_capacity(count);
    for (place, key) in trees.iter().copied().zip(ids.iter().copied()).enumerate() {
        if places.insert(key, place).is_some() {
            return Err(c.error(format!("node {} stands twice in tree {}", key.1, key.0)));
        }
    }
    // Nodes and leaves are numbered apart, in order; a tree that is a leaf needs a node above it.
    let leaf = |place: usize| modes[place] == "LEAF";
    let mut number = vec![0i64; count];
    let (mut nodes, mut leaves): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    for (place, number) in number.iter_mut().enumerate() {
        let list = if leaf(place) { &mut leaves } else { &mut nodes };
        *number = list.len() as i64;
        list.push(place);
    }
    let mut form = Form::default();
    for place in &nodes {
        let mode = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"];
        let mode = mode.iter().position(|name| *name == modes[*place]);
        let mode = mode.ok_or_else(|| c.error(format!("node {place} has the mode {:?}", modes[*place])))?;
        let branch = |id: i64| {
            let next = places.get(&(trees[*place], id)).copied();
            let next = next.ok_or_else(|| c.error(format!("node {id} isn't in tree {}", trees[*place])))?;
            Ok::<_, OnnxError>((number[next], i64::from(leaf(next))))
        };
        form.push(
            mode as i64,
            features[*place],
            tracks.map_or(0, |tracks| tracks[*place]),
            branch(yes[*place])?,
            branch(no[*place])?,
        );
    }
    let mut roots = Vec::new();
    let mut known = std::collections::HashSet::new();
    let mut split_places = nodes.clone();
    for (place, tree) in trees.iter().enumerate().filter(|(_, tree)| known.insert(**tree)) {
        let _ = tree;
        if leaf(place) {
            roots.push(form.modes.len() as i64);
            form.push(0, 0, 0, (number[place], 1), (number[place], 1));
            split_places.push(place);
        } else {
            roots.push(number[place]);
        }
    }
    let split_places: Vec<i64> = split_places.into_iter().map(|place| place as i64).collect();
    let splits = picked(c, &splits, &split_places)?;
    let weights = c.required(&format!("{prefix}_weights"), floats_or_tensor(c, &format!("{prefix}_weights"))?)?;
    let [pair_trees, pair_ids, pair_targets] =
        ["treeids", "nodeids", "ids"].map(|name| required(&format!("{prefix}_{name}")));
    let (pair_trees, pair_ids, pair_targets) = (pair_trees?, pair_ids?, pair_targets?);
    if [pair_trees.len(), pair_ids.len(), pair_targets.len()].iter().any(|length| *length != weights.len()) {
        return Err(c.error(format!("the attributes {prefix}_* have different lengths")));
    }
    let mut of_leaf: Vec<Vec<i64>> = vec![Vec::new(); leaves.len()];
    for (pair, key) in pair_trees.iter().copied().zip(pair_ids.iter().copied()).enumerate() {
        let place = places.get(&key).copied();
        let place = place.ok_or_else(|| c.error(format!("there is a weight for node {} of tree {}", key.1, key.0)))?;
        if leaf(place) {
            of_leaf[number[place] as usize].push(pair as i64);
        }
    }
    let pairs: Vec<i64> = of_leaf.concat();
    let target_ids: Vec<i64> = pairs.iter().map(|pair| pair_targets[*pair as usize]).collect();
    let counts: Vec<i64> = of_leaf.iter().map(|pairs| pairs.len() as i64).collect();
    let mut attrs = attrs! {
        tree_roots: roots, nodes_modes: form.modes, nodes_featureids: form.features, nodes_splits: splits,
        nodes_truenodeids: form.yes, nodes_trueleafs: form.yes_leaf, nodes_falsenodeids: form.no,
        nodes_falseleafs: form.no_leaf, nodes_missing_value_tracks_true: form.tracks, leaf_targetids: target_ids,
        leaf_weights: picked(c, &weights, &pairs)?, leaf_counts: counts, n_targets: targets,
        aggregate_function: aggregate,
    };
    attrs.extend(base.map(|base| ("base_values", base.into())));
    let x = c.x(0);
    let x = if x.dtype().is_float() { x } else { x.cast(DType::F32) };
    Ok(c.f.op(&ops::tree_ensemble::OP, &[x], attrs).cast(DType::F32))
}

/// The nodes in the present form.
#[derive(Default)]
struct Form {
    modes: Vec<i64>,
    features: Vec<i64>,
    tracks: Vec<i64>,
    yes: Vec<i64>,
    yes_leaf: Vec<i64>,
    no: Vec<i64>,
    no_leaf: Vec<i64>,
}

impl Form {
    fn push(&mut self, mode: i64, feature: i64, tracks: i64, yes: (i64, i64), no: (i64, i64)) {
        self.modes.push(mode);
        self.features.push(feature);
        self.tracks.push(tracks);
        self.yes.push(yes.0);
        self.yes_leaf.push(yes.1);
        self.no.push(no.0);
        self.no_leaf.push(no.1);
    }
}

/// Elements of a vector of floats by their places.
fn picked(c: &NodeContext, values: &Tensor, places: &[i64]) -> Result<Tensor, OnnxError> {
    let all = values.load::<f64>().map_err(|error| c.error(error))?;
    let picked = places.iter().map(|place| all[*place as usize]).collect();
    vector(c, Tensor::store(values.dtype(), &[places.len()], picked, glassbox_tensor::Overflow::Wrap))
}

pub(super) fn regressor<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let targets = c.required("n_targets", c.opt_int("n_targets")?)?;
    let base = floats_or_tensor(c, "base_values")?;
    let scores = earlier(c, "target", targets, c.str("aggregate_function", "SUM")?, base)?;
    Ok(vec![transformed(c, scores, c.str("post_transform", "NONE")?)?])
}

pub(super) fn classifier<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let labels = labels(c, "classlabels_int64s")?.ok_or_else(|| c.error("there are no class labels"))?;
    let transform = c.str("post_transform", "NONE")?;
    let base = floats_or_tensor(c, "base_values")?;
    let classes = c.required("class_ids", c.ints("class_ids")?)?;
    if labels.len() == 1 {
        return Err(c.unsupported("a single class label"));
    }
    if labels.len() > 2 || classes.iter().any(|class| *class != 0) {
        let scores = earlier(c, "class", labels.len() as i64, "SUM", base)?;
        return Ok(vec![best(c, scores, labels), transformed(c, scores, transform)?]);
    }
    // By convention, weights for the first of two classes alone speak for the second: they are its share
    // where none is negative, else its lead.
    if base.as_ref().is_some_and(|base| base.len() != 1) {
        return Err(c.unsupported("two base values where only one of two classes has weights"));
    }
    let weights = c.required("class_weights", floats_or_tensor(c, "class_weights")?)?;
    let weights = weights.load::<f64>().map_err(|error| c.error(error))?;
    let share = weights.iter().all(|weight| *weight >= 0.0);
    let score = earlier(c, "class", 1, "SUM", base)?;
    let limit = score.scalar_like(if share { 0.5 } else { 0.0 });
    let label = by_limit(c, score, limit, labels)?;
    let other = if share && transform != "LOGISTIC" { score.scalar_like(1.0) - score } else { -score };
    Ok(vec![label, of_two(c, other, score, transform)?])
}
