//! The types that kernels compute in, and the scalar conversions into and out of them.

use crate::float_format::{FloatFormat, Unpacked};
use crate::{Element, Overflow};

/// A two's complement or unsigned integer format of 1 to 64 bits.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct IntegerFormat {
    /// Its width, 1 to 64.
    pub bits: u32,
    /// Whether the highest bit counts negative.
    pub signed: bool,
}

impl IntegerFormat {
    const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits)
    }

    /// The largest value, as an unsigned number.
    const fn max(self) -> u64 {
        if self.signed { self.mask() >> 1 } else { self.mask() }
    }

    /// The smallest value.
    const fn min(self) -> i64 {
        if self.signed { i64::MIN >> (64 - self.bits) } else { 0 }
    }

    #[inline]
    fn encode_i64(self, value: i64, overflow: Overflow) -> u64 {
        let value = match overflow {
            Overflow::Wrap => value.cast_unsigned(),
            Overflow::Saturate if value < 0 => value.max(self.min()).cast_unsigned(),
            Overflow::Saturate => value.cast_unsigned().min(self.max()),
        };
        value & self.mask()
    }

    #[inline]
    fn encode_u64(self, value: u64, overflow: Overflow) -> u64 {
        match overflow {
            Overflow::Wrap => value & self.mask(),
            Overflow::Saturate => value.min(self.max()),
        }
    }

    #[inline]
    fn encode_f64(self, value: f64, overflow: Overflow) -> u64 {
        match overflow {
            Overflow::Wrap => truncate_wrapping(value) & self.mask(),
            // `as` truncates, saturates, and takes NaN to 0.
            Overflow::Saturate if value < 0.0 => self.encode_i64(value as i64, overflow),
            Overflow::Saturate => self.encode_u64(value as u64, overflow),
        }
    }
}

/// `value` truncated toward zero, modulo 2^64; NaN and infinities give 0.
#[inline]
fn truncate_wrapping(value: f64) -> u64 {
    let near = value as i64;
    if near != i64::MAX && near != i64::MIN {
        return near.cast_unsigned();
    }
    let Unpacked::Finite { negative, significand, exponent } = Unpacked::from_f64(value) else {
        return 0;
    };
    // The value is at least 2^63 in magnitude, so the exponent is positive and no bit is dropped below.
    let magnitude = u32::try_from(exponent).ok().and_then(|exponent| significand.checked_shl(exponent)).unwrap_or(0);
    if negative { magnitude.wrapping_neg() } else { magnitude }
}

/// A type that kernels compute in. Every numeric dtype loads into one and stores from one, rounding at most
/// once each way.
pub trait Compute: Element + Default {
    /// Whether every value of this type is a value of f32.
    const EXACT_IN_F32: bool = false;

    /// The value taken apart, exactly.
    fn unpack(self) -> Unpacked;
    /// From f32, by the rules of [`cast`](crate::cast) with [`Overflow::Wrap`].
    fn from_f32(value: f32) -> Self;
    /// From f64, by the rules of [`cast`](crate::cast) with [`Overflow::Wrap`].
    fn from_f64(value: f64) -> Self;
    /// From i64, by the rules of [`cast`](crate::cast) with [`Overflow::Wrap`].
    fn from_i64(value: i64) -> Self;
    /// From u64, by the rules of [`cast`](crate::cast) with [`Overflow::Wrap`].
    fn from_u64(value: u64) -> Self;
    /// To f32, rounded once.
    fn to_f32(self) -> f32;
    /// To f64, rounded once.
    fn to_f64(self) -> f64;
    /// To the bits of an integer format, which are the lowest of the result.
    fn to_integer(self, format: IntegerFormat, overflow: Overflow) -> u64;
    /// Whether the value is not zero. NaN is not.
    fn is_nonzero(self) -> bool;

    /// To a narrow float, rounded once.
    #[inline(always)]
    fn to_narrow(self, format: &FloatFormat, overflow: Overflow) -> u32 {
        format.encode(self.unpack(), overflow)
    }
}

macro_rules! compute_float {
    ($type:ident, $unpack:ident, $exact_in_f32:literal) => {
        impl Compute for $type {
            const EXACT_IN_F32: bool = $exact_in_f32;

            #[inline]
            fn unpack(self) -> Unpacked {
                Unpacked::$unpack(self)
            }
            #[inline]
            fn from_f32(value: f32) -> Self {
                value as $type
            }
            #[inline]
            fn from_f64(value: f64) -> Self {
                value as $type
            }
            #[inline]
            fn from_i64(value: i64) -> Self {
                value as $type
            }
            #[inline]
            fn from_u64(value: u64) -> Self {
                value as $type
            }
            #[inline]
            fn to_f32(self) -> f32 {
                self as f32
            }
            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline]
            fn to_integer(self, format: IntegerFormat, overflow: Overflow) -> u64 {
                format.encode_f64(self as f64, overflow)
            }
            #[inline]
            fn is_nonzero(self) -> bool {
                self != 0.0
            }
        }
    };
}

macro_rules! compute_integer {
    ($type:ident, $unpack:ident, $encode:ident) => {
        impl Compute for $type {
            #[inline]
            fn unpack(self) -> Unpacked {
                Unpacked::$unpack(self)
            }
            #[inline]
            fn from_f32(value: f32) -> Self {
                truncate_wrapping(f64::from(value)) as $type
            }
            #[inline]
            fn from_f64(value: f64) -> Self {
                truncate_wrapping(value) as $type
            }
            #[inline]
            fn from_i64(value: i64) -> Self {
                value as $type
            }
            #[inline]
            fn from_u64(value: u64) -> Self {
                value as $type
            }
            #[inline]
            fn to_f32(self) -> f32 {
                self as f32
            }
            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline]
            fn to_integer(self, format: IntegerFormat, overflow: Overflow) -> u64 {
                format.$encode(self, overflow)
            }
            #[inline]
            fn is_nonzero(self) -> bool {
                self != 0
            }
        }
    };
}

compute_float!(f32, from_f32, true);
compute_float!(f64, from_f64, false);
compute_integer!(i64, from_i64, encode_i64);
compute_integer!(u64, from_u64, encode_u64);

impl Compute for bool {
    const EXACT_IN_F32: bool = true;

    #[inline]
    fn unpack(self) -> Unpacked {
        Unpacked::from_u64(u64::from(self))
    }
    #[inline]
    fn from_f32(value: f32) -> Self {
        value != 0.0
    }
    #[inline]
    fn from_f64(value: f64) -> Self {
        value != 0.0
    }
    #[inline]
    fn from_i64(value: i64) -> Self {
        value != 0
    }
    #[inline]
    fn from_u64(value: u64) -> Self {
        value != 0
    }
    #[inline]
    fn to_f32(self) -> f32 {
        f32::from(u8::from(self))
    }
    #[inline]
    fn to_f64(self) -> f64 {
        f64::from(u8::from(self))
    }
    #[inline]
    fn to_integer(self, format: IntegerFormat, overflow: Overflow) -> u64 {
        format.encode_u64(u64::from(self), overflow)
    }
    #[inline]
    fn is_nonzero(self) -> bool {
        self
    }
}
