//! The reference kernels: the meaning of every primitive of the op table.
//!
//! One file holds the kernel of one op and is named as the op's file in `glassbox-ir`. What kernels
//! share is in [`elementwise`], [`reduction`] and [`gemm`]. A kernel may rely on what the op's
//! inference checks; it must not rely on anything else about its operands.

pub(crate) mod cells;
pub(crate) mod elementwise;
pub(crate) mod gemm;
pub(crate) mod order;
mod re2;
pub(crate) mod reduction;
mod sequences;

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
    add
    and
    cast
    concat
    concat_from_sequence
    constant
    cos
    div
    equal
    erf
    exp
    expand
    floor
    gather
    gather_elements
    gather_nd
    greater
    greater_or_equal
    label_encoder
    less
    less_or_equal
    log
    matmul
    max
    min
    mul
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
    range
    reduce_max
    reduce_mean
    reduce_sum
    regex_full_match
    reshape
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
    size
    slice
    split
    sqrt
    squeeze
    string_concat
    string_normalizer
    string_split
    sub
    tanh
    tf_idf_vectorizer
    top_k
    transpose
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
