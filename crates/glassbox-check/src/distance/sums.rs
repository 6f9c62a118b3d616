//! How far two tensors are apart: the sums over their elements.
//!
//! Parts whose elements are finite on both sides, which are nearly all, go through loops that a processor does several
//! elements of at once. All others are added element by element. The loops are compiled for AVX2 too, for processors that
//! have it; nothing in them hangs on how many elements are done at once, so the figures are the same.

use glassbox_tensor::{Compute, DType, Tensor, TensorError, parallel_map};

use super::masked::Scale;
use super::moments::{LANES, Moments, PART, PIECE, parts};
use super::{Bounds, Distance, epsilon, index_of, smallest};
use crate::report::{Apart, Place, Stats};

/// The bins of [`Apart::spread`].
pub(super) const BINS: usize = 24;
/// The power of ten of the first bin after that of equal elements.
const FIRST_POWER: f64 = -16.0;
/// The exponents that an f64 can have in its bits.
const EXPONENTS: usize = 1 << 11;

/// Elements of a dtype as numbers that can be told apart.
pub(super) trait Elements: Compute {
    /// Elements as f64. `room` is for those that aren't.
    fn numbers<'a>(elements: &'a [Self], room: &'a mut [f64]) -> &'a [f64];
    /// How far two are apart: absolute, in whole numbers exactly.
    fn apart(self, other: Self) -> f64;
    fn same(self, other: Self) -> bool;
    /// Whether the difference of two as f64 is how far they are apart.
    const PLAIN: bool;
}

impl Elements for f64 {
    const PLAIN: bool = true;

    fn numbers<'a>(elements: &'a [f64], _: &'a mut [f64]) -> &'a [f64] {
        elements
    }

    fn apart(self, other: f64) -> f64 {
        (self - other).abs()
    }

    fn same(self, other: f64) -> bool {
        self == other || (self.is_nan() && other.is_nan())
    }
}

macro_rules! integers {
    ($($name:ty),*) => {$(
        impl Elements for $name {
            const PLAIN: bool = false;

            fn numbers<'a>(elements: &'a [$name], room: &'a mut [f64]) -> &'a [f64] {
                room.iter_mut().zip(elements).for_each(|(room, element)| *room = *element as f64);
                &room[..elements.len()]
            }

            fn apart(self, other: $name) -> f64 {
                self.abs_diff(other) as f64
            }

            fn same(self, other: $name) -> bool {
                self == other
            }
        }
    )*};
}

integers!(i64, u64);

/// How elements are measured.
#[derive(Clone, Copy)]
pub(super) struct Measure {
    /// The dtype in whose steps.
    pub(super) dtype: DType,
    /// What they may differ by.
    pub(super) bounds: Bounds,
    /// How large those of theirs are.
    pub(super) scale: Scale,
}

impl Measure {
    /// Whether an element is masked on both sides, so that it doesn't count how far they are apart.
    #[inline(always)]
    fn passes_over(&self, ours: f64, theirs: f64) -> bool {
        theirs <= self.scale.masked && ours <= self.scale.masked
    }
}

/// The sums over two contiguous tensors of the same dims.
pub(super) fn between<E: Elements>(ours: &Tensor, theirs: &Tensor, measure: Measure) -> Result<Sums, TensorError> {
    let length = ours.len();
    let pieces = parallel_map(length.div_ceil(PIECE), |piece| {
        let mut sums = Sums::new(measure);
        let (mut a, mut b) = ([E::default(); PART], [E::default(); PART]);
        for (start, count) in parts(piece, length) {
            let (a, b) = (&mut a[..count], &mut b[..count]);
            ours.load_range(start, a)?;
            theirs.load_range(start, b)?;
            sums.add(start, a, b);
        }
        Ok(sums)
    });
    let mut whole = Sums::new(measure);
    for piece in pieces {
        whole.join(piece?);
    }
    Ok(whole)
}

