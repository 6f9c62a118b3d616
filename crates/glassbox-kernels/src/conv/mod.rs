//! Convolutions and pools over f32.
//!
//! Activations are in blocks of channels, `[N, ⌈C / B⌉, H, W, B]`, where B is the number of lanes of a level
//! ([`block`]); channels that only fill the last block are zero, and every kernel leaves them so. The input of a first
//! layer may be plain NCHW ([`Options::plain_input`]). [`to_blocks`] and [`from_blocks`] go from one to the other.
//!
//! Every sum has a fixed order (input block, tap, channel, each product fused with its sum), whatever the batch, the
//! number of threads and the split into tasks. A tap outside of the input counts as a zero that is multiplied.

#![allow(clippy::needless_range_loop, reason = "tiles of registers are read by the same index as other arrays")]

mod blocked;
mod depthwise;
mod filter;
mod finish;
mod grouped;
mod output;
mod plain;
mod pool;
mod reorder;
mod scratch;
mod shape;
mod split;
mod tiles;
mod winograd;

pub use filter::{Method, Options, PackedFilter, block};
pub use finish::{Activation, ConvEpilogue, Fused};
pub use pool::{Pool, global_average};
pub use reorder::{from_blocks, to_blocks};
pub use shape::Convolution;

#[cfg(test)]
mod tests;
