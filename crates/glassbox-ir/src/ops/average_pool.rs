//! `average_pool`: the means of windows.

use super::common::*;
use super::windows::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "average_pool",
    doc: "The mean of each window over the spatial axes of x [batch, channels, spatial…]. On each axis the \
          `kernel_shape` taps stand `dilations` apart, windows `strides`, from `pads` before the first element to `pads` \
          after the last; with `ceil_mode` a window that reaches beyond counts too, if it begins before the pads at the \
          end. `auto_pad` gives ceil(extent / stride) windows (SAME) or no pads (VALID), whatever ceil_mode says. The \
          sum is divided by the number of taps inside x, or with `count_include_pad` inside x and its pads; with none \
          it is NaN. Summed in f64 in row-major order and rounded once.",
    inputs: FLOAT,
    attrs: &[
        AUTO_PAD,
        AttrSpec::bool("ceil_mode", false),
        AttrSpec::bool("count_include_pad", false),
        DILATIONS,
        KERNEL_SHAPE,
        PADS,
        STRIDES,
    ],
    constraints: &[SPATIAL, ENTRIES, ONE_PADDING, FITS],
    example: "average_pool(f32[1, 1, 3] [1, 3, 9]) {kernel_shape = [2]} -> f32[1, 1, 2] [2, 6]",
    infer: |infer| Ok(vec![pool(infer)?.into()]),
    ..OpDef::BASE
};
