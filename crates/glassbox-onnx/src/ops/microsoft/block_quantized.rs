//! Weights quantised in blocks: products with them, and rows of them.
//!
//! Codes of 2 and 4 bits are in bytes, low bits first, which is how the dtypes of 2 and 4 bits are stored: constant
//! weights keep their bytes. They become numbers by `dequantize_linear` with a block size.

use super::activation::wide;
use super::*;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] = &[
    row("com.microsoft.GatherBlockQuantized", 1, formula(gather_block_quantized)),
    row("com.microsoft.MatMulBnb4", 1, formula(matmul_bnb4)),
    row("com.microsoft.MatMulNBits", 1, formula(matmul_n_bits)),
];

/// The values that the codes 0 to 15 stand for, of kind 0 (`FP4`) and kind 1 (`NF4`).
const FP4: [f32; 16] = [
    0.0,
    5.208_333_3e-3,
    0.666_666_7,
    1.0,
    0.333_333_34,
    0.5,
    0.166_666_67,
    0.25,
    0.0,
    -5.208_333_3e-3,
    -0.666_666_7,
    -1.0,
    -0.333_333_34,
    -0.5,
    -0.166_666_67,
    -0.25,
];
const NF4: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

/// The dtype of codes of so many bits.
pub(super) fn codes(c: &NodeContext, bits: i64) -> Result<DType, OnnxError> {
    match bits {
        2 => Ok(DType::U2),
        4 => Ok(DType::U4),
        8 => Ok(DType::U8),
        other => Err(c.unsupported(format!("a weight of {other} bits (2, 4 and 8 are understood)"))),
    }
}

/// Codes that are in the bytes of an operand: its last axis has as many times more elements as a byte has codes.
pub(super) fn unpacked<'a>(c: &NodeContext<'a>, index: usize, bits: i64) -> Result<Expr<'a>, OnnxError> {
    let (dtype, x, each) = (codes(c, bits)?, c.x(index), 8 / bits);
    if each == 1 || x.dtype() != DType::U8 {
        return Ok(x);
    }
    if let Some(tensor) = c.contents(index) {
        let mut shape = tensor.shape().to_vec();
        if let Some(last) = shape.last_mut() {
            *last *= each as usize;
        }
        let bytes = tensor.to_bytes().map_err(|error| c.error(error))?;
        return Ok(c.f.constant(Tensor::from_bytes(dtype, &shape, bytes).map_err(|error| c.error(error))?));
    }
    let rank = c.rank(index)?;
    let byte = |value: i64| c.f.int(value).cast(DType::U8);
    let part = |place: i64| {
        let moved = c.f.op(&ops::bit_shift::OP, &[x, byte(place * bits)], attrs! { direction: "RIGHT" });
        moved.binary(&ops::bitwise_and::OP, byte((1 << bits) - 1)).unsqueeze(&[rank as i64])
    };
    let parts: Vec<Expr<'a>> = (0..each).map(part).collect();
    let shape: Vec<i64> = (1..rank).map(|_| 0).chain([-1]).collect();
    Ok(shaped(c.f.concat(&parts, -1), &shape).cast(dtype))
}

/// `(codes - zero point) * scale` of codes [rows, blocks * size] with a scale for each block, in f32 or wider.
pub(super) struct Blocks<'a> {
    pub(super) codes: Expr<'a>,
    /// [rows, blocks].
    pub(super) scales: Expr<'a>,
    /// [rows, blocks], of the dtype of the codes or a float; the middle of their range if absent.
    pub(super) zeros: Option<Expr<'a>>,
    pub(super) bits: i64,
}

