//! `resize`.
//!
//! Interpolation is separable: each axis in turn becomes weighted sums along it, those that shrink first,
//! so that nothing between is larger than both operand and result.

use glassbox_ir::ops::resize::{AxisResize, plan, resized_axes};
use glassbox_tensor::{Class, Overflow, Tensor, TensorError, parallel_chunks};

use super::elementwise::unravel;
use super::interpolation::{cubic, triangle};
use super::take::take_or;
use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let x = call.tensor(0)?;
    let given = |index| Ok::<_, KernelError>(call.opt_tensor(index)?.filter(|list| !list.is_empty()));
    let scales = given(2)?.map(|scales| Ok::<_, KernelError>(scales.load::<f64>()?.into_owned())).transpose()?;
    let sizes = given(3)?.map(|_| call.ints(3)).transpose()?;
    let axes = plan(call.attr, x.shape(), scales.as_deref(), sizes.as_deref())?;
    let places = axes.iter().enumerate().map(|(index, axis)| Places::new(call, axis, index)).collect::<Result<Vec<_>, _>>()?;
    let changed: Vec<&Places> = places.iter().filter(|places| !places.same()).collect();
    let sizes = call.sizes(0)?;
    if changed.is_empty() {
        return one(x.clone());
    }
    if call.attr.str("mode") == "nearest" {
        return one(nearest(call, x, &sizes, &changed)?);
    }
    one(interpolated(call, x, &sizes, &changed)?)
}

/// Where the elements of the result lie on one axis of x.
struct Places<'a> {
    axis: AxisResize,
    /// The coordinates that are wanted: mode, and the start and end of the region on this axis.
    mode: &'a str,
    region: (f64, f64),
}

