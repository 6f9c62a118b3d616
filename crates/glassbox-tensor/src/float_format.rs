//! Narrow floating-point formats as data, and one encoder and one decoder for all of them.
//!
//! A [`FloatFormat`] says how many bits there are and what is special; [`FloatFormat::encode`] rounds any
//! [`Unpacked`] value to nearest even in one step, [`FloatFormat::decode`] is exact. There is no other
//! encoder that could disagree, and the carry of a mantissa into the exponent is the carry of the addition
//! that rounds.

use crate::{DType, Overflow};

/// How a format writes NaN.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum NanEncoding {
    /// Exponent all ones, mantissa not zero; all ones with mantissa zero is infinity.
    Ieee,
    /// Exponent and mantissa all ones; no infinity.
    AllOnes,
    /// The pattern of negative zero; no infinity, no negative zero.
    NegativeZero,
    /// No NaN and no infinity.
    None,
}

/// Whether a format's overflow can be told to saturate.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum SaturateRule {
    /// The 8-bit formats: as [`Overflow`] asks.
    AsAsked,
    /// f16 and bf16 overflow to infinity whatever is asked.
    Never,
    /// f4e2m1 has nothing but finite values.
    Always,
}

/// A sign-magnitude binary floating-point format of at most 16 bits.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct FloatFormat {
    /// Width of the exponent field.
    pub exponent_bits: u32,
    /// Width of the mantissa field.
    pub mantissa_bits: u32,
    /// What the exponent field exceeds the exponent by.
    pub bias: i32,
    /// How NaN is written, and with it whether there are infinities and a negative zero.
    pub nan: NanEncoding,
    /// What overflow does.
    pub saturate: SaturateRule,
}

/// A number taken apart, so that any source can be rounded once: floats of any width and integers.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Unpacked {
    /// Not a number.
    Nan {
        /// The sign bit.
        negative: bool,
        /// The mantissa field, its highest bit at bit 63.
        payload: u64,
    },
    /// An infinity.
    Infinite {
        /// The sign bit.
        negative: bool,
    },
    /// `significand * 2^exponent`, exactly.
    Finite {
        /// The sign bit; zero has one too.
        negative: bool,
        /// Any integer, normalised or not.
        significand: u64,
        /// The weight of the significand's lowest bit.
        exponent: i32,
    },
}

impl FloatFormat {
    /// IEEE binary16.
    pub const F16: FloatFormat = FloatFormat {
        exponent_bits: 5,
        mantissa_bits: 10,
        bias: 15,
        nan: NanEncoding::Ieee,
        saturate: SaturateRule::Never,
    };
    /// bfloat16.
    pub const BF16: FloatFormat = FloatFormat {
        exponent_bits: 8,
        mantissa_bits: 7,
        bias: 127,
        nan: NanEncoding::Ieee,
        saturate: SaturateRule::Never,
    };
    /// f8e4m3fn.
    pub const F8E4M3FN: FloatFormat = FloatFormat {
        exponent_bits: 4,
        mantissa_bits: 3,
        bias: 7,
        nan: NanEncoding::AllOnes,
        saturate: SaturateRule::AsAsked,
    };
    /// f8e4m3fnuz.
    pub const F8E4M3FNUZ: FloatFormat = FloatFormat {
        exponent_bits: 4,
        mantissa_bits: 3,
        bias: 8,
        nan: NanEncoding::NegativeZero,
        saturate: SaturateRule::AsAsked,
    };
    /// f8e5m2.
    pub const F8E5M2: FloatFormat = FloatFormat {
        exponent_bits: 5,
        mantissa_bits: 2,
        bias: 15,
        nan: NanEncoding::Ieee,
        saturate: SaturateRule::AsAsked,
    };
    /// f8e5m2fnuz.
    pub const F8E5M2FNUZ: FloatFormat = FloatFormat {
        exponent_bits: 5,
        mantissa_bits: 2,
        bias: 16,
        nan: NanEncoding::NegativeZero,
        saturate: SaturateRule::AsAsked,
    };
    /// f4e2m1.
    pub const F4E2M1: FloatFormat = FloatFormat {
        exponent_bits: 2,
        mantissa_bits: 1,
        bias: 1,
        nan: NanEncoding::None,
        saturate: SaturateRule::Always,
    };

