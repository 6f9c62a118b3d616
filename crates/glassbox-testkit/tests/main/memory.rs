//! Hostile models take no memory that their size doesn't explain.
//!
//! The bound that is held: reading and importing a file of `n` bytes takes at most 256 MiB + 64·`n` at any
//! time, whatever the file says (names inside functions and tensors made dense have budgets of their own,
//! of 256 MiB each, that these models don't use up). An allocator counts what each thread has.

use allocation_counter::measure;
use bytes::Bytes;
use glassbox_onnx::proto::*;
use glassbox_onnx::{ImportOptions, import, parse};
use prost::Message;

use crate::protos::{floats, graph, longs, model, node, untyped};

/// The most bytes that a computation has at once on this thread, beyond what there is before it.
fn peak(compute: impl FnOnce()) -> usize {
    usize::try_from(measure(compute).bytes_max).unwrap_or(usize::MAX)
}

/// A field of type bytes: its key, its length, its content.
fn field(tag: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len() + 12);
    for mut number in [u64::from(tag << 3 | 2), content.len() as u64] {
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    }
    bytes.extend_from_slice(content);
    bytes
}

/// A model in which one field is repeated for two million bytes: the tags of the messages on the way to it,
/// its own tag, and what it holds.
fn repeated(way: &[u32], tag: u32, content: &[u8]) -> Vec<u8> {
    let one = field(tag, content);
    let mut bytes = one.repeat((2 << 20) / one.len());
    for tag in way.iter().rev() {
        bytes = field(*tag, &bytes);
    }
    let opset = OperatorSetIdProto { domain: Some(String::new()), version: Some(13) }.encode_to_vec();
    [field(8, &opset), bytes].concat()
}

fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let (node_of, attribute, value, ty, tensor) =
        (&[7, 1][..], &[7, 1, 5][..], &[7, 11][..], &[7, 11, 2][..], &[7, 5][..]);
    let shape = [ty, &[1, 2]].concat();
    let varints = [1u8; 64];
    vec![
        ("nodes", repeated(&[7], 1, b"")),
        ("nodes with an op", repeated(&[7], 1, b"\x22\x01A")),
        ("operands", repeated(node_of, 1, b"")),
        ("results", repeated(node_of, 2, b"")),
        ("attributes", repeated(node_of, 5, b"")),
        ("opsets", repeated(&[], 8, b"")),
        ("metadata", repeated(&[], 14, b"")),
        ("functions", repeated(&[], 25, b"")),
        ("nodes of a function", repeated(&[25], 7, b"")),
        ("inputs of a function", repeated(&[25], 4, b"")),
        ("defaults of a function", repeated(&[25], 11, b"")),
        ("graphs", repeated(&[], 7, b"")),
        ("initializers", repeated(&[7], 5, b"")),
        ("sparse initializers", repeated(&[7], 15, b"")),
        ("inputs", repeated(&[7], 11, b"")),
        ("outputs", repeated(&[7], 12, b"")),
        ("values", repeated(&[7], 13, b"")),
        ("types", repeated(value, 2, b"\x0a\x00")),
        ("dims", repeated(&shape, 1, b"")),
        ("dims of 1", repeated(&shape, 1, b"\x08\x01")),
        ("tensors in an attribute", repeated(attribute, 10, b"")),
        ("graphs in an attribute", repeated(attribute, 11, b"")),
        ("types in an attribute", repeated(attribute, 15, b"")),
        ("sparse tensors in an attribute", repeated(attribute, 23, b"")),
        ("texts in an attribute", repeated(attribute, 9, b"")),
        ("integers in an attribute", repeated(attribute, 8, &varints)),
        ("integers", repeated(tensor, 7, &varints)),
        ("small integers", repeated(tensor, 5, &varints)),
        ("dims of a tensor", repeated(tensor, 1, &varints)),
        ("texts", repeated(tensor, 6, b"")),
        ("places of external data", repeated(tensor, 13, b"")),
    ]
}

fn hold(name: &str, bytes: Vec<u8>, wrong: &mut Vec<String>) {
    let (size, bytes) = (bytes.len(), Bytes::from(bytes));
    let mut outcome = String::new();
    let taken = peak(|| {
        outcome = match parse(bytes, None).and_then(|model| import(&model, &ImportOptions::default())) {
            Ok(_) => "it imports".to_owned(),
            Err(error) => error.to_string(),
        };
    });
    let short: String = outcome.chars().take(100).collect();
    println!("{name}: {size} bytes take {} MiB: {short}", taken >> 20);
    if taken > (256 << 20) + 64 * size {
        wrong.push(format!("{name}: {size} bytes take {} MiB", taken >> 20));
    }
}

#[test]
fn hostile_models_take_memory_in_proportion() {
    let mut wrong = Vec::new();
    for (name, bytes) in hostile() {
        hold(name, bytes, &mut wrong);
    }
    // A thousand sparse tensors, each of which alone may be made dense.
    let mut graph = graph(vec![node("Identity", &["s0"], &["y"])], vec![], vec![untyped("y")]);
    let sparse = |index: i32| SparseTensorProto {
        values: Some(floats(&format!("s{index}"), &[1], &[1.0])),
        indices: Some(longs("", &[1], &[0])),
        dims: vec![50 << 20],
    };
    graph.sparse_initializer = (0..1000).map(sparse).collect();
    hold("sparse tensors made dense", model(graph, 13).encode_to_vec(), &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
