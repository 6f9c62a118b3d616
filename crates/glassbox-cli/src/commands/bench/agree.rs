//! Whether an engine computes what ours does: asked before anything is timed.

use anyhow::{Result, bail};
use glassbox_tensor::Tensor;

/// How far an engine's outputs are from ours.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Distance {
    /// The output that differs most.
    pub(super) output: String,
    /// Its largest difference, relative to its largest element.
    pub(super) relative: f64,
}

/// The output that differs most. Outputs are paired by name, or where names differ, by their places; where the other gives
/// more than ours, the rest isn't looked at. NaN equals only NaN.
///
/// # Errors
///
/// Where an output is missing or has other dims.
pub(super) fn distance(peer: &str, ours: &[(String, Tensor)], theirs: &[(String, Tensor)]) -> Result<Distance> {
    let named = ours.iter().all(|(name, _)| theirs.iter().any(|(other, _)| other == name));
    if !named && theirs.len() < ours.len() {
        bail!("{peer} gives {} outputs, and our model {}", theirs.len(), ours.len());
    }
    let mut worst = Distance { output: ours.first().map_or(String::new(), |(name, _)| name.clone()), relative: 0.0 };
    for (place, (name, our_values)) in ours.iter().enumerate() {
        let found = if named { theirs.iter().find(|(other, _)| other == name) } else { theirs.get(place) };
        let Some((_, their_values)) = found else { bail!("{peer} gives no output `{name}`") };
        if our_values.shape() != their_values.shape() {
            bail!("{peer}: output `{name}` is {:?}, and ours {:?}", their_values.shape(), our_values.shape());
        }
        let relative = relative(&our_values.load::<f64>()?, &their_values.load::<f64>()?);
        if relative.total_cmp(&worst.relative).is_gt() {
            worst = Distance { output: name.clone(), relative };
        }
    }
    Ok(worst)
}

/// The largest difference, relative to the largest finite element of ours; infinite where only one is NaN, or infinite.
fn relative(ours: &[f64], theirs: &[f64]) -> f64 {
    let largest =
        ours.iter().filter(|value| value.is_finite()).fold(0.0, |largest, value| f64::max(largest, value.abs()));
    let of_one = |(ours, theirs): (&f64, &f64)| {
        let same = ours == theirs || ours.is_nan() && theirs.is_nan();
        match (ours - theirs).abs() {
            _ if same => 0.0,
            difference if difference.is_nan() => f64::INFINITY,
            difference => difference / largest,
        }
    };
    ours.iter().zip(theirs).map(of_one).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(name: &str, values: &[f32]) -> (String, Tensor) {
        (name.to_owned(), Tensor::from_vec(&[values.len()], values.to_vec()).expect("a tensor"))
    }

    #[test]
    fn a_difference_is_relative_to_the_largest_element() {
        assert_eq!(relative(&[1.0, -4.0], &[1.0, -3.0]), 0.25);
        assert_eq!(relative(&[f64::NAN, 1.0], &[f64::NAN, 1.0]), 0.0);
        assert_eq!(relative(&[f64::NAN, 1.0], &[0.0, 1.0]), f64::INFINITY);
        assert_eq!(relative(&[f64::INFINITY, 1.0], &[1.0, 1.0]), f64::INFINITY);
        assert_eq!(relative(&[0.0], &[1.0]), f64::INFINITY);
        assert_eq!(relative(&[], &[]), 0.0);
    }

    #[test]
    fn outputs_are_paired_by_name_or_place() {
        let ours = [output("a", &[1.0]), output("b", &[2.0])];
        let swapped = [output("b", &[2.0]), output("a", &[0.5])];
        let found = distance("it", &ours, &swapped).expect("a distance");
        assert_eq!(found, Distance { output: "a".into(), relative: 0.5 });
        let by_place = distance("it", &ours, &[output("x", &[1.0]), output("y", &[2.0])]).expect("a distance");
        assert_eq!(by_place.relative, 0.0);
        assert!(distance("it", &ours, &[output("x", &[1.0])]).is_err());
        assert!(distance("it", &ours, &[output("a", &[1.0]), output("b", &[1.0, 2.0])]).is_err());
    }
}
