//! Rows of a table, such as the vectors of tokens: only those that are asked for are read.

use glassbox_exec::KernelError;
use glassbox_ir::infer::normalise_axis;
use glassbox_ir::{AttrView, ops};
use glassbox_kernels::quant::gather_rows;
use glassbox_tensor::{DType, Tensor};

use super::{Built, Kernel};
use crate::fragment::Fragment;
use crate::slots::Call;

struct Gather {
    /// The numbers of the table and of the indices.
    table: usize,
    indices: usize,
}

/// A `gather` along the first axis, of a table of numbers of whole bytes or, with the `dequantize_blocks` before it, of blocks.
pub(super) fn build(fragment: &Fragment) -> Built {
    let nodes: Vec<_> = fragment.nodes().collect();
    let Some(gather) = nodes.last().filter(|node| *node.op == ops::gather::OP) else { return Err(String::new()) };
    let [Some(table), Some(indices)] = gather.operands[..] else { return Err(String::new()) };
    let table = match nodes[..] {
        [_] => table,
        [blocks, _] if *blocks.op == ops::dequantize_blocks::OP && blocks.results.first() == Some(&table) => {
            blocks.operands.first().copied().flatten().ok_or("an operand is missing")?
        }
        _ => return Err("the table is made in another way".to_owned()),
    };
    let ty = fragment.declared(table).ok_or("the table is no tensor")?;
    if AttrView::new(gather.op, &gather.attrs).int("axis") != 0 {
        return Err("rows are gathered along the first axis only".to_owned());
    }
    let bytes =
        matches!(ty.dtype, DType::Block(_)) || ty.dtype.bits().is_some_and(|bits| bits >= 8) && ty.dtype != DType::Bool;
    let least = if matches!(ty.dtype, DType::Block(_)) { 2 } else { 1 };
    if !bytes || ty.rank().is_none_or(|rank| rank < least) {
        return Err(format!("rows of {ty} aren't gathered here"));
    }
    Ok(Box::new(Gather { table: fragment.number(table), indices: fragment.number(indices) }))
}

impl Kernel for Gather {
    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let number = call.fragment.outputs()[0];
        let table = call.inputs[self.table].contiguous()?;
        let mut output = call.output(call.sizes.types[number].dtype, &call.sizes.sizes[number])?;
        let indices = call.inputs[self.indices].load::<i64>()?;
        let rows = table.shape()[0];
        let bytes = table.as_bytes().ok_or_else(|| KernelError::Internal("a table can't be read".to_owned()))?;
        let row_bytes = bytes.len().checked_div(rows).unwrap_or(0);
        let places = indices.iter().map(|index| place_of(*index, rows)).collect::<Result<Vec<_>, _>>()?;
        if let DType::Block(format) = table.dtype() {
            let width = table.shape()[1..].iter().product();
            gather_rows(bytes, format, width, &places, output.floats());
            return Ok(vec![output.finish()?]);
        }
        let out_bytes = output.bytes().len().checked_div(places.len()).unwrap_or(0);
        for (row, out) in places.iter().zip(output.bytes().chunks_exact_mut(out_bytes.max(1))) {
            out.copy_from_slice(&bytes[row * row_bytes..][..row_bytes]);
        }
        Ok(vec![output.finish()?])
    }
}

/// The row that an index names.
fn place_of(index: i64, rows: usize) -> Result<usize, KernelError> {
    normalise_axis("C2", index, rows).map_err(|_| {
        KernelError::invalid("C2", format!("index {index} is outside [-{rows}, {rows}) of an extent of {rows}"))
    })
}
