//! Tensors whose dtype, dims and data contradict each other, in every encoding.

use bytes::Bytes;
use glassbox_onnx::proto::*;
use glassbox_tensor::DType;

use super::Cases;
use crate::protos::{floats, graph, longs, model, node, number, untyped};

/// A model with this initializer `w`, which it gives as its output.
pub(super) fn holding(tensor: TensorProto) -> ModelProto {
    let mut graph = graph(vec![node("Identity", &["w"], &["y"])], vec![], vec![untyped("y")]);
    graph.initializer = vec![TensorProto { name: Some("w".to_owned()), ..tensor }];
    model(graph, 21)
}

fn of(data_type: i32, dims: &[i64]) -> TensorProto {
    TensorProto { data_type: Some(data_type), dims: dims.to_vec(), ..TensorProto::default() }
}

fn raw(dtype: DType, dims: &[i64], bytes: &[u8]) -> TensorProto {
    let raw_data = Some(Bytes::copy_from_slice(bytes));
    TensorProto { raw_data, data_type: number(dtype), dims: dims.to_vec(), ..TensorProto::default() }
}

pub(super) fn add(cases: &mut Cases) {
    let w = "tensor `w`";
    lengths(cases, w);
    fields(cases, w);
    dims(cases, w);
    for (data_type, says) in [
        (0, "the dtype is undefined"),
        (29, "29 is no dtype"),
        (-1, "-1 is no dtype"),
        (i32::MAX, "2147483647 is no dtype"),
        (14, "COMPLEX64 is not supported"),
        (15, "COMPLEX128 is not supported"),
        (27, "FLOAT6E2M3 is not supported"),
    ] {
        cases.add(&format!("tensor/dtype {data_type}"), holding(of(data_type, &[0])), &[w, says]);
    }
    let segment = Some(SegmentProto { begin: Some(0), end: Some(1) });
    cases.add("tensor/a segment", holding(TensorProto { segment, ..floats("w", &[1], &[1.0]) }), &[w, "segments"]);
    let elsewhere = TensorProto { data_location: Some(7), ..floats("w", &[1], &[1.0]) };
    cases.add("tensor/location 7", holding(elsewhere), &[w, "data_location", "7"]);
    sparse(cases);
}

/// Too much and too little data.
fn lengths(cases: &mut Cases, w: &str) {
    for (dtype, needed) in [
        (DType::F32, 16),
        (DType::F64, 32),
        (DType::F16, 8),
        (DType::BF16, 8),
        (DType::I64, 32),
        (DType::I8, 4),
        (DType::U16, 8),
        (DType::Bool, 4),
        (DType::I4, 2),
        (DType::U2, 1),
        (DType::F8E5M2, 4),
    ] {
        let says = format!("needs exactly {needed} bytes, there are {}", needed - 1);
        let says = if needed == 1 { "no data" } else { says.as_str() };
        let short = raw(dtype, &[2, 2], &vec![0; needed - 1]);
        cases.add(&format!("tensor/raw {dtype} too short"), holding(short), &[w, says]);
        let says = format!("needs exactly {needed} bytes, there are {}", needed + 1);
        let long = raw(dtype, &[2, 2], &vec![0; needed + 1]);
        cases.add(&format!("tensor/raw {dtype} too long"), holding(long), &[w, &says]);
    }
    let typed: Vec<(&str, TensorProto)> = vec![
        ("float_data", floats("w", &[2, 2], &[0.0; 3])),
        ("int64_data", longs("w", &[2, 2], &[0; 5])),
        ("double_data", TensorProto { double_data: vec![0.0; 3], ..of(11, &[2, 2]) }),
        ("int32_data", TensorProto { int32_data: vec![0; 3], ..of(6, &[2, 2]) }),
        ("uint64_data", TensorProto { uint64_data: vec![0; 5], ..of(13, &[2, 2]) }),
        ("int32_data of i8", TensorProto { int32_data: vec![0; 5], ..of(3, &[2, 2]) }),
        ("int32_data of f16", TensorProto { int32_data: vec![0; 3], ..of(10, &[2, 2]) }),
        ("int32_data of i4", TensorProto { int32_data: vec![0; 3], ..of(22, &[2, 2]) }),
        ("uint64_data of u32", TensorProto { uint64_data: vec![0; 3], ..of(12, &[2, 2]) }),
        ("string_data", TensorProto { string_data: vec![Bytes::from_static(b"a")], ..of(8, &[2, 2]) }),
    ];
    for (name, tensor) in typed {
        cases.add(&format!("tensor/{name} of wrong length"), holding(tensor), &[w, "[2, 2]"]);
    }
    cases.add("tensor/no data", holding(of(1, &[2, 2])), &[w, "[2, 2]", "no data"]);
    cases.add("tensor/data for no elements", holding(floats("w", &[0, 2], &[1.0])), &[w, "[0, 2]"]);
}

