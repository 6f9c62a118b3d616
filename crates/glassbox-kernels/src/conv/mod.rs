//! Convolutions and pools over f32.
//!
//! Activations are in blocks of channels, `[N, ⌈C / B⌉, H, W, B]`, where B is the number of lanes of a level
//! ([`block`]); channels that only fill the last block are zero, and every kernel leaves them so. The input of a first
//! layer may be plain NCHW ([`Options::plain_input`]). [`to_blocks`] and [`from_blocks`] go from one to the other.
//!
//! Every sum begins with zero and has a fixed order, each product being fused with its sum (one rounding): sixteen input
//! channels, tap (row by row), channel; over plain channels: channel, tap; where groups don't fill blocks: tap, channel of the
//! group. A sum of more than [`PART`] products over plain channels or in groups, and over more taps than that has for each of
//! sixteen channels, is made of parts, each of which begins with zero and is added to the sum of those before: one long
//! chain would lose a digit more. Nothing of that depends on the level, the batch, the number of threads or the split into tasks. A tap outside of the input counts as
//! a zero that is multiplied. Bias, residual and activation come after the sum, in this order.
//!
//! Slices may begin anywhere; where inputs and outputs begin at a line of the cache (64 bytes), loads take half the time.

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

/// The most products that are added one after the other where sums are made of parts.
const PART: usize = 512;

pub use filter::{Method, Options, PackedFilter, block};
pub use finish::{Activation, ConvEpilogue, Fused};
pub use pool::{Pool, global_average};
pub use reorder::{from_blocks, to_blocks};
pub use shape::Convolution;

#[cfg(test)]
mod tests;
