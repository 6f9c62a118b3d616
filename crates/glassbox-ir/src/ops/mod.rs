//! The op table: what every backend, importer and document knows of ops is declared here.
//!
//! One file holds one op; the file is named as the op (with `_` after a Rust keyword). To add one,
//! write its file after the pattern of its neighbours and add its name below. `cargo test -p
//! glassbox-ir -p glassbox-reference` then says what is missing: a specification, an example that
//! runs, a kernel for a primitive.

mod activation;
mod arg_reduction;
mod common;
mod control;
mod cumulative;
mod einsum_equation;
mod global_pool;
mod indexing;
mod loss;
mod normalization;
pub mod quantization;
mod random;
mod recurrent;
mod reduction;
mod sequences;
pub mod slices;
mod states;
mod training;
mod window;
pub mod windows;

use crate::attr::Attrs;
use crate::error::Violation;
use crate::infer::{AttrView, Operand, Signature};
use crate::op::OpDef;
use crate::types::Type;

macro_rules! table {
    ($($module:ident)*) => {
        $(pub mod $module;)*

        /// Every op, in the order of the table.
        pub static TABLE: &[&OpDef] = &[$(&$module::OP),*];

        #[cfg(test)]
        const FILES: &[&str] = &[$(stringify!($module)),*];
    };
}

table! {
    abs
    acos
    acosh
    adagrad
    adam
    add
    affine_grid
    and
    arg_max
    arg_min
    asin
    asinh
    atan
    atanh
    attention
    average_pool
    batch_normalization
    barrier
    bernoulli
    bit_cast
    bit_shift
    bitwise_and
    bitwise_not
    bitwise_or
    bitwise_xor
    blackman_window
    call
    cast
    causal_conv_with_state
    ceil
    celu
    center_crop_pad
    clip
    col2im
    compress
    concat
    concat_from_sequence
    constant
    constant_of_shape
    conv
    conv_integer
    conv_transpose
    cos
    cosh
    cum_prod
    cum_sum
    deform_conv
    depth_to_space
    dequantize_blocks
    dequantize_linear
    det
    dft
    div
    dropout
    dynamic_quantize_linear
    einsum
    elu
    equal
    erf
    exp
    expand
    expect
    expm1
    eye_like
    fill
    flatten
    floor
    gather
    gather_elements
    gather_nd
    gelu
    gemm
    global_average_pool
    global_lp_pool
    global_max_pool
    greater
    greater_or_equal
    grid_sample
    group_normalization
    gru
    hamming_window
    hann_window
    hard_sigmoid
    hard_swish
    hardmax
    host
    identity
    if_
    image_decoder
    instance_normalization
    is_finite
    is_inf
    is_nan
    label_encoder
    layer_normalization
    leaky_relu
    less
    less_or_equal
    linear_attention
    log
    log1p
    log_softmax
    loop_
    lp_normalization
    lp_pool
    lrn
    lstm
    matmul
    matmul_integer
    max
    max_pool
    max_roi_pool
    max_unpool
    mean
    mean_variance_normalization
    mel_weight_matrix
    min
    mish
    mod_
    momentum
    mul
    multinomial
    neg
    negative_log_likelihood_loss
    non_max_suppression
    nonzero
    not
    one_hot
    optional
    optional_get_element
    optional_has_element
    or
    pad
    parameter
    pow
    prelu
    qlinear_conv
    qlinear_matmul
    quantize_linear
    random_normal
    random_normal_like
    random_uniform
    random_uniform_like
    range
    reciprocal
    reduce_l1
    reduce_l2
    reduce_log_sum
    reduce_log_sum_exp
    reduce_max
    reduce_mean
    reduce_min
    reduce_prod
    reduce_sum
    reduce_sum_square
    regex_full_match
    relu
    reshape
    resize
    reverse_sequence
    rms_normalization
    rnn
    roi_align
    rotary_embedding
    round
    scan
    scatter_elements
    scatter_nd
    selu
    sequence_at
    sequence_construct
    sequence_empty
    sequence_erase
    sequence_insert
    sequence_length
    shape
    shrink
    sigmoid
    sign
    sin
    sinh
    size
    slice
    softmax
    softmax_cross_entropy_loss
    softplus
    softsign
    space_to_depth
    split
    split_to_sequence
    sqrt
    squeeze
    state_append
    state_grow
    state_read
    state_reset
    state_slice
    state_update
    state_write
    stft
    string_concat
    string_normalizer
    string_split
    sub
    sum
    swiglu
    swish
    tan
    tanh
    tensor_scatter
    tf_idf_vectorizer
    thresholded_relu
    tile
    top_k
    transpose
    tree_ensemble
    trilu
    unique
    unsqueeze
    where_
    xor
}

/// The op that is named `name`.
pub fn find(name: &str) -> Option<&'static OpDef> {
    TABLE.iter().find(|op| op.name == name).copied()
}

/// The types that the parameters of the regions of a use of `op` have: at first, then given what is
/// known of the regions.
pub(crate) fn region_parameters(
    op: &'static OpDef,
    attrs: &Attrs,
    operands: &[Option<Operand>],
    regions: Option<&[Signature]>,
) -> Result<Vec<Vec<Type>>, Violation> {
    match op.body_types {
        Some(types) => types(AttrView::new(op, attrs), operands, regions),
        None => Ok(vec![Vec::new(); op.regions]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_those_of_the_files() {
        for (op, file) in TABLE.iter().zip(FILES) {
            assert_eq!(op.name, file.trim_end_matches('_'));
            assert_eq!(TABLE.iter().filter(|other| other.name == op.name).count(), 1, "{file}");
        }
    }

    #[test]
    fn every_row_is_specified() {
        for op in TABLE {
            assert!(op.doc.ends_with('.') && op.doc.len() > 20, "{}: what does it compute?", op.name);
            assert!(!op.example.is_empty(), "{}: an example", op.name);
            for (place, (label, rule)) in op.constraints.iter().enumerate() {
                assert_eq!(*label, format!("C{}", place + 1), "{}", op.name);
                assert!(!rule.is_empty(), "{}", op.name);
            }
        }
    }
}
