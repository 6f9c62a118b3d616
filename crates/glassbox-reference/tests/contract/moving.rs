//! The ops that pick, place and order elements, sequences and text: dtypes and edges that the official
//! tests don't reach, and what is refused.

use glassbox_exec::{Options, RunError};
use glassbox_ir::{Attrs, GraphBuilder, ops};

use super::Session;
use glassbox_tensor::Tensor;

use crate::examples::run;

/// What must come out.
const GIVES: &[&str] = &[
    // Packed elements and strings move as all others do.
    "gather(u4[5] [1, 2, 3, 4, 5], i32[2, 1] [-1, 1]) -> u4[2, 1] [5, 2]",
    "gather(string[2, 2] [\"a\", \"b\", \"c\", \"d\"], i64[] 1) {axis = 1} -> string[2] [\"b\", \"d\"]",
    "gather(f32[2, 0] [], i64[3] [0, 1, 1]) -> f32[3, 0] []",
    "gather_elements(i2[2, 2] [1, -1, 0, -2], i64[1, 2] [1, 0]) -> i2[1, 2] [0, -1]",
    "gather_elements(f32[2, 3] [1, 2, 3, 4, 5, 6], i64[1, 2] [2, -3]) {axis = 1} -> f32[1, 2] [3, 1]",
    "gather_nd(string[2, 2] [\"a\", \"b\", \"c\", \"d\"], i64[1, 1] [-1]) -> string[1, 2] [\"c\", \"d\"]",
    "gather_nd(i32[2, 2] [1, 2, 3, 4], i64[2, 1] [1, 0]) {batch_dims = 1} -> i32[2] [2, 3]",
    "gather_nd(i32[2] [1, 2], i64[2, 0] []) -> i32[2, 2] [1, 2, 1, 2]",
    "scatter_elements(bool[3] [true, false, false], i64[3] [0, 1, 1], bool[3] [false, true, false]) \
     {reduction = \"add\"} -> bool[3] [true, true, false]",
    "scatter_elements(string[2] [\"a\", \"b\"], i64[2] [1, 1], string[2] [\"c\", \"d\"]) -> string[2] [\"a\", \"d\"]",
    "scatter_elements(i8[1] [127], i64[2] [0, 0], i8[2] [1, 1]) {reduction = \"add\"} -> i8[1] [-127]",
    "scatter_elements(f16[1] [2048], i64[2] [0, 0], f16[2] [1, 1]) {reduction = \"add\"} -> f16[1] [2050]",
    "scatter_nd(u4[3] [1, 2, 3], i64[1, 1] [-1], u4[1] [9]) -> u4[3] [1, 2, 9]",
    "scatter_nd(i32[2, 2] [1, 2, 3, 4], i64[2, 1] [0, 0], i32[2, 2] [5, 1, 2, 9]) {reduction = \"max\"} \
     -> i32[2, 2] [5, 9, 3, 4]",
    // Backward, a start before the front is the first element; from nothing nothing is taken.
    "slice(i32[2] [1, 2], i64[1] [-8], i64[1] [-9], i64[1] [0], i64[1] [-2]) -> i32[1] [1]",
    "slice(i32[2] [1, 2], i64[1] [-8], i64[1] [0], i64[1] [0], i64[1] [-1]) -> i32[0] []",
    "slice(i32[2] [1, 2], i64[1] [8], i64[1] [-9], i64[1] [0], i64[1] [-1]) -> i32[2] [2, 1]",
    "slice(i32[0] [], i64[1] [-1], i64[1] [-9], i64[1] [0], i64[1] [-1]) -> i32[0] []",
    "split(string[3] [\"a\", \"b\", \"c\"], _) {num_outputs = 2} -> string[2] [\"a\", \"b\"], string[1] [\"c\"]",
    "split(i4[4] [1, -2, 3, -4]) -> i4[2] [1, -2], i4[2] [3, -4]",
    "split(i32[5] [1, 2, 3, 4, 5]) {num_outputs = 4} -> i32[2] [1, 2], i32[2] [3, 4], i32[1] [5], i32[0] []",
    "tile(string[2] [\"a\", \"b\"], i64[1] [2]) -> string[4] [\"a\", \"b\", \"a\", \"b\"]",
    "tile(f32[1, 2] [1, 2], i64[2] [0, 3]) -> f32[0, 6] []",
    "tile(i4[1, 3] [1, 2, 3], i64[2] [2, 1]) -> i4[2, 3] [1, 2, 3, 1, 2, 3]",
    "expand(string[] \"a\", i64[1] [2]) -> string[2] [\"a\", \"a\"]",
    "expand(i32[2, 1] [1, 2], i64[1] [1]) -> i32[2, 1] [1, 2]",
    "pad(string[1] [\"a\"], i64[2] [1, 1]) -> string[3] [\"\", \"a\", \"\"]",
    "pad(u4[3] [1, 2, 3], i64[2] [2, -1], u4[1] [9]) -> u4[4] [9, 9, 1, 2]",
    "pad(i32[2, 2] [1, 2, 3, 4], i64[2] [1, 0], _, i32[1] [-1]) {mode = \"wrap\"} -> i32[2, 3] [2, 1, 2, 4, 3, 4]",
    "range(f64[] 0, f64[] -1, f64[] -0.25) -> f64[4] [0, -0.25, -0.5, -0.75]",
    "range(i64[] 3, i64[] 3, i64[] -1) -> i64[0] []",
    "range(u64[1] [18446744073709551613], u64[1] [18446744073709551615], u64[1] [1]) \
     -> u64[2] [18446744073709551613, 18446744073709551614]",
    "range(i64[] -9223372036854775808, i64[] 9223372036854775807, i64[] 9223372036854775807) \
     -> i64[3] [-9223372036854775808, -1, 9223372036854775806]",
    "constant_of_shape(i64[0] []) {value = string[1] [\"a\"]} -> string[] \"a\"",
    "one_hot(f32[3] [1.9, -3, 2], f32[1] [2], string[2] [\"-\", \"x\"]) {axis = 0} \
     -> string[2, 3] [\"-\", \"-\", \"-\", \"x\", \"-\", \"-\"]",
    "one_hot(u8[1] [255], i64[] 2, i32[2] [0, 1]) -> i32[1, 2] [0, 0]",
    "nonzero(f32[4] [0, -0, nan, 1]) -> i64[1, 2] [2, 3]",
    "nonzero(i32[] 5) -> i64[0, 1] []",
    "nonzero(string[2] [\"\", \"a\"]) -> i64[1, 1] [1]",
    "compress(string[2, 2] [\"a\", \"b\", \"c\", \"d\"], bool[2] [false, true]) {axis = -1} -> string[2, 1] [\"b\", \"d\"]",
    "compress(i32[2] [1, 2], bool[2] [false, false]) -> i32[0] []",
    "unique(string[3] [\"b\", \"a\", \"b\"]) -> string[2] [\"a\", \"b\"], i64[2] [1, 0]",
    "unique(f32[4] [nan, -0, 0, nan]) -> f32[2] [-0, nan], i64[2] [1, 0], i64[4] [1, 0, 0, 1], i64[2] [2, 2]",
    "unique(u4[4] [3, 1, 3, 2]) {sorted = false} -> u4[3] [3, 1, 2]",
    "unique(i32[2, 3] [1, 2, 1, 1, 0, 1]) {axis = 1} -> i32[2, 2] [1, 2, 1, 0]",
    "unique(i32[0] []) -> i32[0] [], i64[0] [], i64[0] [], i64[0] []",
    "top_k(f32[4] [1, nan, 3, nan], i64[1] [3]) -> f32[3] [nan, nan, 3], i64[3] [1, 3, 2]",
    "top_k(u8[2, 2] [1, 4, 3, 2], i64[] 1) {axis = 0, largest = false} -> u8[1, 2] [1, 2], i64[1, 2] [0, 1]",
    "top_k(i64[2] [1, 2], i64[1] [0]) -> i64[0] [], i64[0] []",
    "trilu(bool[2, 2] [true, true, true, true], i64[1] [9223372036854775807]) {upper = false} \
     -> bool[2, 2] [true, true, true, true]",
    "reverse_sequence(string[2, 1] [\"a\", \"b\"], i64[1] [2]) -> string[2, 1] [\"b\", \"a\"]",
    "tensor_scatter(i32[1, 3, 1] [1, 2, 3], i32[1, 2, 1] [8, 9], i64[1] [5]) {mode = \"circular\"} \
     -> i32[1, 3, 1] [9, 2, 8]",
    "depth_to_space(string[1, 4, 1, 1] [\"a\", \"b\", \"c\", \"d\"]) {blocksize = 2} \
     -> string[1, 1, 2, 2] [\"a\", \"b\", \"c\", \"d\"]",
    "center_crop_pad(u4[3] [1, 2, 3], i32[1] [6]) -> u4[6] [0, 1, 2, 3, 0, 0]",
    // Sequences.
    "sequence_insert(seq<i32[*]>(), i32[1] [1], i64[] 0) -> seq(i32[1] [1])",
    "sequence_erase(seq(string[] \"a\", string[] \"b\")) -> seq(string[] \"a\")",
    "split_to_sequence(i32[2, 1] [1, 2]) {keepdims = false} -> seq(i32[1] [1], i32[1] [2])",
    "split_to_sequence(i32[0] []) -> seq<i32[*]>()",
    "split_to_sequence(i32[3] [1, 2, 3], i32[3] [1, 0, 2]) -> seq(i32[1] [1], i32[0] [], i32[2] [2, 3])",
    "concat_from_sequence(seq(string[] \"a\", string[] \"b\")) {axis = 0, new_axis = true} -> string[2] [\"a\", \"b\"]",
    "optional_get_element(some(seq(i32[] 1))) -> seq(i32[] 1)",
    "optional_has_element(_) -> bool[] false",
    "optional(_) {element = seq<f32[*]>} -> none<seq<f32[*]>>",
    // Text.
    "string_split(string[0] []) -> string[0, 0] [], i64[0] []",
    "string_split(string[1] [\"a b c\"]) {maxsplit = 1} -> string[1, 2] [\"a\", \"b c\"], i64[1] [2]",
    "string_normalizer(string[1, 1] [\"a\"]) {stopwords = [\"A\"], locale = \"en_GB.UTF-8\"} -> string[1, 1] [\"\"]",
    "tf_idf_vectorizer(string[1, 3] [\"a\", \"b\", \"a\"]) {mode = \"TF\", min_gram_length = 1, max_gram_length = 2, \
     max_skip_count = 9223372036854775807, ngram_counts = [0, 1], ngram_indexes = [0, 1, 2], \
     pool_strings = [\"a\", \"a\", \"a\", \"a\", \"b\"]} -> f32[1, 3] [2, 1, 1]",
    "label_encoder(f32[2] [nan, -0]) {keys = f32[2] [0, nan], values = string[2] [\"z\", \"n\"], default = string[1] [\"\"]} \
     -> string[2] [\"n\", \"z\"]",
];

