//! The dtypes: what an element is, how many bits it takes, what family it belongs to.
//!
//! Packed dtypes store elements least significant bits first, without gaps, so `n` elements take
//! `ceil(n * bits / 8)` bytes; in a 4-bit dtype the low nibble comes first, as in ONNX.

use std::fmt;
use std::str::FromStr;

use crate::{BlockFormat, TensorError};

/// The type of a tensor's elements.
///
/// ```
/// use glassbox_tensor::{Class, DType};
/// let dtype: DType = "f8e4m3fn".parse()?;
/// assert_eq!((dtype.class(), dtype.to_string().as_str()), (Class::Float, "f8e4m3fn"));
/// // Sub-byte dtypes stay packed.
/// assert_eq!(DType::I4.byte_len(3), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum DType {
    /// IEEE binary64.
    F64,
    /// IEEE binary32.
    F32,
    /// IEEE binary16.
    F16,
    /// The upper half of binary32.
    BF16,
    /// 8 bits, 4 exponent, 3 mantissa; no infinity, NaN is all ones.
    F8E4M3FN,
    /// 8 bits, 4 exponent, 3 mantissa, bias 8; no infinity, no negative zero: its pattern is NaN.
    F8E4M3FNUZ,
    /// 8 bits, 5 exponent, 2 mantissa, IEEE-like.
    F8E5M2,
    /// 8 bits, 5 exponent, 2 mantissa, bias 16; no infinity, no negative zero: its pattern is NaN.
    F8E5M2FNUZ,
    /// 8 exponent bits alone: the powers of two from 2^-127 to 2^127, and NaN. No sign, no zero.
    F8E8M0,
    /// 4 bits, 2 exponent, 1 mantissa: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives. No infinity, no NaN.
    F4E2M1,
    /// 64-bit two's complement.
    I64,
    /// 32-bit two's complement.
    I32,
    /// 16-bit two's complement.
    I16,
    /// 8-bit two's complement.
    I8,
    /// 64-bit unsigned.
    U64,
    /// 32-bit unsigned.
    U32,
    /// 16-bit unsigned.
    U16,
    /// 8-bit unsigned.
    U8,
    /// 4-bit two's complement, packed.
    I4,
    /// 4-bit unsigned, packed.
    U4,
    /// 2-bit two's complement, packed.
    I2,
    /// 2-bit unsigned, packed.
    U2,
    /// 1-bit two's complement, packed: {-1, 0}.
    I1,
    /// 1-bit unsigned, packed: {0, 1}.
    U1,
    /// Ternary in 2 bits, packed: 0 is `00`, 1 is `01`, -1 is `11`; `10` is no value.
    T2,
    /// Sign in 1 bit, packed: -1 is `0`, 1 is `1`.
    T1,
    /// One byte, 0 or 1.
    Bool,
    /// UTF-8 text.
    String,
    /// A GGUF block format: storage only.
    Block(BlockFormat),
}

/// The family of a dtype.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Class {
    /// Floating point, from f64 to f4e2m1.
    Float,
    /// Signed integers, `t2` and `t1` among them.
    Signed,
    /// Unsigned integers.
    Unsigned,
    /// Truth values.
    Bool,
    /// Text.
    String,
    /// Block-quantised storage.
    Block,
}

