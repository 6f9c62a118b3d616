//! The numbers of dtypes in `.oinf` files. Those up to 25 are the older versions'.

use glassbox_tensor::{BlockFormat, DType};

use crate::gguf;

/// Block formats are this and GGUF's number.
const BLOCKS: u32 = 64;

const CODES: &[(u32, DType)] = &[
    (1, DType::I8),
    (2, DType::I16),
    (3, DType::I32),
    (4, DType::I64),
    (5, DType::U8),
    (6, DType::U16),
    (7, DType::U32),
    (8, DType::U64),
    (9, DType::F16),
    (10, DType::F32),
    (11, DType::F64),
    (12, DType::Bool),
    (16, DType::BF16),
    (17, DType::F8E5M2),
    (18, DType::I4),
    (19, DType::I2),
    (20, DType::I1),
    (21, DType::U4),
    (22, DType::U2),
    (23, DType::U1),
    (24, DType::T2),
    (25, DType::T1),
    (26, DType::F8E4M3FN),
    (27, DType::F8E4M3FNUZ),
    (28, DType::F8E5M2FNUZ),
    (29, DType::F8E8M0),
    (30, DType::F4E2M1),
];

/// The older versions have the numbers up to this one.
const LAST_OLD: u32 = 25;

/// The dtype of a number.
pub(super) fn dtype(code: u32) -> Option<DType> {
    let plain = CODES.iter().find(|(other, _)| *other == code).map(|(_, dtype)| *dtype);
    plain.or_else(|| {
        let block = |format: &&BlockFormat| {
            code.checked_sub(BLOCKS).is_some_and(|code| gguf::types::number(**format) == Some(code))
        };
        BlockFormat::ALL.iter().find(block).map(|format| DType::Block(*format))
    })
}

/// The dtype of a number in the older versions.
pub(super) fn old_dtype(code: u32) -> Option<DType> {
    dtype(code).filter(|_| code <= LAST_OLD)
}

/// The number of a dtype; strings have none.
pub(super) fn code(dtype: DType) -> Option<u32> {
    match dtype {
        DType::Block(format) => gguf::types::number(format).map(|number| BLOCKS + number),
        plain => CODES.iter().find(|(_, other)| *other == plain).map(|(code, _)| *code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dtype_but_strings_has_a_number_of_its_own() {
        let blocks = BlockFormat::ALL.iter().copied().map(DType::Block);
        for wanted in DType::ALL.iter().copied().chain(blocks) {
            match code(wanted) {
                Some(code) => assert_eq!(dtype(code), Some(wanted)),
                None => assert_eq!(wanted, DType::String),
            }
        }
        assert_eq!(old_dtype(26), None);
    }
}
