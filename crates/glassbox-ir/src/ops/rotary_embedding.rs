//! `rotary_embedding`: pairs of numbers, turned by an angle that depends on the position.

use super::common::*;
use crate::attrs;

const REAL: DTypes = DTypes::These(&[DType::F64, DType::F32, DType::F16, DType::BF16]);

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "rotary_embedding",
    tier: Tier::Composite(decompose),
    doc: "Of each head of x, [batch, heads, steps, size] or [batch, steps, num_heads size], the first \
          `rotary_embedding_dim` numbers (0: all) are pairs (a, b) that become (a cos - b sin, a sin + b cos); the rest \
          stays. A pair is the numbers in the same place of the first and the second half, or with `interleaved` two \
          neighbours. The cosine and sine of each pair are in rows of the caches: row position_ids[batch, step] of \
          [positions, pairs], or without position_ids those of [batch, steps, pairs]. Floats narrower than f32 are \
          computed in f32 and rounded once.",
    inputs: &[
        Input::one("x", REAL).same('T'),
        Input::one("cos_cache", REAL).same('T'),
        Input::one("sin_cache", REAL).same('T'),
        Input::one("position_ids", DTypes::These(&[DType::I64])).optional(),
    ],
    attrs: &[
        AttrSpec::bool("interleaved", false),
        AttrSpec::optional("num_heads", AttrKind::Int),
        AttrSpec::int("rotary_embedding_dim", 0),
    ],
    constraints: &[
        ("C1", "x has four axes, or three and num_heads divides the last"),
        ("C2", "rotary_embedding_dim is even, at least 0, and no more than the size of a head"),
        ("C3", "the caches are [positions, pairs] with position_ids [batch, steps], else [batch, steps, pairs]"),
    ],
    example: "rotary_embedding(f32[1, 1, 1, 2] [2, 3], f32[1, 1, 1] [0], f32[1, 1, 1] [1]) -> f32[1, 1, 1, 2] [-3, 2]",
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    let heads = infer.attr.opt_int("num_heads");
    let (batch, steps, size) = match (x.dims(), heads) {
        (Some([batch, _, steps, size]), _) => (batch.clone(), steps.clone(), size.clone()),
        (Some([batch, steps, width]), Some(heads)) if heads > 0 && width.as_int().is_none_or(|w| w % heads == 0) => {
            (batch.clone(), steps.clone(), width.floor_div(&Dim::Int(heads)))
        }
        (Some(_), _) => return Err(Violation::new("C1", format!("x is {x}, num_heads is {}", heads.unwrap_or(0)))),
        (None, _) => return same_as_first(infer),
    };
    let turned = match infer.attr.int("rotary_embedding_dim") {
        0 => size.clone(),
        given => Dim::Int(given),
    };
    let fits = |turned: i64| turned >= 0 && turned % 2 == 0 && size.as_int().is_none_or(|size| turned <= size);
    if !turned.as_int().is_none_or(fits) {
        return Err(Violation::new("C2", format!("{turned} of {size} numbers would be turned")));
    }
    let pairs = turned.floor_div(&Dim::Int(2));
    let rows = if infer.has(3) { vec![Dim::Unknown, pairs] } else { vec![batch.clone(), steps.clone(), pairs] };
    for (index, wanted) in [(1, rows.clone()), (2, rows), (3, vec![batch, steps])] {
        let Some(given) = infer.dims(index) else { continue };
        if given.len() != wanted.len() || given.iter().zip(&wanted).any(|(a, b)| a.same(b) == Some(false)) {
            let (given, wanted) = (infer.ty(index)?, Shape::Ranked(wanted));
            return Err(Violation::new("C3", format!("{} is {given}, not {wanted}", infer.name_of(index))));
        }
    }
    same_as_first(infer)
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (f, dims) = (d.f, d.dims(0)?);
    let flat = dims.len() == 3;
    let x = d.x(0).widened();
    // Heads as [batch, steps, heads, size].
    let x = match d.attr.opt_int("num_heads").filter(|_| flat) {
        Some(heads) => {
            let heads = Dim::Int(heads);
            x.reshape(&[dims[0].clone(), dims[1].clone(), heads.clone(), dims[2].floor_div(&heads)])
        }
        None => x.transpose(&[0, 2, 1, 3]),
    };
    let mut shape = d.dims_of(x)?;
    let size = d.number(&shape[3], "the size of a head")?;
    let turned = match d.attr.int("rotary_embedding_dim") {
        0 => size,
        given => given,
    };
    let rows = |index: usize| {
        let cache = d.x(index).widened();
        let rows = d.opt(3).map_or(cache, |places| f.op(&super::gather::OP, &[cache, places], attrs! { axis: 0 }));
        rows.unsqueeze(&[2])
    };
    let (cos, sin) = (rows(1), rows(2));
    let interleaved = d.attr.bool("interleaved");
    let [first, second] = match interleaved {
        true => [x.slice(3, 0, turned, 2), x.slice(3, 1, turned, 2)],
        false => [x.slice(3, 0, turned / 2, 1), x.slice(3, turned / 2, turned, 1)],
    };
    let pair = [first * cos - second * sin, first * sin + second * cos];
    let around = match interleaved {
        true => {
            shape[3] = Dim::Int(turned);
            f.concat(&pair.map(|part| part.unsqueeze(&[4])), 4).reshape(&shape)
        }
        false => f.concat(&pair, 3),
    };
    let whole = if turned < size { f.concat(&[around, x.slice(3, turned, size, 1)], 3) } else { around };
    let result = match flat {
        true => whole.reshape(&dims),
        false => whole.transpose(&[0, 2, 1, 3]),
    };
    Ok(vec![result.cast(d.dtype(0))])
}
