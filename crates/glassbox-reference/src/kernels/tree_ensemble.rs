//! `tree_ensemble`.

use glassbox_tensor::{Overflow, Tensor};

use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let x = call.tensor(0)?;
    let forest = Forest::new(call)?;
    let sizes = call.sizes(0)?;
    let (columns, targets) = (x.shape()[1], sizes[1]);
    if let Some(node) = forest.nodes.iter().find(|node| node.feature >= columns) {
        return Err(call.invalid("C4", format!("a node reads feature {} of {columns}", node.feature)));
    }
    let features = x.load::<f64>()?;
    one(Tensor::try_build(call.dtype(0), &sizes, Overflow::Wrap, |start, out: &mut [f64]| {
        // A chunk of the result may begin and end within a row.
        let mut index = 0;
        while index < out.len() {
            let (row, first) = ((start + index) / targets, (start + index) % targets);
            let results = forest.row(&features[row * columns..(row + 1) * columns], targets)?;
            for (result, out) in results[first..].iter().zip(&mut out[index..]) {
                *out = *result;
            }
            index += targets - first;
        }
        Ok::<_, KernelError>(())
    })?)
}

/// A branch: to a node, or to a leaf.
#[derive(Clone, Copy)]
enum Branch {
    Node(usize),
    Leaf(usize),
}

struct Node {
    feature: usize,
    mode: i64,
    split: f64,
    members: Vec<f64>,
    missing: bool,
    yes: Branch,
    no: Branch,
}

#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

struct Forest {
    roots: Vec<usize>,
    nodes: Vec<Node>,
    /// Of each leaf the targets and weights.
    leaves: Vec<Vec<(usize, f64)>>,
    aggregate: Aggregate,
    base: Vec<f64>,
}

impl Forest {
    fn new(call: &Call) -> Result<Forest, KernelError> {
        let attr = call.attr;
        let ints = |name: &str| attr.ints(name).unwrap_or_default();
        let floats = |name: &str| -> Result<Vec<f64>, KernelError> {
            attr.tensor(name).map_or(Ok(Vec::new()), |tensor| Ok(tensor.load::<f64>()?.into_owned()))
        };
        let branch = |ids: &[i64], leafs: &[i64], index: usize| match leafs[index] {
            0 => Branch::Node(ids[index] as usize),
            _ => Branch::Leaf(ids[index] as usize),
        };
        let (splits, members) = (floats("nodes_splits")?, floats("membership_values")?);
        let mut sets = members.split(|value| value.is_nan());
        let mut nodes = Vec::with_capacity(splits.len());
        for (index, mode) in ints("nodes_modes").iter().enumerate() {
            let members = match mode {
                6 => sets.next().ok_or_else(|| call.invalid("C5", format!("node {index} has no members")))?,
                _ => &[],
            };
            nodes.push(Node {
                feature: ints("nodes_featureids")[index] as usize,
                mode: *mode,
                split: splits[index],
                members: members.to_vec(),
                missing: attr.ints("nodes_missing_value_tracks_true").is_some_and(|tracks| tracks[index] != 0),
                yes: branch(ints("nodes_truenodeids"), ints("nodes_trueleafs"), index),
                no: branch(ints("nodes_falsenodeids"), ints("nodes_falseleafs"), index),
            });
        }
        // Behind the last NaN there is nothing.
        if sets.any(|set| !set.is_empty()) {
            return Err(call.invalid("C5", "there are more sets of members than nodes that test for them"));
        }
        let targets = ints("leaf_targetids").iter().map(|target| *target as usize);
        let mut pairs = targets.zip(floats("leaf_weights")?);
        let leaves = match attr.ints("leaf_counts") {
            Some(counts) => counts.iter().map(|count| pairs.by_ref().take(*count as usize).collect()).collect(),
            None => pairs.map(|pair| vec![pair]).collect(),
        };
        let aggregate = match attr.str("aggregate_function") {
            "AVERAGE" => Aggregate::Average,
            "MIN" => Aggregate::Min,
            "MAX" => Aggregate::Max,
            _ => Aggregate::Sum,
        };
        let roots = ints("tree_roots").iter().map(|root| *root as usize).collect();
        Ok(Forest { roots, nodes, leaves, aggregate, base: floats("base_values")? })
    }

    /// What the trees give for one row of features.
    fn row(&self, features: &[f64], targets: usize) -> Result<Vec<f64>, KernelError> {
        let mut results: Vec<Option<f64>> = vec![None; targets];
        for root in &self.roots {
            for (target, weight) in &self.leaves[self.leaf(*root, features)?] {
                let result = &mut results[*target];
                *result = Some(match (*result, self.aggregate) {
                    (None, _) => *weight,
                    (Some(so_far), Aggregate::Min) => so_far.min(*weight),
                    (Some(so_far), Aggregate::Max) => so_far.max(*weight),
                    (Some(so_far), _) => so_far + weight,
                });
            }
        }
        let trees = if matches!(self.aggregate, Aggregate::Average) { self.roots.len().max(1) as f64 } else { 1.0 };
        let base = |target: usize| self.base.get(target).copied().unwrap_or(0.0);
        Ok(results.iter().enumerate().map(|(target, result)| result.unwrap_or(0.0) / trees + base(target)).collect())
    }

    /// The leaf that a row of features leads to.
    fn leaf(&self, root: usize, features: &[f64]) -> Result<usize, KernelError> {
        let mut at = root;
        for _ in 0..self.nodes.len() {
            let node = &self.nodes[at];
            match if node.holds(features[node.feature]) { node.yes } else { node.no } {
                Branch::Node(next) => at = next,
                Branch::Leaf(leaf) => return Ok(leaf),
            }
        }
        Err(KernelError::invalid("C7", format!("from root {root} a branch leads back")))
    }
}

impl Node {
    fn holds(&self, feature: f64) -> bool {
        if feature.is_nan() {
            return self.missing;
        }
        match self.mode {
            0 => feature <= self.split,
            1 => feature < self.split,
            2 => feature >= self.split,
            3 => feature > self.split,
            4 => feature == self.split,
            5 => feature != self.split,
            _ => self.members.contains(&feature),
        }
    }
}
