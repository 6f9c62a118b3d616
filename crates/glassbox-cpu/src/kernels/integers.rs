//! Comparisons of integers, such as those that make one-hot vectors of indices.

use glassbox_exec::KernelError;
use glassbox_ir::ops;
use glassbox_tensor::{DType, Element, Tensor, parallel_chunks};

use super::place::strides_in;
use super::{Built, Kernel};
use crate::fragment::Fragment;
use crate::slots::Call;

/// How many elements a piece of work has at least, where there are so many.
const PIECE: usize = 1 << 14;

#[derive(Clone, Copy)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

struct Compare {
    comparison: Comparison,
    /// The numbers of both operands.
    operands: [usize; 2],
    dtype: DType,
}

/// One comparison of i32 or i64.
pub(super) fn build(fragment: &Fragment) -> Built {
    let Some(node) = fragment.nodes().next().filter(|_| fragment.nodes().len() == 1) else { return Err(String::new()) };
    let comparison = match node.op {
        op if *op == ops::equal::OP => Comparison::Equal,
        op if *op == ops::less::OP => Comparison::Less,
        op if *op == ops::less_or_equal::OP => Comparison::LessOrEqual,
        op if *op == ops::greater::OP => Comparison::Greater,
        op if *op == ops::greater_or_equal::OP => Comparison::GreaterOrEqual,
        _ => return Err(String::new()),
    };
    let [Some(a), Some(b)] = node.operands[..] else { return Err(String::new()) };
    let operands = [fragment.number(a), fragment.number(b)];
    match fragment.dtype(operands[0]) {
        Some(dtype @ (DType::I32 | DType::I64)) => Ok(Box::new(Compare { comparison, operands, dtype })),
        _ => Err(String::new()),
    }
}

impl Kernel for Compare {
    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let sizes = &call.sizes.sizes[call.fragment.outputs()[0]];
        let mut output = call.output(DType::Bool, sizes)?;
        let operands = self.operands.map(|number| call.inputs[number]);
        match self.dtype {
            DType::I32 => self.compare::<i32>(operands, sizes, output.bytes())?,
            _ => self.compare::<i64>(operands, sizes, output.bytes())?,
        }
        Ok(vec![output.finish()?])
    }
}

impl Compare {
    fn compare<T: Element + PartialOrd>(
        &self,
        operands: [&Tensor; 2],
        sizes: &[usize],
        out: &mut [u8],
    ) -> Result<(), KernelError> {
        match self.comparison {
            Comparison::Equal => rows(operands, sizes, out, |a: T, b: T| a == b),
            Comparison::Less => rows(operands, sizes, out, |a: T, b: T| a < b),
            Comparison::LessOrEqual => rows(operands, sizes, out, |a: T, b: T| a <= b),
            Comparison::Greater => rows(operands, sizes, out, |a: T, b: T| a > b),
            Comparison::GreaterOrEqual => rows(operands, sizes, out, |a: T, b: T| a >= b),
        }
    }
}

/// Goes over the rows of a result, whose elements are along the last axis.
fn rows<T: Element>(
    operands: [&Tensor; 2],
    sizes: &[usize],
    out: &mut [u8],
    holds: impl Fn(T, T) -> bool + Sync,
) -> Result<(), KernelError> {
    let dense = |tensor: &Tensor| match tensor.reach::<T>() {
        Some(_) => Ok(tensor.clone()),
        None => tensor.contiguous(),
    };
    let (a, b) = (dense(operands[0])?, dense(operands[1])?);
    let unreadable = || KernelError::Internal("a comparison was given what it can't read".to_owned());
    let (left, right) = (a.reach::<T>().ok_or_else(unreadable)?, b.reach::<T>().ok_or_else(unreadable)?);
    let columns = sizes.last().copied().unwrap_or(1);
    if out.is_empty() {
        return Ok(());
    }
    // Without axes there is one row of one element.
    let split = |tensor: &Tensor| match strides_in(tensor, sizes).split_last() {
        Some((last, outer)) => (last.unsigned_abs(), outer.iter().map(|stride| stride.unsigned_abs()).collect()),
        None => (0, Vec::new()),
    };
    let ((a_step, a_rows), (b_step, b_rows)): ((usize, Vec<usize>), (usize, Vec<usize>)) = (split(&a), split(&b));
    let outer = &sizes[..sizes.len().saturating_sub(1)];
    let start = |mut row: usize, strides: &[usize]| {
        let mut start = 0;
        for (size, stride) in outer.iter().zip(strides).rev() {
            start += row % size * stride;
            row /= size;
        }
        start
    };
    let rows_each = PIECE.div_ceil(columns);
    parallel_chunks(out, rows_each * columns, &|piece, out| {
        for (index, out) in out.chunks_exact_mut(columns).enumerate() {
            let row = piece * rows_each + index;
            let (left, right) = (&left[start(row, &a_rows)..], &right[start(row, &b_rows)..]);
            match (a_step, b_step) {
                (1, 1) => {
                    out.iter_mut().zip(left).zip(right).for_each(|((out, a), b)| *out = u8::from(holds(*a, *b)));
                }
                (1, 0) => out.iter_mut().zip(left).for_each(|(out, a)| *out = u8::from(holds(*a, right[0]))),
                (0, 1) => out.iter_mut().zip(right).for_each(|(out, b)| *out = u8::from(holds(left[0], *b))),
                _ => {
                    for (place, out) in out.iter_mut().enumerate() {
                        *out = u8::from(holds(left[place * a_step], right[place * b_step]));
                    }
                }
            }
        }
    });
    Ok(())
}
