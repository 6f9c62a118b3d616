//! Tensors: from the file's message, in any of its encodings, to a [`Tensor`].
//!
//! Data that is aligned stays where it is, in the mapped file; other data is copied once. The length
//! must be exactly what dims and dtype need. Strings are UTF-8. A value that the dtype doesn't have
//! (an i8 of 300) is an error, never a wrapped number; a bool that is neither 0 nor 1 is true, as everywhere else, with a note.

use std::sync::Arc;

use bytes::Bytes;
use glassbox_tensor::{DType, Tensor, layout};

use crate::dtype;
use crate::error::OnnxError;
use crate::external::External;
use crate::proto::TensorProto;

const EXTERNAL: i32 = 1;

/// The tensor that a message holds. `place` is what to call it if it has no name.
pub(crate) fn tensor(proto: TensorProto, place: &str, external: &mut External) -> Result<Tensor, OnnxError> {
    let name = proto.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| place.to_owned());
    let fail = |rule: String| OnnxError::Tensor { tensor: name.clone(), rule };
    let dtype = tensor_dtype(&proto, &name)?;
    if proto.segment.is_some() {
        return Err(OnnxError::UnsupportedTensor { tensor: name, what: "a tensor in segments".to_owned() });
    }
    let shape = shape(&proto.dims).map_err(fail)?;
    let elements = layout::element_count(&shape).ok_or_else(|| fail(format!("dims {shape:?} overflow")))?;
    let fields = filled_fields(&proto);
    if proto.data_location == Some(EXTERNAL) {
        return external_tensor(&proto, &name, dtype, &shape, &fields, external);
    }
    if !matches!(proto.data_location, None | Some(0)) {
        return Err(fail(format!("data_location {:?} is neither DEFAULT nor EXTERNAL", proto.data_location)));
    }
    let field = match fields.as_slice() {
        [] if elements == 0 => return Tensor::zeros(dtype, &shape).map_err(|error| fail(error.to_string())),
        [] => return Err(fail(format!("dims {shape:?} need {elements} elements, but there is no data"))),
        [one] => *one,
        several => return Err(fail(format!("data is in several fields at once: {several:?}"))),
    };
    if field == "raw_data" {
        return from_raw(proto.raw_data.unwrap_or_default(), dtype, &shape, &name, external);
    }
    let wanted = typed_field(dtype);
    if field != wanted {
        return Err(fail(format!("data of dtype {dtype} must be in `{wanted}` or `raw_data`, not in `{field}`")));
    }
    from_field(proto, dtype, &shape, |count| external.note(odd_bools(&name, count))).map_err(fail)
}

/// The dtype of a message.
fn tensor_dtype(proto: &TensorProto, name: &str) -> Result<DType, OnnxError> {
    let number = proto.data_type.unwrap_or_default();
    dtype::from_onnx(i64::from(number)).map_err(|reason| {
        if dtype::exists(number) {
            OnnxError::UnsupportedTensor { tensor: name.to_owned(), what: reason }
        } else {
            OnnxError::tensor(name, reason)
        }
    })
}

/// Dims as sizes.
pub(crate) fn shape(dims: &[i64]) -> Result<Vec<usize>, String> {
    dims.iter().map(|dim| usize::try_from(*dim).map_err(|_| format!("dims {dims:?} must not be negative"))).collect()
}

/// The names of the data fields that hold something.
fn filled_fields(proto: &TensorProto) -> Vec<&'static str> {
    let raw = proto.raw_data.as_ref().is_some_and(|raw| !raw.is_empty());
    let fields = [
        ("raw_data", raw),
        ("float_data", !proto.float_data.is_empty()),
        ("int32_data", !proto.int32_data.is_empty()),
        ("string_data", !proto.string_data.is_empty()),
        ("int64_data", !proto.int64_data.is_empty()),
        ("double_data", !proto.double_data.is_empty()),
        ("uint64_data", !proto.uint64_data.is_empty()),
    ];
    fields.into_iter().filter(|(_, filled)| *filled).map(|(name, _)| name).collect()
}

/// The field in which data of a dtype may be, beside `raw_data`.
fn typed_field(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "float_data",
        DType::F64 => "double_data",
        DType::I64 => "int64_data",
        DType::U32 | DType::U64 => "uint64_data",
        DType::String => "string_data",
        _ => "int32_data",
    }
}

fn external_tensor(
    proto: &TensorProto,
    name: &str,
    dtype: DType,
    shape: &[usize],
    fields: &[&str],
    external: &mut External,
) -> Result<Tensor, OnnxError> {
    if !fields.is_empty() {
        return Err(OnnxError::tensor(
            name,
            format!("its data is said to be in another file, but is in {fields:?} too"),
        ));
    }
    let needed = layout::element_count(shape).and_then(|count| dtype.byte_len(count));
    let Some(needed) = needed else {
        return Err(OnnxError::tensor(name, format!("{dtype} data of dims {shape:?} can't be in another file")));
    };
    let bytes = external.read(name, &proto.external_data, needed)?;
    if !stays_in_place(&bytes, dtype) {
        external.count_copy(bytes.len()).map_err(|rule| OnnxError::tensor(name, rule))?;
    }
    from_raw(bytes, dtype, shape, name, external)
}