/// What must be refused, and by which rule.
const REFUSED: &[(&str, &str)] = &[
    ("C2", "gather(f32[2] [1, 2], i64[1] [2]) -> f32[1] [0]"),
    ("C2", "gather(f32[0] [], i64[1] [-1]) -> f32[1] [0]"),
    ("C1", "gather(f32[] 1, i64[1] [0]) -> f32[1] [0]"),
    ("C2", "gather_elements(f32[1, 2] [1, 2], i64[2, 1] [0, 0]) {axis = 1} -> f32[2, 1] [0, 0]"),
    ("C3", "gather_elements(f32[2] [1, 2], i64[1] [-3]) -> f32[1] [0]"),
    ("C3", "gather_nd(f32[2] [1, 2], i64[1, 2] [0, 0]) -> f32[1] [0]"),
    ("C4", "gather_nd(f32[2] [1, 2], i64[1, 1] [9223372036854775807]) -> f32[1] [0]"),
    ("C3", "scatter_elements(f32[2] [1, 2], i64[1] [2], f32[1] [0]) -> f32[2] [0, 0]"),
    (
        "C5",
        "scatter_elements(string[1] [\"a\"], i64[1] [0], string[1] [\"b\"]) {reduction = \"add\"} -> string[1] [\"a\"]",
    ),
    ("C3", "scatter_nd(f32[2] [1, 2], i64[1, 1] [0], f32[2] [0, 0]) -> f32[2] [0, 0]"),
    ("C4", "scatter_nd(f32[2] [1, 2], i64[1, 1] [-9223372036854775808], f32[1] [0]) -> f32[2] [0, 0]"),
    ("C3", "split(i32[3] [1, 2, 3], i64[2] [-1, 4]) -> i32[0] [], i32[4] [1, 1, 1, 1]"),
    ("C4", "split(i32[3] [1, 2, 3]) -> i32[1] [1], i32[1] [2]"),
    ("C2", "split(i32[3] [1, 2, 3]) {num_outputs = 3} -> i32[1] [1], i32[1] [2]"),
    ("C2", "expand(i32[2] [1, 2], i64[1] [3]) -> i32[3] [1, 1, 1]"),
    ("C1", "expand(i32[1] [1], i64[1] [-1]) -> i32[1] [1]"),
    ("C1", "tile(i32[2] [1, 2], i64[2] [1, 1]) -> i32[2] [1, 1]"),
    ("C3", "pad(i32[2] [1, 2], i64[2] [-2, -1]) -> i32[0] []"),
    ("C5", "pad(i32[0] [], i64[2] [1, 0]) {mode = \"edge\"} -> i32[1] [0]"),
    ("C1", "pad(i32[1] [1], i64[2] [1, 0], _, i64[1] [1]) -> i32[2] [0, 0]"),
    ("C2", "range(i64[] 0, i64[] 5, i64[] 0) -> i64[0] []"),
    ("C3", "range(f32[] 0, f32[] inf, f32[] 1) -> f32[0] []"),
    ("C2", "one_hot(i64[1] [0], i64[] -1, i32[2] [0, 1]) -> i32[1, 1] [0]"),
    ("C2", "compress(i32[1] [1], bool[2] [false, true]) -> i32[1] [1]"),
    ("C2", "top_k(i64[2] [1, 2], i64[1] [3]) -> i64[3] [1, 1, 1], i64[3] [0, 0, 0]"),
    ("C2", "depth_to_space(i32[1, 3, 1, 1] [1, 2, 3]) {blocksize = 2} -> i32[1, 1, 2, 2] [1, 2, 3, 4]"),
    ("C2", "depth_to_space(i32[1, 1, 1, 1] [1]) {blocksize = 0} -> i32[1, 1, 1, 1] [1]"),
    ("C4", "reverse_sequence(i32[1, 1] [1], i64[1] [2]) -> i32[1, 1] [1]"),
    ("C2", "sequence_at(seq(i32[] 1), i64[] 1) -> i32[] 1"),
    ("C2", "sequence_erase(seq<i32[]>()) -> seq<i32[]>()"),
    ("C2", "sequence_insert(seq(i32[] 1), i32[] 1, i64[] -2) -> seq(i32[] 1)"),
    ("C2", "concat_from_sequence(seq<i32[?]>()) {axis = 0} -> i32[0] []"),
    ("C2", "split_to_sequence(i32[1] [1], i64[] 0) -> seq<i32[*]>()"),
    ("C1", "optional_get_element(none<i32[]>) -> i32[] 1"),
    ("C2", "string_normalizer(string[1] [\"a\"]) {locale = \"tr_TR\"} -> string[1] [\"a\"]"),
    ("C1", "regex_full_match(string[1] [\"a\"]) {pattern = \"(\"} -> bool[1] [true]"),
    (
        "C7",
        "tree_ensemble(f32[1, 1] [1]) {tree_roots = [0], nodes_modes = [0], nodes_featureids = [0], nodes_splits = \
         f32[1] [2], nodes_truenodeids = [0], nodes_trueleafs = [0], nodes_falsenodeids = [0], nodes_falseleafs = [1], \
         leaf_targetids = [0], leaf_weights = f32[1] [5], n_targets = 1} -> f32[1, 1] [5]",
    ),
];

