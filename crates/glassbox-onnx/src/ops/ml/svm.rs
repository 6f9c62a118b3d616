//! Support vector machines.

use super::scores::transformed;
use super::*;
use glassbox_ir::Dim;

/// The kernel of each row of x with each support vector.
pub(super) fn kernel<'a>(
    c: &NodeContext<'a>,
    x: Expr<'a>,
    vectors: Expr<'a>,
    kind: &str,
) -> Result<Expr<'a>, OnnxError> {
    let parameters = c.floats("kernel_params")?.unwrap_or_default();
    let parameter = |index: usize| parameters.get(index).copied().unwrap_or(0.0);
    let (gamma, coef0, degree) = (parameter(0), parameter(1), parameter(2));
    let products = || x.matmul(vectors.transpose(&[1, 0]));
    let scaled = || products() * gamma + x.scalar_like(coef0);
    Ok(match kind {
        "LINEAR" => products(),
        "POLY" => scaled().pow(x.scalar_like(degree)),
        "SIGMOID" => scaled().tanh(),
        "RBF" => {
            let apart = x.unsqueeze(&[1]) - vectors.unsqueeze(&[0]);
            ((apart * apart).sum(&[-1], false) * -gamma).exp()
        }
        other => return Err(c.error(format!("attribute `kernel_type` is {other:?}"))),
    })
}

pub(super) fn regressor<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let x = c.x(0).cast(DType::F32);
    let coefficients = c.required("coefficients", c.floats("coefficients")?)?;
    let rho = c.required("rho", c.floats("rho")?)?.first().copied().unwrap_or(0.0);
    let (count, one_class) = (c.int("n_supports", 0)?, c.bool("one_class", false)?);
    let (vectors, kind) = (c.floats("support_vectors")?.unwrap_or_default(), c.str("kernel_type", "LINEAR")?);
    let transform = c.str("post_transform", "NONE")?;
    let column = c.f.constant(floats(c, &coefficients)?).reshape(&[Dim::from(coefficients.len()), Dim::Int(1)]);
    let sums = if count > 0 {
        let columns = vectors.len() as i64 / count;
        let vectors = c.f.constant(floats(c, &vectors)?).reshape(&[Dim::Int(count), Dim::Int(columns)]);
        kernel(c, x, vectors, kind)?.matmul(column)
    } else {
        c.ignore("kernel_params");
        x.matmul(column)
    };
    let sums = sums + x.scalar_like(rho);
    if one_class {
        // What isn't an outlier is 1.
        return Ok(vec![sums.greater(x.scalar_like(0.0)).select(x.scalar_like(1.0), x.scalar_like(-1.0))]);
    }
    Ok(vec![transformed(c, sums, transform)?])
}