/// Whether a tensor can be over these bytes without a copy. Bools are checked, and the padding of packed
/// elements is cleared, which needs one; so does data that isn't aligned.
fn stays_in_place(bytes: &Bytes, dtype: DType) -> bool {
    let alignment = dtype.bits().map_or(1, |bits| bits.div_ceil(8));
    bytes.as_ptr().addr().is_multiple_of(alignment) && dtype != DType::Bool && !dtype.is_sub_byte()
}

/// A tensor over raw bytes: in place where they are aligned, else copied.
fn from_raw(
    bytes: Bytes,
    dtype: DType,
    shape: &[usize],
    name: &str,
    external: &mut External,
) -> Result<Tensor, OnnxError> {
    let fail = |rule: String| OnnxError::tensor(name, rule);
    if dtype == DType::String {
        return Err(fail("strings must be in `string_data`, not in `raw_data`".to_owned()));
    }
    let elements = layout::element_count(shape).ok_or_else(|| fail(format!("dims {shape:?} overflow")))?;
    let needed = dtype.byte_len(elements).ok_or_else(|| fail(format!("dims {shape:?} overflow")))?;
    if bytes.len() != needed {
        let message = format!("{dtype} data of dims {shape:?} needs exactly {needed} bytes, there are {}", bytes.len());
        return Err(fail(message));
    }
    let tensor = if stays_in_place(&bytes, dtype) {
        Tensor::from_shared(dtype, shape, Arc::new(bytes), 0)
    } else {
        let mut copy = external.copy(&bytes);
        if dtype == DType::Bool {
            let odd = as_bools(&mut copy);
            external.note(odd_bools(name, odd));
        }
        Tensor::from_bytes(dtype, shape, copy)
    };
    tensor.map_err(|error| fail(error.to_string()))
}

/// A tensor from the field that is meant for its dtype.
fn from_field(proto: TensorProto, dtype: DType, shape: &[usize], odd: impl FnOnce(usize)) -> Result<Tensor, String> {
    let tensor = match dtype {
        DType::F32 => Tensor::from_vec(shape, proto.float_data),
        DType::F64 => Tensor::from_vec(shape, proto.double_data),
        DType::I64 => Tensor::from_vec(shape, proto.int64_data),
        DType::U64 => Tensor::from_vec(shape, proto.uint64_data),
        DType::I32 => Tensor::from_vec(shape, proto.int32_data),
        DType::U32 => {
            let small = |(index, value): (usize, u64)| {
                u32::try_from(value).map_err(|_| format!("element {index} is {value}, beyond u32"))
            };
            let values = proto.uint64_data.into_iter().enumerate().map(small).collect::<Result<Vec<_>, _>>()?;
            Tensor::from_vec(shape, values)
        }
        DType::String => {
            let text = |(index, bytes): (usize, Bytes)| {
                String::from_utf8(bytes.to_vec()).map_err(|_| format!("element {index} is not UTF-8"))
            };
            let values = proto.string_data.into_iter().enumerate().map(text).collect::<Result<Vec<_>, _>>()?;
            Tensor::from_strings(shape, values)
        }
        DType::Bool => {
            odd(proto.int32_data.iter().filter(|value| !(0..2).contains(*value)).count());
            Tensor::from_vec(shape, proto.int32_data.iter().map(|value| *value != 0).collect::<Vec<bool>>())
        }
        _ => Tensor::from_bytes(dtype, shape, narrow_bytes(&proto.int32_data, dtype)?),
    };
    tensor.map_err(|error| error.to_string())
}

/// Makes every byte 0 or 1; gives how many weren't.
fn as_bools(bytes: &mut [u8]) -> usize {
    let mut odd = 0;
    for byte in bytes.iter_mut().filter(|byte| **byte > 1) {
        (*byte, odd) = (1, odd + 1);
    }
    odd
}

/// The note on bools that aren't 0 or 1, where there are some.
fn odd_bools(name: &str, count: usize) -> Option<String> {
    (count > 0).then(|| format!("tensor `{name}`: {count} of its bools are neither 0 nor 1; they are true"))
}

/// The bytes of elements that were each written as an int32: small integers as they are, narrow floats
/// as their bits, packed elements a byte at a time.
fn narrow_bytes(values: &[i32], dtype: DType) -> Result<Vec<u8>, String> {
    let (low, high, size) = match dtype {
        DType::I16 => (i32::from(i16::MIN), i32::from(i16::MAX), 2),
        DType::I8 => (i32::from(i8::MIN), i32::from(i8::MAX), 1),
        DType::U16 | DType::F16 | DType::BF16 => (0, i32::from(u16::MAX), 2),
        _ => (0, i32::from(u8::MAX), 1),
    };
    let mut bytes = Vec::with_capacity(values.len() * size);
    for (index, value) in values.iter().enumerate() {
        if !(low..=high).contains(value) {
            return Err(format!("entry {index} of `int32_data` is {value}, outside {low}..={high} for dtype {dtype}"));
        }
        bytes.extend_from_slice(&value.to_le_bytes()[..size]);
    }
    Ok(bytes)
}
