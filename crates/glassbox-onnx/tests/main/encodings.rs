//! Every dtype in every field that may hold it, and what is refused.

use bytes::Bytes;
use glassbox_onnx::proto::{SparseTensorProto, StringStringEntryProto, TensorProto};
use glassbox_onnx::{Data, OnnxError, parse_tensor};
use glassbox_tensor::{DType, Tensor};
use prost::Message;

use crate::protos::{assert_says, attribute, graph, longs, model, node_with, number, read, run, untyped};

fn decode(proto: &TensorProto) -> Result<Tensor, OnnxError> {
    match parse_tensor(Bytes::from(proto.encode_to_vec()))? {
        Data::Tensor(tensor) => Ok(tensor),
        other => panic!("{other:?}"),
    }
}

fn proto(dtype: DType, dims: &[i64]) -> TensorProto {
    TensorProto { dims: dims.to_vec(), data_type: number(dtype), name: Some("t".to_owned()), ..TensorProto::default() }
}

/// A dtype, its raw bytes, what is in `int32_data` for the same elements, and the elements as f64.
type Case = (DType, &'static [u8], &'static [i32], &'static [f64]);

const NARROW: &[Case] = &[
    (DType::I8, &[0xff, 0x80, 0x7f], &[-1, -128, 127], &[-1.0, -128.0, 127.0]),
    (DType::U8, &[0xff, 0x80, 0x7f], &[255, 128, 127], &[255.0, 128.0, 127.0]),
    (DType::I16, &[0xff, 0xff, 0x00, 0x80], &[-1, -32768], &[-1.0, -32768.0]),
    (DType::U16, &[0xff, 0xff, 0x00, 0x80], &[65535, 32768], &[65535.0, 32768.0]),
    (DType::I32, &[0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0], &[-1, 2], &[-1.0, 2.0]),
    (DType::Bool, &[1, 0, 1], &[1, 0, 1], &[1.0, 0.0, 1.0]),
    // Sign, exponent of 5 bits (bias 15), mantissa of 10: 0x3e00 is 1.5, 0xc000 is -2.
    (DType::F16, &[0x00, 0x3e, 0x00, 0xc0], &[0x3e00, 0xc000], &[1.5, -2.0]),
    // The upper half of f32: 0x3fc0 is 1.5, 0xc000 is -2.
    (DType::BF16, &[0xc0, 0x3f, 0x00, 0xc0], &[0x3fc0, 0xc000], &[1.5, -2.0]),
    // 4 exponent bits (bias 7), 3 mantissa bits: 0x38 is 1, 0x3c is 1.5, 0xc0 is -2.
    (DType::F8E4M3FN, &[0x38, 0x3c, 0xc0], &[0x38, 0x3c, 0xc0], &[1.0, 1.5, -2.0]),
    // The same with bias 8: each is half of that.
    (DType::F8E4M3FNUZ, &[0x38, 0x3c, 0xc0], &[0x38, 0x3c, 0xc0], &[0.5, 0.75, -1.0]),
    // 5 exponent bits (bias 15), 2 mantissa bits: 0x3c is 1, 0x3e is 1.5, 0xc0 is -2.
    (DType::F8E5M2, &[0x3c, 0x3e, 0xc0], &[0x3c, 0x3e, 0xc0], &[1.0, 1.5, -2.0]),
    // The same with bias 16.
    (DType::F8E5M2FNUZ, &[0x3c, 0x3e, 0xc0], &[0x3c, 0x3e, 0xc0], &[0.5, 0.75, -1.0]),
    // The exponent alone, bias 127.
    (DType::F8E8M0, &[127, 128, 126], &[127, 128, 126], &[1.0, 2.0, 0.5]),
    // Two to a byte, the first in the low half; the last half byte of three elements is padding.
    (DType::U4, &[0xf1, 0x02], &[0xf1, 0x02], &[1.0, 15.0, 2.0]),
    (DType::I4, &[0xf1, 0xf8], &[0xf1, 0xf8], &[1.0, -1.0, -8.0]),
    // 1 sign, 2 exponent bits (bias 1), 1 mantissa bit: 0x2 is 1, 0x7 is 6, 0xd is -3.
    (DType::F4E2M1, &[0x72, 0x0d], &[0x72, 0x0d], &[1.0, 6.0, -3.0]),
    // Four to a byte.
    (DType::U2, &[0b11_10_01_00, 0b01], &[0b11_10_01_00, 0b01], &[0.0, 1.0, 2.0, 3.0, 1.0]),
    (DType::I2, &[0b11_10_01_00, 0b01], &[0b11_10_01_00, 0b01], &[0.0, 1.0, -2.0, -1.0, 1.0]),
];

#[test]
fn narrow_dtypes_in_raw_data_and_int32_data() {
    for (dtype, raw, ints, elements) in NARROW {
        let empty = proto(*dtype, &[elements.len() as i64]);
        let in_raw = TensorProto { raw_data: Some(Bytes::from_static(raw)), ..empty.clone() };
        let in_ints = TensorProto { int32_data: ints.to_vec(), ..empty.clone() };
        for (field, proto) in [("raw_data", in_raw), ("int32_data", in_ints)] {
            let tensor = decode(&proto).unwrap_or_else(|error| panic!("{dtype} in {field}: {error}"));
            assert_eq!(tensor.dtype(), *dtype);
            // Every narrow dtype fits f64, so the conversion is exact.
            let loaded = tensor.load::<f64>().unwrap_or_else(|error| panic!("{dtype} in {field}: {error}"));
            assert_eq!(loaded.as_ref(), *elements, "{dtype} in {field}");
        }
    }
}

#[test]
fn wide_dtypes_in_raw_data_and_their_own_fields() {
    let raw = |bytes: Vec<u8>| Some(Bytes::from(bytes));
    let f32s = [1.5f32, -0.0, f32::INFINITY, f32::from_bits(0x7fc0_1234)];
    let f64s = [1.5f64, -0.0, f64::NEG_INFINITY, 5e-324];
    let (i64s, u64s, u32s) = ([i64::MIN, -1, i64::MAX], [0, u64::MAX, 1 << 63], [0, u32::MAX, 1 << 31]);
    let cases: Vec<(TensorProto, TensorProto, Tensor)> = vec![
        (
            TensorProto { float_data: f32s.to_vec(), ..proto(DType::F32, &[2, 2]) },
            TensorProto {
                raw_data: raw(f32s.iter().flat_map(|v| v.to_le_bytes()).collect()),
                ..proto(DType::F32, &[2, 2])
            },
            Tensor::from_vec(&[2, 2], f32s.to_vec()).expect("sizes match"),
        ),
        (
            TensorProto { double_data: f64s.to_vec(), ..proto(DType::F64, &[4]) },
            TensorProto {
                raw_data: raw(f64s.iter().flat_map(|v| v.to_le_bytes()).collect()),
                ..proto(DType::F64, &[4])
            },
            Tensor::from_vec(&[4], f64s.to_vec()).expect("sizes match"),
        ),
        (
            TensorProto { int64_data: i64s.to_vec(), ..proto(DType::I64, &[3]) },
            TensorProto {
                raw_data: raw(i64s.iter().flat_map(|v| v.to_le_bytes()).collect()),
                ..proto(DType::I64, &[3])
            },
            Tensor::from_vec(&[3], i64s.to_vec()).expect("sizes match"),
        ),
        (
            TensorProto { uint64_data: u64s.to_vec(), ..proto(DType::U64, &[3]) },
            TensorProto {
                raw_data: raw(u64s.iter().flat_map(|v| v.to_le_bytes()).collect()),
                ..proto(DType::U64, &[3])
            },
            Tensor::from_vec(&[3], u64s.to_vec()).expect("sizes match"),
        ),
        (
            TensorProto { uint64_data: u32s.iter().map(|v| u64::from(*v)).collect(), ..proto(DType::U32, &[3]) },
            TensorProto {
                raw_data: raw(u32s.iter().flat_map(|v| v.to_le_bytes()).collect()),
                ..proto(DType::U32, &[3])
            },
            Tensor::from_vec(&[3], u32s.to_vec()).expect("sizes match"),
        ),
    ];
    for (typed, raw, wanted) in cases {
        for proto in [typed, raw] {
            let tensor = decode(&proto).unwrap_or_else(|error| panic!("{}: {error}", wanted.dtype()));
            assert!(tensor.bit_eq(&wanted), "{}: {tensor:?}", wanted.dtype());
        }
    }
}

#[test]
fn strings_scalars_and_empty_tensors() {
    let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
    let strings = TensorProto { string_data: vec![bytes("a"), bytes(""), bytes("ü")], ..proto(DType::String, &[3]) };
    let strings = decode(&strings).expect("strings are fine");
    assert_eq!(strings.to_strings().as_deref(), Some(&["a".to_owned(), String::new(), "ü".to_owned()][..]));
    let scalar = decode(&longs("t", &[], &[7])).expect("a scalar is fine");
    assert_eq!((scalar.shape(), scalar.item::<i64>()), (&[][..], Ok(7)));
    for dtype in [DType::F32, DType::String, DType::I4, DType::Bool] {
        let empty = decode(&proto(dtype, &[2, 0])).expect("no data is needed");
        assert_eq!((empty.dtype(), empty.shape()), (dtype, &[2, 0][..]));
    }
}

#[test]
fn what_is_no_tensor_is_refused() {
    let raw = |len: usize| Some(Bytes::from(vec![0u8; len]));
    let unknown = |number: i32| TensorProto { data_type: Some(number), ..proto(DType::F32, &[1]) };
    let cases: Vec<(TensorProto, &[&str])> = vec![
        (proto(DType::F32, &[2]), &["`t`", "there is no data"]),
        (TensorProto { raw_data: raw(7), ..proto(DType::F32, &[2]) }, &["exactly 8 bytes", "there are 7"]),
        (TensorProto { raw_data: raw(9), ..proto(DType::F32, &[2]) }, &["exactly 8 bytes", "there are 9"]),
        (TensorProto { raw_data: raw(2), ..proto(DType::I4, &[5]) }, &["exactly 3 bytes"]),
        (TensorProto { float_data: vec![1.0; 3], ..proto(DType::F32, &[2]) }, &["exactly 2 elements", "got 3"]),
        (TensorProto { int32_data: vec![1], ..proto(DType::F32, &[1]) }, &["`float_data`", "`int32_data`"]),
        (TensorProto { float_data: vec![1.0], ..proto(DType::F64, &[1]) }, &["`double_data`", "`float_data`"]),
        (TensorProto { raw_data: raw(4), float_data: vec![1.0], ..proto(DType::F32, &[1]) }, &["several fields"]),
        (TensorProto { raw_data: raw(1), ..proto(DType::String, &[1]) }, &["string_data"]),
        (TensorProto { string_data: vec![Bytes::from_static(&[0xff])], ..proto(DType::String, &[1]) }, &["UTF-8"]),
        (TensorProto { int32_data: vec![300], ..proto(DType::I8, &[1]) }, &["300", "-128..=127"]),
        (TensorProto { int32_data: vec![-1], ..proto(DType::F16, &[1]) }, &["-1", "0..=65535"]),
        (TensorProto { uint64_data: vec![1 << 32], ..proto(DType::U32, &[1]) }, &["4294967296", "u32"]),
        (proto(DType::F32, &[-1]), &["negative"]),
        (TensorProto { raw_data: raw(4), ..proto(DType::F32, &[i64::MAX, i64::MAX]) }, &["overflow"]),
        (unknown(0), &["undefined"]),
        (unknown(99), &["99 is no dtype"]),
        (unknown(14), &["`t` is not supported", "COMPLEX64"]),
        (unknown(27), &["`t` is not supported", "FLOAT6E2M3"]),
        (TensorProto { data_location: Some(7), ..proto(DType::F32, &[1]) }, &["data_location"]),
        (
            TensorProto {
                data_location: Some(1),
                external_data: vec![StringStringEntryProto {
                    key: Some("location".to_owned()),
                    value: Some("x".to_owned()),
                }],
                ..proto(DType::F32, &[1])
            },
            &["`t`", "\"x\"", "not read from a folder"],
        ),
    ];
    for (proto, parts) in cases {
        let error = decode(&proto).expect_err(&format!("{parts:?} should be refused"));
        assert_says(&error.to_string(), parts);
    }
}

/// The output of a model that is one `Constant` with a sparse value.
fn dense(sparse: SparseTensorProto) -> Result<Tensor, OnnxError> {
    let sparse = glassbox_onnx::proto::AttributeProto {
        sparse_tensor: Some(Box::new(sparse)),
        ..attribute("sparse_value", glassbox_onnx::proto::attribute_type::SPARSE_TENSOR)
    };
    let constant = node_with("Constant", &[], &["y"], vec![sparse]);
    let model = model(graph(vec![constant], vec![], vec![untyped("y")]), 13);
    read(&model)?;
    Ok(run(&model, vec![]).remove(0))
}

#[test]
fn sparse_tensors_are_made_dense() {
    let values = TensorProto { float_data: vec![1.0, 2.0], ..proto(DType::F32, &[2]) };
    let linear =
        SparseTensorProto { values: Some(values.clone()), indices: Some(longs("i", &[2], &[1, 5])), dims: vec![2, 3] };
    let pairs = SparseTensorProto { indices: Some(longs("i", &[2, 2], &[0, 1, 1, 2])), ..linear.clone() };
    for sparse in [linear.clone(), pairs] {
        let tensor = dense(sparse).expect("it is sound");
        assert_eq!(tensor.shape(), [2, 3]);
        assert_eq!(tensor.to_vec::<f32>().expect("it is f32"), [0.0, 1.0, 0.0, 0.0, 0.0, 2.0]);
    }
    let packed = SparseTensorProto {
        values: Some(TensorProto { int32_data: vec![0xf1], ..proto(DType::I4, &[2]) }),
        indices: Some(longs("i", &[2], &[2, 3])),
        dims: vec![5],
    };
    let tensor = dense(packed).expect("it is sound");
    assert_eq!(tensor.load::<i64>().expect("it is i4").as_ref(), [0, 0, 1, -1, 0]);
    /// The dims of the indices, the indices, the dims of the tensor, and what the refusal says.
    type Wrong = (&'static [i64], &'static [i64], &'static [i64], &'static str);
    let wrong: &[Wrong] = &[
        (&[2], &[5, 1], &[2, 3], "ascending"),
        (&[2], &[1, 1], &[2, 3], "ascending"),
        (&[2], &[1, 6], &[2, 3], "outside"),
        (&[2], &[-1, 1], &[2, 3], "outside"),
        (&[2, 2], &[0, 1, 1, 3], &[2, 3], "outside"),
        (&[1], &[1], &[2, 3], "indices have the dims"),
        (&[2], &[1, 5], &[1 << 40], "too large"),
        (&[2], &[1, 5], &[i64::MAX, i64::MAX], "overflow"),
    ];
    for (index_dims, indices, dims, part) in wrong {
        let indices = Some(longs("i", index_dims, indices));
        let sparse = SparseTensorProto { values: Some(values.clone()), indices, dims: dims.to_vec() };
        assert_says(&dense(sparse).expect_err(part).to_string(), &["`t`", part]);
    }
}
