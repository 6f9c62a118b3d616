//! Tensors one after the other along an axis: plain copies.

use glassbox_exec::KernelError;
use glassbox_ir::infer::normalise_axis;
use glassbox_ir::{AttrView, ops};
use glassbox_tensor::{DType, Tensor, parallel_chunks};

use super::{Built, Kernel};
use crate::fragment::Fragment;
use crate::slots::Call;

/// How many bytes a piece of work copies.
const PIECE: usize = 1 << 16;

struct Concat {
    /// The numbers of the operands.
    operands: Vec<usize>,
    axis: i64,
}

/// A `concat` of elements of whole bytes.
pub(super) fn build(fragment: &Fragment) -> Built {
    let Some(node) = fragment.nodes().next().filter(|node| *node.op == ops::concat::OP) else {
        return Err(String::new());
    };
    let number = |id: &Option<_>| id.map(|id| fragment.number(id)).ok_or("an operand is missing");
    let operands = node.operands.iter().map(number).collect::<Result<Vec<_>, _>>()?;
    let dtype = operands.first().and_then(|first| fragment.dtype(*first));
    let bytes = dtype.is_some_and(|dtype| {
        !matches!(dtype, DType::Block(_) | DType::String) && dtype.bits().is_some_and(|bits| bits >= 8)
    });
    match bytes && fragment.nodes().len() == 1 {
        true => Ok(Box::new(Concat { operands, axis: AttrView::new(node.op, &node.attrs).int("axis") })),
        false => Err("only elements of whole bytes are copied here".to_owned()),
    }
}

/// What is copied of an operand for each turn of the axes before the one along which they lie.
struct Part {
    tensor: Tensor,
    /// Where the run begins in a turn, and how many bytes it has.
    start: usize,
    len: usize,
}

impl Kernel for Concat {
    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let number = call.fragment.outputs()[0];
        let (sizes, dtype) = (&call.sizes.sizes[number], call.sizes.types[number].dtype);
        let axis = normalise_axis("C1", self.axis, sizes.len())?;
        let mut output = call.output(dtype, sizes)?;
        let outer: usize = sizes[..axis].iter().product();
        if output.bytes().is_empty() {
            return Ok(vec![output.finish()?]);
        }
        let (mut parts, mut turn) = (Vec::with_capacity(self.operands.len()), 0);
        for operand in &self.operands {
            let tensor = call.inputs[*operand].contiguous()?;
            let len = bytes_of(&tensor)?.len() / outer;
            parts.push(Part { tensor, start: turn, len });
            turn += len;
        }
        let sources = parts.iter().map(|part| bytes_of(&part.tensor)).collect::<Result<Vec<_>, _>>()?;
        parallel_chunks(output.bytes(), PIECE, &|piece, out| {
            let (first, end) = (piece * PIECE, piece * PIECE + out.len());
            for number in first / turn..end.div_ceil(turn) {
                for (part, source) in parts.iter().zip(&sources) {
                    // The run in the result, and what of it is in this piece.
                    let start = number * turn + part.start;
                    let (from, to) = (start.max(first), (start + part.len).min(end));
                    if from < to {
                        let at = number * part.len + (from - start);
                        out[from - first..to - first].copy_from_slice(&source[at..][..to - from]);
                    }
                }
            }
        });
        Ok(vec![output.finish()?])
    }
}

fn bytes_of(tensor: &Tensor) -> Result<&[u8], KernelError> {
    tensor.as_bytes().ok_or_else(|| KernelError::Internal("a tensor can't be read".to_owned()))
}