/// What is known after some elements.
pub(super) struct Sums {
    measure: Measure,
    count: u64,
    differing: u64,
    special: u64,
    outside: u64,
    max_abs: f64,
    max_rel: f64,
    /// In steps of the dtype.
    max_steps: f64,
    square: f64,
    ours: Moments,
    /// How many relative differences have which exponent; the last is for what isn't finite.
    exponents: Vec<u64>,
    worst: Option<(f64, usize, f64, f64)>,
}

impl Sums {
    fn new(measure: Measure) -> Sums {
        Sums {
            measure,
            count: 0,
            differing: 0,
            special: 0,
            outside: 0,
            max_abs: 0.0,
            max_rel: 0.0,
            max_steps: 0.0,
            square: 0.0,
            ours: Moments::default(),
            exponents: vec![0; EXPONENTS],
            worst: None,
        }
    }

    /// Adds the elements of a part, which begins at `start`.
    fn add<E: Elements>(&mut self, start: usize, a: &[E], b: &[E]) {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2")]
            fn with_avx2<E: Elements>(sums: &mut Sums, start: usize, a: &[E], b: &[E]) {
                sums.add_part(start, a, b);
            }
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2.
                return unsafe { with_avx2(self, start, a, b) };
            }
        }
        self.add_part(start, a, b);
    }

    /// See [`Sums::add`].
    #[inline(always)]
    fn add_part<E: Elements>(&mut self, start: usize, a: &[E], b: &[E]) {
        let (mut our_room, mut their_room) = ([0f64; PART], [0f64; PART]);
        let (ours, theirs) = (E::numbers(a, &mut our_room), E::numbers(b, &mut their_room));
        self.count += a.len() as u64;
        let finite = self.ours.add_part(ours);
        if E::PLAIN && finite && all_finite(theirs) {
            let whole = ours.len() - ours.len() % LANES;
            self.add_finite(start, &ours[..whole], &theirs[..whole]);
            for place in whole..ours.len() {
                self.add_one(start + place, (a[place], b[place]), (ours[place], theirs[place]));
            }
            return;
        }
        for place in 0..a.len() {
            self.add_one(start + place, (a[place], b[place]), (ours[place], theirs[place]));
        }
    }

    /// Adds elements that are finite on both sides, whole lanes of them.
    #[inline(always)]
    fn add_finite(&mut self, start: usize, ours: &[f64], theirs: &[f64]) {
        let (mut square, mut most, mut differing) = ([0f64; LANES], [0f64; LANES], [0f64; LANES]);
        for (a, b) in ours.chunks_exact(LANES).zip(theirs.chunks_exact(LANES)) {
            for lane in 0..LANES {
                let apart = (a[lane] - b[lane]).abs();
                let counts = if self.measure.passes_over(a[lane], b[lane]) { 0.0 } else { apart };
                square[lane] += counts * counts;
                most[lane] = if apart > most[lane] { apart } else { most[lane] };
                differing[lane] += if apart > 0.0 { 1.0 } else { 0.0 };
            }
        }
        let (most, differing) = (most.iter().copied().fold(0.0, f64::max), differing.iter().sum::<f64>());
        if most == 0.0 {
            return;
        }
        self.square += square.iter().sum::<f64>();
        self.differing += differing as u64;
        self.max_abs = self.max_abs.max(most);
        if self.worst.is_none_or(|(worst, ..)| most > worst) {
            let place = ours.iter().zip(theirs).position(|(a, b)| (a - b).abs() == most);
            self.worst = place.map(|place| (most, start + place, ours[place], theirs[place])).or(self.worst);
        }
        self.add_relative(ours, theirs, differing as u64);
    }

    /// Adds what is relative of elements that are finite on both sides, `differing` of which differ.
    #[inline(always)]
    fn add_relative(&mut self, ours: &[f64], theirs: &[f64], differing: u64) {
        let Bounds { relative: slope, absolute } = self.measure.bounds;
        let (step, least) = (epsilon(self.measure.dtype), smallest(self.measure.dtype));
        let (mut max_rel, mut max_steps, mut outside) = ([0f64; LANES], [0f64; LANES], [0f64; LANES]);
        let mut exponents = [0usize; LANES];
        for (a, b) in ours.chunks_exact(LANES).zip(theirs.chunks_exact(LANES)) {
            for lane in 0..LANES {
                let (ours, theirs) = (a[lane].abs(), b[lane].abs());
                let apart = (a[lane] - b[lane]).abs();
                let relative = if apart > 0.0 { apart / theirs } else { 0.0 };
                let counts = relative < f64::INFINITY && relative > max_rel[lane];
                max_rel[lane] = if counts { relative } else { max_rel[lane] };
                let steps = apart / step_at(if ours > theirs { ours } else { theirs }, step, least);
                max_steps[lane] = if steps > max_steps[lane] { steps } else { max_steps[lane] };
                outside[lane] += if apart > slope * theirs + absolute { 1.0 } else { 0.0 };
                exponents[lane] = (relative.to_bits() >> 52) as usize;
            }
            exponents.iter().for_each(|exponent| self.exponents[*exponent % EXPONENTS] += 1);
        }
        // Those that are the same were counted with exponent zero.
        self.exponents[0] -= ours.len() as u64 - differing;
        self.max_rel = max_rel.iter().copied().fold(self.max_rel, f64::max);
        self.max_steps = max_steps.iter().copied().fold(self.max_steps, f64::max);
        self.outside += outside.iter().sum::<f64>() as u64;
    }

    fn add_one<E: Elements>(&mut self, place: usize, (a, b): (E, E), (ours, theirs): (f64, f64)) {
        if a.same(b) {
            return;
        }
        self.differing += 1;
        if !ours.is_finite() || !theirs.is_finite() {
            self.special += 1;
            self.outside += 1;
            self.exponents[EXPONENTS - 1] += 1;
            if self.worst.is_none_or(|(distance, ..)| distance.is_finite()) {
                self.worst = Some((f64::INFINITY, place, ours, theirs));
            }
            return;
        }
        let distance = a.apart(b);
        if !self.measure.passes_over(ours, theirs) {
            self.square += distance * distance;
        }
        let relative = distance / theirs.abs();
        self.exponents[(relative.to_bits() >> 52) as usize % EXPONENTS] += 1;
        self.max_abs = self.max_abs.max(distance);
        if relative.is_finite() {
            self.max_rel = self.max_rel.max(relative);
        }
        let (step, least) = (epsilon(self.measure.dtype), smallest(self.measure.dtype));
        self.max_steps = self.max_steps.max(distance / step_at(ours.abs().max(theirs.abs()), step, least));
        self.outside += u64::from(!self.measure.bounds.hold(ours, theirs));
        if self.worst.is_none_or(|(worst, ..)| distance > worst) {
            self.worst = Some((distance, place, ours, theirs));
        }
    }

    /// Adds the sums of other elements, which come after these.
    fn join(&mut self, other: Sums) {
        self.count += other.count;
        self.differing += other.differing;
        self.special += other.special;
        self.outside += other.outside;
        self.max_abs = self.max_abs.max(other.max_abs);
        self.max_rel = self.max_rel.max(other.max_rel);
        self.max_steps = self.max_steps.max(other.max_steps);
        self.square += other.square;
        self.ours.join(&other.ours);
        self.exponents.iter_mut().zip(other.exponents).for_each(|(sum, more)| *sum += more);
        if let Some((distance, ..)) = other.worst
            && self.worst.is_none_or(|(worst, ..)| distance > worst)
        {
            self.worst = other.worst;
        }
    }

    /// The distance of tensors of this shape, of which that on the other side holds this.
    pub(super) fn finish(self, shape: &[usize], theirs: Stats) -> Distance {
        let Scale { masked, rms: scale, count } = self.measure.scale;
        let finite = if masked.is_finite() { count } else { self.count - self.special };
        let rms = (self.square / finite.max(1) as f64).sqrt();
        let rms_rel = if rms == 0.0 { 0.0 } else { rms / scale };
        let place = |(_, place, ours, theirs)| Place { index: index_of(place, shape), ours, theirs, precise: None };
        let mut spread = vec![0; BINS];
        spread[0] = self.count - self.differing;
        for (exponent, count) in self.exponents.iter().enumerate() {
            spread[bin(exponent)] += count;
        }
        let max_ulp = if self.max_steps.is_finite() { self.max_steps.round() as u64 } else { u64::MAX };
        let apart = Apart {
            count: self.count,
            differing: self.differing,
            max_abs: self.max_abs,
            max_rel: self.max_rel,
            max_ulp,
            rms_rel,
            special: self.special,
            worst: self.worst.map(place),
            spread,
        };
        Distance { apart, ours: self.ours.finish(), theirs, outside: self.outside }
    }
}