impl<'a> Places<'a> {
    fn new(call: &Call<'a>, axis: &AxisResize, index: usize) -> Result<Places<'a>, KernelError> {
        let mode = call.attr.str("coordinate_transformation_mode");
        let mut region = (0.0, 1.0);
        if mode == "tf_crop_and_resize" {
            let (roi, count) = (call.tensor(1)?.load::<f64>()?, resized_axes(call.attr, call.tensor(0)?.rank())?.len());
            region = (roi[index], roi[count + index]);
            if !region.0.is_finite() || !region.1.is_finite() {
                return Err(call.invalid("C4", format!("on axis {} the region is {region:?}", axis.axis)));
            }
        }
        Ok(Places { axis: *axis, mode, region })
    }

    /// Whether the axis stays as it is.
    fn same(&self) -> bool {
        self.axis.input == self.axis.output && self.axis.scale == 1.0 && self.region == (0.0, 1.0)
    }

    /// The coordinate in x of an element; `None` where the result is the extrapolation value.
    fn coordinate(&self, element: usize) -> Option<f64> {
        let (input, output, scale) = (self.axis.input as f64, self.axis.output as f64, self.axis.scale);
        let (at, length) = (element as f64, scale * input);
        let half_pixel = (at + 0.5) / scale - 0.5;
        Some(match self.mode {
            "asymmetric" => at / scale,
            "align_corners" if length == 1.0 => 0.0,
            "align_corners" => at * (input - 1.0) / (length - 1.0),
            "pytorch_half_pixel" if self.axis.output <= 1 => 0.0,
            "tf_half_pixel_for_nn" => (at + 0.5) / scale,
            "half_pixel_symmetric" => input / 2.0 * (1.0 - output / length) + half_pixel,
            "tf_crop_and_resize" => {
                let (start, end) = self.region;
                let within = if length == 1.0 { (end - start) * (input - 1.0) / 2.0 } else { at * (end - start) * (input - 1.0) / (length - 1.0) };
                let place = within + start * (input - 1.0);
                return (0.0..=input - 1.0).contains(&place).then_some(place);
            }
            _ => half_pixel,
        })
    }
}

/// Mode nearest: elements are moved, whatever their dtype.
fn nearest(call: &Call, x: &Tensor, sizes: &[usize], axes: &[&Places]) -> Result<Tensor, KernelError> {
    let mode = call.attr.str("nearest_mode");
    let rounded = |places: &Places, at: f64| match mode {
        "floor" => at.floor(),
        "ceil" => at.ceil(),
        "simple" if places.axis.scale < 1.0 => at.ceil(),
        "simple" => at.floor(),
        "round_prefer_ceil" => if at - at.floor() >= 0.5 { at.ceil() } else { at.floor() },
        _ => if at - at.floor() > 0.5 { at.ceil() } else { at.floor() },
    };
    // For each axis, the index in x of each index in the result.
    let mut tables: Vec<Option<Vec<Option<usize>>>> = vec![None; sizes.len()];
    for places in axes {
        let last = places.axis.input.saturating_sub(1) as f64;
        let index = |element| places.coordinate(element).map(|at| rounded(places, at).clamp(0.0, last) as usize);
        tables[places.axis.axis] = Some((0..places.axis.output).map(index).collect());
    }
    take_or(x, sizes, call.attr.float("extrapolation_value"), |index| {
        let place = unravel(index, sizes);
        place.iter().zip(&tables).zip(x.shape()).try_fold(0, |index, ((at, table), size)| {
            let at = table.as_ref().map_or(Some(*at), |table| table[*at])?;
            Some(index * size + at)
        })
    })
}

/// What one element of the result is along an axis: weighted elements, or `None` for the extrapolation value.
type Sum = Option<Vec<(usize, f64)>>;

/// Modes linear and cubic.
fn interpolated(call: &Call, x: &Tensor, sizes: &[usize], axes: &[&Places]) -> Result<Tensor, KernelError> {
    let outside = call.attr.float("extrapolation_value");
    let mut axes = axes.to_vec();
    // Every axis with an extent of 0 has it on both sides: then there is nothing to do.
    axes.sort_by(|a, b| growth(&a.axis).total_cmp(&growth(&b.axis)));
    let mut shape = x.shape().to_vec();
    let mut values = x.load::<f64>()?.into_owned();
    for places in axes {
        let axis = places.axis.axis;
        let sums: Vec<Sum> = (0..places.axis.output).map(|element| weights(call, places, element)).collect();
        let inner: usize = shape[axis + 1..].iter().product();
        let old = shape[axis] * inner;
        shape[axis] = places.axis.output;
        let mut next = zeros(shape.iter().product())?;
        parallel_chunks(&mut next, inner, &|row, out| {
            let source = &values[row / sums.len() * old..][..old];
            let Some(terms) = &sums[row % sums.len()] else { return out.fill(outside) };
            for (element, weight) in terms {
                let line = &source[element * inner..][..inner];
                out.iter_mut().zip(line).for_each(|(out, value)| *out += weight * value);
            }
        });
        values = next;
    }
    if call.dtype(0).class() != Class::Float {
        values.iter_mut().for_each(|value| *value = libm::rint(*value));
    }
    Ok(Tensor::store(call.dtype(0), sizes, values, Overflow::Saturate)?)
}

fn growth(axis: &AxisResize) -> f64 {
    axis.output as f64 / axis.input.max(1) as f64
}

fn zeros(count: usize) -> Result<Vec<f64>, KernelError> {
    let mut values = Vec::new();
    let reserved = values.try_reserve_exact(count);
    reserved.map_err(|_| TensorError::AllocationFailed { bytes: count.saturating_mul(8) })?;
    values.resize(count, 0.0);
    Ok(values)
}

/// The elements that one of the result is the weighted sum of, those at the edges standing for what is outside.
fn weights(call: &Call, places: &Places, element: usize) -> Sum {
    let at = places.coordinate(element)?;
    let attr = call.attr;
    let last = places.axis.input.saturating_sub(1) as i64;
    let antialias = attr.bool("antialias");
    let stretch = if antialias { places.axis.scale.min(1.0) } else { 1.0 };
    let (reach, a) = if attr.str("mode") == "cubic" { (2.0, attr.float("cubic_coeff_a")) } else { (1.0, 0.0) };
    let kernel = |distance: f64| if reach == 2.0 { cubic(distance, a) } else { triangle(distance) };
    // What is further outside than one axis counts as the edge all the same.
    let bound = |place: f64| place.clamp(-(last as f64) - 8.0, 2.0 * last as f64 + 8.0) as i64;
    let (first, end) = (bound((at - reach / stretch).ceil()), bound((at + reach / stretch).floor()));
    let mut terms: Vec<(i64, f64)> = (first..=end).map(|index| (index, kernel((index as f64 - at) * stretch))).collect();
    if antialias {
        divide_by_sum(&mut terms);
    }
    if attr.bool("exclude_outside") {
        terms.retain(|(index, _)| (0..=last).contains(index));
        divide_by_sum(&mut terms);
    }
    let terms = terms.into_iter().filter(|(_, weight)| *weight != 0.0);
    Some(terms.map(|(index, weight)| (index.clamp(0, last) as usize, weight)).collect())
}

fn divide_by_sum(terms: &mut [(i64, f64)]) {
    let sum: f64 = terms.iter().map(|(_, weight)| weight).sum();
    if sum != 0.0 {
        terms.iter_mut().for_each(|(_, weight)| *weight /= sum);
    }
}
