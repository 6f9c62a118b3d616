//! Products of matrices of f32, with what finishes their elements.

use glassbox_exec::{KernelError, Products, Value};
use glassbox_ir::{AttrView, Node, ValueId, ops};
use glassbox_kernels::gemm::{Compute, MatrixRef, Packable, PackedB, gemm, gemm_unpacked};
use glassbox_kernels::quant::{self, Activations, PackedBlocks, Rows, RowsMut};
use glassbox_kernels::tile::Epilogue;
use glassbox_reference::evaluate;
use glassbox_tensor::{DType, Element, Overflow, Tensor, bf16, f16, parallel_chunks};

use super::epilogue::{Finish, From};
use super::{Built, Kernel, are_of_one_size};
use crate::fragment::{Fragment, Sizes};
use crate::slots::Call;

/// A product up to this many multiplications is one piece of work among those of a batch.
const SMALL: usize = 1 << 22;

struct Matmul {
    /// The number of the first operand.
    a: usize,
    weight: Weight,
    /// Which node is the product.
    place: usize,
    /// What is done with each element.
    finish: Option<Finish>,
}

/// The second operand of a product.
enum Weight {
    /// The value of this number.
    Given(usize),
    /// The same matrix in every run, in panels.
    Packed(PackedB),
    /// The same matrix in every run, in panels of integers, and what each column of the product, or all, is multiplied by.
    Codes(PackedB, Vec<f32>),
    /// The same matrix in every run, in blocks of fewer bits.
    Blocks(PackedBlocks, Activations),
}

/// A `matmul` of f32, what makes its weight of what is stored, and the elementwise nodes after it.
pub(super) fn build(fragment: &Fragment) -> Built {
    let Some(place) = fragment.nodes().position(|node| *node.op == ops::matmul::OP) else { return Err(String::new()) };
    let Some(node) = fragment.nodes().nth(place) else { return Err(String::new()) };
    let [Some(a), Some(b)] = node.operands[..] else { return Err(String::new()) };
    let result = node.results[0];
    if fragment.declared(result).is_none_or(|ty| ty.dtype != DType::F32) {
        return Err("products are computed here in f32 only".to_owned());
    }
    let number = fragment.number(b);
    let products = fragment.products(node);
    let compute = compute(products);
    let weight = match fragment.content(number) {
        Some(content) if is_matrix(content) => Weight::Packed(pack(content, compute)?),
        _ if number < fragment.inputs().len() => Weight::Given(number),
        _ => stored(fragment, place, b, products)?,
    };
    let finish = Finish::build(fragment, place + 1, fragment.number(result))?;
    Ok(Box::new(Matmul { a: fragment.number(a), weight, place, finish }))
}

/// Whether it is one matrix, and no batch of them.
fn is_matrix(tensor: &Tensor) -> bool {
    tensor.rank() >= 2 && tensor.shape()[..tensor.rank() - 2].iter().all(|size| *size == 1)
}

