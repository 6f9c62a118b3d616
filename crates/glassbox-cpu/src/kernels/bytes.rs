//! Products of matrices of bytes, whose sums are exact, with what finishes their elements.

use std::ops::Range;

use glassbox_exec::KernelError;
use glassbox_ir::{Dim, Graph, Node, TensorType, ValueId, ops};
use glassbox_kernels::gemm::{Byte, IntegerEpilogue, MatrixRef, PackedBInt8, gemm_int8};
use glassbox_kernels::quant::{self, Code};
use glassbox_kernels::tile::Epilogue;
use glassbox_tensor::{DType, Element, Tensor};

use super::epilogue::Finish;
use super::{Built, Kernel, are_of_one_size};
use crate::fragment::{Fragment, Sizes};
use crate::slots::Call;

/// Which operands of a product are what.
struct Places {
    a: usize,
    b: usize,
    a_zero: usize,
    b_zero: usize,
}

const MATMUL: Places = Places { a: 0, b: 1, a_zero: 2, b_zero: 3 };
const QLINEAR: Places = Places { a: 0, b: 3, a_zero: 2, b_zero: 5 };

/// The operands of a node, as far as their types are known.
pub(super) struct Operands<'g>(pub(super) &'g Graph, pub(super) &'g Node);

impl<'g> Operands<'g> {
    pub(super) fn value(&self, place: usize) -> Option<ValueId> {
        self.1.operands.get(place).copied().flatten()
    }

    pub(super) fn ty(&self, place: usize) -> Option<&'g TensorType> {
        self.0.value(self.value(place)?).ty.as_tensor()
    }

    pub(super) fn rank(&self, place: usize) -> Option<usize> {
        self.ty(place)?.rank()
    }

    pub(super) fn are_bytes(&self, place: usize) -> bool {
        self.ty(place).is_some_and(|ty| matches!(ty.dtype, DType::U8 | DType::I8))
    }

    pub(super) fn are_floats(&self, place: usize) -> bool {
        self.ty(place).is_some_and(|ty| ty.dtype == DType::F32)
    }

    /// Whether it has one element, or is left out.
    pub(super) fn is_one(&self, place: usize) -> bool {
        let one = |dims: &[Dim]| dims.iter().all(|dim| *dim == Dim::Int(1));
        self.value(place).is_none() || self.ty(place).and_then(|ty| ty.dims()).is_some_and(one)
    }

    /// Whether it is a vector or a scalar, or is left out.
    pub(super) fn is_row(&self, place: usize) -> bool {
        self.value(place).is_none() || self.rank(place).is_some_and(|rank| rank < 2)
    }
}

/// Whether a product of integers is computed here: of bytes, with one matrix on the right, and one zero point for all of
/// the left.
pub(crate) fn is_computed(graph: &Graph, node: &Node) -> bool {
    let operands = Operands(graph, node);
    let matrices = |places: &Places| {
        operands.are_bytes(places.a)
            && operands.are_bytes(places.b)
            && operands.rank(places.a).is_some_and(|rank| rank >= 2)
            && operands.rank(places.b) == Some(2)
            && operands.is_one(places.a_zero)
            && operands.is_row(places.b_zero)
    };
    match node.op {
        op if *op == ops::matmul_integer::OP => matrices(&MATMUL),
        op if *op == ops::qlinear_matmul::OP => {
            let scales = [1, 4, 6].into_iter().all(|place| operands.are_floats(place));
            matrices(&QLINEAR) && operands.is_one(1) && operands.is_row(4) && operands.are_bytes(7) && scales
        }
        _ => false,
    }
}

/// The second operand.
enum Weight {
    /// The value of this number.
    Given(usize),
    /// The same in every run.
    Packed(Box<Packed>),
}

/// A matrix of bytes, as it is multiplied.
pub(super) struct Packed {
    pub(super) matrix: PackedBInt8,
    /// What has been taken from each element.
    pub(super) taken: i32,
}

