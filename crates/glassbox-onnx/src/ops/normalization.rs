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
    // Of the standard since 17; onnxruntime has it in every version, and writes it into what it has optimised.
    row("LayerNormalization", 1, direct(&ops::layer_normalization::OP)),
    row("LpNormalization", 1, direct(&ops::lp_normalization::OP)),
    row("MeanVarianceNormalization", 9, direct(&ops::mean_variance_normalization::OP)),
    row("RMSNormalization", 23, direct(&ops::rms_normalization::OP)),
];

/// Whether it is inference was said by `is_test`.
fn tested_batch_normalization<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let training = !c.bool("is_test", false)?;
    let spatial = c.bool("spatial", true)?;
    normalised_batch(c, training, spatial)
}

/// Statistics were those of channels or, with `spatial` 0, those of every element of an instance.
fn spatial_batch_normalization<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let spatial = c.bool("spatial", true)?;
    normalised_batch(c, c.outputs > 1, spatial)
}

/// Whether it is inference was said by the number of outputs.
fn inferring_batch_normalization<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    normalised_batch(c, c.outputs > 1, true)
}

/// y, and in training the running mean and variance, and those of this batch.
fn normalised_batch<'a>(c: &NodeContext<'a>, training: bool, spatial: bool) -> Exprs<'a> {
    let mut operands: Vec<Expr<'a>> = (0..5).map(|index| c.x(index)).collect();
    if !spatial {
        let flat = |x: Expr<'a>, shape: &[i64]| x.binary(&ops::reshape::OP, c.f.ints(shape));
        operands =
            operands.iter().enumerate().map(|(index, x)| flat(*x, if index == 0 { &[0, -1] } else { &[-1] })).collect();
    }
    let epsilon = c.float("epsilon", f64::from(1e-5f32))?;
    let mut results = match training {
        true => {
            let momentum = c.float("momentum", f64::from(0.9f32))?;
            let attrs = attrs! { training_mode: true, momentum: momentum, epsilon: epsilon };
            let operands: Vec<Option<Expr<'a>>> = operands.iter().copied().map(Some).collect();
            let mut results = c.f.op_many(&ops::batch_normalization::OP, &operands, attrs, Vec::new(), 3);
            results.extend(of_batch(operands[0].unwrap_or(c.x(0)), if spatial { c.rank(0)? } else { 2 }));
            results
        }
        false => {
            c.ignore("momentum");
            vec![c.f.op(&ops::batch_normalization::OP, &operands, attrs! { epsilon: epsilon })]
        }
    };
    if !spatial {
        for (index, result) in results.iter_mut().enumerate() {
            let like = if index == 0 { c.x(0) } else { c.x(3) };
            *result = result.binary(&ops::reshape::OP, like.unary(&ops::shape::OP));
        }
    }
    Ok(results)
}

/// The mean and variance of each channel of x, which is in axis 1; of a vector there is one.
fn of_batch(x: Expr, rank: usize) -> [Expr; 2] {
    let axes: Vec<i64> = (0..rank as i64).filter(|axis| *axis != 1).collect();
    let wide = x.widened();
    let distances = wide - wide.mean(&axes, true);
    let found = [wide.mean(&axes, false), (distances * distances).mean(&axes, false)];
    found.map(|y| if rank < 2 { y.unsqueeze(&[0]) } else { y }.cast(x.dtype()))
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
