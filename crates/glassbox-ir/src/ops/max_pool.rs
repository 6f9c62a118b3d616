//! `max_pool`: the largest elements of windows, and where they are.

use super::common::*;
use super::windows::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "max_pool",
    doc: "The largest element of each window over the spatial axes of x [batch, channels, spatial…]; windows lie as in \
          `average_pool`. A NaN is larger than anything. The second result says where it is: the index of the first \
          such element in all of x, batch and channels counted too; the spatial axes count row-major, or with \
          `storage_order` 1 column-major, the first axis fastest. A window without an element of x gives the least \
          value of the dtype and the index -1.",
    inputs: NUMERIC,
    outputs: &[Output::one("y"), Output::one("indices")],
    attrs: &[
        AUTO_PAD,
        AttrSpec::bool("ceil_mode", false),
        DILATIONS,
        KERNEL_SHAPE,
        PADS,
        AttrSpec::int("storage_order", 0),
        STRIDES,
    ],
    constraints: &[SPATIAL, ENTRIES, ONE_PADDING, FITS, ("C5", "storage_order is 0 or 1")],
    example: "max_pool(f32[1, 1, 3] [1, 3, 2]) {kernel_shape = [2]} -> f32[1, 1, 2] [3, 3], i64[1, 1, 2] [1, 1]",
    infer: |infer| {
        let order = infer.attr.int("storage_order");
        if !(0..2).contains(&order) {
            return Err(Violation::new("C5", format!("storage_order is {order}")));
        }
        let y = pool(infer)?;
        let indices = TensorType { dtype: DType::I64, shape: y.shape.clone() };
        Ok(vec![y.into(), indices.into()].into_iter().take(infer.outputs).collect())
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
