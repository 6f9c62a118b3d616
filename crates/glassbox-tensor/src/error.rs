//! What can go wrong with a tensor, typed. Each message names the offending value and the rule it broke.

use crate::DType;

/// The error of every fallible function in this crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// A name that is no dtype.
    #[error("unknown dtype {name:?}: the names are those of `DType::ALL` and of the block formats")]
    UnknownDtype {
        /// The name as given.
        name: String,
    },
    /// The number of elements or bytes of a shape does not fit the address space, or ends in a partial block.
    #[error(
        "a {dtype} tensor of shape {shape:?} has no valid size: its element or byte count overflows, or its last dim ends inside a block"
    )]
    InvalidSize {
        /// The dtype asked for.
        dtype: DType,
        /// The shape asked for.
        shape: Vec<usize>,
    },
    /// Data whose length is not that of the shape.
    #[error("a {dtype} tensor of shape {shape:?} needs exactly {expected} {unit}, got {got}")]
    LengthMismatch {
        /// The dtype asked for.
        dtype: DType,
        /// The shape asked for.
        shape: Vec<usize>,
        /// What the shape needs.
        expected: usize,
        /// What was given.
        got: usize,
        /// "elements" or "bytes".
        unit: &'static str,
    },
    /// The allocator refused.
    #[error("could not allocate {bytes} bytes for a tensor")]
    AllocationFailed {
        /// The size that was asked for.
        bytes: usize,
    },
    /// A tensor that would reach outside the bytes it is to share.
    #[error(
        "a {dtype} tensor of shape {shape:?} at byte {byte_offset} needs {needed} bytes, but its storage holds {available} bytes in all"
    )]
    RangeOutsideStorage {
        /// The dtype asked for.
        dtype: DType,
        /// The shape asked for.
        shape: Vec<usize>,
        /// Where the tensor would begin.
        byte_offset: usize,
        /// How many bytes it needs from there.
        needed: usize,
        /// How many bytes the whole storage has.
        available: usize,
    },
    /// Shared storage that has become shorter since the tensor was made.
    #[error("shared storage shrank: bytes {start}..{end} were promised, {available} are there now")]
    SharedStorageShrank {
        /// First byte of the tensor's range.
        start: usize,
        /// End of the tensor's range.
        end: usize,
        /// What the owner holds now.
        available: usize,
    },
    /// An operation asked for one dtype of a tensor that has another.
    #[error("{operation} wants a {expected} tensor, this one is {got}; cast it first")]
    DtypeMismatch {
        /// The operation.
        operation: &'static str,
        /// The dtype it wants.
        expected: DType,
        /// The dtype it got.
        got: DType,
    },
    /// An operation that a dtype does not have.
    #[error("{operation} is not defined for dtype {dtype}: {rule}")]
    UnsupportedDtype {
        /// The operation.
        operation: &'static str,
        /// The dtype it was asked for.
        dtype: DType,
        /// Why, and what to do instead.
        rule: &'static str,
    },
    /// A bit pattern or byte that is no value of its dtype.
    #[error("element {index} holds the bits {bits:#x}, which are no value of dtype {dtype}")]
    InvalidEncoding {
        /// The dtype.
        dtype: DType,
        /// The element's place in its storage.
        index: usize,
        /// The bits found there.
        bits: u64,
    },
    /// An axis at or above the rank.
    #[error("{operation}: axis {axis} is out of range for a tensor of rank {rank}")]
    InvalidAxis {
        /// The operation.
        operation: &'static str,
        /// The axis asked for.
        axis: usize,
        /// The tensor's rank.
        rank: usize,
    },
    /// A permutation that does not name every axis once.
    #[error("{permutation:?} is no permutation of the axes 0..{rank}: each must occur exactly once")]
    InvalidPermutation {
        /// The axes as given.
        permutation: Vec<usize>,
        /// The tensor's rank.
        rank: usize,
    },
    /// Strides that would reach outside the elements they are to view.
    #[error(
        "strides {strides:?} over shape {shape:?} from element {offset} leave the {len} elements they view, or are not one for each axis"
    )]
    InvalidStrides {
        /// The shape asked for.
        shape: Vec<usize>,
        /// The strides asked for.
        strides: Vec<isize>,
        /// The first element.
        offset: usize,
        /// The number of elements.
        len: usize,
    },
    /// Shapes that do not broadcast one to the other.
    #[error("shape {from:?} does not broadcast to {to:?}: aligned from the right, each dim must be equal or 1")]
    CannotBroadcast {
        /// The tensor's shape.
        from: Vec<usize>,
        /// The shape asked for.
        to: Vec<usize>,
    },
    /// A slice that would read outside its axis, or that steps by zero.
    #[error("slice of {count} from {start} by {step} leaves axis {axis} of size {dim} (the step must not be 0)")]
    InvalidSlice {
        /// The axis.
        axis: usize,
        /// The size of the axis.
        dim: usize,
        /// First index.
        start: usize,
        /// Number of indices.
        count: usize,
        /// Distance between indices.
        step: isize,
    },
    /// A reshape that would change the number of elements.
    #[error("shape {from:?} cannot be reshaped to {to:?}: the element counts differ or overflow")]
    CannotReshape {
        /// The tensor's shape.
        from: Vec<usize>,
        /// The shape asked for.
        to: Vec<usize>,
    },
    /// Squeezing an axis that is not of size 1.
    #[error("axis {axis} has size {dim}; only an axis of size 1 can be squeezed")]
    CannotSqueeze {
        /// The axis.
        axis: usize,
        /// Its size.
        dim: usize,
    },
    /// An operation that works on contiguous tensors only.
    #[error("{operation} wants a contiguous tensor; call `contiguous` first (shape {shape:?}, strides {strides:?})")]
    NotContiguous {
        /// The operation.
        operation: &'static str,
        /// The tensor's shape.
        shape: Vec<usize>,
        /// The tensor's strides.
        strides: Vec<isize>,
    },
    /// A range of elements outside the tensor.
    #[error("elements {start}..{start}+{count} are outside a tensor of {len} elements")]
    RangeOutsideTensor {
        /// First element.
        start: usize,
        /// Number of elements.
        count: usize,
        /// The tensor's elements.
        len: usize,
    },
    /// A region that isn't inside a tensor, or a tensor that shrank where it was to grow.
    #[error("the region {region:?} from {starts:?} isn't inside a tensor of shape {shape:?}")]
    RegionOutsideTensor {
        /// The first index along each axis.
        starts: Vec<usize>,
        /// The dims of the region.
        region: Vec<usize>,
        /// The tensor's shape.
        shape: Vec<usize>,
    },
    /// A number that a block format has no scale for.
    #[error(
        "element {index} can't be stored as {format}: a block's numbers must be finite, and its scale must fit f16; store this tensor as f32 or bf16"
    )]
    NotQuantizable {
        /// The format.
        format: DType,
        /// The element that is no finite number, or the first of the block whose scale is too large.
        index: usize,
    },
    /// A one-element tensor was wanted.
    #[error("{operation} wants a tensor of exactly one element, this one has shape {shape:?}")]
    NotOneElement {
        /// The operation.
        operation: &'static str,
        /// The tensor's shape.
        shape: Vec<usize>,
    },
}
