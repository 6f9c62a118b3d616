//! Slices of stored elements to and from slices of a compute type: the dtype is looked at once per slice, so
//! every inner loop is a plain one.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use crate::float_format::FloatFormat;
use crate::gather::check_arithmetic;
use crate::packed::{check_encodings, get_code};
use crate::{CastOptions, Compute, DType, IntegerFormat, Overflow, TensorError, decode_e8m0, element, encode_e8m0};

/// Elements converted at a time where a conversion goes through a small buffer.
const STEP: usize = 64;

static F8E4M3FN_VALUES: [f32; 256] = table(&FloatFormat::F8E4M3FN);
static F8E4M3FNUZ_VALUES: [f32; 256] = table(&FloatFormat::F8E4M3FNUZ);
static F8E5M2_VALUES: [f32; 256] = table(&FloatFormat::F8E5M2);
static F8E5M2FNUZ_VALUES: [f32; 256] = table(&FloatFormat::F8E5M2FNUZ);
static F4E2M1_VALUES: [f32; 256] = table(&FloatFormat::F4E2M1);

const fn table(format: &FloatFormat) -> [f32; 256] {
    let mut values = [0.0; 256];
    let mut bits = 0;
    while bits < 256 {
        values[bits] = format.decode_f32(bits as u32);
        bits += 1;
    }
    values
}

/// The error for a range of stored bytes that is shorter than the elements asked for.
fn too_short(start: usize, count: usize, len: usize) -> TensorError {
    TensorError::RangeOutsideTensor { start, count, len }
}

/// Elements `start..start + out.len()` of `bytes`, converted into `out` by the rules of
/// [`cast`](crate::cast) with [`Overflow::Wrap`].
pub(crate) fn decode<C: Compute>(dtype: DType, bytes: &[u8], start: usize, out: &mut [C]) -> Result<(), TensorError> {
    check_arithmetic("load", dtype)?;
    let end = start.checked_add(out.len()).and_then(|end| dtype.byte_len(end));
    if end.is_none_or(|end| end > bytes.len()) {
        return Err(too_short(start, out.len(), bytes.len()));
    }
    if matches!(dtype, DType::Bool | DType::T2) {
        check_encodings(dtype, bytes, start, out.len())?;
    }
    if dtype == C::DTYPE {
        let (from, to) = (start * size_of::<C>(), (start + out.len()) * size_of::<C>());
        if let Some(source) = element::from_bytes::<C>(&bytes[from..to]) {
            out.copy_from_slice(source);
            return Ok(());
        }
    }
    match dtype {
        DType::F64 => numbers(bytes, start, out, |b| C::from_f64(f64::from_le_bytes(b))),
        DType::F32 => numbers(bytes, start, out, |b| C::from_f32(f32::from_le_bytes(b))),
        DType::F16 => decode_f16(bytes, start, out),
        DType::BF16 => numbers(bytes, start, out, |b| C::from_f32(bf16::from_le_bytes(b).to_f32())),
        DType::F8E4M3FN => looked_up(bytes, start, out, &F8E4M3FN_VALUES),
        DType::F8E4M3FNUZ => looked_up(bytes, start, out, &F8E4M3FNUZ_VALUES),
        DType::F8E5M2 => looked_up(bytes, start, out, &F8E5M2_VALUES),
        DType::F8E5M2FNUZ => looked_up(bytes, start, out, &F8E5M2FNUZ_VALUES),
        DType::F8E8M0 => numbers(bytes, start, out, |[b]| C::from_f32(decode_e8m0(b))),
        DType::F4E2M1 => codes::<C, 4>(bytes, start, out, |code| C::from_f32(F4E2M1_VALUES[usize::from(code)])),
        DType::I64 => numbers(bytes, start, out, |b| C::from_i64(i64::from_le_bytes(b))),
        DType::I32 => numbers(bytes, start, out, |b| C::from_i64(i32::from_le_bytes(b).into())),
        DType::I16 => numbers(bytes, start, out, |b| C::from_i64(i16::from_le_bytes(b).into())),
        DType::I8 => numbers(bytes, start, out, |b| C::from_i64(i8::from_le_bytes(b).into())),
        DType::U64 => numbers(bytes, start, out, |b| C::from_u64(u64::from_le_bytes(b))),
        DType::U32 => numbers(bytes, start, out, |b| C::from_i64(u32::from_le_bytes(b).into())),
        DType::U16 => numbers(bytes, start, out, |b| C::from_i64(u16::from_le_bytes(b).into())),
        DType::U8 | DType::Bool => numbers(bytes, start, out, |[b]| C::from_i64(b.into())),
        DType::I4 => codes::<C, 4>(bytes, start, out, |code| C::from_i64(sign_extend(code, 4))),
        DType::I2 | DType::T2 => codes::<C, 2>(bytes, start, out, |code| C::from_i64(sign_extend(code, 2))),
        DType::I1 => codes::<C, 1>(bytes, start, out, |code| C::from_i64(sign_extend(code, 1))),
        DType::U4 => codes::<C, 4>(bytes, start, out, |code| C::from_i64(code.into())),
        DType::U2 => codes::<C, 2>(bytes, start, out, |code| C::from_i64(code.into())),
        DType::U1 => codes::<C, 1>(bytes, start, out, |code| C::from_i64(code.into())),
        DType::T1 => codes::<C, 1>(bytes, start, out, |code| C::from_i64(2 * i64::from(code) - 1)),
        DType::String | DType::Block(_) => check_arithmetic("load", dtype)?,
    }
    Ok(())
}

