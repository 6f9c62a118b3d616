//! Products of matrices of f32, with what finishes their elements.

use glassbox_exec::KernelError;
use glassbox_ir::ops;
use glassbox_kernels::gemm::{MatrixRef, PackedB, gemm, gemm_unpacked};
use glassbox_tensor::{DType, Tensor, parallel_for};

use super::epilogue::{Finish, Finishing};
use super::output::Output;
use super::{Built, Kernel};
use crate::fragment::Fragment;
use crate::slots::Call;

/// A product up to this many multiplications is one piece of work among those of a batch.
const SMALL: usize = 1 << 22;

struct Matmul {
    /// The numbers of the two operands.
    a: usize,
    b: usize,
    /// The second operand, where it is the same matrix in every run.
    packed: Option<PackedB>,
    /// What is done with each element.
    finish: Option<Finish>,
}

/// A `matmul` of f32 and the elementwise nodes after it.
pub(super) fn build(fragment: &Fragment) -> Built {
    let Some(node) = fragment.nodes().next().filter(|node| *node.op == ops::matmul::OP) else {
        return Err(String::new());
    };
    let [Some(a), Some(b)] = node.operands[..] else { return Err(String::new()) };
    let result = node.results[0];
    if fragment.declared(result).is_none_or(|ty| ty.dtype != DType::F32) {
        return Err("products are computed here in f32 only".to_owned());
    }
    let (a, b) = (fragment.number(a), fragment.number(b));
    let matrix = |tensor: &&Tensor| tensor.rank() >= 2 && tensor.shape()[..tensor.rank() - 2].iter().all(|size| *size == 1);
    let packed = fragment.content(b).filter(matrix).map(pack).transpose()?;
    let finish = Finish::build(fragment, 1, fragment.number(result))?;
    Ok(Box::new(Matmul { a, b, packed, finish }))
}

fn pack(weight: &Tensor) -> Result<PackedB, String> {
    let dense = dense(weight).map_err(|error| error.to_string())?;
    let (rows, columns, row_stride, column_stride) = last_two(&dense);
    let values = dense.reach::<f32>().ok_or("the weight can't be read")?;
    Ok(PackedB::new(MatrixRef::new(values, rows, columns, row_stride, column_stride)))
}

/// The sizes and strides of the last two axes.
fn last_two(tensor: &Tensor) -> (usize, usize, usize, usize) {
    let rank = tensor.rank();
    let (shape, strides) = (&tensor.shape()[rank - 2..], &tensor.strides()[rank - 2..]);
    (shape[0], shape[1], strides[0].unsigned_abs(), strides[1].unsigned_abs())
}

/// The tensor with strides that a kernel can walk along.
fn dense(tensor: &Tensor) -> Result<Tensor, KernelError> {
    let walkable = tensor.reach::<f32>().is_some();
    Ok(if walkable { tensor.clone() } else { tensor.contiguous()? })
}

impl Kernel for Matmul {
    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let sizes = &call.sizes.sizes[call.fragment.outputs()[0]];
        let mut output = Output::new(DType::F32, sizes)?;
        let (a, b) = (as_matrix(call.inputs[self.a], true)?, as_matrix(call.inputs[self.b], false)?);
        let (m, k, ..) = last_two(&a);
        let n = b.shape()[b.rank() - 1];
        if output.floats().is_empty() {
            return Ok(vec![output.finish()?]);
        }
        let finishing = self.finish.as_ref().map(|finish| finish.begin(call, sizes)).transpose()?;
        let batch = sizes.iter().product::<usize>() / (m * n);
        match &self.packed {
            // Rows that lie evenly are one matrix.
            Some(packed) => match flat_rows(&a, batch * m) {
                Some((values, stride, step)) => {
                    let rows = MatrixRef::new(values, batch * m, k, stride, step);
                    let epilogue = finishing.as_ref().map(|finishing| finishing.at(0));
                    gemm(rows, packed, output.floats(), n, epilogue.as_ref().map(|it| it as _));
                }
                None => {
                    let a = Tensor::from_vec(&[batch * m, k], a.contiguous()?.to_vec::<f32>()?)?;
                    let values = a.reach::<f32>().unwrap_or_default();
                    let epilogue = finishing.as_ref().map(|finishing| finishing.at(0));
                    gemm(MatrixRef::of_rows(values, batch * m, k), packed, output.floats(), n, epilogue.as_ref().map(|it| it as _));
                }
            },
            None => products(&a, &b, output.floats(), batch, finishing.as_ref())?,
        }
        Ok(vec![output.finish()?])
    }
}

