//! The sum of embeddings that a BERT begins with, normalised.

use super::normalization::{TINY, layer_normalized};
use super::*;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] = &[
    row("com.microsoft.EmbedLayerNormalization", 1, formula(embed_layer_normalization)),
    row("com.microsoft.QEmbedLayerNormalization", 1, formula(quantized_embed_layer_normalization)),
];

/// The places of the tokens: given, or counted from 0.
enum Places<'a> {
    Given(Expr<'a>),
    Counted,
}

/// What the rows of a table are looked up by, and the table.
type Table<'a> = (Expr<'a>, Expr<'a>);

/// The embeddings of words, of places, and of segments where there are some, added.
fn sum<'a>(word: Table<'a>, places: Places<'a>, place_table: Expr<'a>, segment: Option<Table<'a>>) -> Expr<'a> {
    let f = word.0.owner();
    let rows = |(ids, table): Table<'a>| f.op(&ops::gather::OP, &[table, ids], attrs! { axis: 0i64 });
    let placed = match places {
        Places::Given(ids) => rows((ids, place_table)),
        Places::Counted => cut(place_table, 0, f.ints(&[0]), extent(word.0, 1)),
    };
    let sum = rows(word) + placed;
    segment.map_or(sum, |segment| sum + rows(segment))
}

/// How many 1s each row of the mask has; 0 without a mask.
fn mask_index<'a>(c: &NodeContext<'a>, mask: Option<Expr<'a>>) -> Expr<'a> {
    let counted = mask.map(|mask| mask.equal(c.f.int(1).cast(mask.dtype())).cast(DType::I32).sum(&[1], false));
    let zeros = || c.f.int(0).cast(DType::I32).binary(&ops::expand::OP, extent(c.x(0), 0));
    counted.unwrap_or_else(zeros)
}

fn embed_layer_normalization<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    c.ignore("mask_index_type");
    let epsilon = c.float("epsilon", TINY)?;
    let segment = match (c.opt(1), c.opt(4)) {
        (Some(ids), Some(table)) => Some((ids, table.widened())),
        (None, None) => None,
        _ => return Err(c.error("segment_ids and segment_embedding are given both or neither")),
    };
    let places = c.opt(8).map_or(Places::Counted, Places::Given);
    let (dtype, mask) = (c.x(2).dtype(), c.opt(7));
    let sum = sum((c.x(0), c.x(2).widened()), places, c.x(3).widened(), segment);
    let y = layer_normalized(sum, c.x(5), Some(c.x(6)), epsilon)[0];
    Ok(vec![y.cast(dtype), mask_index(c, mask), sum.cast(dtype)])
}

/// The tables, gamma and beta are quantised, each by one scale and zero point.
fn quantized_embed_layer_normalization<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let epsilon = c.float("epsilon", TINY)?;
    let real = |x: usize, scale: usize, zero: usize| {
        let one = |index: usize| c.opt(index).map(|x| shaped(x, &[]));
        c.f.op_with(&ops::dequantize_linear::OP, &[c.opt(x), one(scale), one(zero)], Attrs::new())
    };
    let segment = match (c.opt(1), c.opt(4)) {
        (Some(ids), Some(_)) => Some((ids, real(4, 10, 15))),
        _ => None,
    };
    let sum = sum((c.x(0), real(2, 8, 13)), Places::Counted, real(3, 9, 14), segment);
    let y = layer_normalized(sum, real(5, 11, 16), Some(real(6, 12, 17)), epsilon)[0];
    Ok(vec![y, mask_index(c, c.opt(7))])
}