/// `values` converted into `bytes`, which holds exactly that many elements of `dtype` from bit 0 Padding
/// bits become zero.
pub(crate) fn encode<C: Compute>(
    values: &[C],
    dtype: DType,
    options: CastOptions,
    bytes: &mut [u8],
) -> Result<(), TensorError> {
    check_arithmetic("store", dtype)?;
    if dtype.byte_len(values.len()) != Some(bytes.len()) {
        return Err(too_short(0, values.len(), bytes.len()));
    }
    if dtype == C::DTYPE {
        bytes.copy_from_slice(element::as_bytes(values));
        return Ok(());
    }
    let overflow = options.overflow;
    match dtype {
        DType::F64 => write(values, bytes, |v| v.to_f64().to_le_bytes()),
        DType::F32 => write(values, bytes, |v| v.to_f32().to_le_bytes()),
        DType::F16 if C::EXACT_IN_F32 => encode_f16(values, bytes),
        DType::F16 => write(values, bytes, |v| (v.to_narrow(&FloatFormat::F16, overflow) as u16).to_le_bytes()),
        DType::BF16 if C::EXACT_IN_F32 => {
            write(values, bytes, |v| bf16::from_f32(v.to_f32()).to_le_bytes());
        }
        DType::BF16 => write(values, bytes, |v| (v.to_narrow(&FloatFormat::BF16, overflow) as u16).to_le_bytes()),
        DType::F8E4M3FN => narrow(values, bytes, &FloatFormat::F8E4M3FN, overflow),
        DType::F8E4M3FNUZ => narrow(values, bytes, &FloatFormat::F8E4M3FNUZ, overflow),
        DType::F8E5M2 => narrow(values, bytes, &FloatFormat::F8E5M2, overflow),
        DType::F8E5M2FNUZ => narrow(values, bytes, &FloatFormat::F8E5M2FNUZ, overflow),
        DType::F8E8M0 => write(values, bytes, |v| [encode_e8m0(v.unpack(), options)]),
        DType::F4E2M1 => write_codes::<C, 4>(values, bytes, |v| v.to_narrow(&FloatFormat::F4E2M1, overflow) as u8),
        DType::I64 => write(values, bytes, |v| v.to_integer(signed(64), overflow).to_le_bytes()),
        DType::I32 => {
            write(values, bytes, |v| (v.to_integer(signed(32), overflow) as u32).to_le_bytes());
        }
        DType::I16 => {
            write(values, bytes, |v| (v.to_integer(signed(16), overflow) as u16).to_le_bytes());
        }
        DType::I8 => write(values, bytes, |v| [v.to_integer(signed(8), overflow) as u8]),
        DType::U64 => write(values, bytes, |v| v.to_integer(unsigned(64), overflow).to_le_bytes()),
        DType::U32 => {
            write(values, bytes, |v| (v.to_integer(unsigned(32), overflow) as u32).to_le_bytes());
        }
        DType::U16 => {
            write(values, bytes, |v| (v.to_integer(unsigned(16), overflow) as u16).to_le_bytes());
        }
        DType::U8 => write(values, bytes, |v| [v.to_integer(unsigned(8), overflow) as u8]),
        DType::Bool => write(values, bytes, |v| [u8::from(v.is_nonzero())]),
        DType::I4 => write_codes::<C, 4>(values, bytes, |v| v.to_integer(signed(4), overflow) as u8),
        DType::I2 => write_codes::<C, 2>(values, bytes, |v| v.to_integer(signed(2), overflow) as u8),
        DType::I1 => write_codes::<C, 1>(values, bytes, |v| v.to_integer(signed(1), overflow) as u8),
        DType::U4 => write_codes::<C, 4>(values, bytes, |v| v.to_integer(unsigned(4), overflow) as u8),
        DType::U2 => write_codes::<C, 2>(values, bytes, |v| v.to_integer(unsigned(2), overflow) as u8),
        DType::U1 => write_codes::<C, 1>(values, bytes, |v| v.to_integer(unsigned(1), overflow) as u8),
        DType::T2 => write_codes::<C, 2>(values, bytes, |v| sign(v).cast_unsigned()),
        DType::T1 => write_codes::<C, 1>(values, bytes, |v| u8::from(sign(v) >= 0)),
        DType::String | DType::Block(_) => check_arithmetic("store", dtype)?,
    }
    Ok(())
}