/// A tensor as a matrix, or as a batch of them: a vector is a row on the left and a column on the right.
fn as_matrix(tensor: &Tensor, left: bool) -> Result<Tensor, KernelError> {
    let tensor = dense(tensor)?;
    Ok(match tensor.rank() {
        1 => tensor.expand_dims(usize::from(!left))?,
        _ => tensor,
    })
}

/// All rows of a batch of matrices, as those of one matrix: the elements, the distances of rows and of columns.
fn flat_rows(a: &Tensor, rows: usize) -> Option<(&[f32], usize, usize)> {
    let (rank, strides) = (a.rank(), a.strides());
    let (row, column) = (strides[rank - 2].unsigned_abs(), strides[rank - 1].unsigned_abs());
    let mut expected = row * a.shape()[rank - 2];
    for axis in (0..rank - 2).rev() {
        if a.shape()[axis] != 1 && strides[axis].unsigned_abs() != expected {
            return None;
        }
        expected *= a.shape()[axis];
    }
    let flat: usize = a.shape()[..rank - 1].iter().product();
    (flat == rows).then_some(())?;
    Some((a.reach::<f32>()?, row, column))
}

/// A product of each pair of matrices of two batches that are broadcast.
fn products(a: &Tensor, b: &Tensor, output: &mut [f32], batch: usize, finishing: Option<&Finishing>) -> Result<(), KernelError> {
    let ((m, k, a_row, a_column), (_, n, b_row, b_column)) = (last_two(a), last_two(b));
    let unreadable = || KernelError::Internal("a matrix can't be read".to_owned());
    let (left, right) = (a.reach::<f32>().ok_or_else(unreadable)?, b.reach::<f32>().ok_or_else(unreadable)?);
    let starts = batch_starts(a, b);
    let piece = |index: usize, out: &mut [f32]| {
        let (a_start, b_start) = starts.at(index);
        // Without terms nothing may be read behind the end.
        let a = MatrixRef::new(left.get(a_start..).unwrap_or_default(), m, k, a_row, a_column);
        let b = MatrixRef::new(right.get(b_start..).unwrap_or_default(), k, n, b_row, b_column);
        let epilogue = finishing.map(|finishing| finishing.at(index * m));
        gemm_unpacked(a, b, out, n, epilogue.as_ref().map(|it| it as _));
    };
    if m * n * k <= SMALL && batch > 1 {
        glassbox_tensor::parallel_chunks(output, m * n, &|index, out| piece(index, out));
    } else {
        output.chunks_exact_mut(m * n).enumerate().for_each(|(index, out)| piece(index, out));
    }
    let _ = parallel_for;
    Ok(())
}

/// Where the matrices of each product of a batch begin.
struct Starts {
    /// For each axis before the last two of the result: its size, and the distances in both operands.
    axes: Vec<(usize, usize, usize)>,
}

fn batch_starts(a: &Tensor, b: &Tensor) -> Starts {
    let count = a.rank().max(b.rank()) - 2;
    let along = |tensor: &Tensor, axis: usize| {
        let own = (axis + tensor.rank()).checked_sub(count + 2)?;
        let size = tensor.shape()[own];
        Some((size, if size == 1 { 0 } else { tensor.strides()[own].unsigned_abs() }))
    };
    let axes = (0..count).map(|axis| {
        let ((a_size, a_step), (b_size, b_step)) = (along(a, axis).unwrap_or((1, 0)), along(b, axis).unwrap_or((1, 0)));
        (if a_size == 1 { b_size } else { a_size }, a_step, b_step)
    });
    Starts { axes: axes.collect() }
}

impl Starts {
    fn at(&self, mut index: usize) -> (usize, usize) {
        let (mut a, mut b) = (0, 0);
        for (size, a_step, b_step) in self.axes.iter().rev() {
            let place = index % size;
            index /= size;
            a += place * a_step;
            b += place * b_step;
        }
        (a, b)
    }
}
