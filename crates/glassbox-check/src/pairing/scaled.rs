//! Weights into which a normalisation was folded.

use crate::skeleton::Constant;

/// How far a weight may be from one that was scaled, relative to its size: both were rounded.
const SCALED: f64 = 1e-4;
/// The largest weight that is looked at, in elements.
const MAX_SCALED: usize = 1 << 24;

/// Whether a weight is another one times a factor, which isn't negative, for each of its rows or columns.
pub(crate) fn is_scaled(ours: &Constant, theirs: &Constant) -> bool {
    factors(ours, theirs).unwrap_or(false)
}

fn factors(ours: &Constant, theirs: &Constant) -> Option<bool> {
    let shape = ours.shape().to_vec();
    if shape != theirs.shape() || shape.len() < 2 || ours.len() > MAX_SCALED || !ours.dtype().is_float() {
        return None;
    }
    let (ours, theirs) = (ours.load()?.contiguous().ok()?, theirs.load()?.contiguous().ok()?);
    let (ours, theirs) = (ours.load::<f64>().ok()?, theirs.load::<f64>().ok()?);
    let (rows, columns) = (*shape.first()?, *shape.last()?);
    let by = |group: &dyn Fn(usize) -> usize, groups: usize| {
        let (mut dot, mut own, mut square) = (vec![0f64; groups], vec![0f64; groups], vec![0f64; groups]);
        for (index, (a, b)) in ours.iter().zip(theirs.iter()).enumerate() {
            let group = group(index);
            dot[group] += a * b;
            own[group] += a * a;
            square[group] += b * b;
        }
        (0..groups).all(|group| {
            // What is left of theirs beside the multiple of ours that is nearest to it.
            let left = square[group] - dot[group] * dot[group] / own[group].max(f64::MIN_POSITIVE);
            dot[group] >= 0.0 && left.max(0.0) <= SCALED * SCALED * square[group]
        })
    };
    let length = ours.len() / rows.max(1);
    Some(by(&|index| index / length.max(1), rows) || by(&|index| index % columns.max(1), columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::Tensor;

    #[test]
    fn a_weight_that_was_scaled_by_rows_is_known() {
        let constant = |values: &[f32]| Constant::tensor(Tensor::from_vec(&[2, 3], values.to_vec()).unwrap());
        let ours = constant(&[1.0, 2.0, -3.0, 0.5, -0.25, 4.0]);
        assert!(is_scaled(&ours, &constant(&[0.1, 0.2, -0.3, 2.0, -1.0, 16.0])));
        assert!(!is_scaled(&ours, &constant(&[0.1, 0.2, 0.3, 2.0, -1.0, 16.0])), "one element has another sign");
        assert!(!is_scaled(&ours, &constant(&[-1.0, -2.0, 3.0, 0.5, -0.25, 4.0])), "a row has another sign");
    }
}