const fn signed(bits: u32) -> IntegerFormat {
    IntegerFormat { bits, signed: true }
}

const fn unsigned(bits: u32) -> IntegerFormat {
    IntegerFormat { bits, signed: false }
}

/// The sign of `value` truncated toward zero; 0 for NaN.
fn sign<C: Compute>(value: C) -> i8 {
    (value.to_integer(signed(8), Overflow::Saturate) as u8).cast_signed().signum()
}

fn sign_extend(code: u8, bits: u32) -> i64 {
    i64::from((code << (8 - bits)).cast_signed() >> (8 - bits))
}

fn numbers<C, const SIZE: usize>(bytes: &[u8], start: usize, out: &mut [C], value: impl Fn([u8; SIZE]) -> C) {
    let (elements, _) = bytes.as_chunks::<SIZE>();
    for (out, element) in out.iter_mut().zip(elements.iter().skip(start)) {
        *out = value(*element);
    }
}

fn looked_up<C: Compute>(bytes: &[u8], start: usize, out: &mut [C], values: &[f32; 256]) {
    numbers(bytes, start, out, |[b]| C::from_f32(values[usize::from(b)]));
}

fn codes<C, const BITS: usize>(bytes: &[u8], start: usize, out: &mut [C], value: impl Fn(u8) -> C) {
    for (index, out) in out.iter_mut().enumerate() {
        *out = value(get_code::<BITS>(bytes, start + index));
    }
}

fn write<C: Copy, const SIZE: usize>(values: &[C], bytes: &mut [u8], element: impl Fn(C) -> [u8; SIZE]) {
    let (elements, _) = bytes.as_chunks_mut::<SIZE>();
    for (out, value) in elements.iter_mut().zip(values) {
        *out = element(*value);
    }
}

/// Packs one code of `BITS` bits per value; padding becomes zero.
fn write_codes<C: Copy, const BITS: usize>(values: &[C], bytes: &mut [u8], code: impl Fn(C) -> u8) {
    for (byte, values) in bytes.iter_mut().zip(values.chunks(8 / BITS)) {
        let packed = values.iter().enumerate();
        *byte = packed
            .fold(0, |packed, (index, value)| packed | (code(*value) & (u8::MAX >> (8 - BITS))) << (index * BITS));
    }
}

#[inline(always)]
fn narrow<C: Compute>(values: &[C], bytes: &mut [u8], format: &FloatFormat, overflow: Overflow) {
    write(values, bytes, |v| [v.to_narrow(format, overflow) as u8]);
}

/// f16 through the machine's own conversion, which works on slices.
fn decode_f16<C: Compute>(bytes: &[u8], start: usize, out: &mut [C]) {
    let (elements, _) = bytes.as_chunks::<2>();
    let mut halves = [f16::ZERO; STEP];
    let mut singles = [0f32; STEP];
    let sources = elements.get(start..).unwrap_or(&[]).chunks(STEP);
    for (out, source) in out.chunks_mut(STEP).zip(sources) {
        for (half, element) in halves.iter_mut().zip(source) {
            *half = f16::from_le_bytes(*element);
        }
        halves.convert_to_f32_slice(&mut singles);
        for (out, single) in out.iter_mut().zip(&singles) {
            *out = C::from_f32(*single);
        }
    }
}

/// The reverse of [`decode_f16`], for compute types whose values are all values of f32.
fn encode_f16<C: Compute>(values: &[C], bytes: &mut [u8]) {
    let (elements, _) = bytes.as_chunks_mut::<2>();
    let mut halves = [f16::ZERO; STEP];
    let mut singles = [0f32; STEP];
    for (out, source) in elements.chunks_mut(STEP).zip(values.chunks(STEP)) {
        for (single, value) in singles.iter_mut().zip(source) {
            *single = value.to_f32();
        }
        halves.convert_from_f32_slice(&singles);
        for (out, half) in out.iter_mut().zip(&halves) {
            *out = half.to_le_bytes();
        }
    }
}