#[test]
fn elements_of_any_dtype_move() {
    let failures: Vec<String> =
        GIVES.iter().filter_map(|text| run(text).err().map(|error| format!("{text}\n    {error}"))).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn what_breaks_a_rule_is_refused_by_its_name() {
    let wrong = |(rule, text): &(&str, &str)| match run(text) {
        Err(error) if error.contains(&format!("{rule}:")) || error.contains(&format!(" {rule} ")) => None,
        other => Some(format!("{text}\n    {other:?}, not {rule}")),
    };
    let failures: Vec<String> = REFUSED.iter().filter_map(wrong).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn results_that_no_machine_holds_are_refused_before_they_are_made() {
    let numbers = |values: &[i64]| Tensor::from_vec(&[values.len()], values.to_vec()).expect("sizes fit");
    let vast = [
        (&ops::range::OP, vec![numbers(&[0]), numbers(&[i64::MAX]), numbers(&[1])]),
        (&ops::constant_of_shape::OP, vec![numbers(&[1 << 30, 1 << 30])]),
        (&ops::expand::OP, vec![numbers(&[1]), numbers(&[1 << 62])]),
        (&ops::pad::OP, vec![numbers(&[1]), numbers(&[1 << 50, 1 << 50])]),
        (&ops::tile::OP, vec![numbers(&[1]), numbers(&[1 << 50])]),
        (&ops::one_hot::OP, vec![numbers(&[1]), numbers(&[1 << 50]), numbers(&[0, 1])]),
    ];
    for (op, operands) in vast {
        let mut builder = GraphBuilder::new("vast");
        let operands: Vec<_> = operands.into_iter().map(|tensor| Some(builder.constant(tensor))).collect();
        let results = builder.node(op, &operands, Attrs::new(), 1).expect("the node is sound");
        let graph = builder.finish(results).expect("the graph is sound");
        let mut session = Session::new(graph, Options::default()).expect("there are no states");
        assert!(matches!(session.run(&[]), Err(RunError::Limit { .. })), "{}", op.name);
    }
}
