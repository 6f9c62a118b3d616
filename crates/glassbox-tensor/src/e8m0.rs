//! f8e8m0: an exponent alone. Pattern `e` below 255 is `2^(e - 127)`, 255 is NaN; no sign, no zero.
//!
//! Where ONNX's Cast leaves a case open, the answer is NaN rather than an invented scale: negative values
//! have none. Zero, of either sign, counts as below the range.

use crate::float_format::Unpacked;
use crate::{CastOptions, E8M0Round, Overflow};

const NAN: u8 = 255;
/// The pattern of 2^-127.
const SMALLEST: u8 = 0;
/// The pattern of 2^127.
const LARGEST: u8 = 254;
const BIAS: i64 = 127;

/// The exact value of an f8e8m0 pattern, as f32.
pub const fn decode_e8m0(bits: u8) -> f32 {
    match bits {
        NAN => f32::NAN,
        // 2^-127 is subnormal in f32.
        SMALLEST => f32::from_bits(1 << 22),
        _ => f32::from_bits((bits as u32) << 23),
    }
}

/// `value` as f8e8m0. Inside 2^-127..=2^127 it is rounded as `options.e8m0_round` says. Outside, it becomes the
/// nearer end when saturating, else NaN. NaN and negative values become NaN.
pub const fn encode_e8m0(value: Unpacked, options: CastOptions) -> u8 {
    let saturate = matches!(options.overflow, Overflow::Saturate);
    let (significand, exponent) = match value {
        Unpacked::Infinite { negative: false } if saturate => return LARGEST,
        Unpacked::Nan { .. } | Unpacked::Infinite { .. } => return NAN,
        Unpacked::Finite { significand: 0, .. } => return if saturate { SMALLEST } else { NAN },
        Unpacked::Finite { negative: true, .. } => return NAN,
        Unpacked::Finite { significand, exponent, .. } => (significand, exponent),
    };
    let shift = significand.leading_zeros();
    let below_top = (significand << shift) << 1;
    let top = exponent as i64 - shift as i64 + 63;
    if top < -BIAS {
        return if saturate { SMALLEST } else { NAN };
    }
    if top > BIAS || (top == BIAS && below_top != 0) {
        return if saturate { LARGEST } else { NAN };
    }
    let up = match options.e8m0_round {
        E8M0Round::Up => below_top != 0,
        E8M0Round::Down => false,
        // Half way between 2^top and 2^(top+1) is 1.5 * 2^top; ties go up.
        E8M0Round::Nearest => below_top >> 63 == 1,
    };
    (top + BIAS) as u8 + up as u8
}
