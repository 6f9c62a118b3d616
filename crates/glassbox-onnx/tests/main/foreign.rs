//! Files that are something else than a model.

use bytes::Bytes;
use glassbox_onnx::parse;
use glassbox_tensor::DType;
use prost::Message;

use crate::protos::{assert_says, graph, model, node, untyped, value};

#[test]
fn what_is_no_model_is_told_by_what_it_is() {
    let mut safetensors = 20u64.to_le_bytes().to_vec();
    safetensors.extend(b"{\"__metadata__\":{}}  ");
    let mut tar = vec![b'm'; 300];
    tar[257..262].copy_from_slice(b"ustar");
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n".to_vec(), "git lfs pull"),
        (b"<!DOCTYPE html><html><head>".to_vec(), "HTML page"),
        (b"\xef\xbb\xbf\n <HTML lang=\"en\">".to_vec(), "HTML page"),
        (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>".to_vec(), "XML"),
        (b"PK\x03\x04\x00\x00archive/data.pkl".to_vec(), "PyTorch"),
        (b"PK\x03\x04\x00\x00model.onnx".to_vec(), "zip archive"),
        (safetensors, "safetensors"),
        (b"GGUF\x03\0\0\0".to_vec(), "GGUF"),
        (b"\x1f\x8b\x08\x00".to_vec(), "gzip"),
        (b"\x80\x02}q\x00".to_vec(), "pickle"),
        (b"\x80\x04\x95\x10\0\0\0\0\0\0\0".to_vec(), "pickle"),
        (b"\x89HDF\r\n\x1a\n".to_vec(), "HDF5"),
        (b"\x1c\0\0\0TFL3".to_vec(), "TensorFlow Lite"),
        (b"\x93NUMPY\x01\x00".to_vec(), "NumPy"),
        (tar, "tar archive"),
        (Vec::new(), "empty"),
        (vec![0; 64], "zeros"),
        (b"ir_version: 8\nproducer_name: \"pytorch\"\ngraph {\n".to_vec(), "protobuf text"),
        (b"{\"irVersion\": \"8\", \"graph\": {}}".to_vec(), "model as JSON"),
        (b"{\"error\": \"Repository not found\"}".to_vec(), "JSON text"),
        (b"Entry not found".to_vec(), "it is a text"),
    ];
    for (bytes, part) in cases {
        let error = parse(Bytes::from(bytes.clone()), None).expect_err("it is no model").to_string();
        assert_says(&error, &["not an ONNX model", part]);
    }
}

#[test]
fn a_model_that_was_cut_off_says_so() {
    let nodes = vec![node("Abs", &["x"], &["y"])];
    let bytes = model(graph(nodes, vec![value("x", DType::F32, &[2])], vec![untyped("y")]), 13).encode_to_vec();
    assert!(parse(Bytes::from(bytes.clone()), None).is_ok());
    for length in 1..bytes.len() {
        let error = parse(Bytes::copy_from_slice(&bytes[..length]), None).expect_err("it is cut off").to_string();
        assert!(error.contains("cut off") || error.contains("the file ends"), "{length}: {error}");
    }
}
