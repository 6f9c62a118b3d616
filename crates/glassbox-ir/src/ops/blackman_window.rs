//! `blackman_window`: a sum of two cosines.

use super::common::*;
use super::window::{WINDOW, cosines};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "blackman_window",
    tier: Tier::Composite(|d| cosines(d, [0.42, 0.5, 0.08])),
    doc: "0.42 - 0.5 cos(2πn/N) + 0.08 cos(4πn/N) for each n below the size, where N is the size, or without `periodic` \
          one less; 1 where that is 0. Computed in f64, then cast to `output_datatype`.",
    example: "blackman_window(i64[] 4) {periodic = false} -> f32[4] [0, 0.63, 0.63, 0]",
    ..WINDOW
};
