//! The ops of normalisation over axes.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("BatchNormalization", 1, formula(tested_batch_normalization)).until(6),
    row("BatchNormalization", 7, formula(spatial_batch_normalization)).until(8),
    row("BatchNormalization", 9, formula(inferring_batch_normalization)).until(13),
    row("BatchNormalization", 14, direct(&ops::batch_normalization::OP)),
    row("GroupNormalization", 18, formula(group_normalization_18)).until(20),
    row("GroupNormalization", 21, direct(&ops::group_normalization::OP)),
    row("InstanceNormalization", 1, direct(&ops::instance_normalization::OP)),
    row("LRN", 1, direct(&ops::lrn::OP)),
    row("LayerNormalization", 17, direct(&ops::layer_normalization::OP)),
    row("LpNormalization", 1, direct(&ops::lp_normalization::OP)),
    row("MeanVarianceNormalization", 9, direct(&ops::mean_variance_normalization::OP)),
    row("RMSNormalization", 23, direct(&ops::rms_normalization::OP)),
];

/// Whether it is inference was said by `is_test`.
fn tested_batch_normalization<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    if !c.bool("is_test", false)? {
        return Err(c.unsupported("training (`is_test` is 0)"));
    }
    spatial_batch_normalization(c)
}

/// Statistics were those of channels or, with `spatial` 0, those of every element of an instance.
fn spatial_batch_normalization<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    if c.bool("spatial", true)? {
        return inferring_batch_normalization(c);
    }
    let attrs = inference(c)?;
    let flat = |x: Expr<'a>, shape: &[i64]| x.binary(&ops::reshape::OP, c.f.ints(shape));
    let mut operands = vec![flat(c.x(0), &[0, -1])];
    operands.extend((1..5).map(|index| flat(c.x(index), &[-1])));
    let y = c.f.op(&ops::batch_normalization::OP, &operands, attrs);
    Ok(vec![y.binary(&ops::reshape::OP, c.x(0).unary(&ops::shape::OP))])
}

/// Whether it is inference was said by the number of outputs.
fn inferring_batch_normalization<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    if c.outputs > 1 {
        return trained_batch_normalization(c);
    }
    let attrs = inference(c)?;
    c.with_attrs(&ops::batch_normalization::OP, attrs)
}

/// With more outputs than one it is training: y, the running mean and variance, and those of this batch.
fn trained_batch_normalization<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (momentum, epsilon) = (c.float("momentum", f64::from(0.9f32))?, c.float("epsilon", f64::from(1e-5f32))?);
    let attrs = attrs! { training_mode: true, momentum: momentum, epsilon: epsilon };
    let mut results = c.f.op_many(&ops::batch_normalization::OP, &c.operands(), attrs, Vec::new(), 3);
    let axes: Vec<i64> = (0..c.rank(0)? as i64).filter(|axis| *axis != 1).collect();
    let x = c.x(0).widened();
    let distances = x - x.mean(&axes, true);
    let of_batch = [x.mean(&axes, false), (distances * distances).mean(&axes, false)];
    results.extend(of_batch.map(|x| x.cast(c.x(0).dtype())));
    Ok(results)
}

/// The attributes of inference.
fn inference(c: &NodeContext) -> Result<Attrs, crate::error::OnnxError> {
    if c.outputs > 1 {
        return Err(c.unsupported("training (more than one output)"));
    }
    c.ignore("momentum");
    Ok(attrs! { epsilon: c.float("epsilon", f64::from(1e-5f32))? })
}

/// Scale and bias had an element for each group, not for each channel.
fn group_normalization_18<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let groups = c.required("num_groups", c.opt_int("num_groups")?)?;
    let x = c.x(0);
    let grouped = x.widened().binary(&ops::reshape::OP, c.f.ints(&[0, groups, -1]));
    let distances = grouped - grouped.mean(&[2], true);
    let variance = (distances * distances).mean(&[2], true);
    let normalised = distances / (variance + c.float("epsilon", f64::from(1e-5f32))?).sqrt();
    let per_group = |index: usize| c.x(index).widened().unsqueeze(&[1]);
    let y = normalised * per_group(1) + per_group(2);
    Ok(vec![y.cast(x.dtype()).binary(&ops::reshape::OP, x.unary(&ops::shape::OP))])
}
