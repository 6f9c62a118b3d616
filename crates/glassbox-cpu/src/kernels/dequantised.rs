//! Products of matrices of f32 of which both are bytes with scales: the bytes are multiplied, whose sums are exact.
//!
//! Σ ((x − p)·s) · ((w − q)·t) = s·t · Σ (x − p)·(w − q), where s and p belong to all of x, t and q to a column of w. The left
//! side rounds each factor to f32, the products and their sum; here the sum is an integer, and is multiplied by s·t, which
//! f64 holds exactly, with one rounding to f64 and one to f32. So the result is off by 2⁻²⁴ of its size and a little more,
//! which is within the bound of a product.
//!
//! That needs sums that fit 32 bits, and scales for which no factor overflows or loses digits by being tiny.

use std::ops::Range;

use glassbox_exec::KernelError;
use glassbox_ir::{AttrView, Graph, Node, NodeId, ValueId, ops};
use glassbox_kernels::gemm::{Byte, IntegerEpilogue, MatrixRef, gemm_int8};
use glassbox_kernels::quant::{self, Code};
use glassbox_kernels::tile::Epilogue;
use glassbox_tensor::{DType, Element, Tensor};

use super::bytes::{Correction, Operands, Packed, integers, pack, unreadable};
use super::epilogue::Finish;
use super::{Built, Kernel, are_of_one_size};
use crate::facts::Facts;
use crate::fragment::{Fragment, Sizes};
use crate::slots::Call;

/// How many terms a sum has at most: 255 · 255 times as many are below 2³¹.
const MAX_TERMS: usize = 33_025;

/// The node that makes numbers of the bytes on the left of a product, where `weight`, which makes those on the right, makes
/// them of bytes too, and this kernel multiplies the bytes.
pub(crate) fn left(graph: &Graph, facts: &Facts, product: &Node, weight: &[NodeId]) -> Option<NodeId> {
    let (id, node) = facts.giver(product.operands.first().copied().flatten()?)?;
    let x = Operands(graph, node);
    let fixed = |place: usize| x.value(place).is_none_or(|value| facts.is_fixed_value(value));
    let bytes = *product.op == ops::matmul::OP
        && *node.op == ops::dequantize_linear::OP
        && !facts.is_fixed(node)
        && x.are_bytes(0)
        && x.rank(0).is_some_and(|rank| rank >= 2)
        && x.are_floats(1)
        && [1, 2].into_iter().all(|place| x.is_one(place) && fixed(place));
    let is_linear = |id: &NodeId| *graph.node(*id).op == ops::dequantize_linear::OP;
    let is_linear_or_turn = |id: &NodeId| is_linear(id) || is_turn(graph.node(*id));
    if !bytes || !weight.iter().all(is_linear_or_turn) || weight.iter().filter(|id| is_linear(id)).count() != 1 {
        return None;
    }
    let place = weight.iter().position(is_linear)?;
    let node = graph.node(weight[place]);
    let w = Operands(graph, node);
    let turned_after = !(weight.len() - 1 - place).is_multiple_of(2);
    let terms = w.ty(0)?.dims()?.get(usize::from(turned_after))?.as_size()?;
    let plain = w.are_bytes(0) && w.are_floats(1) && w.rank(0) == Some(2) && terms <= MAX_TERMS;
    (plain && w.is_row(2) && has_scales_of_columns(node, w.is_one(1), w.is_row(1), turned_after)).then_some(id)
}

/// Whether a node turns a matrix.
fn is_turn(node: &Node) -> bool {
    let perm = AttrView::new(node.op, &node.attrs).ints("perm");
    *node.op == ops::transpose::OP && perm.is_none_or(|perm| perm == [1, 0])
}

/// Whether a node that makes numbers of a matrix of bytes has a scale for all, or one for each column of what the product
/// reads, which is the matrix or, where it is `turned`, the transposed one.
fn has_scales_of_columns(node: &Node, is_one: bool, is_row: bool, turned: bool) -> bool {
    let attr = AttrView::new(node.op, &node.attrs);
    let of_columns = is_row && attr.int("axis").rem_euclid(2) == i64::from(!turned);
    attr.int("block_size") == 0 && (is_one || of_columns)
}

struct Multiply {
    x: usize,
    x_dtype: DType,
    x_zero: i32,
    weight: Packed,
    /// One zero point, or one for each column.
    zeros: Vec<i32>,
    /// For each column, the product of the scales.
    scales: Vec<f64>,
    /// Which node is the product.
    place: usize,
    finish: Option<Finish>,
}

