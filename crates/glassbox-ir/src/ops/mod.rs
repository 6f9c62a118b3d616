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
mod normalization;
mod reduction;
mod states;
pub mod windows;
pub mod quantization;
mod random;
mod recurrent;
mod reduction;
mod states;
mod training;
mod window;

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
    bit_cast
    bit_shift
    bitwise_and
    bitwise_not
    bitwise_or
    bitwise_xor
    attention
    bernoulli
    blackman_window
    call
    cast
    ceil
    celu
    clip
    average_pool
    batch_normalization
    call
    cast
    causal_conv_with_state
    col2im
    concat
    constant
    conv
    conv_integer
    conv_transpose
    cos
    cosh
    cum_prod
    cum_sum
    det
    div
    einsum
    elu
    deform_conv
    div
    dropout
    dequantize_linear
    dft
    div
    dynamic_quantize_linear
    equal
    erf
    exp
    expm1
    floor
    gelu
    gemm
    greater
    greater_or_equal
    hard_sigmoid
    hard_swish
    hardmax
    gru
    hamming_window
    hann_window
    if_
    is_inf
    is_nan
    leaky_relu
    global_average_pool
    global_lp_pool
    global_max_pool
    greater
    greater_or_equal
    grid_sample
    group_normalization
    if_
    image_decoder
    instance_normalization
    layer_normalization
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
    mean
    max_pool
    max_roi_pool
    max_unpool
    mean_variance_normalization
    min
    mish
    mod_
    mel_weight_matrix
    min
    momentum
    mul
    multinomial
    neg
    not
    or
    pow
    prelu
    reciprocal
    reduce_l1
    reduce_l2
    reduce_log_sum
    reduce_log_sum_exp
    qlinear_matmul
    quantize_linear
    random_normal
    random_normal_like
    random_uniform
    random_uniform_like
    reduce_max
    reduce_mean
    reduce_min
    reduce_prod
    reduce_sum
    reduce_sum_square
    relu
    reshape
    round
    resize
    rms_normalization
    roi_align
    rnn
    scan
    selu
    shape
    shrink
    sigmoid
    sign
    sin
    sinh
    slice
    softmax
    softplus
    softsign
    sqrt
    squeeze
    state_append
    state_read
    state_reset
    state_write
    stft
    sub
    sum
    swiglu
    swish
    tan
    tanh
    thresholded_relu
    transpose
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
    let types = || operands.iter().flatten().map(|operand| operand.ty.clone()).collect();
    match op.name {
        "loop" => loop_::region_parameters(operands, regions),
        "scan" => scan::region_parameters(AttrView::new(op, attrs), operands, regions),
        "call" => Ok(vec![types()]),
        _ => Ok(vec![Vec::new(); op.regions]),
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
