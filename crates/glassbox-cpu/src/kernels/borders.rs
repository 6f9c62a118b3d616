//! Values that cross the border of a kernel with their channels in blocks: how the body of its call says so.

use std::collections::HashMap;

use glassbox_exec::KernelError;
use glassbox_ir::{AttrView, Node, OpDef, ops};
use glassbox_kernels::conv;
use glassbox_tensor::{DType, Tensor};

use super::{Built, Kernel};
use crate::fragment::Fragment;
use crate::slots::Call;

/// Where the nodes of a fragment that only change the layout are.
pub(super) struct Borders {
    /// For a value that is made of one in blocks: that one.
    pub(super) blocked: HashMap<usize, usize>,
    /// How many nodes come first that make such values.
    pub(super) before: usize,
    /// How many nodes come last that bring the result into blocks.
    pub(super) after: usize,
}

fn is_turned(node: &Node, perm: &[i64]) -> bool {
    *node.op == ops::transpose::OP && AttrView::new(node.op, &node.attrs).ints("perm") == Some(perm)
}

/// The borders of a fragment.
pub(super) fn borders(fragment: &Fragment) -> Borders {
    let nodes: Vec<&Node> = fragment.nodes().collect();
    let first = |node: &Node| node.operands.first().copied().flatten().map(|id| fragment.number(id));
    let mut borders = Borders { blocked: HashMap::new(), before: 0, after: 0 };
    let mut at = 0;
    while let Some(input) = nodes.get(at).filter(|node| is_turned(node, &[0, 1, 4, 2, 3])).and_then(|node| first(node))
    {
        let follows = |place: usize, op: &OpDef| nodes.get(place).is_some_and(|node| *node.op == *op);
        if input >= fragment.inputs().len() || !follows(at + 1, &ops::reshape::OP) {
            break;
        }
        let reshaped = fragment.number(nodes[at + 1].results[0]);
        at += 2;
        let mut made = reshaped;
        if follows(at, &ops::slice::OP) && first(nodes[at]) == Some(reshaped) {
            made = fragment.number(nodes[at].results[0]);
            at += 1;
        }
        borders.blocked.insert(made, input);
        borders.before = at;
    }
    if let [.., reshape, turn] = nodes[borders.before..]
        && is_turned(turn, &[0, 1, 3, 4, 2])
        && *reshape.op == ops::reshape::OP
    {
        let padded = nodes.len() >= borders.before + 3 && *nodes[nodes.len() - 3].op == ops::pad::OP;
        borders.after = if padded { 3 } else { 2 };
    }
    borders
}

/// A change of layout by itself.
struct Reorder {
    x: usize,
    to_blocks: bool,
}

/// A fragment that is nothing but a border.
pub(super) fn build(fragment: &Fragment) -> Built {
    let borders = borders(fragment);
    let nodes: Vec<&Node> = fragment.nodes().collect();
    let float = |number: usize| fragment.dtype(number) == Some(DType::F32);
    if borders.before == nodes.len() && borders.blocked.len() == 1 {
        let x = borders.blocked.values().copied().next().unwrap_or_default();
        return if float(x) { Ok(Box::new(Reorder { x, to_blocks: false })) } else { Err(String::new()) };
    }
    if borders.before == 0 && borders.after == nodes.len() && borders.after > 0 {
        let x = nodes[0].operands.first().copied().flatten().map(|id| fragment.number(id));
        return match x.filter(|x| *x < fragment.inputs().len() && float(*x)) {
            Some(x) => Ok(Box::new(Reorder { x, to_blocks: true })),
            None => Err(String::new()),
        };
    }
    Err(String::new())
}

impl Kernel for Reorder {
    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let sizes = &call.sizes.sizes[call.fragment.outputs()[0]];
        let x = call.inputs[self.x].contiguous()?;
        let values = x.as_slice::<f32>().ok_or_else(|| KernelError::Internal("an image can't be read".to_owned()))?;
        let mut output = call.output(DType::F32, sizes)?;
        let (plain, blocks) = if self.to_blocks { (x.shape(), &sizes[..]) } else { (&sizes[..], x.shape()) };
        let images = [plain[0], plain[1], plain[2] * plain[3]];
        match self.to_blocks {
            true => conv::to_blocks(blocks[4], images, values, output.floats()),
            false => conv::from_blocks(blocks[4], images, values, output.floats()),
        }
        Ok(vec![output.finish()?])
    }
}