/// A `matmul` of f32, what makes its operands of bytes, and the elementwise nodes after it.
pub(super) fn build(fragment: &Fragment) -> Built {
    let Some(place) = fragment.nodes().position(|node| *node.op == ops::matmul::OP) else { return Err(String::new()) };
    let Some(node) = fragment.nodes().nth(place) else { return Err(String::new()) };
    let [Some(a), Some(b)] = node.operands[..] else { return Err(String::new()) };
    let giver = |value: ValueId| fragment.nodes().take(place).find(|node| node.results.first() == Some(&value));
    let Some(left) = giver(a).filter(|node| *node.op == ops::dequantize_linear::OP) else { return Err(String::new()) };
    let operand = |node: &Node, place: usize| node.operands.get(place).copied().flatten().map(|id| fragment.number(id));
    let x = operand(left, 0).ok_or("an operand is missing")?;
    let x_dtype = fragment.dtype(x).ok_or("a dtype isn't known")?;
    let (x_scale, x_zero) = parameters(fragment, operand(left, 1), operand(left, 2))?;

    let (mut value, mut linear, mut turned) = (b, None, false);
    while let Some(node) = giver(value) {
        match node.op {
            op if *op == ops::dequantize_linear::OP && linear.is_none() => linear = Some((node, turned)),
            _ if is_turn(node) => turned = !turned,
            op => return Err(format!("a weight is made by `{}`", op.name)),
        }
        value = node.operands.first().copied().flatten().ok_or("an operand is missing")?;
    }
    let (linear, turned_after) = linear.ok_or("the weight isn't of bytes")?;
    let content = fragment.content(fragment.number(value)).ok_or("the weight isn't the same in every run")?;
    let (w_scales, zeros) = parameters(fragment, operand(linear, 1), operand(linear, 2))?;
    let content = if turned { content.permute(&[1, 0]) } else { Ok(content.clone()) };
    let weight = pack(&content.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    let columns = weight.matrix.columns();
    let is_one = w_scales.len() == 1;
    let fits = has_scales_of_columns(linear, is_one, w_scales.len() == columns, turned_after)
        && (zeros.len() == 1 || zeros.len() == columns)
        && weight.matrix.inner() <= MAX_TERMS;
    let ([x_scale], [x_zero]) = (&x_scale[..], &x_zero[..]) else { return Err("x has several scales".to_owned()) };
    if !fits || !w_scales.iter().chain([x_scale]).all(|scale| is_usual(*scale)) {
        return Err("the scales of a product of bytes are none that it can be multiplied by".to_owned());
    }
    let scale = |column: usize| f64::from(*x_scale) * f64::from(w_scales[if is_one { 0 } else { column }]);
    let scales = (0..columns).map(scale).collect();
    let finish = Finish::build(fragment, place + 1, fragment.number(node.results[0]))?;
    Ok(Box::new(Multiply { x, x_dtype, x_zero: *x_zero, weight, zeros, scales, place, finish }))
}

/// Whether a byte less a zero point times this has all digits of an f32.
fn is_usual(scale: f32) -> bool {
    scale.is_normal() && (scale * 255.0).is_finite()
}

/// The scales and the zero points of these numbers, which are the same in every run.
fn parameters(fragment: &Fragment, scale: Option<usize>, zero: Option<usize>) -> Result<(Vec<f32>, Vec<i32>), String> {
    let content = |number: usize| fragment.content(number).ok_or("a scale isn't the same in every run");
    let scales = content(scale.ok_or("a scale is missing")?)?.load::<f32>().map_err(|error| error.to_string())?;
    let zeros = match zero {
        Some(zero) => integers(content(zero)?).map_err(|error| error.to_string())?,
        None => vec![0],
    };
    Ok((scales.into_owned(), zeros))
}

impl Kernel for Multiply {
    fn takes(&self, fragment: &Fragment, sizes: &Sizes) -> bool {
        are_of_one_size(fragment, sizes, self.place..fragment.nodes().len())
    }

    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        match self.x_dtype {
            DType::I8 => self.multiply::<i8>(call),
            _ => self.multiply::<u8>(call),
        }
    }
}

impl Multiply {
    fn multiply<A: Byte + Code + Element>(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let x = call.inputs[self.x].contiguous()?;
        let codes = x.as_slice::<A>().ok_or_else(unreadable)?;
        let Packed { matrix, taken } = &self.weight;
        let (inner, columns) = (matrix.inner(), matrix.columns());
        let sizes = &call.sizes.sizes[call.fragment.outputs()[0]];
        let rows: usize = sizes[..sizes.len() - 1].iter().product();
        let correction = Correction::new(matrix, self.zeros.clone(), *taken, (self.x_zero, codes, rows));
        let left = MatrixRef::of_rows(codes, rows, inner);
        let mut output = call.output(DType::F32, sizes)?;
        let mut multiply = |then: Option<&Epilogue>| {
            let numbers = Numbers { correction: &correction, scales: &self.scales, then };
            gemm_int8(left, matrix, output.floats(), columns, &numbers);
        };
        match &self.finish {
            None => multiply(None),
            Some(finish) => finish.begin(call, sizes, true)?.with(|epilogue| multiply(Some(epilogue)))?,
        }
        Ok(vec![output.finish()?])
    }
}

/// Sums times scales, and then finished.
struct Numbers<'a> {
    correction: &'a Correction,
    scales: &'a [f64],
    then: Option<&'a Epilogue<'a>>,
}

impl IntegerEpilogue<f32> for Numbers<'_> {
    fn finish(&self, row: usize, column: usize, sums: &[i32], out: &mut [f32]) {
        let columns: Range<usize> = column..column + sums.len();
        let (taken, zeros) = self.correction.of(row, columns.clone());
        quant::scaled_sums(sums, taken, zeros, &self.scales[columns], out);
        if let Some(then) = self.then {
            then.apply(row, column, out);
        }
    }
}
