//! `hann_window`: a raised cosine.

use super::common::*;
use super::window::{WINDOW, cosines};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "hann_window",
    tier: Tier::Composite(|d| cosines(d, [0.5, 0.5, 0.0])),
    doc: "0.5 - 0.5 cos(2πn/N) for each n below the size, where N is the size, or without `periodic` one less; 1 where \
          that is 0. Computed in f64, then cast to `output_datatype`.",
    example: "hann_window(i64[] 4) -> f32[4] [0, 0.5, 1, 0.5]",
    ..WINDOW
};