/// The weight that the nodes before the product make of a tensor in fewer bits.
fn stored(fragment: &Fragment, place: usize, b: ValueId, products: Products) -> Result<Weight, String> {
    let (mut value, mut turned, mut linear) = (b, false, None);
    for node in fragment.nodes().take(place).rev() {
        if node.results.first() != Some(&value) {
            return Err("the weight is made in another way".to_owned());
        }
        let attr = AttrView::new(node.op, &node.attrs);
        match node.op {
            op if *op == ops::transpose::OP && attr.ints("perm").is_none_or(|perm| perm == [1, 0]) => turned = !turned,
            op if *op == ops::dequantize_linear::OP && linear.is_none() => linear = Some((node, turned)),
            op if *op == ops::dequantize_blocks::OP || *op == ops::cast::OP => {}
            op => return Err(format!("a weight is made by `{}`", op.name)),
        }
        value = node.operands.first().copied().flatten().ok_or("an operand is missing")?;
    }
    let content = fragment.content(fragment.number(value)).ok_or("the weight isn't the same in every run")?;
    let turn = |tensor: &Tensor| if turned { tensor.permute(&[1, 0]) } else { Ok(tensor.clone()) };
    if content.rank() != 2 {
        return Err("the weight isn't a matrix".to_owned());
    }
    let compute = compute(products);
    if let Some((node, turned_after)) = linear {
        return codes(fragment, node, (content, turned, turned_after), compute);
    }
    if let (DType::Block(format), true, Some(bytes)) = (content.dtype(), turned, content.as_bytes())
        && let Some(packed) = PackedBlocks::pack(format, content.shape()[0], content.shape()[1], bytes)
    {
        let activations = if products == Products::Int8 { Activations::Int8 } else { Activations::Exact };
        return Ok(Weight::Blocks(packed, activations));
    }
    match content.dtype() {
        DType::F16 => pack_as::<f16>(&turn(content).map_err(text)?, compute),
        DType::BF16 => pack_as::<bf16>(&turn(content).map_err(text)?, compute),
        _ => {
            let wide = content.cast(DType::F32, Overflow::Wrap).map_err(text)?;
            Ok(Weight::Packed(pack(&turn(&wide).map_err(text)?, compute)?))
        }
    }
}

fn text(error: glassbox_tensor::TensorError) -> String {
    error.to_string()
}

/// A weight that `node` makes of `content`, bytes with scales and zero points. `turned` says whether the matrix is the
/// transposed content, `turned_after` whether the result of the node is transposed.
fn codes(
    fragment: &Fragment,
    node: &Node,
    (content, turned, turned_after): (&Tensor, bool, bool),
    compute: Compute,
) -> Result<Weight, String> {
    let operand = |place: usize| match node.operands.get(place).copied().flatten() {
        None => Ok(None),
        Some(id) => fragment.content(fragment.number(id)).map(Some).ok_or("a scale isn't the same in every run"),
    };
    let (scale, zero) = (operand(1)?.ok_or("a scale is missing")?, operand(2)?);
    let attr = AttrView::new(node.op, &node.attrs);
    let columns = if turned { content.shape()[0] } else { content.shape()[1] };
    let axis = attr.int("axis").rem_euclid(2);
    let of_columns = scale.len() == columns && axis == i64::from(!turned_after);
    let plain = attr.int("block_size") == 0 && (scale.len() == 1 || scale.rank() == 1 && of_columns);
    if plain && scale.dtype() == DType::F32 && matches!(content.dtype(), DType::U8 | DType::I8) {
        let zeros = zero.map_or(Ok(vec![0]), |zero| zero.load::<i64>().map(|it| it.into_owned())).map_err(text)?;
        let zeros: Vec<i16> = zeros.into_iter().map(|zero| zero as i16).collect();
        let scales = scale.load::<f32>().map_err(text)?.into_owned();
        let dense = content.contiguous().map_err(text)?;
        let packed = match (dense.as_slice::<u8>(), dense.as_slice::<i8>()) {
            (Some(bytes), _) => pack_codes(bytes, &zeros, columns, turned, compute),
            (_, Some(bytes)) => pack_codes(bytes, &zeros, columns, turned, compute),
            _ => return Err("the weight can't be read".to_owned()),
        };
        return Ok(Weight::Codes(packed, scales));
    }
    let operands = [Some(content), Some(scale), zero].map(|tensor| tensor.cloned().map(Value::from));
    let made = evaluate(node.op, &node.attrs, &operands, 1, usize::MAX).map_err(|error| error.to_string())?;
    let wide = made.first().and_then(Value::as_tensor).ok_or("a weight isn't a tensor")?;
    if wide.dtype() != DType::F32 {
        return Err(format!("a weight is made as {}", wide.dtype()));
    }
    let wide = if turned_after { wide.permute(&[1, 0]).map_err(text)? } else { wide.clone() };
    Ok(Weight::Packed(pack(&wide, compute)?))
}

