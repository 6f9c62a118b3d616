//! Elements that share a byte, and bit patterns that are no value of their dtype.

use crate::{DType, TensorError};

/// The code of element `index`, `BITS` (1, 2 or 4) wide. 0 beyond the end, which callers exclude.
#[inline]
pub(crate) fn get_code<const BITS: usize>(bytes: &[u8], index: usize) -> u8 {
    let per_byte = 8 / BITS;
    let byte = bytes.get(index / per_byte).copied().unwrap_or(0);
    (byte >> (index % per_byte * BITS)) & mask(BITS)
}

/// Writes the code of element `index`, `BITS` (1, 2 or 4) wide.
#[inline]
pub(crate) fn set_code<const BITS: usize>(bytes: &mut [u8], index: usize, code: u8) {
    let per_byte = 8 / BITS;
    let shift = index % per_byte * BITS;
    if let Some(byte) = bytes.get_mut(index / per_byte) {
        *byte = (*byte & !(mask(BITS) << shift)) | ((code & mask(BITS)) << shift);
    }
}

const fn mask(bits: usize) -> u8 {
    if bits >= 8 { u8::MAX } else { (1 << bits) - 1 }
}

/// Bits of the last byte that `elements` elements use; `None` if they use all of it.
fn used_tail(dtype: DType, elements: usize) -> Option<u8> {
    let bits = dtype.bits().filter(|bits| *bits < 8)?;
    let tail = elements % (8 / bits);
    (tail != 0).then(|| mask(tail * bits))
}

/// Zeroes the bits of the last byte that no element uses.
pub(crate) fn clear_padding(dtype: DType, bytes: &mut [u8], elements: usize) {
    if let (Some(used), Some(last)) = (used_tail(dtype, elements), bytes.last_mut()) {
        *last &= used;
    }
}

/// Whether the bits of the last byte that no element uses are zero.
pub(crate) fn padding_is_clear(dtype: DType, bytes: &[u8], elements: usize) -> bool {
    match (used_tail(dtype, elements), bytes.last()) {
        (Some(used), Some(last)) => last & !used == 0,
        _ => true,
    }
}

/// Refuses bit patterns that are no value of `dtype`: a bool byte above 1, the `t2` code `10`.
pub(crate) fn check_encodings(dtype: DType, bytes: &[u8], start: usize, elements: usize) -> Result<(), TensorError> {
    let invalid = |index: usize, bits: u8| TensorError::InvalidEncoding { dtype, index, bits: u64::from(bits) };
    match dtype {
        DType::Bool => {
            let end = start.saturating_add(elements).min(bytes.len());
            let range = bytes.get(start..end).unwrap_or(&[]);
            match range.iter().position(|byte| *byte > 1) {
                Some(at) => Err(invalid(start + at, range[at])),
                None => Ok(()),
            }
        }
        DType::T2 => match (start..start + elements).find(|at| get_code::<2>(bytes, *at) == 0b10) {
            Some(at) => Err(invalid(at, 0b10)),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}
