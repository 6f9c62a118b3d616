//! What to do instead of an op that has no row on purpose: it belongs to one runtime, one device or one vendor's file
//! format.
//!
//! The error that names unsupported ops says it behind the op.

/// Whole searches: loops around a decoder that is inside of the node.
const SEARCH: &str = "it is a whole search around a decoder; import the decoder alone (export the model without the \
                      search, or take it out of the node's `decoder` attribute) and let `glassbox generate`, a program in \
                      `graph!` or your own loop choose the tokens";
/// Ops whose tensors are laid out for the kernels of one processor.
const LAYOUT: &str = "it is what ONNX Runtime made of the model for one processor; save the model again with its \
                      `graph_optimization_level` at ORT_ENABLE_EXTENDED or lower, or import the model as it was before";
/// Ops of the kernels of one device.
const DEVICE: &str = "only kernels of one device know its layout of weights; save the model without this fusion or \
                      quantisation, or import the model as it was before";
/// A compiled model inside of the model.
const COMPILED: &str = "what it computes is compiled code of one device inside of the node; import the model as it was \
                        before it was compiled";
/// Ops of attention whose past is in the pages of one server.
const PAGES: &str = "its past is in the memory pages of one server; export the model with GroupQueryAttention or \
                     MultiHeadAttention";

/// The ops, their domain and what to do instead; `*` stands for every op of a domain.
const REFUSED: &[(&str, &str, &str)] = &[
    ("com.microsoft", "BeamSearch", SEARCH),
    ("com.microsoft", "GreedySearch", SEARCH),
    ("com.microsoft", "Sampling", SEARCH),
    ("com.microsoft", "WhisperBeamSearch", SEARCH),
    (
        "com.microsoft",
        "BifurcationDetector",
        "it is a part of speculative search; compare the tokens outside of the model",
    ),
    ("com.microsoft", "NGramRepeatBlock", "it is a rule of sampling; ask for it where tokens are chosen"),
    ("com.microsoft", "Tokenizer", "tokens come from a tokenizer beside the model; feed the ids"),
    ("com.microsoft", "EPContext", COMPILED),
    ("com.microsoft", "Snpe", COMPILED),
    ("com.microsoft", "DequantizeBFP", DEVICE),
    ("com.microsoft", "DequantizeWithOrder", DEVICE),
    ("com.microsoft", "GemmFloat8", DEVICE),
    ("com.microsoft", "MatMulFpQ4", DEVICE),
    ("com.microsoft", "MatMulBlockQuantizedFp4Weight", DEVICE),
    ("com.microsoft", "MatMulBlockQuantizedFp8Weight", DEVICE),
    ("com.microsoft", "QOrderedAttention", DEVICE),
    ("com.microsoft", "QOrderedGelu", DEVICE),
    ("com.microsoft", "QOrderedLayerNormalization", DEVICE),
    ("com.microsoft", "QOrderedLongformerAttention", DEVICE),
    ("com.microsoft", "QOrderedMatMul", DEVICE),
    ("com.microsoft", "QuantizeBFP", DEVICE),
    ("com.microsoft", "QuantizeWithOrder", DEVICE),
    ("com.microsoft", "PagedAttention", PAGES),
    ("com.microsoft", "SparsePagedAttention", PAGES),
    ("com.microsoft", "BitmaskBiasDropout", "it is an op of training; export the model for inference"),
    ("com.microsoft", "BitmaskDropout", "it is an op of training; export the model for inference"),
    ("com.microsoft.nchwc", "*", LAYOUT),
    ("com.ms.internal.nhwc", "*", LAYOUT),
];

/// What to do instead of an op that has no row on purpose.
pub fn refusal(domain: &str, op: &str) -> Option<&'static str> {
    let found = REFUSED.iter().find(|(its, name, _)| *its == domain && (*name == op || *name == "*"));
    found.map(|(_, _, advice)| *advice)
}

/// The ops without a row on purpose: domain, name (`*` for every op of the domain), and what to do instead.
pub fn refusals() -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
    REFUSED.iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_op_has_a_row_or_an_advice() {
        for (domain, op, _) in REFUSED {
            assert!(super::super::find(domain, op, 1).is_none(), "{domain}.{op} has both");
        }
        assert!(refusal("com.microsoft.nchwc", "Conv").is_some_and(|advice| advice.contains("ORT_ENABLE_EXTENDED")));
        assert!(refusal("com.microsoft", "Gelu").is_none());
    }
}