    /// The format of a dtype; `None` for f64 and f32, which the machine knows, for f8e8m0, which has neither
    /// sign nor mantissa, and for what is no float.
    pub const fn of(dtype: DType) -> Option<&'static FloatFormat> {
        match dtype {
            DType::F16 => Some(&FloatFormat::F16),
            DType::BF16 => Some(&FloatFormat::BF16),
            DType::F8E4M3FN => Some(&FloatFormat::F8E4M3FN),
            DType::F8E4M3FNUZ => Some(&FloatFormat::F8E4M3FNUZ),
            DType::F8E5M2 => Some(&FloatFormat::F8E5M2),
            DType::F8E5M2FNUZ => Some(&FloatFormat::F8E5M2FNUZ),
            DType::F4E2M1 => Some(&FloatFormat::F4E2M1),
            _ => None,
        }
    }

    /// Bits of a whole element.
    pub const fn bits(&self) -> u32 {
        1 + self.exponent_bits + self.mantissa_bits
    }

    const fn sign_bit(&self) -> u32 {
        1 << (self.bits() - 1)
    }

    const fn has_negative_zero(&self) -> bool {
        !matches!(self.nan, NanEncoding::NegativeZero)
    }

    const fn infinity(&self) -> Option<u32> {
        match self.nan {
            NanEncoding::Ieee => Some(((1 << self.exponent_bits) - 1) << self.mantissa_bits),
            _ => None,
        }
    }

    /// The pattern of the largest finite value.
    pub const fn max_finite(&self) -> u32 {
        let all_ones = self.sign_bit() - 1;
        match self.nan {
            NanEncoding::Ieee => all_ones - (1 << self.mantissa_bits),
            NanEncoding::AllOnes => all_ones - 1,
            NanEncoding::NegativeZero | NanEncoding::None => all_ones,
        }
    }

    /// Whether `bits` are a NaN of this format.
    pub const fn is_nan(&self, bits: u32) -> bool {
        let magnitude = bits & (self.sign_bit() - 1);
        match self.nan {
            NanEncoding::Ieee => magnitude > self.max_finite() + 1,
            NanEncoding::AllOnes => magnitude == self.sign_bit() - 1,
            NanEncoding::NegativeZero => bits & (2 * self.sign_bit() - 1) == self.sign_bit(),
            NanEncoding::None => false,
        }
    }

    /// The exact value of `bits`. A NaN becomes quiet and keeps its sign and payload; bits above the format's
    /// width are ignored.
    pub const fn unpack(&self, bits: u32) -> Unpacked {
        let negative = bits & self.sign_bit() != 0;
        let magnitude = bits & (self.sign_bit() - 1);
        let mantissa = magnitude & ((1 << self.mantissa_bits) - 1);
        if self.is_nan(bits) {
            let payload = match self.nan {
                NanEncoding::Ieee => (mantissa as u64) << (64 - self.mantissa_bits),
                _ => 0,
            };
            return Unpacked::Nan { negative, payload: payload | 1 << 63 };
        }
        if let Some(infinity) = self.infinity()
            && magnitude == infinity
        {
            return Unpacked::Infinite { negative };
        }
        let field = magnitude >> self.mantissa_bits;
        let (significand, field) = if field == 0 { (mantissa, 1) } else { (mantissa | 1 << self.mantissa_bits, field) };
        Unpacked::Finite {
            negative,
            significand: significand as u64,
            exponent: field as i32 - self.bias - self.mantissa_bits as i32,
        }
    }

    /// The exact value of `bits` as f64, which holds every value of every narrow format.
    pub const fn decode(&self, bits: u32) -> f64 {
        self.unpack(bits).to_f64_exact()
    }

    /// The exact value of `bits` as f32, which holds every value of every narrow format.
    pub const fn decode_f32(&self, bits: u32) -> f32 {
        match self.unpack(bits) {
            Unpacked::Nan { negative, payload } => {
                f32::from_bits(((negative as u32) << 31) | 0x7fc0_0000 | (payload >> 41) as u32)
            }
            number => number.to_f64_exact() as f32,
        }
    }

    /// `value` rounded once to nearest, ties to even.
    ///
    /// - NaN stays NaN: with its sign, and its payload cut to fit and made quiet, where the format has these.
    ///   f4e2m1 has no NaN, and gets negative zero, as ONNX's reference and backend tests have it.
    /// - What rounds beyond the largest finite value, and infinities, become that largest value when
    ///   saturating, else infinity if there is one, else NaN, always with the sign. [`SaturateRule`] says
    ///   which formats listen to `overflow`.
    #[inline(always)]
    pub const fn encode(&self, value: Unpacked, overflow: Overflow) -> u32 {
        match value {
            Unpacked::Nan { negative, payload } => self.encode_nan(negative, payload),
            Unpacked::Infinite { negative } => self.encode_overflow(negative, overflow),
            Unpacked::Finite { negative, significand, exponent } => {
                let magnitude = self.round_magnitude(significand, exponent);
                if magnitude > self.max_finite() as u64 {
                    return self.encode_overflow(negative, overflow);
                }
                self.with_sign(magnitude as u32, negative)
            }
        }
    }

    #[inline(always)]
    const fn with_sign(&self, magnitude: u32, negative: bool) -> u32 {
        if negative && (magnitude != 0 || self.has_negative_zero()) { magnitude | self.sign_bit() } else { magnitude }
    }

    const fn encode_nan(&self, negative: bool, payload: u64) -> u32 {
        match self.nan {
            NanEncoding::Ieee => {
                let quiet = 1 << (self.mantissa_bits - 1);
                let mantissa = (payload >> (64 - self.mantissa_bits)) as u32 | quiet;
                self.with_sign((self.max_finite() + 1) | mantissa, negative)
            }
            NanEncoding::AllOnes => self.with_sign(self.sign_bit() - 1, negative),
            NanEncoding::NegativeZero | NanEncoding::None => self.sign_bit(),
        }
    }

    const fn encode_overflow(&self, negative: bool, overflow: Overflow) -> u32 {
        let saturate = match self.saturate {
            SaturateRule::AsAsked => matches!(overflow, Overflow::Saturate),
            SaturateRule::Never => false,
            SaturateRule::Always => true,
        };
        match self.infinity() {
            _ if saturate => self.with_sign(self.max_finite(), negative),
            Some(infinity) => self.with_sign(infinity, negative),
            None => self.encode_nan(negative, 0),
        }
    }

    /// The magnitude pattern nearest to `significand * 2^exponent`, as if exponents had no upper limit.
    #[inline(always)]
    const fn round_magnitude(&self, significand: u64, exponent: i32) -> u64 {
        if significand == 0 {
            return 0;
        }
        // Normalise: the value is `significand * 2^exponent` with bit 63 set, so 2^top <= value < 2^(top+1).
        let shift = significand.leading_zeros();
        let significand = significand << shift;
        let top = exponent as i64 - shift as i64 + 63;
        // The exponent that the value is written with: subnormals share that of the smallest normal.
        let smallest = 1 - self.bias as i64;
        let written = if top > smallest { top } else { smallest };
        // Drop all bits below the last mantissa bit; at least 63 - mantissa_bits of them.
        let dropped = written - top + 63 - self.mantissa_bits as i64;
        let (kept, half, rest) = match dropped {
            ..64 => {
                let kept = significand >> dropped;
                let rest = significand << (64 - dropped);
                (kept, rest >> 63 == 1, rest << 1 != 0)
            }
            64 => (0, true, significand << 1 != 0),
            _ => return 0,
        };
        // Adding the leading one carries into the exponent field; so does rounding up.
        let field = (written - smallest) as u64;
        let magnitude = (field << self.mantissa_bits) + kept;
        magnitude + (half && (rest || magnitude & 1 == 1)) as u64
    }
}

