//! What is done to the results of a product while they are still in the cache.

/// Work on finished results, such as adding a bias or applying an activation.
///
/// ```
/// use glassbox_kernels::Epilogue;
/// struct Bias<'a>(&'a [f32]);
/// impl Epilogue for Bias<'_> {
///     fn finish(&self, _row: usize, column: usize, values: &mut [f32]) {
///         values.iter_mut().zip(&self.0[column..]).for_each(|(value, bias)| *value += bias);
///     }
/// }
/// let mut values = [1.0, 2.0];
/// Bias(&[0.0, 10.0, 20.0]).finish(0, 1, &mut values);
/// assert_eq!(values, [11.0, 22.0]);
/// ```
pub trait Epilogue: Sync {
    /// Changes `values`, which are results of row `row` from column `column` on. Every result is given exactly once;
    /// how many are given together, and in which order, is not said.
    fn finish(&self, row: usize, column: usize, values: &mut [f32]);
}
