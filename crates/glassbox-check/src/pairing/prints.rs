//! Pairing values by what they hold: two runs on the same inputs give nearly the same numbers wherever they compute the same.

use std::collections::HashMap;

use glassbox_exec::Value;
use glassbox_tensor::Tensor;

use super::score::family;
use super::{How, Pairs};
use crate::skeleton::Skeleton;

/// The sums of a print: of the elements, of their absolutes, of their squares, and of two series of weighted elements.
const SUMS: usize = 5;
/// How far the sums of two prints may be apart, relative to their scale. Runs that compute the same are nearer by orders,
/// and what differs by less is as good as the same for pairing.
const NEAR: f64 = 1e-3;
/// Elements that are read together.
const PART: usize = 4096;

/// What a tensor holds, in short.
#[derive(Clone, Debug, PartialEq)]
pub struct Print {
    shape: Vec<usize>,
    sums: [f64; SUMS],
    scale: f64,
}

impl Print {
    /// The print of a value. `None` where it doesn't tell the value from others: it isn't a tensor of floats, has few
    /// elements, or they are all alike or not finite.
    pub fn of(value: &Value) -> Option<Print> {
        let Value::Tensor(tensor) = value else { return None };
        Print::of_tensor(tensor)
    }

    fn of_tensor(tensor: &Tensor) -> Option<Print> {
        if !tensor.dtype().is_float() || tensor.len() < 4 {
            return None;
        }
        let dense = tensor.contiguous().ok()?;
        let mut part = vec![0f64; PART.min(dense.len())];
        let (mut sums, mut first, mut varied) = ([0f64; SUMS], None, false);
        let mut start = 0;
        while start < dense.len() {
            let count = PART.min(dense.len() - start);
            dense.load_range(start, &mut part[..count]).ok()?;
            for (place, value) in part[..count].iter().enumerate() {
                varied |= *first.get_or_insert(*value) != *value;
                let [a, b] = weights(start + place);
                let terms = [*value, value.abs(), value * value, a * value, b * value];
                sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
            }
            start += count;
        }
        let usable = varied && sums.iter().all(|sum| sum.is_finite());
        usable.then(|| Print { shape: dense.shape().to_vec(), sums, scale: sums[1] })
    }

    /// How far two are apart, relative to their scale; infinite for other shapes.
    fn distance(&self, other: &Print) -> f64 {
        if self.shape != other.shape {
            return f64::INFINITY;
        }
        let linear = [0, 1, 3, 4].iter().map(|place| (self.sums[*place] - other.sums[*place]).abs());
        let linear = linear.fold(0.0, f64::max) / self.scale.max(other.scale);
        let squares = (self.sums[2] - other.sums[2]).abs() / self.sums[2].max(other.sums[2]);
        linear.max(squares)
    }
}

/// Two numbers from -1 to 1 that look random, for the element with this number.
fn weights(place: usize) -> [f64; 2] {
    let mut mixed = (place as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let half = |bits: u32| f64::from(bits) / f64::from(u32::MAX) * 2.0 - 1.0;
    [half(mixed as u32), half((mixed >> 32) as u32)]
}

/// Pairs the values without a partner whose prints are near each other and near no other.
pub(super) fn pair(
    ours: &Skeleton,
    theirs: &Skeleton,
    our_prints: &[Option<Print>],
    their_prints: &[Option<Print>],
    pairs: &mut Pairs,
) {
    let mut by_shape: HashMap<&[usize], Vec<usize>> = HashMap::new();
    for (place, print) in their_prints.iter().enumerate() {
        if let (Some(print), None) = (print, pairs.their_values[place]) {
            by_shape.entry(&print.shape).or_default().push(place);
        }
    }
    // What each of ours is near to, and how many of ours each of theirs is near to.
    let mut nears: Vec<(usize, Vec<(usize, f64)>)> = Vec::new();
    let mut sought: HashMap<usize, usize> = HashMap::new();
    for (place, print) in our_prints.iter().enumerate() {
        let (Some(print), None) = (print, pairs.values[place]) else { continue };
        let Some(candidates) = by_shape.get(print.shape.as_slice()) else { continue };
        let near = |candidate: &usize| {
            let distance = print.distance(their_prints[*candidate].as_ref()?);
            (distance <= NEAR).then_some((*candidate, distance))
        };
        let near: Vec<(usize, f64)> = candidates.iter().filter_map(near).collect();
        near.iter().for_each(|(candidate, _)| *sought.entry(*candidate).or_default() += 1);
        nears.push((place, near));
    }
    for (place, near) in nears {
        // Where several of ours hold the same and not as many of theirs, structure must tell which is which.
        let crowded = near.iter().any(|(candidate, _)| sought.get(candidate).is_some_and(|count| *count > near.len()));
        if crowded {
            continue;
        }
        let same_op = |candidate: usize| {
            let (a, b) = (ours.producer(place), theirs.producer(candidate));
            a.zip(b).is_some_and(|(a, b)| family(&ours.nodes[a].op) == family(&theirs.nodes[b].op))
        };
        // What is passed on unchanged is near several: the one of the same op, else the nearest, else the first.
        let free = near.iter().filter(|(candidate, _)| pairs.their_values[*candidate].is_none());
        let best = free.min_by(|a, b| {
            let ops = same_op(b.0).cmp(&same_op(a.0));
            ops.then(a.1.total_cmp(&b.1)).then(a.0.cmp(&b.0))
        });
        if let Some((best, _)) = best {
            pairs.join(place, *best, How::Value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(values: &[f32]) -> Option<Print> {
        Print::of(&Tensor::from_vec(&[values.len()], values.to_vec()).unwrap().into())
    }

    #[test]
    fn the_order_of_elements_is_in_the_print() {
        let (a, b) = (print(&[1.0, 2.0, 3.0, 4.0]).unwrap(), print(&[2.0, 1.0, 4.0, 3.0]).unwrap());
        assert!(a.distance(&b) > NEAR);
        let rounded = print(&[1.0, 2.0, 3.0, 4.000001]).unwrap();
        assert!(a.distance(&rounded) < NEAR);
    }

    #[test]
    fn what_says_nothing_has_none() {
        assert!(print(&[0.0; 8]).is_none());
        assert!(print(&[1.0, 2.0]).is_none());
        assert!(print(&[1.0, f32::NAN, 2.0, 3.0]).is_none());
    }
}