/// Whether all of these are finite.
#[inline(always)]
fn all_finite(values: &[f64]) -> bool {
    let mut check = [0f64; LANES];
    let whole = values.chunks_exact(LANES);
    let rest = whole.remainder();
    for values in whole {
        for lane in 0..LANES {
            // Zero, but NaN of what isn't finite.
            check[lane] += values[lane] * 0.0;
        }
    }
    check.iter().sum::<f64>() == 0.0 && rest.iter().all(|value| value.is_finite())
}

/// How far a number of this magnitude is from the next one of a dtype with this epsilon and smallest number.
#[inline(always)]
fn step_at(magnitude: f64, epsilon: f64, least: f64) -> f64 {
    let exponent = f64::from_bits(magnitude.to_bits() & 0x7ff0_0000_0000_0000);
    let step = exponent * epsilon;
    if step > least { step } else { least }
}

/// The bin of relative differences that have this exponent in their bits. The power of two is near enough: a logarithm of
/// every element would take longer than all else.
fn bin(exponent: usize) -> usize {
    if exponent == EXPONENTS - 1 {
        return BINS - 1;
    }
    let power = ((exponent as f64 - 1023.0) * std::f64::consts::LOG10_2).floor();
    (power - FIRST_POWER + 2.0).clamp(1.0, (BINS - 1) as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::{Yardstick, distance};

    /// The same figures by plain loops, element by element.
    fn plainly(ours: &[f64], theirs: &[f64], bounds: Bounds, scale: Scale) -> Sums {
        let mut sums = Sums::new(Measure { dtype: DType::F32, bounds, scale });
        for (place, (a, b)) in ours.iter().zip(theirs).enumerate() {
            sums.count += 1;
            sums.add_one(place, (*a, *b), (*a, *b));
        }
        sums
    }

    #[test]
    fn parts_give_what_plain_loops_give() {
        for length in [0, 1, 7, 8, 9, PART, PART + 3, PIECE - 1, PIECE + 17, 2 * PIECE + 5] {
            for odd in [None, Some(f32::NAN), Some(f32::INFINITY), Some(f32::MIN)] {
                let mut theirs: Vec<f32> = (0..length).map(|n| ((n * 37 % 101) as f32 - 50.0) / 7.0).collect();
                let mut ours: Vec<f32> =
                    theirs.iter().enumerate().map(|(n, x)| x + (n % 5) as f32 * 1e-6 * (n % 13) as f32).collect();
                if let (Some(odd), true) = (odd, length > 4) {
                    (ours[length / 2], theirs[length / 3]) = (odd, odd);
                }
                let bounds = Bounds { relative: 1e-6, absolute: 1e-6 };
                let wide = |values: &[f32]| values.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
                let numbers = [wide(&ours), wide(&theirs)];
                let (a, b) = (Tensor::from_vec(&[length], ours).unwrap(), Tensor::from_vec(&[length], theirs).unwrap());
                let found = distance(&a, &b, &bounds).unwrap().unwrap();
                let yardstick = Yardstick::new(&b).unwrap().unwrap();
                let known = plainly(&numbers[0], &numbers[1], bounds, yardstick.scale);
                let known = known.finish(&[length], yardstick.moments.finish());
                assert_eq!(found.outside, known.outside);
                // Sums of squares are rounded in another order.
                let near = |a: f64, b: f64| a == b || (a - b).abs() <= 1e-12 * b.abs();
                assert!(near(found.apart.rms_rel, known.apart.rms_rel), "{length}");
                // As text, in which NaN is NaN.
                let told = |apart: Apart| format!("{:?}", Apart { rms_rel: 0.0, ..apart });
                assert_eq!(told(found.apart), told(known.apart), "{length}");
            }
        }
    }
}
