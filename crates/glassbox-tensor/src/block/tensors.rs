//! Tensors of block formats to f32 and back, on all threads, the same to the bit whatever their number.

use std::borrow::Cow;

use super::BlockFormat;
use crate::gather::check_arithmetic;
use crate::{BUILD_CHUNK, DType, Overflow, Tensor, TensorError};

// Chunks are built apart, so none may end inside a block.
const _: () = assert!(BUILD_CHUNK.is_multiple_of(256));

impl Tensor {
    /// The elements of a tensor of a block format, as f32 of the same shape.
    ///
    /// # Errors
    ///
    /// Where the tensor is of no block format, its file has become shorter, or there isn't enough memory.
    pub fn dequantize_blocks(&self) -> Result<Tensor, TensorError> {
        let format = self.block_format("dequantize_blocks")?;
        let bytes = self.block_bytes()?;
        Tensor::try_build(DType::F32, self.shape(), Overflow::Wrap, |start, out: &mut [f32]| {
            let first = start / format.block_elements() * format.block_bytes();
            let blocks = bytes[first..].chunks_exact(format.block_bytes());
            for (out, block) in out.chunks_exact_mut(format.block_elements()).zip(blocks) {
                format.decode(block, out);
            }
            Ok(())
        })
    }

    /// The elements as blocks of a format, of the same shape: the last dim must end with a block. They are
    /// rounded to f32 first. Of the formats, `q8_0`, `q4_0` and `q4_k` can be written.
    ///
    /// A number that is not finite is an error, and so is a block whose scale doesn't fit f16.
    ///
    /// # Errors
    ///
    /// Where the format can't be written, the last dim doesn't end with a block, the tensor holds no numbers, one of them
    /// isn't finite, or the scale of a block doesn't fit f16.
    ///
    /// ```
    /// use glassbox_tensor::{BlockFormat, Tensor};
    /// let x = Tensor::from_vec(&[32], (0..32).map(|i| i as f32).collect())?;
    /// let blocks = x.quantize_blocks(BlockFormat::Q8_0)?;
    /// assert_eq!(blocks.byte_len(), Some(34));
    /// let back = blocks.dequantize_blocks()?.to_vec::<f32>()?;
    /// assert!(back.iter().zip(0..).all(|(got, want)| (got - want as f32).abs() < 0.2));
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn quantize_blocks(&self, format: BlockFormat) -> Result<Tensor, TensorError> {
        let dtype = DType::Block(format);
        if !format.can_quantize() {
            let rule = "of the block formats, q8_0, q4_0 and q4_k can be written";
            return Err(TensorError::UnsupportedDtype { operation: "quantize_blocks", dtype, rule });
        }
        check_arithmetic("quantize_blocks", self.dtype())?;
        let dense = self.contiguous()?;
        Tensor::encode_chunks(dtype, self.shape(), &|start, count, bytes| {
            let mut values = vec![0.0f32; count];
            dense.load_range(start, &mut values)?;
            let blocks = bytes.chunks_exact_mut(format.block_bytes());
            for (index, (values, block)) in values.chunks_exact(format.block_elements()).zip(blocks).enumerate() {
                format.encode(values, block).map_err(|unfit| TensorError::NotQuantizable {
                    format: dtype,
                    index: start + index * format.block_elements() + unfit.0,
                })?;
            }
            Ok(())
        })
    }

    fn block_format(&self, operation: &'static str) -> Result<BlockFormat, TensorError> {
        match self.dtype() {
            DType::Block(format) => Ok(format),
            dtype => {
                let rule = "it is for tensors of a block format";
                Err(TensorError::UnsupportedDtype { operation, dtype, rule })
            }
        }
    }

    fn block_bytes(&self) -> Result<Cow<'_, [u8]>, TensorError> {
        match self.as_bytes() {
            Some(bytes) => Ok(Cow::Borrowed(bytes)),
            None => self.to_bytes().map(Cow::Owned),
        }
    }
}