/// Data in the wrong place, or that the dtype doesn't have.
fn fields(cases: &mut Cases, w: &str) {
    let both = TensorProto { raw_data: Some(Bytes::from_static(&[0; 4])), ..floats("w", &[1], &[1.0]) };
    cases.add("tensor/data in two fields", holding(both), &[w, "several fields", "raw_data", "float_data"]);
    let wrong = TensorProto { float_data: vec![1.0], ..of(7, &[1]) };
    cases.add("tensor/i64 in float_data", holding(wrong), &[w, "i64", "`int64_data`", "`float_data`"]);
    let wrong = TensorProto { int64_data: vec![1], ..of(1, &[1]) };
    cases.add("tensor/f32 in int64_data", holding(wrong), &[w, "f32", "`float_data`", "`int64_data`"]);
    let wrong = TensorProto { string_data: vec![Bytes::from_static(b"a")], ..of(1, &[1]) };
    cases.add("tensor/f32 in string_data", holding(wrong), &[w, "f32", "`string_data`"]);
    cases.add("tensor/strings in raw_data", holding(raw(DType::String, &[1], b"a")), &[w, "`string_data`"]);
    for (name, data_type, value, says) in [
        ("i8", 3, 300, "-128..=127"),
        ("u8", 2, -1, "0..=255"),
        ("i16", 5, 40_000, "-32768..=32767"),
        ("f16", 10, 70_000, "0..=65535"),
    ] {
        let tensor = TensorProto { int32_data: vec![value], ..of(data_type, &[1]) };
        cases.add(&format!("tensor/{name} of {value}"), holding(tensor), &[w, "entry 0", &value.to_string(), says]);
    }
    let tensor = TensorProto { uint64_data: vec![1 << 32], ..of(12, &[1]) };
    cases.add("tensor/u32 of 2^32", holding(tensor), &[w, "4294967296", "u32"]);
    let tensor = TensorProto { string_data: vec![Bytes::from_static(&[0xff])], ..of(8, &[1]) };
    cases.add("tensor/a string that isn't UTF-8", holding(tensor), &[w, "element 0", "UTF-8"]);
}

/// Dims that no tensor has.
fn dims(cases: &mut Cases, w: &str) {
    cases.add("tensor/negative dim", holding(floats("w", &[-1], &[1.0])), &[w, "[-1]", "negative"]);
    cases.add("tensor/least dim", holding(floats("w", &[i64::MIN, 0], &[])), &[w, "negative"]);
    cases.add("tensor/dims that overflow", holding(floats("w", &[1 << 40, 1 << 40], &[1.0])), &[w, "overflow"]);
    cases.add("tensor/dims of 2^63 bytes", holding(raw(DType::F64, &[1 << 60], &[0; 8])), &[w, "1152921504606846976"]);
    cases.add("tensor/greatest dim", holding(raw(DType::F64, &[i64::MAX], &[0; 8])), &[w, "9223372036854775807"]);
    cases.add("tensor/dims beyond the data", holding(floats("w", &[1 << 32], &[1.0])), &[w, "[4294967296]"]);
    cases.add("tensor/rank of 5000", holding(floats("w", &[1; 5000], &[1.0, 2.0])), &[w]);
    cases.add("tensor/rank of 5000 twos", holding(floats("w", &[2; 5000], &[1.0])), &[w, "overflow"]);
}

fn sparse(cases: &mut Cases) {
    let holding = |values: Option<TensorProto>, indices: Option<TensorProto>, dims: &[i64]| {
        let mut graph = graph(vec![node("Identity", &["s"], &["y"])], vec![], vec![untyped("y")]);
        graph.sparse_initializer = vec![SparseTensorProto { values, indices, dims: dims.to_vec() }];
        model(graph, 21)
    };
    let values = || Some(floats("s", &[2], &[1.0, 2.0]));
    let indices = |of: &[i64]| Some(longs("", &[of.len() as i64], of));
    let s = "tensor `s`";
    cases.add("sparse/no indices", holding(values(), None, &[4]), &[s, "values and indices"]);
    cases.add("sparse/no values", holding(None, indices(&[0, 1]), &[4]), &["tensor", "values and indices"]);
    cases.add("sparse/index outside", holding(values(), indices(&[0, 4]), &[4]), &[s, "outside the dims [4]"]);
    cases.add("sparse/index negative", holding(values(), indices(&[-1, 1]), &[4]), &[s, "outside the dims [4]"]);
    cases.add("sparse/index twice", holding(values(), indices(&[1, 1]), &[4]), &[s, "ascending and unique"]);
    cases.add("sparse/indices descend", holding(values(), indices(&[2, 1]), &[4]), &[s, "ascending and unique"]);
    cases.add("sparse/too few indices", holding(values(), indices(&[1]), &[4]), &[s, "indices", "[1]"]);
    let wrong = Some(floats("", &[2], &[0.0, 1.0]));
    cases.add("sparse/float indices", holding(values(), wrong, &[4]), &[s, "indices", "f32", "i64"]);
    cases.add("sparse/huge", holding(values(), indices(&[0, 1]), &[1 << 40]), &[s, "too large to be made dense"]);
    cases.add("sparse/overflow", holding(values(), indices(&[0, 1]), &[1 << 40, 1 << 40]), &[s, "overflow"]);
    cases.add("sparse/negative dim", holding(values(), indices(&[0, 1]), &[-4]), &[s, "negative"]);
    let square = Some(floats("s", &[1, 2], &[1.0, 2.0]));
    cases.add("sparse/values of rank 2", holding(square, indices(&[0, 1]), &[4]), &[s, "[1, 2]", "NNZ"]);
}