/// What a policy says of a matrix in panels.
fn compute(products: Products) -> Compute {
    match products {
        Products::Exact | Products::Int8 => Compute::F32,
        Products::Bf16 => Compute::Bf16,
    }
}

/// Bytes less their zero point, of which there is one, or one for each column of the matrix: its rows lie one after the other,
/// or, where it is `turned`, its columns.
fn pack_codes<T: Into<i16> + Copy + Sync>(
    bytes: &[T],
    zeros: &[i16],
    columns: usize,
    turned: bool,
    compute: Compute,
) -> PackedB {
    let rows = bytes.len() / columns.max(1);
    let along = if turned { rows } else { columns };
    let code = |index: usize| {
        let column = if turned { index / rows.max(1) } else { index % columns.max(1) };
        bytes[index].into() - zeros[if zeros.len() == 1 { 0 } else { column }]
    };
    // Differences of bytes are small integers, each of which is a bf16, and mostly an i8.
    match (0..bytes.len()).all(|index| i8::try_from(code(index)).is_ok()) {
        true => pack_each(bytes.len(), |index| code(index) as i8, (along, turned), compute),
        false => pack_each(bytes.len(), |index| bf16::from_f32(f32::from(code(index))), (along, turned), compute),
    }
}

/// Packs so many numbers, in rows of `along`, or the transposed matrix.
fn pack_each<T: Packable>(
    count: usize,
    of: impl Fn(usize) -> T + Sync,
    (along, turned): (usize, bool),
    compute: Compute,
) -> PackedB {
    let mut codes = vec![T::default(); count];
    fill(&mut codes, of);
    let matrix = MatrixRef::of_rows(&codes, count / along.max(1), along);
    PackedB::of(compute, if turned { matrix.transposed() } else { matrix })
}

/// Each element, from its index.
fn fill<T: Send>(values: &mut [T], of: impl Fn(usize) -> T + Sync) {
    parallel_chunks(values, 1 << 14, &|piece, values| {
        values.iter_mut().enumerate().for_each(|(place, value)| *value = of((piece << 14) + place));
    });
}

fn pack_as<T: Packable + Element>(weight: &Tensor, compute: Compute) -> Result<Weight, String> {
    let (rows, columns, row_stride, column_stride) = last_two(weight);
    let values = weight.reach::<T>().ok_or("the weight can't be read")?;
    let matrix = MatrixRef::new(values, rows, columns, row_stride, column_stride);
    Ok(Weight::Packed(PackedB::of(compute, matrix)))
}

fn pack(weight: &Tensor, compute: Compute) -> Result<PackedB, String> {
    let dense = dense(weight).map_err(|error| error.to_string())?;
    let (rows, columns, row_stride, column_stride) = last_two(&dense);
    let values = dense.reach::<f32>().ok_or("the weight can't be read")?;
    Ok(PackedB::of(compute, MatrixRef::new(values, rows, columns, row_stride, column_stride)))
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
    fn takes(&self, fragment: &Fragment, sizes: &Sizes) -> bool {
        are_of_one_size(fragment, sizes, self.place..fragment.nodes().len())
    }

    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let sizes = &call.sizes.sizes[call.fragment.outputs()[0]];
        let mut output = call.output(DType::F32, sizes)?;
        if !output.floats().is_empty() {
            match &self.finish {
                None => self.multiply(call, output.floats(), None)?,
                Some(finish) => {
                    let finishing = finish.begin(call, sizes, !self.by_vector(call))?;
                    finishing.with(|epilogue| self.multiply(call, output.floats(), Some(epilogue)))??;
                }
            }
        }
        Ok(vec![output.finish()?])
    }
}

impl Matmul {
    /// Whether the second operand is a vector, so that the result has no columns.
    fn by_vector(&self, call: &Call) -> bool {
        matches!(self.weight, Weight::Given(b) if call.inputs[b].rank() == 1)
    }