/// What is made of the sums.
enum Ending {
    /// Nothing.
    Sums,
    /// Numbers, and what is done with them.
    Numbers(Option<Box<Finish>>),
    /// Bytes: the numbers of the scales of a, b and y, and of the zero point of y.
    Bytes { scales: [usize; 3], zero: usize, dtype: DType },
}

struct Multiply {
    a: usize,
    a_dtype: DType,
    a_zero: Option<usize>,
    b_zero: Option<usize>,
    weight: Weight,
    ending: Ending,
}

/// A `matmul_integer`, with the cast to f32 and the elementwise nodes after it, or a `qlinear_matmul`.
pub(super) fn build(fragment: &Fragment) -> Built {
    let Some(node) = fragment.nodes().next().filter(|node| is_computed(fragment.graph(), node)) else {
        return Err(String::new());
    };
    let places = if *node.op == ops::matmul_integer::OP { MATMUL } else { QLINEAR };
    let number = |place: usize| node.operands.get(place).copied().flatten().map(|id| fragment.number(id));
    let (Some(a), Some(b)) = (number(places.a), number(places.b)) else { return Err(String::new()) };
    let Some(a_dtype) = fragment.dtype(a) else { return Err(String::new()) };
    let ending = match fragment.nodes().nth(1) {
        Some(cast) if *cast.op == ops::cast::OP && *node.op == ops::matmul_integer::OP => {
            let numbers = fragment.number(cast.results[0]);
            let finish = Finish::of(fragment, 2..fragment.nodes().len(), numbers, fragment.outputs())?;
            Ending::Numbers(finish.map(Box::new))
        }
        Some(other) => return Err(format!("`{}` follows a product of bytes", other.op.name)),
        None if *node.op == ops::matmul_integer::OP => Ending::Sums,
        None => {
            let (Some(a_scale), Some(b_scale), Some(y_scale), Some(zero)) =
                (number(1), number(4), number(6), number(7))
            else {
                return Err(String::new());
            };
            let dtype = fragment.dtype(zero).unwrap_or(DType::U8);
            Ending::Bytes { scales: [a_scale, b_scale, y_scale], zero, dtype }
        }
    };
    let weight = match fragment.content(b) {
        Some(content) => Weight::Packed(Box::new(pack(content).map_err(|error| error.to_string())?)),
        None => Weight::Given(b),
    };
    Ok(Box::new(Multiply { a, a_dtype, a_zero: number(places.a_zero), b_zero: number(places.b_zero), weight, ending }))
}

/// Packs a matrix of u8 or i8.
pub(super) fn pack(matrix: &Tensor) -> Result<Packed, KernelError> {
    let dense = matrix.contiguous()?;
    let [rows, columns] = dense.shape()[..] else { return Err(unreadable()) };
    if let Some(bytes) = dense.as_slice::<i8>() {
        return Ok(Packed { matrix: PackedBInt8::new(MatrixRef::of_rows(bytes, rows, columns)), taken: 0 });
    }
    let lowered: Vec<i8> = dense.as_slice::<u8>().ok_or_else(unreadable)?.iter().map(|x| (x ^ 0x80) as i8).collect();
    Ok(Packed { matrix: PackedBInt8::new(MatrixRef::of_rows(&lowered, rows, columns)), taken: 128 })
}

/// Bytes, or others of at most 32 bits, as i32.
pub(super) fn integers(bytes: &Tensor) -> Result<Vec<i32>, KernelError> {
    // They are such numbers.
    Ok(bytes.load::<i64>()?.iter().map(|byte| *byte as i32).collect())
}

pub(super) fn unreadable() -> KernelError {
    KernelError::Internal("a matrix of bytes can't be read".to_owned())
}

impl Kernel for Multiply {
    fn takes(&self, fragment: &Fragment, sizes: &Sizes) -> bool {
        are_of_one_size(fragment, sizes, 0..fragment.nodes().len())
    }

    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let given;
        let packed = match &self.weight {
            Weight::Packed(packed) => packed,
            Weight::Given(number) => {
                given = pack(call.inputs[*number])?;
                &given
            }
        };
        match self.a_dtype {
            DType::I8 => self.multiply::<i8>(call, packed),
            _ => self.multiply::<u8>(call, packed),
        }
    }
}