impl<'a> Blocks<'a> {
    pub(super) fn numbers(&self, size: i64) -> Expr<'a> {
        let (f, dtype) = (self.codes.owner(), wide(self.scales));
        let middle = || f.int(1 << (self.bits - 1)).cast(self.codes.dtype());
        let zeros = self.zeros.unwrap_or_else(|| middle().binary(&ops::expand::OP, self.scales.unary(&ops::shape::OP)));
        if zeros.dtype().is_float() {
            let grouped = shaped(self.codes.cast(dtype), &[0, -1, size]);
            let each = |x: Expr<'a>| x.cast(dtype).unsqueeze(&[2]);
            return shaped((grouped - each(zeros)) * each(self.scales), &[0, -1]);
        }
        let attrs = attrs! { axis: 1i64, block_size: size, output_dtype: dtype };
        f.op(&ops::dequantize_linear::OP, &[self.codes, self.scales, zeros], attrs)
    }
}

/// What sizes of a product with a quantised weight the attributes say: inner, outer, and of a block.
fn sizes(c: &NodeContext) -> Result<[i64; 3], OnnxError> {
    let mut sizes = [0; 3];
    for (size, name) in sizes.iter_mut().zip(["K", "N", "block_size"]) {
        *size = c.required(name, c.opt_int(name)?)?;
        if *size < 1 {
            return Err(c.error(format!("attribute `{name}` is {size}")));
        }
    }
    Ok(sizes)
}

fn matmul_n_bits<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let ([inner, outer, size], bits) = (sizes(c)?, c.int("bits", 4)?);
    // It allows a computation of less precision, which nothing here needs.
    c.ignore("accuracy_level");
    only_int(c, "weight_prepacked", 0, "a weight that is packed for one kernel; save the model without it: it")?;
    let blocks = (inner + size - 1) / size;
    let rows = |x: Expr<'a>| shaped(x, &[outer, -1]);
    let codes = rows(unpacked(c, 1, bits)?);
    let scales = rows(c.x(2));
    let zeros = match c.opt(3) {
        Some(zeros) if zeros.dtype().is_float() => Some(rows(zeros)),
        // A row of zero points is filled up to a whole byte.
        Some(_) => Some(rows(unpacked(c, 3, bits)?).slice(1, 0, blocks, 1)),
        None => None,
    };
    let numbers = match c.opt(4) {
        None => Blocks { codes, scales, zeros, bits }.numbers(size).slice(1, 0, inner, 1),
        Some(groups) => {
            // Each column says which scale and zero point are its own.
            let zeros = zeros.unwrap_or_else(|| {
                let middle = c.f.int(1 << (bits - 1)).cast(codes.dtype());
                middle.binary(&ops::expand::OP, scales.unary(&ops::shape::OP))
            });
            let dtype = wide(scales);
            let of = |x: Expr<'a>| c.f.op(&ops::gather::OP, &[x.cast(dtype), groups], attrs! { axis: 1i64 });
            (codes.slice(1, 0, inner, 1).cast(dtype) - of(zeros)) * of(scales)
        }
    };
    let a = c.x(0);
    let product = a.cast(numbers.dtype()).matmul(numbers.transpose(&[1, 0]));
    let sum = c.opt(5).map_or(product, |bias| product + bias.cast(product.dtype()));
    Ok(vec![sum.cast(a.dtype())])
}

/// Codes of 4 bits, the high ones of a byte first, that stand for the values of a table, times the largest absolute
/// value of their block; the weight is row after row.
fn matmul_bnb4<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let [inner, outer, size] = sizes(c)?;
    c.ignore("training_mode");
    let table = match c.required("quant_type", c.opt_int("quant_type")?)? {
        0 => FP4,
        1 => NF4,
        other => return Err(c.error(format!("attribute `quant_type` is {other}, neither 0 nor 1"))),
    };
    let table = c.f.constant(Tensor::from_vec(&[16], table.to_vec()).map_err(|error| c.error(error))?);
    let transposed = c.bool("transB", true)?;
    let bytes = c.x(1);
    let sixteen = c.f.int(16).cast(DType::U8);
    let high = bytes.binary(&ops::div::OP, sixteen);
    let low = bytes.binary(&ops::bitwise_and::OP, c.f.int(15).cast(DType::U8));
    let codes = shaped(c.f.concat(&[high.unsqueeze(&[1]), low.unsqueeze(&[1])], 1), &[-1]);
    let codes = codes.slice(0, 0, inner * outer, 1).cast(DType::I64);
    let values = c.f.op(&ops::gather::OP, &[table, codes], attrs! { axis: 0i64 });
    // The last block may be short.
    let count = inner * outer;
    let blocks = (count + size - 1) / size;
    let each = c.x(2).widened().unsqueeze(&[1]).binary(&ops::expand::OP, c.f.ints(&[blocks, size]));
    let values = values.cast(each.dtype()) * shaped(each, &[-1]).slice(0, 0, count, 1);
    let weight = match transposed {
        true => shaped(values, &[outer, inner]).transpose(&[1, 0]),
        false => shaped(values, &[inner, outer]),
    };
    let a = c.x(0);
    Ok(vec![a.cast(weight.dtype()).matmul(weight).cast(a.dtype())])
}

