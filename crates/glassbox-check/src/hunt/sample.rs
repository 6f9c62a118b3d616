//! A sample of the elements of two tensors that look wrong: those that differ most, and some in even steps.

use glassbox_exec::Value;
use glassbox_tensor::{Tensor, TensorError};

/// How many of the elements that differ most are kept.
const WORST: usize = 64;
/// How many are kept in even steps.
const EVEN: usize = 4096;

/// Elements of ours and theirs, and later what they are in f64.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Which elements, in order.
    pub(crate) places: Vec<usize>,
    pub(crate) ours: Vec<f64>,
    pub(crate) theirs: Vec<f64>,
    /// What our node gives in f64 for what it was given. Empty where that wasn't computed.
    pub(crate) precise: Vec<f64>,
    /// What it gives in f64 for theirs as it is, where that holds more digits than our dtypes do. Empty where it is the same.
    pub(crate) exact: Vec<f64>,
}

impl Sample {
    /// A sample of two tensors of the same dims.
    pub(crate) fn of(ours: &Tensor, theirs: &Tensor) -> Result<Sample, TensorError> {
        let (a, b) = (ours.contiguous()?, theirs.contiguous()?);
        let (a, b) = (a.load::<f64>()?, b.load::<f64>()?);
        let step = a.len().div_ceil(EVEN).max(1);
        let mut places: Vec<usize> = (0..a.len()).step_by(step).collect();
        let apart = |place: &usize| {
            let (a, b) = (a[*place], b[*place]);
            let same = a == b || (a.is_nan() && b.is_nan());
            if same {
                0.0
            } else if a.is_finite() && b.is_finite() {
                (a - b).abs()
            } else {
                f64::INFINITY
            }
        };
        let mut worst: Vec<(f64, usize)> = Vec::with_capacity(WORST + 1);
        for place in 0..a.len() {
            let distance = apart(&place);
            if distance == 0.0 || (worst.len() == WORST && distance <= worst[WORST - 1].0) {
                continue;
            }
            let at = worst.partition_point(|(known, _)| *known >= distance);
            worst.insert(at, (distance, place));
            worst.truncate(WORST);
        }
        places.extend(worst.iter().map(|(_, place)| *place));
        places.sort_unstable();
        places.dedup();
        let ours = places.iter().map(|place| a[*place]).collect();
        let theirs = places.iter().map(|place| b[*place]).collect();
        Ok(Sample { places, ours, theirs, ..Sample::default() })
    }

    /// How far ours is from what theirs is in another sample, by the elements that both have: the root of the mean square,
    /// relative to that of theirs. `None` where they have too few to tell, or elements that aren't finite.
    pub(crate) fn apart(&self, other: &Sample, least: usize) -> Option<f64> {
        let (mut square, mut scale, mut common) = (0.0, 0.0, 0);
        for (index, place) in self.places.iter().enumerate() {
            if let Ok(there) = other.places.binary_search(place) {
                let (ours, theirs) = (self.ours[index], other.theirs[there]);
                square += (ours - theirs) * (ours - theirs);
                scale += theirs * theirs;
                common += 1;
            }
        }
        let apart = (square / scale).sqrt();
        (common >= least && apart.is_finite()).then_some(apart)
    }

    /// Adds what the elements are in f64: for what our node was given, or for theirs as it is.
    pub(crate) fn add(&mut self, value: &Value, exact: bool) -> Result<(), TensorError> {
        let Value::Tensor(tensor) = value else { return Ok(()) };
        let dense = tensor.contiguous()?;
        if !dense.dtype().is_float() || self.places.last().is_some_and(|last| *last >= dense.len()) {
            return Ok(());
        }
        let mut element = [0f64];
        let elements = if exact { &mut self.exact } else { &mut self.precise };
        elements.clear();
        elements.reserve(self.places.len());
        for place in &self.places {
            dense.load_range(*place, &mut element)?;
            elements.push(element[0]);
        }
        Ok(())
    }

    /// The elements on both sides and in f64, where that is known.
    pub(crate) fn elements(&self) -> impl Iterator<Item = Element> {
        self.places.iter().enumerate().map(move |(index, place)| {
            let precise = self.precise.get(index).copied();
            let exact = self.exact.get(index).copied().or(precise);
            Element { place: *place, ours: self.ours[index], theirs: self.theirs[index], precise, exact }
        })
    }
}

/// One element of a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element {
    pub(crate) place: usize,
    pub(crate) ours: f64,
    pub(crate) theirs: f64,
    /// What ours is in f64, where that is known.
    pub(crate) precise: Option<f64>,
    /// What theirs is in f64, where that is known.
    pub(crate) exact: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_the_same_values_are_near() {
        let tensor = |factor: f32| {
            let values: Vec<f32> = (0..EVEN * 3 + 5).map(|place| factor * (place % 97) as f32).collect();
            Tensor::from_vec(&[values.len()], values).unwrap()
        };
        let (one, other) =
            (Sample::of(&tensor(1.0), &tensor(2.0)).unwrap(), Sample::of(&tensor(2.0), &tensor(1.0)).unwrap());
        assert_eq!(one.apart(&other, 8), Some(0.0));
        assert_eq!(one.apart(&one, 8), Some(0.5));
        assert!(one.apart(&other, one.places.len() + 1).is_none());
    }
}
