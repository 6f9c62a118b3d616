//! GGUF block formats: storage types whose unit is a block of elements that share scales.
//!
//! Here are their names and sizes. What the bits of a block mean is in `decode` and `k_quants`; how blocks
//! are made of numbers, for the formats that can be written, is in `encode` and `q4_k`. Tensors of these
//! dtypes can be held, sliced by rows and reshaped, turned into f32 ([`Tensor::dequantize_blocks`]) and made
//! of it ([`Tensor::quantize_blocks`]); they refuse arithmetic access.
//!
//! [`Tensor::dequantize_blocks`]: crate::Tensor::dequantize_blocks
//! [`Tensor::quantize_blocks`]: crate::Tensor::quantize_blocks

mod decode;
mod encode;
mod k_quants;
mod q4_k;
mod tensors;

/// A GGUF block-quantised storage format.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[allow(non_camel_case_types)]
pub enum BlockFormat {
    /// 32 elements, 4 bits each, one f16 scale.
    Q4_0,
    /// 32 elements, 4 bits each, f16 scale and minimum.
    Q4_1,
    /// 32 elements, 5 bits each, one f16 scale.
    Q5_0,
    /// 32 elements, 5 bits each, f16 scale and minimum.
    Q5_1,
    /// 32 elements, 8 bits each, one f16 scale.
    Q8_0,
    /// 32 elements, 8 bits each, f16 scale and sum.
    Q8_1,
    /// 256 elements, 2 bits each, 4-bit scales and minima.
    Q2K,
    /// 256 elements, 3 bits each, 6-bit scales.
    Q3K,
    /// 256 elements, 4 bits each, 6-bit scales and minima.
    Q4K,
    /// 256 elements, 5 bits each, 6-bit scales and minima.
    Q5K,
    /// 256 elements, 6 bits each, 8-bit scales.
    Q6K,
    /// 256 elements, 8 bits each, f32 scale and sums of 16.
    Q8K,
    /// 32 elements, 4-bit codes into a non-linear table, one f16 scale.
    IQ4NL,
}

impl BlockFormat {
    /// Every block format, in order.
    pub const ALL: &'static [BlockFormat] = &[
        BlockFormat::Q4_0,
        BlockFormat::Q4_1,
        BlockFormat::Q5_0,
        BlockFormat::Q5_1,
        BlockFormat::Q8_0,
        BlockFormat::Q8_1,
        BlockFormat::Q2K,
        BlockFormat::Q3K,
        BlockFormat::Q4K,
        BlockFormat::Q5K,
        BlockFormat::Q6K,
        BlockFormat::Q8K,
        BlockFormat::IQ4NL,
    ];

    /// The format's lower-case name, as in `q4_k`.
    pub const fn name(self) -> &'static str {
        match self {
            BlockFormat::Q4_0 => "q4_0",
            BlockFormat::Q4_1 => "q4_1",
            BlockFormat::Q5_0 => "q5_0",
            BlockFormat::Q5_1 => "q5_1",
            BlockFormat::Q8_0 => "q8_0",
            BlockFormat::Q8_1 => "q8_1",
            BlockFormat::Q2K => "q2_k",
            BlockFormat::Q3K => "q3_k",
            BlockFormat::Q4K => "q4_k",
            BlockFormat::Q5K => "q5_k",
            BlockFormat::Q6K => "q6_k",
            BlockFormat::Q8K => "q8_k",
            BlockFormat::IQ4NL => "iq4_nl",
        }
    }

    /// How many elements one block holds.
    pub const fn block_elements(self) -> usize {
        match self {
            BlockFormat::Q4_0
            | BlockFormat::Q4_1
            | BlockFormat::Q5_0
            | BlockFormat::Q5_1
            | BlockFormat::Q8_0
            | BlockFormat::Q8_1
            | BlockFormat::IQ4NL => 32,
            BlockFormat::Q2K
            | BlockFormat::Q3K
            | BlockFormat::Q4K
            | BlockFormat::Q5K
            | BlockFormat::Q6K
            | BlockFormat::Q8K => 256,
        }
    }

    /// How many bytes one block takes: the sum of its fields, written out.
    pub const fn block_bytes(self) -> usize {
        match self {
            BlockFormat::Q4_0 | BlockFormat::IQ4NL => 2 + 16,
            BlockFormat::Q4_1 => 2 + 2 + 16,
            BlockFormat::Q5_0 => 2 + 4 + 16,
            BlockFormat::Q5_1 => 2 + 2 + 4 + 16,
            BlockFormat::Q8_0 => 2 + 32,
            BlockFormat::Q8_1 => 2 + 2 + 32,
            BlockFormat::Q2K => 16 + 64 + 2 + 2,
            BlockFormat::Q3K => 32 + 64 + 12 + 2,
            BlockFormat::Q4K => 2 + 2 + 12 + 128,
            BlockFormat::Q5K => 2 + 2 + 12 + 32 + 128,
            BlockFormat::Q6K => 128 + 64 + 16 + 2,
            BlockFormat::Q8K => 4 + 256 + 32,
        }
    }
}