    fn multiply(&self, call: &Call, output: &mut [f32], epilogue: Option<&Epilogue>) -> Result<(), KernelError> {
        let a = as_matrix(call.inputs[self.a], true)?;
        let (_, k, ..) = last_two(&a);
        let from_start = epilogue.map(|epilogue| From { epilogue, row: 0 });
        match &self.weight {
            Weight::Given(b) => products(&a, &as_matrix(call.inputs[*b], false)?, output, epilogue),
            Weight::Packed(packed) => {
                let rows = output.len() / packed.columns();
                with_rows(&a, rows, k, |rows| {
                    gemm(rows, packed, output, packed.columns(), from_start.as_ref().map(|it| it as _))
                })
            }
            Weight::Codes(packed, scales) => {
                let rows = output.len() / packed.columns();
                let scaled = Scaled { scales, then: from_start.as_ref() };
                with_rows(&a, rows, k, |rows| gemm(rows, packed, output, packed.columns(), Some(&scaled)))
            }
            Weight::Blocks(packed, activations) => {
                let a = a.contiguous()?;
                let values = a.as_slice::<f32>().ok_or_else(unreadable)?;
                let x = Rows { values, count: output.len() / packed.rows(), stride: k };
                let y = RowsMut { values: output, stride: packed.rows() };
                quant::matmul(x, packed, y, *activations, from_start.as_ref().map(|it| it as _));
                Ok(())
            }
        }
    }
}

/// Products with integers, multiplied by the scale of their columns, and then finished.
struct Scaled<'a> {
    /// One for each column, or one for all.
    scales: &'a [f32],
    then: Option<&'a From<'a>>,
}

impl glassbox_kernels::Epilogue for Scaled<'_> {
    fn finish(&self, row: usize, column: usize, values: &mut [f32]) {
        match self.scales {
            [scale] => values.iter_mut().for_each(|value| *value *= scale),
            scales => values.iter_mut().zip(&scales[column..]).for_each(|(value, scale)| *value *= scale),
        }
        if let Some(then) = self.then {
            then.finish(row, column, values);
        }
    }
}

fn unreadable() -> KernelError {
    KernelError::Internal("a matrix can't be read".to_owned())
}

/// Does something with the rows of all matrices of a batch as those of one; copied, where they don't lie evenly.
fn with_rows(a: &Tensor, rows: usize, k: usize, work: impl FnOnce(MatrixRef<f32>)) -> Result<(), KernelError> {
    if let Some((values, row, column)) = flat_rows(a, rows) {
        work(MatrixRef::new(values, rows, k, row, column));
        return Ok(());
    }
    let dense = a.contiguous()?;
    work(MatrixRef::of_rows(dense.as_slice::<f32>().ok_or_else(unreadable)?, rows, k));
    Ok(())
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
fn products(a: &Tensor, b: &Tensor, output: &mut [f32], epilogue: Option<&Epilogue>) -> Result<(), KernelError> {
    let ((m, k, a_row, a_column), (_, n, b_row, b_column)) = (last_two(a), last_two(b));
    let (left, right) = (a.reach::<f32>().ok_or_else(unreadable)?, b.reach::<f32>().ok_or_else(unreadable)?);
    let starts = batch_starts(a, b);
    let piece = |index: usize, out: &mut [f32]| {
        let (a_start, b_start) = starts.at(index);
        // Without terms nothing is read, and a start may be behind the end.
        let a = MatrixRef::new(left.get(a_start..).unwrap_or_default(), m, k, a_row, a_column);
        let b = MatrixRef::new(right.get(b_start..).unwrap_or_default(), k, n, b_row, b_column);
        let epilogue = epilogue.map(|epilogue| From { epilogue, row: index * m });
        gemm_unpacked(a, b, out, n, epilogue.as_ref().map(|it| it as _));
    };
    if m * n * k <= SMALL {
        parallel_chunks(output, m * n, &|index, out| piece(index, out));
    } else {
        output.chunks_exact_mut(m * n).enumerate().for_each(|(index, out)| piece(index, out));
    }
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
