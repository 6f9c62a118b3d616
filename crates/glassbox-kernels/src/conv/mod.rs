//! Convolutions and pools over f32.
//!
//! Activations are in blocks of channels, `[N, ⌈C / B⌉, H, W, B]`, where B is the number of lanes of a level
//! ([`block`]); channels that only fill the last block are zero, and every kernel leaves them so. The input of a first
//! layer may be plain NCHW ([`Options::plain_input`]). [`to_blocks`] and [`from_blocks`] go from one to the other.
//!
//! Every sum begins with zero and has a fixed order, each product being fused with its sum (one rounding): sixteen input
//! channels, tap (row by row), channel; over plain channels: channel, tap; where groups don't fill blocks: tap, channel of the
//! group. A sum of more than 192 products over plain channels or in groups that fill no blocks, and one over blocks of channels
//! with more than 32 taps, is made of parts, each of which begins with zero and is added to the sum of those before: the error
//! of one chain grows with its length. Nothing of that depends on the level, the batch, the number of threads or the split into tasks. A tap outside of the input counts as
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

/// A sum of more products than that is made of parts, but over blocks of channels. The first layers of most image models have
/// fewer: 7 × 7 × 3.
const LONG: usize = 192;
/// The most products of a part, which are added one after the other; in groups, those of one tap where these are more.
const PART: usize = 64;

/// How many of `steps` of so many products are added one after the other.
fn steps_of_part(steps: usize, products: usize) -> usize {
    if steps * products > LONG { (PART / products.max(1)).max(1) } else { steps.max(1) }
}

pub use filter::{Method, Options, PackedFilter, block};
pub use finish::{Activation, ConvEpilogue, Fused};
pub use pool::{Pool, global_average};
pub use reorder::{from_blocks, to_blocks};
pub use shape::Convolution;

#[cfg(test)]
mod tests;
