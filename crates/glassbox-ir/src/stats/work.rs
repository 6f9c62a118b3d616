//! The operations of each primitive, and what it reads and writes.

use super::{bytes, elements, ints, times};
use crate::dim::Dim;
use crate::graph::Node;
use crate::infer::Operand;
use crate::types::Type;

/// How the operations of an op are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// So many for each element of the first result.
    Each(i64),
    /// One for each element of the first result and each operand after the first.
    EachPair,
    /// One for each element of the first operand.
    Reduced,
    /// One for each tap of the window of each element of the result.
    Windows,
    /// The products of matrices.
    Matmul,
    /// A convolution: the result's elements see windows of the operand.
    Conv,
    /// A transposed convolution: the operand's elements are spread over windows of the result.
    ConvTranspose,
    /// None: elements are moved, chosen or converted.
    Moves,
    /// They hang on more than sizes.
    Uncounted,
}

/// The primitives by how they are counted. Each primitive stands in one row.
const TABLE: &[(Work, &[&str])] = &[
    (
        Work::Each(1),
        &[
            "abs",
            "acos",
            "acosh",
            "asin",
            "asinh",
            "atan",
            "atanh",
            "bit_shift",
            "bitwise_and",
            "bitwise_or",
            "bitwise_xor",
            "ceil",
            "cos",
            "cosh",
            "equal",
            "erf",
            "exp",
            "expm1",
            "floor",
            "greater",
            "greater_or_equal",
            "less",
            "less_or_equal",
            "log",
            "log1p",
            "mod",
            "neg",
            "not",
            "pow",
            "round",
            "sigmoid",
            "sign",
            "sin",
            "sinh",
            "sqrt",
            "tan",
            "tanh",
            "where",
            "and",
            "or",
            "xor",
            "add",
            "sub",
            "mul",
            "div",
        ],
    ),
    (Work::EachPair, &["max", "min"]),
    // A product or quotient, and a sum.
    (Work::Each(2), &["dequantize_linear", "quantize_linear", "dequantize_blocks"]),
    (
        Work::Reduced,
        &[
            "arg_max",
            "arg_min",
            "cum_prod",
            "cum_sum",
            "reduce_max",
            "reduce_mean",
            "reduce_min",
            "reduce_prod",
            "reduce_sum",
        ],
    ),
    (Work::Windows, &["average_pool", "max_pool"]),
    (Work::Matmul, &["matmul"]),
    (Work::Conv, &["conv"]),
    (Work::ConvTranspose, &["conv_transpose"]),
    (
        Work::Moves,
        &[
            "barrier",
            "bit_cast",
            "cast",
            "concat",
            "concat_from_sequence",
            "constant",
            "dropout",
            "expand",
            "expect",
            "gather",
            "gather_elements",
            "gather_nd",
            "host",
            "identity",
            "nonzero",
            "optional",
            "optional_get_element",
            "optional_has_element",
            "pad",
            "parameter",
            "range",
            "reshape",
            "scatter_elements",
            "scatter_nd",
            "sequence_at",
            "sequence_construct",
            "sequence_empty",
            "sequence_erase",
            "sequence_insert",
            "sequence_length",
            "shape",
            "size",
            "slice",
            "split",
            "squeeze",
            "state_append",
            "state_grow",
            "state_read",
            "state_reset",
            "state_slice",
            "state_update",
            "state_write",
            "transpose",
            "unsqueeze",
        ],
    ),
    (
        Work::Uncounted,
        &[
            "col2im",
            "deform_conv",
            "det",
            "dft",
            "grid_sample",
            "image_decoder",
            "label_encoder",
            "max_roi_pool",
            "max_unpool",
            "mel_weight_matrix",
            "multinomial",
            "non_max_suppression",
            "random_normal",
            "random_uniform",
            "regex_full_match",
            "resize",
            "roi_align",
            "stft",
            "string_concat",
            "string_normalizer",
            "string_split",
            "tf_idf_vectorizer",
            "top_k",
            "tree_ensemble",
            "unique",
        ],
    ),
];

/// Ops that give their first operand in another form, without a copy of its elements.
const VIEWS: &[&str] = &["barrier", "dropout", "flatten", "identity", "reshape", "squeeze", "unsqueeze"];
/// Ops that read as many elements of their first operand as they give.
const PICKS: &[&str] = &["gather", "gather_elements", "gather_nd", "slice", "split"];
/// Ops that look at the type of their operand only.
const BY_TYPE: &[&str] = &["shape", "size"];

/// Whether the first result of an op is a view of the first operand.
pub(super) fn is_view(node: &Node) -> bool {
    VIEWS.contains(&node.op.name)
}

