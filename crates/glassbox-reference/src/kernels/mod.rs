//! The reference kernels: the meaning of every primitive of the op table.
//!
//! One file holds the kernel of one op and is named as the op's file in `glassbox-ir`. What kernels
//! share is in [`elementwise`], [`reduction`] and [`gemm`]. A kernel may rely on what the op's
//! inference checks; it must not rely on anything else about its operands.

mod arg_reduction;
pub(crate) mod cells;
#[cfg(test)]
pub(crate) mod check;
mod cumulative;
pub(crate) mod elementwise;
mod fourier;
pub(crate) mod gemm;
mod interpolation;
pub(crate) mod mt19937;
pub(crate) mod order;
mod quantization;
mod random;
mod re2;
pub(crate) mod reduction;
mod sequences;
pub(crate) mod take;
pub(crate) mod windows;

use crate::call::{Call, Outcome};

/// Computes the results of one use of a primitive.
pub type Kernel = fn(&Call) -> Outcome;

macro_rules! table {
    ($($module:ident)*) => {
        $(pub(crate) mod $module;)*

        /// Every kernel, by the name of its file.
        const TABLE: &[(&str, Kernel)] = &[$((stringify!($module), $module::kernel)),*];
    };
}

table! {
    abs
    acos
    acosh
    add
    and
    arg_max
    arg_min
    asin
    asinh
    atan
    atanh
    average_pool
    bit_cast
    bit_shift
    bitwise_and
    bitwise_or
    bitwise_xor
    cast
    ceil
    col2im
    concat
    concat_from_sequence
    constant
    conv
    conv_transpose
    cos
    cosh
    cum_prod
    cum_sum
    deform_conv
    dequantize_blocks
    dequantize_linear
    det
    dft
    div
    dropout
    equal
    erf
    exp
    expand
    expect
    expm1
    floor
    gather
    gather_elements
    gather_nd
    greater
    greater_or_equal
    grid_sample
    identity
    image_decoder
    label_encoder
    less
    less_or_equal
    log
    log1p
    matmul
    max
    max_pool
    max_roi_pool
    max_unpool
    mel_weight_matrix
    min
    mod_
    mul
    multinomial
    neg
    non_max_suppression
    nonzero
    not
    optional
    optional_get_element
    optional_has_element
    or
    pad
    pow
    quantize_linear
    random_normal
    random_uniform
    range
    reduce_max
    reduce_mean
    reduce_min
    reduce_prod
    reduce_sum
    regex_full_match
    reshape
    resize
    roi_align
    round
    scatter_elements
    scatter_nd
    sequence_at
    sequence_construct
    sequence_empty
    sequence_erase
    sequence_insert
    sequence_length
    shape
    sigmoid
    sign
    sin
    sinh
    size
    slice
    split
    sqrt
    squeeze
    stft
    string_concat
    string_normalizer
    string_split
    sub
    tan
    tanh
    tf_idf_vectorizer
    top_k
    transpose
    tree_ensemble
    unique
    unsqueeze
    where_
    xor
}

/// The kernel of the primitive that is named `name`.
pub fn find(name: &str) -> Option<Kernel> {
    // Files of ops that are Rust keywords end in `_`.
    TABLE.iter().find(|(file, _)| file.trim_end_matches('_') == name).map(|(_, kernel)| *kernel)
}

#[cfg(test)]
mod tests {
    use glassbox_ir::{Tier, ops};

    use super::*;

    #[test]
    fn every_primitive_has_a_kernel_and_every_kernel_a_primitive() {
        let primitives: Vec<_> = ops::TABLE.iter().filter(|op| matches!(op.tier, Tier::Primitive)).collect();
        let missing: Vec<_> = primitives.iter().filter(|op| find(op.name).is_none()).map(|op| op.name).collect();
        assert!(missing.is_empty(), "primitives without a kernel: {missing:?}");
        let known = |file: &str| primitives.iter().any(|op| op.name == file.trim_end_matches('_'));
        let orphans: Vec<_> = TABLE.iter().filter(|(file, _)| !known(file)).map(|(file, _)| file).collect();
        assert!(orphans.is_empty(), "kernels without a primitive: {orphans:?}");
    }
}
