//! What the losses of classes share: the loss of each target, weighted and reduced.

use super::common::*;
use crate::attrs;

/// The targets of a loss.
pub(super) const TARGETS: DTypes = DTypes::These(&[DType::I32, DType::I64]);
/// The attributes of a loss.
pub(super) const ATTRS: &[AttrSpec] = &[
    AttrSpec::optional("ignore_index", AttrKind::Int),
    AttrSpec::one_of("reduction", &["none", "sum", "mean"], "mean"),
];
/// The constraints of a loss.
pub(super) const CONSTRAINTS: &[(&str, &str)] = &[
    ("C1", "x has at least two axes, and the target its dims without the second"),
    ("C2", "the weights are a vector of as many elements as there are classes"),
    ("C3", "each target is ignore_index or in [0, classes)"),
];

/// The type of the loss: that of each target, or a scalar.
pub(super) fn infer(infer: &Infer) -> Result<Type, Violation> {
    let (x, target) = (infer.tensor(0)?, infer.tensor(1)?);
    let mut shape = target.shape.clone();
    if let Some(dims) = x.dims() {
        let [batch, classes, rest @ ..] = dims else { return Err(Violation::new("C1", format!("x is {x}"))) };
        let wanted: Vec<Dim> = std::iter::once(batch).chain(rest).cloned().collect();
        if !Shape::Ranked(wanted.clone()).admits(&shape) {
            return Err(Violation::new("C1", format!("x is {x}, the target {target}")));
        }
        shape = Shape::Ranked(wanted);
        if infer.dims(2).is_some_and(|weights| weights.len() != 1 || weights[0].same(classes) == Some(false)) {
            return Err(Violation::new("C2", format!("the weights are {}, x is {x}", infer.ty(2)?)));
        }
    }
    Ok(match infer.attr.str("reduction") {
        "none" => TensorType { dtype: x.dtype, shape }.into(),
        _ => Type::scalar(x.dtype),
    })
}

/// The loss of each target, of log-probabilities `x` [batch, classes, ...], weighted and reduced.
pub(super) fn of_targets<'a>(d: &Decompose<'a>, x: Expr<'a>) -> Exprs<'a> {
    let f = d.f;
    let target = d.x(1).cast(DType::I64);
    let classes = f.extent(&d.dims_of(x)?[1]);
    let ignored = d.attr.opt_int("ignore_index").map(|index| target.equal(f.int(index)));
    // A negative index would count from the back; it must be refused like one that is too large.
    let target = target.less(f.int(0)).select(classes, target);
    let target = ignored.map_or(target, |ignored| ignored.select(f.int(0), target));
    let zero = x.scalar_like(0.0);
    let open = |loss: Expr<'a>| ignored.map_or(loss, |ignored| ignored.select(zero, loss));
    let picked = f.op(&super::gather_elements::OP, &[x, target.unsqueeze(&[1])], attrs! { axis: 1 }).squeeze(&[1]);
    let given = d.opt(2).map(|weights| f.op(&super::gather::OP, &[weights.widened(), target], attrs! { axis: 0 }));
    let loss = open(given.map_or(-picked, |weights| -picked * weights));
    let weights = given.map(open).or(ignored.map(|ignored| ignored.select(zero, x.scalar_like(1.0))));
    let axes: Vec<i64> = (0..d.rank(1)? as i64).collect();
    let reduced = match (d.attr.str("reduction"), weights) {
        ("none", _) => loss,
        ("sum", _) => loss.sum(&axes, false),
        (_, Some(weights)) => loss.sum(&axes, false) / weights.sum(&axes, false),
        (_, None) => loss.mean(&axes, false),
    };
    Ok(vec![reduced.cast(d.dtype(0))])
}