/// Whether a node picks elements of its first operand.
pub(super) fn picks(node: &Node) -> bool {
    PICKS.contains(&node.op.name)
}

/// The row of an op.
pub(super) fn row(op: &str) -> Option<Work> {
    TABLE.iter().find(|(_, ops)| ops.contains(&op)).map(|(work, _)| *work)
}

/// The operations of a primitive, and the multiply-adds among them; `None` where they aren't counted.
pub(super) fn of(node: &Node, operands: &[Option<Operand>], results: &[&Type]) -> Option<(Dim, Dim)> {
    let operand = |index: usize| operands.get(index).and_then(|operand| operand.as_ref()).map(|operand| &operand.ty);
    let given = results.first().map_or(Dim::Unknown, |ty| elements(ty));
    let plain = |flops: Dim| Some((flops, Dim::Int(0)));
    match row(node.op.name)? {
        Work::Each(count) => plain(times(&given, &Dim::Int(count))),
        Work::EachPair => plain(times(&given, &Dim::from(operands.iter().flatten().count().saturating_sub(1)))),
        Work::Reduced => plain(operand(0).map_or(Dim::Unknown, elements)),
        Work::Windows => {
            let taps =
                ints(node, "kernel_shape").map(|taps| taps.iter().fold(Dim::Int(1), |all, tap| all * Dim::Int(*tap)));
            plain(times(&given, &taps.unwrap_or(Dim::Unknown)))
        }
        Work::Matmul => Some(products(&times(&given, &inner(operand(0), operand(1))), &Dim::Int(0))),
        Work::Conv => {
            let window = operand(1).map_or(Dim::Unknown, |w| dims_from(w, 1));
            Some(products(&times(&given, &window), &bias(operand(2), &given)))
        }
        Work::ConvTranspose => {
            let window = operand(1).map_or(Dim::Unknown, |w| dims_from(w, 1));
            let spread = operand(0).map_or(Dim::Unknown, elements);
            Some(products(&times(&spread, &window), &bias(operand(2), &given)))
        }
        Work::Moves => plain(Dim::Int(0)),
        Work::Uncounted => None,
    }
}

/// The operations of so many multiply-adds, and others besides.
fn products(macs: &Dim, besides: &Dim) -> (Dim, Dim) {
    (&times(macs, &Dim::Int(2)) + besides, macs.clone())
}

/// One sum for each element that a bias is added to.
fn bias(bias: Option<&Type>, given: &Dim) -> Dim {
    bias.map_or(Dim::Int(0), |_| given.clone())
}

/// The axis over which a product of matrices sums.
fn inner(a: Option<&Type>, b: Option<&Type>) -> Dim {
    let dims =
        |ty: Option<&Type>| ty.and_then(|ty| ty.as_tensor()).and_then(|tensor| tensor.dims()).map(<[Dim]>::to_vec);
    let of_a = dims(a).and_then(|dims| dims.last().cloned()).filter(|dim| !dim.is_unknown());
    let of_b = || dims(b).and_then(|dims| dims.get(dims.len().saturating_sub(2)).cloned());
    of_a.or_else(of_b).unwrap_or(Dim::Unknown)
}

/// The product of the dims from axis `first` on.
fn dims_from(ty: &Type, first: usize) -> Dim {
    let dims = ty.as_tensor().and_then(|tensor| tensor.dims()).and_then(|dims| dims.get(first..));
    dims.map_or(Dim::Unknown, |dims| dims.iter().fold(Dim::Int(1), |product, dim| times(&product, dim)))
}

/// The bytes that a node reads and writes.
pub(super) fn traffic(node: &Node, operands: &[Option<Operand>], results: &[&Type]) -> (Dim, Dim) {
    if is_view(node) {
        return (Dim::Int(0), Dim::Int(0));
    }
    let sum = |sizes: &mut dyn Iterator<Item = Dim>| sizes.fold(Dim::Int(0), |sum, size| sum + size);
    let written = sum(&mut results.iter().map(|ty| bytes(ty)));
    if BY_TYPE.contains(&node.op.name) {
        return (Dim::Int(0), written);
    }
    let mut seen = Vec::new();
    let first = usize::from(picks(node));
    let mut read = Dim::Int(0);
    for (id, operand) in node.operands.iter().zip(operands).skip(first) {
        if let (Some(id), Some(operand)) = (id, operand)
            && !seen.contains(id)
        {
            seen.push(*id);
            read = read + bytes(&operand.ty);
        }
    }
    (if first == 1 { read + written.clone() } else { read }, written)
}
