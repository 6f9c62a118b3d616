//! `non_max_suppression`: of boxes that overlap, those with the best score.

use super::common::*;
use super::indexing::*;

const NUMBER: DTypes = DTypes::Float;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "non_max_suppression",
    doc: "For each batch and class: boxes in the order of their scores (of equal ones the first), without those that \
          overlap one already taken by more than `iou_threshold` (intersection over union; 0, if left out), whose score \
          isn't larger than `score_threshold`, or beyond `max_output_boxes_per_class` (0, if left out: none). One row \
          (batch, class, box) for each. A box is two opposite corners (y, x, y, x), or with `center_point_box` 1 the \
          center and the extents (x, y, width, height). Boxes without area overlap nothing. Computed in f64. A NaN \
          score is never taken.",
    inputs: &[
        Input::one("boxes", NUMBER),
        Input::one("scores", NUMBER),
        Input::one("max_output_boxes_per_class", SIZES).optional(),
        Input::one("iou_threshold", NUMBER).optional(),
        Input::one("score_threshold", NUMBER).optional(),
    ],
    attrs: &[AttrSpec::int("center_point_box", 0)],
    constraints: &[
        ("C1", "boxes have the dims [batch, boxes, 4], scores [batch, classes, boxes]"),
        ("C2", "limits and thresholds have one element, and iou_threshold is in [0, 1]"),
        ("C3", "center_point_box is 0 or 1"),
    ],
    example: "non_max_suppression(f32[1, 2, 4] [0, 0, 1, 1, 0, 0, 1, 1], f32[1, 1, 2] [0.5, 0.9], i64[1] [5]) \
              -> i64[1, 3] [0, 0, 1]",
    infer: |infer| {
        let three = |index: usize| infer.dims(index).is_none_or(|dims| dims.len() == 3);
        let differ = |a: &Dim, b: &Dim| a.same(b) == Some(false);
        let wrong = match (infer.dims(0), infer.dims(1)) {
            _ if !three(0) || !three(1) => true,
            (Some(boxes), scores) => {
                let apart = scores.is_some_and(|scores| differ(&boxes[0], &scores[0]) || differ(&boxes[1], &scores[2]));
                differ(&boxes[2], &Dim::Int(4)) || apart
            }
            _ => false,
        };
        if wrong {
            return Err(Violation::new("C1", format!("boxes are {}, scores {}", infer.ty(0)?, infer.ty(1)?)));
        }
        (2..5).try_for_each(|index| check_one_element(infer, index, "C2"))?;
        let format = infer.attr.int("center_point_box");
        if !(0..=1).contains(&format) {
            return Err(Violation::new("C3", format!("center_point_box is {format}")));
        }
        Ok(vec![Type::tensor(DType::I64, [Dim::Unknown, Dim::Int(3)])])
    },
    ..OpDef::BASE
};
