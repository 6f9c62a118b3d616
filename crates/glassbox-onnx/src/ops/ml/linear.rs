//! Linear models.

use super::scores::{best, by_limit, of_two, transformed};
use super::*;
use glassbox_ir::Dim;

/// x times the coefficients, one row of them for each of `count` results, plus the intercepts.
fn products<'a>(c: &NodeContext<'a>, count: usize) -> Result<Expr<'a>, OnnxError> {
    let coefficients = c.required("coefficients", c.floats("coefficients")?)?;
    if count == 0 || !coefficients.len().is_multiple_of(count) {
        return Err(c.error(format!("{} coefficients for {count} results", coefficients.len())));
    }
    let columns = coefficients.len() / count;
    let matrix = c.f.constant(floats(c, &coefficients)?).reshape(&[Dim::from(count), Dim::from(columns)]);
    let x = c.x(0).cast(DType::F32);
    let x = if c.rank(0)? == 1 { x.unsqueeze(&[0]) } else { x };
    let products = x.matmul(matrix.transpose(&[1, 0]));
    Ok(match c.floats("intercepts")?.filter(|intercepts| !intercepts.is_empty()) {
        Some(intercepts) => products + c.f.constant(floats(c, &intercepts)?),
        None => products,
    })
}

pub(super) fn regressor<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let targets = c.int("targets", 1)?;
    let results = products(c, usize::try_from(targets).unwrap_or(0))?;
    Ok(vec![transformed(c, results, c.str("post_transform", "NONE")?)?])
}

pub(super) fn classifier<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    // It says how the model was trained.
    c.ignore("multi_class");
    let labels = labels(c, "classlabels_ints")?.ok_or_else(|| c.error("there are no class labels"))?;
    let intercepts = c.floats("intercepts")?.map_or(0, |intercepts| intercepts.len());
    let count = if intercepts > 0 { intercepts } else { labels.len() };
    let transform = c.str("post_transform", "NONE")?;
    let scores = products(c, count)?;
    if count > 1 {
        if count > labels.len() {
            return Err(c.error(format!("{count} scores for {} labels", labels.len())));
        }
        return Ok(vec![best(c, scores, labels), transformed(c, scores, transform)?]);
    }
    // One score for two classes: the second where it is positive.
    let label = by_limit(c, scores, scores.scalar_like(0.0), labels)?;
    let other = if transform == "LOGISTIC" { -scores } else { scores.scalar_like(1.0) - scores };
    Ok(vec![label, of_two(c, other, scores, transform)?])
}
