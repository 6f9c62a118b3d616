//! `col2im`: the sum of blocks, each back at its place in an image.

use super::common::*;
use super::windows::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "col2im",
    doc: "The image [batch, channels, `image_shape`…] that is the sum of the columns of x [batch, channels * block, \
          windows]: column l holds the `block_shape` elements of the l-th window, row-major both, and they are added \
          where the window lies. Windows lie as in `conv`: taps `dilations` apart, windows `strides`, from `pads` before \
          the image; what falls into the pads is dropped. Floats are summed in f64 in row-major order of the taps and \
          rounded once; integers wrap; truth values are or-ed.",
    inputs: &[
        Input::one("x", DTypes::NumericOrBool),
        Input::one("image_shape", DTypes::These(&[DType::I64])).shapes(),
        Input::one("block_shape", DTypes::These(&[DType::I64])).shapes(),
    ],
    attrs: &[DILATIONS, PADS, STRIDES],
    constraints: &[
        ("C1", "image_shape and block_shape are vectors of the same length, of sizes of at least 0 and of at least 1"),
        ("C2", "strides and dilations have an entry of at least 1 for each spatial axis, pads two of at least 0"),
        ("C3", "x has rank 3, its channels are a multiple of the block, and it has a column for each window"),
        ("C4", "on each spatial axis the block fits into the padded extent"),
    ],
    example: "col2im(f32[1, 2, 2] [1, 2, 3, 4], i64[1] [3], i64[1] [2]) -> f32[1, 1, 3] [1, 5, 4]",
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    let dims = x.dims().map_or_else(|| vec![Dim::Unknown; 3], <[Dim]>::to_vec);
    let [batch, channels, columns] = &dims[..] else {
        return Err(Violation::new("C3", format!("x is {x}")));
    };
    let count = |index: usize| infer.dims(index).map(|dims| dims.first().cloned().unwrap_or(Dim::Unknown));
    let lengths = [count(1), count(2)];
    let axes = lengths.iter().flatten().find_map(Dim::as_size);
    let vectors = [1, 2].iter().all(|index| infer.rank(*index).is_none_or(|rank| rank == 1));
    let same = lengths.iter().flatten().all(|length| length.as_size().is_none_or(|length| Some(length) == axes));
    if !vectors || !same {
        return Err(Violation::new("C1", format!("image_shape is {}, block_shape {}", infer.ty(1)?, infer.ty(2)?)));
    }
    let Some(axes) = axes else { return Ok(vec![Type::unranked(x.dtype)]) };
    let sizes = |index: usize| infer.ints(index).unwrap_or_else(|| vec![Dim::Unknown; axes]);
    let (image, block) = (sizes(1), sizes(2));
    let below = |dims: &[Dim], least: i64| dims.iter().any(|dim| dim.as_int().is_some_and(|size| size < least));
    if below(&image, 0) || below(&block, 1) || image.len() != axes || block.len() != axes {
        let (image, block) = (Shape::Ranked(image), Shape::Ranked(block));
        return Err(Violation::new("C1", format!("image_shape is {image}, block_shape {block}")));
    }
    let sliding = Sliding::explicit(infer.attr, axes)?;
    let mut windows = Dim::Int(1);
    for (axis, (image, block)) in image.iter().zip(&block).enumerate() {
        windows = windows * sliding.windows(axis, image, block)?;
    }
    let size = block.iter().fold(Dim::Int(1), |product, dim| product * dim.clone());
    if channels.modulo(&size).as_int().is_some_and(|rest| rest != 0) || columns.same(&windows) == Some(false) {
        let message = format!("x is {x}, for blocks of {size} elements and {windows} windows");
        return Err(Violation::new("C3", message));
    }
    let front = [batch.clone(), channels.floor_div(&size)];
    Ok(vec![Type::tensor(x.dtype, front.into_iter().chain(image))])
}
