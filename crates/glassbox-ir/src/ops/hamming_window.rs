//! `hamming_window`: a raised cosine that doesn't come down to zero.

use super::common::*;
use super::window::{WINDOW, cosines};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "hamming_window",
    tier: Tier::Composite(|d| cosines(d, [25.0 / 46.0, 21.0 / 46.0, 0.0])),
    doc: "25/46 - 21/46 cos(2πn/N) for each n below the size, where N is the size, or without `periodic` one less; 1 \
          where that is 0. Computed in f64, then cast to `output_datatype`.",
    example: "hamming_window(i64[] 2) -> f32[2] [0.08695652, 1]",
    ..WINDOW
};
