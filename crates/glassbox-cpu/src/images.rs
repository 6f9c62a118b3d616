//! Which groups work on images, and between which of them channels stay in blocks.

use std::collections::{HashMap, HashSet};

use glassbox_compiler::{Blocks, Group};
use glassbox_ir::{Graph, Node, ValueId, ops};
use glassbox_kernels::conv::block;
use glassbox_kernels::simd::Level;
use glassbox_tensor::DType;

use crate::facts::Facts;
use crate::fuse::same_dims;
use crate::kernels::conv::MAX_PLAIN;
use crate::kernels::pool::is_pool;

/// A group that can take and give images in blocks.
struct Image {
    /// The values that it may take so.
    inputs: Vec<ValueId>,
    /// Its result.
    result: ValueId,
    /// Whether it can give its result so.
    gives: bool,
}

/// Says of groups of the body of a graph which of their values are in blocks: all that goes from one kernel for images to
/// another.
pub(crate) fn choose_blocks(graph: &Graph, facts: &Facts, groups: &mut [Group]) {
    let images: Vec<Option<Image>> = groups.iter().map(|group| image(graph, facts, group)).collect();
    let givers: HashSet<ValueId> =
        images.iter().flatten().filter(|image| image.gives).map(|image| image.result).collect();
    let mut wanted: HashMap<ValueId, usize> = HashMap::new();
    for value in images.iter().flatten().flat_map(|image| &image.inputs) {
        *wanted.entry(*value).or_default() += 1;
    }
    for (group, image) in groups.iter_mut().zip(&images) {
        let Some(image) = image else { continue };
        let inputs = image.inputs.iter().copied().filter(|value| givers.contains(value)).collect();
        let result = image.gives && wanted.contains_key(&image.result);
        group.blocks = Blocks { size: block(Level::best()), inputs, result };
    }
}

/// What a group is for images, if anything.
fn image(graph: &Graph, facts: &Facts, group: &Group) -> Option<Image> {
    let nodes: Vec<&Node> = group.nodes.iter().map(|node| graph.node(*node)).collect();
    let (first, last) = (*nodes.first()?, *nodes.last()?);
    let x = first.operands.first().copied().flatten()?;
    let result = *last.results.first()?;
    if nodes.len() == 1 && *first.op == ops::reduce_mean::OP {
        let pixels = facts.last_axes(graph, first) == Some(2) && sizes(graph, x).is_some();
        return pixels.then(|| Image { inputs: vec![x], result, gives: false });
    }
    sizes(graph, result)?;
    let [channels, ..] = sizes(graph, x)?;
    if nodes.len() == 1 && is_pool(graph, first) {
        return Some(Image { inputs: vec![x], result, gives: true });
    }
    if *first.op != ops::conv::OP {
        return None;
    }
    let fixed = |place: usize| first.operands.get(place).copied().flatten().is_none_or(|id| facts.is_fixed_value(id));
    if !(fixed(1) && fixed(2)) {
        return None;
    }
    // What comes after is a normalisation by numbers that never change, one residual, an activation: see `conv`.
    let mut inputs = if channels > MAX_PLAIN as i64 { vec![x] } else { Vec::new() };
    let (mut value, mut residual, mut activated) = (*first.results.first()?, false, 0);
    for node in &nodes[1..] {
        let [Some(a), Some(b)] = node.operands[..] else { return None };
        let other = if a == value { b } else { a };
        let open = !residual && activated == 0;
        let in_order = a == value || matches!(node.op.name, "add" | "mul" | "max" | "min");
        match node.op.name {
            "add" | "sub" | "mul" | "div" if open && in_order && facts.is_fixed_value(other) => {}
            "add" if open && like(graph, other, value) => {
                residual = true;
                inputs.push(other);
            }
            "max" if in_order && activated == 0 && facts.is_scalar(other) => activated = 1,
            "min" if in_order && activated == 1 && facts.is_scalar(other) => activated = 2,
            _ => return None,
        }
        value = *node.results.first()?;
    }
    Some(Image { inputs, result, gives: true })
}

/// Channels, height and width of an image of f32, where they are known.
fn sizes(graph: &Graph, value: ValueId) -> Option<[i64; 3]> {
    let ty = graph.value(value).ty.as_tensor().filter(|ty| ty.dtype == DType::F32)?;
    let [_, channels, height, width] = ty.dims()? else { return None };
    Some([channels.as_int()?, height.as_int()?, width.as_int()?]).filter(|sizes| sizes.iter().all(|size| *size > 0))
}

fn like(graph: &Graph, a: ValueId, b: ValueId) -> bool {
    let ty = |value: ValueId| graph.value(value).ty.as_tensor();
    ty(a).zip(ty(b)).is_some_and(|(a, b)| same_dims(a, b))
}
