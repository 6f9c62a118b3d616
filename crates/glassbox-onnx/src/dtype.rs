//! The numbers and names that ONNX has for dtypes.
//!
//! Complex numbers and the 6-bit floats have no dtype in Glassbox; [`from_onnx`] says so by name.

use glassbox_tensor::DType;

/// A number of `TensorProto.DataType`, its name, and the dtype where Glassbox has it.
const TABLE: &[(i32, &str, Option<DType>)] = &[
    (1, "FLOAT", Some(DType::F32)),
    (2, "UINT8", Some(DType::U8)),
    (3, "INT8", Some(DType::I8)),
    (4, "UINT16", Some(DType::U16)),
    (5, "INT16", Some(DType::I16)),
    (6, "INT32", Some(DType::I32)),
    (7, "INT64", Some(DType::I64)),
    (8, "STRING", Some(DType::String)),
    (9, "BOOL", Some(DType::Bool)),
    (10, "FLOAT16", Some(DType::F16)),
    (11, "DOUBLE", Some(DType::F64)),
    (12, "UINT32", Some(DType::U32)),
    (13, "UINT64", Some(DType::U64)),
    (14, "COMPLEX64", None),
    (15, "COMPLEX128", None),
    (16, "BFLOAT16", Some(DType::BF16)),
    (17, "FLOAT8E4M3FN", Some(DType::F8E4M3FN)),
    (18, "FLOAT8E4M3FNUZ", Some(DType::F8E4M3FNUZ)),
    (19, "FLOAT8E5M2", Some(DType::F8E5M2)),
    (20, "FLOAT8E5M2FNUZ", Some(DType::F8E5M2FNUZ)),
    (21, "UINT4", Some(DType::U4)),
    (22, "INT4", Some(DType::I4)),
    (23, "FLOAT4E2M1", Some(DType::F4E2M1)),
    (24, "FLOAT8E8M0", Some(DType::F8E8M0)),
    (25, "UINT2", Some(DType::U2)),
    (26, "INT2", Some(DType::I2)),
    (27, "FLOAT6E2M3", None),
    (28, "FLOAT6E3M2", None),
];

/// The dtype with this number, or why there is none.
///
/// # Errors
///
/// Why there is none.
pub fn from_onnx(number: i64) -> Result<DType, String> {
    match TABLE.iter().find(|row| i64::from(row.0) == number) {
        Some((_, _, Some(dtype))) => Ok(*dtype),
        Some((_, name, None)) => Err(format!("dtype {name} is not supported")),
        None if number == 0 => Err("the dtype is undefined".to_owned()),
        None => Err(format!("{number} is no dtype of ONNX")),
    }
}

/// The dtype with this name, as version 1 of `Cast` gives it, or why there is none.
///
/// # Errors
///
/// Why there is none.
pub fn from_onnx_name(name: &str) -> Result<DType, String> {
    match TABLE.iter().find(|row| row.1 == name) {
        Some((number, ..)) => from_onnx(i64::from(*number)),
        None => Err(format!("{name:?} is no dtype of ONNX")),
    }
}

/// The number of a dtype, where ONNX has it.
pub fn to_onnx(dtype: DType) -> Option<i32> {
    TABLE.iter().find(|row| row.2 == Some(dtype)).map(|row| row.0)
}

/// Whether ONNX has a dtype with this number.
pub(crate) fn exists(number: i32) -> bool {
    TABLE.iter().any(|row| row.0 == number)
}