/// Slices of a quantised table. What indices beyond the axis name is zeros.
fn gather_block_quantized<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (bits, size) = (c.int("bits", 4)?, c.int("block_size", 128)?);
    let rank = c.rank(0)?;
    let (axis, quantised) = (c.axis(c.int("gather_axis", 0)?, rank)?, c.axis(c.int("quantize_axis", 1)?, rank)?);
    let bytes = c.x(0).dtype() == DType::U8;
    if c.x(0).dtype().is_float() {
        return Err(c.unsupported(format!("a table of {}", c.x(0).dtype())));
    }
    if bytes && quantised + 1 != rank {
        return Err(c.unsupported("bytes of codes along another axis than the last (attribute `quantize_axis`)"));
    }
    let (codes, indices, scales) = (unpacked(c, 0, bits)?, c.x(1), c.x(2));
    let zeros = match c.opt(3) {
        Some(_) if bytes && bits < 8 => {
            let blocks = scales.dims().and_then(|dims| dims[quantised].as_int());
            let blocks = blocks.ok_or_else(|| c.unsupported("scales of unknown dims"))?;
            Some(unpacked(c, 3, bits)?.slice(quantised as i64, 0, blocks, 1))
        }
        given => given,
    };
    let zeros = zeros.or(bytes.then(|| {
        let middle = c.f.int(1 << (bits - 1)).cast(codes.dtype());
        middle.binary(&ops::expand::OP, scales.unary(&ops::shape::OP))
    }));
    let count = extent(codes, axis as i64);
    let indices = indices.cast(DType::I64);
    let inside = indices.less(count).and(!indices.less(-count));
    let safe = inside.select(indices, c.f.int(0));
    let picked = |x: Expr<'a>| c.f.op(&ops::gather::OP, &[x, safe], attrs! { axis: axis as i64 });
    let numbers = |codes, scales, zeros, axis: usize| {
        let attrs = attrs! { axis: axis as i64, block_size: size };
        c.f.op_with(&ops::dequantize_linear::OP, &[Some(codes), Some(scales), zeros], attrs)
    };
    let added = c.rank(1)?;
    let y = if axis == quantised {
        picked(numbers(codes, scales, zeros, quantised))
    } else {
        // The axes of the indices stand in the place of the axis that is gathered.
        let place = if quantised > axis { quantised + added - 1 } else { quantised };
        numbers(picked(codes), picked(scales), zeros.map(picked), place)
    };
    let after: Vec<i64> = (axis + added..rank + added - 1).map(|axis| axis as i64).collect();
    let inside = shaped_before(inside, added, &after);
    Ok(vec![inside.select(y, y.scalar_like(0.0))])
}

/// With axes of extent 1 after its own.
fn shaped_before<'a>(x: Expr<'a>, rank: usize, after: &[i64]) -> Expr<'a> {
    let axes: Vec<i64> = (0..after.len()).map(|index| (rank + index) as i64).collect();
    if axes.is_empty() { x } else { x.unsqueeze(&axes) }
}
