//! Matrix products with weights in GGUF block formats, which are used as they are and never expanded as a whole.
//!
//! A weight is a matrix W of n rows and k columns whose rows are blocks along k. It is packed once ([`PackedBlocks`]); then
//! [`matmul`] gives `y[m, n] = Σ x[m, k] · W[n, k]`. [`Activations`] says what is multiplied: the numbers themselves, or
//! x rounded to eight bits, which is faster.
//!
//! For each result, the order in which products are added and rounded depends on k alone: not on m, not on the place of the
//! row or column, not on threads and not on the [`Level`]. So every level gives the same bits.

mod dots;
mod exact;
mod gather;
mod int8;
mod layout;
mod linear;
mod matmul;
mod pack;
mod quantize;
mod source;
mod unpack;

#[cfg(test)]
mod tests;

pub use gather::gather_rows;
pub use linear::{Code, dequantize, quantize, quantize_at, range, range_at, row_sums, scaled_sums, sums_to_f32};
pub use matmul::{Activations, Rows, RowsMut, matmul, matmul_at};
pub use pack::PackedBlocks;

#[cfg(doc)]
use crate::simd::Level;
