//! The types of GGUF's tensors: their numbers, names and dtypes.

use glassbox_tensor::{BlockFormat, DType};

/// Numbers, names, and dtypes where there is one. `Q8_1` is never stored: it is what products make of
/// activations.
const TYPES: &[(u32, &str, Option<DType>)] = &[
    (0, "F32", Some(DType::F32)),
    (1, "F16", Some(DType::F16)),
    (2, "Q4_0", Some(DType::Block(BlockFormat::Q4_0))),
    (3, "Q4_1", Some(DType::Block(BlockFormat::Q4_1))),
    (6, "Q5_0", Some(DType::Block(BlockFormat::Q5_0))),
    (7, "Q5_1", Some(DType::Block(BlockFormat::Q5_1))),
    (8, "Q8_0", Some(DType::Block(BlockFormat::Q8_0))),
    (9, "Q8_1", None),
    (10, "Q2_K", Some(DType::Block(BlockFormat::Q2K))),
    (11, "Q3_K", Some(DType::Block(BlockFormat::Q3K))),
    (12, "Q4_K", Some(DType::Block(BlockFormat::Q4K))),
    (13, "Q5_K", Some(DType::Block(BlockFormat::Q5K))),
    (14, "Q6_K", Some(DType::Block(BlockFormat::Q6K))),
    (15, "Q8_K", Some(DType::Block(BlockFormat::Q8K))),
    (16, "IQ2_XXS", None),
    (17, "IQ2_XS", None),
    (18, "IQ3_XXS", None),
    (19, "IQ1_S", None),
    (20, "IQ4_NL", Some(DType::Block(BlockFormat::IQ4NL))),
    (21, "IQ3_S", None),
    (22, "IQ2_S", None),
    (23, "IQ4_XS", None),
    (24, "I8", Some(DType::I8)),
    (25, "I16", Some(DType::I16)),
    (26, "I32", Some(DType::I32)),
    (27, "I64", Some(DType::I64)),
    (28, "F64", Some(DType::F64)),
    (29, "IQ1_M", None),
    (30, "BF16", Some(DType::BF16)),
    (34, "TQ1_0", None),
    (35, "TQ2_0", None),
    (39, "MXFP4", None),
];

/// The dtype of a type, where we have it.
pub(crate) fn dtype(number: u32) -> Option<DType> {
    TYPES.iter().find(|(other, _, _)| *other == number).and_then(|(_, _, dtype)| *dtype)
}

/// The number of a block format.
pub(crate) fn number(wanted: BlockFormat) -> Option<u32> {
    match wanted {
        BlockFormat::Q8_1 => Some(9),
        other => TYPES.iter().find(|(_, _, dtype)| *dtype == Some(DType::Block(other))).map(|(number, _, _)| *number),
    }
}

/// The name and number of a type.
pub(super) fn describe(number: u32) -> String {
    match TYPES.iter().find(|(other, _, _)| *other == number) {
        Some((_, name, _)) => format!("{name} ({number})"),
        None => format!("{number}, whose name isn't known,"),
    }
}