/// What is taken from sums so that zero points are taken from their terms.
pub(super) struct Correction {
    /// From the sums of each column.
    columns: Vec<i32>,
    /// The zero point of each column, and the sum of each row of the left matrix, where there is a zero point that isn't 0.
    rows: Option<(Vec<i32>, Vec<i32>)>,
}

impl Correction {
    /// For a left matrix with `rows` rows, `codes`, and the zero point `zero`, and a right one with one zero point, or one for
    /// each column, from whose elements `taken` was taken: Σ (a − z)(b − y) = Σ a·b − z·Σ b − y·Σ a + K·z·y.
    pub(super) fn new<A: Code>(
        matrix: &PackedBInt8,
        mut zeros: Vec<i32>,
        taken: i32,
        (zero, codes, rows): (i32, &[A], usize),
    ) -> Correction {
        let (inner, columns) = (matrix.inner(), matrix.columns());
        zeros.iter_mut().for_each(|zero| *zero -= taken);
        if zeros.len() == 1 {
            zeros = vec![zeros[0]; columns];
        }
        let of_column = |(sum, y): (&i32, &i32)| {
            // K wraps as the sums do.
            zero.wrapping_mul(sum.wrapping_sub((inner as i32).wrapping_mul(*y)))
        };
        let of_columns = matrix.column_sums().iter().zip(&zeros).map(of_column).collect();
        let sums = zeros.iter().any(|zero| *zero != 0).then(|| {
            let mut sums = vec![0; rows];
            quant::row_sums(codes, inner, &mut sums);
            (zeros, sums)
        });
        Correction { columns: of_columns, rows: sums }
    }

    /// What is taken from the sums of a row and some columns: from each, and each of these times the last number.
    pub(super) fn of(&self, row: usize, columns: Range<usize>) -> (&[i32], Option<(&[i32], i32)>) {
        let zeros = self.rows.as_ref().map(|(zeros, rows)| (&zeros[columns.clone()], rows[row]));
        (&self.columns[columns], zeros)
    }

    /// One sum, corrected.
    pub(super) fn one(&self, row: usize, column: usize, sum: i32) -> i32 {
        let of_row = |(zeros, rows): &(Vec<i32>, Vec<i32>)| zeros[column].wrapping_mul(rows[row]);
        sum.wrapping_sub(self.columns[column].wrapping_add(self.rows.as_ref().map_or(0, of_row)))
    }

    #[inline(always)]
    fn corrected(&self, row: usize, column: usize, sums: &[i32], mut each: impl FnMut(usize, i32)) {
        let columns = &self.columns[column..][..sums.len()];
        match &self.rows {
            None => (0..sums.len()).for_each(|place| each(place, sums[place].wrapping_sub(columns[place]))),
            Some((zeros, of_rows)) => {
                let (zeros, of_row) = (&zeros[column..][..sums.len()], of_rows[row]);
                for place in 0..sums.len() {
                    let taken = columns[place].wrapping_add(zeros[place].wrapping_mul(of_row));
                    each(place, sums[place].wrapping_sub(taken));
                }
            }
        }
    }
}

struct Exact(Correction);

impl IntegerEpilogue<i32> for Exact {
    fn finish(&self, row: usize, column: usize, sums: &[i32], out: &mut [i32]) {
        self.0.corrected(row, column, sums, |place, sum| out[place] = sum);
    }
}

struct Numbers<'a>(Correction, Option<&'a Epilogue<'a>>);

impl IntegerEpilogue<f32> for Numbers<'_> {
    fn finish(&self, row: usize, column: usize, sums: &[i32], out: &mut [f32]) {
        let (columns, zeros) = self.0.of(row, column..column + sums.len());
        quant::sums_to_f32(sums, columns, zeros, out);
        if let Some(epilogue) = self.1 {
            epilogue.apply(row, column, out);
        }
    }
}

/// Sums of products of what bytes stand for, as bytes: all in f64, so that only the last step rounds.
pub(super) struct Requantize {
    a_scale: f64,
    /// One, or one for each column.
    b_scales: Vec<f64>,
    y_scale: f64,
    y_zero: f64,
    lowest: f64,
    highest: f64,
}