impl DType {
    /// Every dtype but the block formats, in order.
    pub const ALL: &'static [DType] = &[
        DType::F64,
        DType::F32,
        DType::F16,
        DType::BF16,
        DType::F8E4M3FN,
        DType::F8E4M3FNUZ,
        DType::F8E5M2,
        DType::F8E5M2FNUZ,
        DType::F8E8M0,
        DType::F4E2M1,
        DType::I64,
        DType::I32,
        DType::I16,
        DType::I8,
        DType::U64,
        DType::U32,
        DType::U16,
        DType::U8,
        DType::I4,
        DType::U4,
        DType::I2,
        DType::U2,
        DType::I1,
        DType::U1,
        DType::T2,
        DType::T1,
        DType::Bool,
        DType::String,
    ];

    /// The dtype's lower-case name, which [`DType::from_str`] reads back.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F64 => "f64",
            DType::F32 => "f32",
            DType::F16 => "f16",
            DType::BF16 => "bf16",
            DType::F8E4M3FN => "f8e4m3fn",
            DType::F8E4M3FNUZ => "f8e4m3fnuz",
            DType::F8E5M2 => "f8e5m2",
            DType::F8E5M2FNUZ => "f8e5m2fnuz",
            DType::F8E8M0 => "f8e8m0",
            DType::F4E2M1 => "f4e2m1",
            DType::I64 => "i64",
            DType::I32 => "i32",
            DType::I16 => "i16",
            DType::I8 => "i8",
            DType::U64 => "u64",
            DType::U32 => "u32",
            DType::U16 => "u16",
            DType::U8 => "u8",
            DType::I4 => "i4",
            DType::U4 => "u4",
            DType::I2 => "i2",
            DType::U2 => "u2",
            DType::I1 => "i1",
            DType::U1 => "u1",
            DType::T2 => "t2",
            DType::T1 => "t1",
            DType::Bool => "bool",
            DType::String => "string",
            DType::Block(format) => format.name(),
        }
    }

    /// Bits per element; `None` for strings and block formats, whose elements have no fixed size of their own.
    pub const fn bits(self) -> Option<usize> {
        match self {
            DType::F64 | DType::I64 | DType::U64 => Some(64),
            DType::F32 | DType::I32 | DType::U32 => Some(32),
            DType::F16 | DType::BF16 | DType::I16 | DType::U16 => Some(16),
            DType::F8E4M3FN
            | DType::F8E4M3FNUZ
            | DType::F8E5M2
            | DType::F8E5M2FNUZ
            | DType::F8E8M0
            | DType::I8
            | DType::U8
            | DType::Bool => Some(8),
            DType::F4E2M1 | DType::I4 | DType::U4 => Some(4),
            DType::I2 | DType::U2 | DType::T2 => Some(2),
            DType::I1 | DType::U1 | DType::T1 => Some(1),
            DType::String | DType::Block(_) => None,
        }
    }

    /// Bytes that `elements` elements take, the last byte padded. `None` when that overflows, for strings,
    /// and when a block format's last block would be partial.
    pub const fn byte_len(self, elements: usize) -> Option<usize> {
        match self {
            DType::String => None,
            DType::Block(format) => {
                if elements.is_multiple_of(format.block_elements()) {
                    (elements / format.block_elements()).checked_mul(format.block_bytes())
                } else {
                    None
                }
            }
            _ => match self.bits() {
                Some(bits) if bits < 8 => Some(elements.div_ceil(8 / bits)),
                Some(bits) => elements.checked_mul(bits / 8),
                None => None,
            },
        }
    }

    /// The family this dtype belongs to.
    pub const fn class(self) -> Class {
        match self {
            DType::F64
            | DType::F32
            | DType::F16
            | DType::BF16
            | DType::F8E4M3FN
            | DType::F8E4M3FNUZ
            | DType::F8E5M2
            | DType::F8E5M2FNUZ
            | DType::F8E8M0
            | DType::F4E2M1 => Class::Float,
            DType::I64
            | DType::I32
            | DType::I16
            | DType::I8
            | DType::I4
            | DType::I2
            | DType::I1
            | DType::T2
            | DType::T1 => Class::Signed,
            DType::U64 | DType::U32 | DType::U16 | DType::U8 | DType::U4 | DType::U2 | DType::U1 => Class::Unsigned,
            DType::Bool => Class::Bool,
            DType::String => Class::String,
            DType::Block(_) => Class::Block,
        }
    }

    /// Whether elements are floating point.
    pub const fn is_float(self) -> bool {
        matches!(self.class(), Class::Float)
    }

    /// Whether elements are integers, signed or unsigned, packed ones among them; bool is not.
    pub const fn is_integer(self) -> bool {
        self.is_signed_integer() || self.is_unsigned_integer()
    }

    /// Whether elements are signed integers; `t2`, `t1` and `i1` are.
    pub const fn is_signed_integer(self) -> bool {
        matches!(self.class(), Class::Signed)
    }

    /// Whether elements are unsigned integers.
    pub const fn is_unsigned_integer(self) -> bool {
        matches!(self.class(), Class::Unsigned)
    }

    /// Whether elements are numbers: floats or integers, not bool.
    pub const fn is_numeric(self) -> bool {
        self.is_float() || self.is_integer()
    }

    /// Whether several elements share a byte.
    pub const fn is_sub_byte(self) -> bool {
        matches!(self.bits(), Some(1..8))
    }

    /// The alignment that a slice of this dtype's elements wants, in bytes.
    pub(crate) const fn alignment(self) -> usize {
        match self.bits() {
            Some(bits) if bits >= 8 => bits / 8,
            _ => 1,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DType {
    type Err = TensorError;

    /// Reads a dtype's exact name.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let plain = DType::ALL.iter().copied();
        let blocks = BlockFormat::ALL.iter().copied().map(DType::Block);
        plain
            .chain(blocks)
            .find(|dtype| dtype.name() == name)
            .ok_or_else(|| TensorError::UnknownDtype { name: name.to_owned() })
    }
}
