//! `roi_align`: regions sampled on a grid, without rounding their edges.

use super::common::*;
use super::max_roi_pool::regions;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "roi_align",
    doc: "Each region [x1, y1, x2, y2] of the image of x [batch, channels, height, width] that `batch_indices` says, \
          scaled by `spatial_scale` and with half_pixel moved by -0.5 (else made at least 1 large), is cut into \
          output_height × output_width cells. In each the points of a grid are sampled, `sampling_ratio` each way or, if \
          that is 0, ceil(size of the cell); the result is their mean, or with mode max the largest of the weighted \
          elements. A point is the bilinear mean of the four elements around it, moved into the image if it is at most 1 \
          outside, else 0. A cell without points is 0. Computed in f64 and rounded once.",
    inputs: &[
        Input::one("x", DTypes::Float).same('T'),
        Input::one("rois", DTypes::Float).same('T'),
        Input::one("batch_indices", DTypes::These(&[DType::I64])),
    ],
    attrs: &[
        AttrSpec::one_of("coordinate_transformation_mode", &["half_pixel", "output_half_pixel"], "half_pixel"),
        AttrSpec::one_of("mode", &["avg", "max"], "avg"),
        AttrSpec::int("output_height", 1),
        AttrSpec::int("output_width", 1),
        AttrSpec::int("sampling_ratio", 0),
        AttrSpec::float("spatial_scale", 1.0),
    ],
    constraints: &[
        ("C1", "x has rank 4, and rois is [regions, 4]"),
        ("C2", "output_height and output_width are at least 1, sampling_ratio at least 0"),
        ("C3", "batch_indices is [regions]"),
        ("C4", "each batch index is that of an image, and each coordinate a finite number"),
        ("C5", "no cell has more than 4096 points each way"),
    ],
    example: "roi_align(f32[1, 1, 2, 2] [1, 2, 3, 4], f32[1, 4] [0, 0, 2, 2], i64[1] [0]) {sampling_ratio = 1} \
              -> f32[1, 1, 1, 1] [2.5]",
    infer: |infer| {
        let size @ [height, width] = [infer.attr.int("output_height"), infer.attr.int("output_width")];
        let ratio = infer.attr.int("sampling_ratio");
        if height < 1 || width < 1 || ratio < 0 {
            let message = format!("output_height is {height}, output_width {width}, sampling_ratio {ratio}");
            return Err(Violation::new("C2", message));
        }
        let count = infer.dims(1).and_then(|dims| dims.first()).unwrap_or(&Dim::Unknown);
        if !Type::tensor(DType::I64, [count.clone()]).admits(infer.ty(2)?) {
            return Err(Violation::new("C3", format!("batch_indices is {}, for {count} regions", infer.ty(2)?)));
        }
        regions(infer, 4, size)
    },
    ..OpDef::BASE
};