impl Requantize {
    /// By the scales of a, b and y and the zero point of y, which have these numbers.
    pub(super) fn new(call: &Call, scales: [usize; 3], zero: usize, dtype: DType) -> Result<Requantize, KernelError> {
        let load = |number: usize| -> Result<Vec<f64>, KernelError> {
            Ok(call.inputs[number].load::<f32>()?.iter().copied().map(f64::from).collect())
        };
        let one = |number: usize| load(number)?.first().copied().ok_or_else(unreadable);
        let y_zero = integers(call.inputs[zero])?.first().copied().ok_or_else(unreadable)?;
        let (lowest, highest) = if dtype == DType::I8 { (-128.0, 127.0) } else { (0.0, 255.0) };
        let [a, b, y] = scales;
        let (a_scale, b_scales, y_scale) = (one(a)?, load(b)?, one(y)?);
        Ok(Requantize { a_scale, b_scales, y_scale, y_zero: f64::from(y_zero), lowest, highest })
    }

    /// The byte of a sum of a column: its lowest byte is it, with and without a sign.
    pub(super) fn code(&self, sum: i32, column: usize) -> i32 {
        let scale = self.b_scales[if self.b_scales.len() == 1 { 0 } else { column }];
        let quotient = f64::from(sum) * self.a_scale * scale / self.y_scale;
        let known = if quotient.is_nan() { 0.0 } else { quotient };
        (known.round_ties_even() + self.y_zero).clamp(self.lowest, self.highest) as i32
    }
}

struct Bytes(Correction, Requantize);

impl IntegerEpilogue<u8> for Bytes {
    fn finish(&self, row: usize, column: usize, sums: &[i32], out: &mut [u8]) {
        self.0.corrected(row, column, sums, |place, sum| out[place] = self.1.code(sum, column + place) as u8);
    }
}

impl Multiply {
    fn multiply<A: Byte + Code + Element>(
        &self,
        call: &Call,
        Packed { matrix, taken }: &Packed,
    ) -> Result<Vec<Tensor>, KernelError> {
        let a = call.inputs[self.a].contiguous()?;
        let codes = a.as_slice::<A>().ok_or_else(unreadable)?;
        let (inner, columns) = (matrix.inner(), matrix.columns());
        let sizes = &call.sizes.sizes[call.fragment.outputs()[0]];
        let rows: usize = sizes[..sizes.len() - 1].iter().product();
        let zero = match self.a_zero {
            Some(number) => integers(call.inputs[number])?.first().copied().ok_or_else(unreadable)?,
            None => 0,
        };
        let zeros = self.b_zero.map(|number| integers(call.inputs[number])).transpose()?.unwrap_or_else(|| vec![0]);
        let correction = Correction::new(matrix, zeros, *taken, (zero, codes, rows));
        let left = MatrixRef::of_rows(codes, rows, inner);
        match &self.ending {
            Ending::Sums => {
                let mut output = call.output(DType::I32, sizes)?;
                gemm_int8(left, matrix, output.elements::<i32>(), columns, &Exact(correction));
                Ok(vec![output.finish()?])
            }
            Ending::Numbers(finish) => {
                let mut output = call.output(DType::F32, sizes)?;
                match finish {
                    None => gemm_int8(left, matrix, output.floats(), columns, &Numbers(correction, None)),
                    Some(finish) => finish.begin(call, sizes, true)?.with(|epilogue| {
                        gemm_int8(left, matrix, output.floats(), columns, &Numbers(correction, Some(epilogue)));
                    })?,
                }
                Ok(vec![output.finish()?])
            }
            Ending::Bytes { scales, zero, dtype } => {
                let made = Bytes(correction, Requantize::new(call, *scales, *zero, *dtype)?);
                let mut output = call.output(*dtype, sizes)?;
                gemm_int8(left, matrix, output.bytes(), columns, &made);
                Ok(vec![output.finish()?])
            }
        }
    }
}
