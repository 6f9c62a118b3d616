//! `depth_to_space`: channels as blocks of pixels.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "depth_to_space",
    tier: Tier::Composite(decompose),
    doc: "An image of fewer channels and more pixels: the elements of blocksize² channels become a block of pixels. \
          With mode `DCR` the block's row and column are the outer parts of a channel's number, with `CRD` the inner.",
    inputs: &[Input::one("x", DTypes::Any)],
    attrs: BLOCK,
    constraints: &[
        ("C1", "x has the axes batch, channel, row and column"),
        ("C2", "blocksize is at least 1, and its square divides the number of channels"),
    ],
    example: "depth_to_space(i32[1, 4, 1, 1] [1, 2, 3, 4]) {blocksize = 2} -> i32[1, 1, 2, 2] [1, 2, 3, 4]",
    infer: |infer| {
        let Some((dims, block)) = image(infer)? else { return shape_unknown(infer) };
        let square = &block * &block;
        if dims[1].modulo(&square).as_int().is_some_and(|left| left != 0) {
            return Err(Violation::new("C2", format!("{} channels in blocks of {square}", dims[1])));
        }
        let result = [dims[0].clone(), dims[1].floor_div(&square), &dims[2] * &block, &dims[3] * &block];
        Ok(vec![Type::tensor(infer.dtype(0)?, result)])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

/// The size of the blocks, and how their elements are ordered among the channels.
pub(super) const BLOCK: &[AttrSpec] =
    &[AttrSpec::required("blocksize", AttrKind::Int), AttrSpec::one_of("mode", &["DCR", "CRD"], "DCR")];

/// The dims of the image that operand 0 is, where they are known, and the blocksize.
pub(super) fn image<'a>(infer: &Infer<'a>) -> Result<Option<(&'a [Dim], Dim)>, Violation> {
    let block = infer.attr.int("blocksize");
    if block < 1 {
        return Err(Violation::new("C2", format!("blocksize is {block}")));
    }
    match infer.dims(0) {
        Some(dims) if dims.len() != 4 => Err(Violation::new("C1", format!("x is {}", infer.ty(0)?))),
        dims => Ok(dims.map(|dims| (dims, Dim::Int(block)))),
    }
}

/// An image of which nothing else is known.
pub(super) fn shape_unknown(infer: &Infer) -> Types {
    super::indexing::one(infer.dtype(0)?, Shape::of_rank(4))
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (dims, block) = (d.dims(0)?, Dim::Int(d.attr.int("blocksize")));
    let [batch, channels, rows, columns] = [&dims[0], &dims[1], &dims[2], &dims[3]];
    let depth = channels.floor_div(&(&block * &block));
    let (apart, order): ([&Dim; 6], [usize; 6]) = match d.attr.str("mode") {
        "CRD" => ([batch, &depth, &block, &block, rows, columns], [0, 1, 4, 2, 5, 3]),
        _ => ([batch, &block, &block, &depth, rows, columns], [0, 3, 4, 1, 5, 2]),
    };
    let together = [batch.clone(), depth.clone(), rows * &block, columns * &block];
    Ok(vec![d.x(0).reshape(&apart.map(Dim::clone)).transpose(&order).reshape(&together)])
}