impl Unpacked {
    /// Takes an f64 apart.
    #[inline]
    pub const fn from_f64(value: f64) -> Unpacked {
        let bits = value.to_bits();
        let negative = bits >> 63 == 1;
        let field = (bits >> 52) as i32 & 0x7ff;
        let mantissa = bits & ((1 << 52) - 1);
        match field {
            0x7ff if mantissa == 0 => Unpacked::Infinite { negative },
            0x7ff => Unpacked::Nan { negative, payload: mantissa << 12 },
            0 => Unpacked::Finite { negative, significand: mantissa, exponent: -1074 },
            _ => Unpacked::Finite { negative, significand: mantissa | 1 << 52, exponent: field - 1075 },
        }
    }

    /// Takes an f32 apart.
    #[inline]
    pub const fn from_f32(value: f32) -> Unpacked {
        let bits = value.to_bits();
        let negative = bits >> 31 == 1;
        let field = (bits >> 23) as i32 & 0xff;
        let mantissa = bits & ((1 << 23) - 1);
        match field {
            0xff if mantissa == 0 => Unpacked::Infinite { negative },
            0xff => Unpacked::Nan { negative, payload: (mantissa as u64) << 41 },
            0 => Unpacked::Finite { negative, significand: mantissa as u64, exponent: -149 },
            _ => Unpacked::Finite { negative, significand: (mantissa | 1 << 23) as u64, exponent: field - 150 },
        }
    }

    /// An unsigned integer.
    #[inline]
    pub const fn from_u64(value: u64) -> Unpacked {
        Unpacked::Finite { negative: false, significand: value, exponent: 0 }
    }

    /// A signed integer.
    #[inline]
    pub const fn from_i64(value: i64) -> Unpacked {
        Unpacked::Finite { negative: value < 0, significand: value.unsigned_abs(), exponent: 0 }
    }

    /// The value as f64, for significands of at most 53 bits and exponents of narrow formats only.
    const fn to_f64_exact(self) -> f64 {
        match self {
            Unpacked::Nan { negative, payload } => {
                f64::from_bits(((negative as u64) << 63) | 0x7ff8 << 48 | payload >> 12)
            }
            Unpacked::Infinite { negative: false } => f64::INFINITY,
            Unpacked::Infinite { negative: true } => f64::NEG_INFINITY,
            Unpacked::Finite { negative, significand, exponent } => {
                let power = f64::from_bits(((exponent + 1023) as u64) << 52);
                let magnitude = significand as f64 * power;
                if negative { -magnitude } else { magnitude }
            }
        }
    }
}
