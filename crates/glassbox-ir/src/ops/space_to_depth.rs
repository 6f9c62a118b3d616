//! `space_to_depth`: blocks of pixels as channels.

use super::common::*;
use super::depth_to_space::{BLOCK, image, shape_unknown};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "space_to_depth",
    tier: Tier::Composite(decompose),
    doc: "An image of more channels and fewer pixels: each block of pixels becomes blocksize² channels. With mode `DCR` \
          the block's row and column are the outer parts of a channel's number, with `CRD` the inner.",
    inputs: &[Input::one("x", DTypes::Any)],
    attrs: BLOCK,
    constraints: &[
        ("C1", "x has the axes batch, channel, row and column"),
        ("C2", "blocksize is at least 1, and divides the numbers of rows and columns"),
    ],
    example: "space_to_depth(i32[1, 1, 2, 2] [1, 2, 3, 4]) {blocksize = 2} -> i32[1, 4, 1, 1] [1, 2, 3, 4]",
    infer: |infer| {
        let Some((dims, block)) = image(infer)? else { return shape_unknown(infer) };
        if let Some(dim) = dims[2..].iter().find(|dim| dim.modulo(&block).as_int().is_some_and(|left| left != 0)) {
            return Err(Violation::new("C2", format!("{dim} pixels in blocks of {block}")));
        }
        let channels = &dims[1] * &(&block * &block);
        let result = [dims[0].clone(), channels, dims[2].floor_div(&block), dims[3].floor_div(&block)];
        Ok(vec![Type::tensor(infer.dtype(0)?, result)])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (dims, block) = (d.dims(0)?, Dim::Int(d.attr.int("blocksize")));
    let (batch, channels) = (&dims[0], &dims[1]);
    let (rows, columns) = (dims[2].floor_div(&block), dims[3].floor_div(&block));
    let apart = [batch, channels, &rows, &block, &columns, &block].map(Dim::clone);
    let order: [usize; 6] = if d.attr.str("mode") == "CRD" { [0, 1, 3, 5, 2, 4] } else { [0, 3, 5, 1, 2, 4] };
    let together = [batch.clone(), channels * &(&block * &block), rows, columns];
    Ok(vec![d.x(0).reshape(&apart).transpose(&order).reshape(&together)])
}
