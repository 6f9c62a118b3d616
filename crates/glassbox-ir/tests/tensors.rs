//! Tensors in texts: every dtype, long data, resolvers.

use glassbox_ir::text::{ParseOptions, PrintOptions, data_hash, parse, print};
use glassbox_ir::{Attr, Graph, GraphBuilder};
use glassbox_tensor::{BlockFormat, DType, Tensor};

fn graph_of(tensor: Tensor) -> Graph {
    let mut builder = GraphBuilder::new("tensor");
    let value = builder.constant(tensor);
    builder.finish(vec![value]).expect("a graph")
}

fn tensor_in(graph: &Graph) -> Tensor {
    match graph.walk().first().and_then(|id| graph.node(*id).attrs.get("value")) {
        Some(Attr::Tensor(tensor)) => tensor.clone(),
        other => panic!("no tensor but {other:?}"),
    }
}

/// Short and long tensors of every dtype, among them every byte.
#[test]
fn every_dtype_reads_back() {
    for dtype in DType::ALL.iter().copied() {
        for count in [0usize, 1, 3, 16, 17, 300] {
            let tensor = match dtype {
                DType::String => Tensor::from_strings(&[count], (0..count).map(|n| format!("{n}\n\"ü")).collect()),
                DType::Bool => Tensor::from_bytes(dtype, &[count], (0..count).map(|n| (n % 2) as u8).collect()),
                // 0b10 is no value of t2.
                DType::T2 => Tensor::from_bytes(dtype, &[count], vec![0b0111_0100; count.div_ceil(4)]),
                _ => {
                    let length = dtype.byte_len(count).expect("a size");
                    Tensor::from_bytes(dtype, &[count], (0..length).map(|n| (n * 37 + 200) as u8).collect())
                }
            };
            let tensor = tensor.expect("a tensor");
            let graph = graph_of(tensor.clone());
            let text = print(&graph, &PrintOptions::with_data());
            let parsed = parse(&text, &ParseOptions::default()).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert!(tensor_in(&parsed).bit_eq(&tensor), "{dtype} {count}\n{text}");
            assert_eq!(text.contains("data {"), count > 16, "{text}");
        }
    }
}

#[test]
fn block_formats_are_data() {
    let dtype = DType::Block(BlockFormat::Q4_0);
    for rows in [0usize, 2] {
        let tensor = Tensor::from_bytes(dtype, &[rows, 32], vec![7; 18 * rows]).expect("blocks");
        let text = print(&graph_of(tensor.clone()), &PrintOptions::with_data());
        let parsed = parse(&text, &ParseOptions::default()).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(tensor_in(&parsed).bit_eq(&tensor), "{text}");
    }
}

#[test]
fn views_print_as_what_they_show() {
    let base = Tensor::from_vec(&[2, 3], vec![1i32, 2, 3, 4, 5, 6]).expect("a tensor");
    let text = graph_of(base.permute(&[1, 0]).expect("a view")).to_string();
    assert!(text.contains("i32[3, 2] [1, 4, 2, 5, 3, 6]"), "{text}");
}

#[test]
fn a_resolver_gives_the_data() {
    let tensor = Tensor::from_vec(&[20], vec![0.5f32; 20]).expect("a tensor");
    let hash = data_hash(&tensor).expect("a hash");
    let text = graph_of(tensor.clone()).to_string();
    assert!(text.contains(&format!("f32[20] data(\"{hash:032x}\")")), "{text}");

    let error = parse(&text, &ParseOptions::default()).expect_err("the data is nowhere").to_string();
    assert!(error.contains("is left out of this text"), "{error}");

    let resolve = |asked| (asked == hash).then(|| tensor.clone());
    let parsed = parse(&text, &ParseOptions::with_resolver(&resolve)).expect("resolved");
    assert!(tensor_in(&parsed).bit_eq(&tensor));

    let wrong = |_| Tensor::from_vec(&[20], vec![0.25f32; 20]).ok();
    let error = parse(&text, &ParseOptions::with_resolver(&wrong)).expect_err("other data").to_string();
    assert!(error.contains("has the hash"), "{error}");
}

/// The hash is part of the format: it may never change.
#[test]
fn the_hash_is_fixed() {
    let tensor = Tensor::from_vec(&[2, 2], vec![1u8, 2, 3, 4]).expect("a tensor");
    assert_eq!(format!("{:032x}", data_hash(&tensor).expect("a hash")), "33aff66f7fd20b49e7e4d53a39d0886b");
}
