//! Interpolation kernels: how much an element at a distance counts.

/// The triangle: linear interpolation.
pub(crate) fn triangle(distance: f64) -> f64 {
    (1.0 - distance.abs()).max(0.0)
}

/// The cubic convolution kernel. R. Keys, "Cubic convolution interpolation for digital image processing",
/// 1981, with the free parameter `a`.
pub(crate) fn cubic(distance: f64, a: f64) -> f64 {
    match distance.abs() {
        x if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
        x if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_around_any_place_sum_to_one() {
        for place in [0.0, 0.125, 0.5, 0.99] {
            for a in [-0.75, -0.5] {
                let sum: f64 = (-2..=2).map(|element| cubic(f64::from(element) - place, a)).sum();
                assert!((sum - 1.0).abs() < 1e-15, "{place} {a}: {sum}");
            }
            let sum: f64 = (-1..=1).map(|element| triangle(f64::from(element) - place)).sum();
            assert_eq!(sum, 1.0);
        }
    }
}
