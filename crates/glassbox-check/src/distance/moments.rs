//! The sums of one tensor: how large its elements are, and which aren't finite.

use glassbox_tensor::{Tensor, TensorError, parallel_map};

use crate::report::Stats;

/// Elements that are looked at together.
pub(super) const PART: usize = 2048;
/// Elements whose sums are made by one thread. Tensors that are smaller aren't split.
pub(super) const PIECE: usize = 1 << 16;
/// Sums that go on side by side, so that the processor can add several elements at once.
pub(super) const LANES: usize = 8;

/// The sums of some elements.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments {
    finite: u64,
    nan: u64,
    inf: u64,
    sum: f64,
    square: f64,
    min: f64,
    max: f64,
}

impl Moments {
    /// Adds the elements of a part. Whether all of them are finite.
    pub(super) fn add(&mut self, part: &[f64]) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2")]
            fn with_avx2(moments: &mut Moments, part: &[f64]) -> bool {
                moments.add_part(part)
            }
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2.
                return unsafe { with_avx2(self, part) };
            }
        }
        self.add_part(part)
    }

    /// See [`Moments::add`].
    #[inline(always)]
    pub(super) fn add_part(&mut self, part: &[f64]) -> bool {
        let mut check = [0f64; LANES];
        let (mut sum, mut square) = ([0f64; LANES], [0f64; LANES]);
        let (mut min, mut max) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
        let whole = part.chunks_exact(LANES);
        let rest = whole.remainder();
        for values in whole {
            for lane in 0..LANES {
                let value = values[lane];
                // Zero, but NaN of what isn't finite.
                check[lane] += value * 0.0;
                sum[lane] += value;
                square[lane] += value * value;
                min[lane] = if value < min[lane] { value } else { min[lane] };
                max[lane] = if value > max[lane] { value } else { max[lane] };
            }
        }
        let finite = check.iter().sum::<f64>() == 0.0 && rest.iter().all(|value| value.is_finite());
        if !finite {
            part.iter().for_each(|value| self.add_one(*value));
            return false;
        }
        let found = Moments {
            finite: (part.len() - rest.len()) as u64,
            nan: 0,
            inf: 0,
            sum: sum.iter().sum(),
            square: square.iter().sum(),
            min: min.iter().copied().fold(f64::INFINITY, f64::min),
            max: max.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        };
        self.join(&found);
        rest.iter().for_each(|value| self.add_one(*value));
        true
    }

    fn add_one(&mut self, value: f64) {
        if value.is_finite() {
            self.join(&Moments {
                finite: 1,
                sum: value,
                square: value * value,
                min: value,
                max: value,
                ..Moments::default()
            });
        } else if value.is_nan() {
            self.nan += 1;
        } else {
            self.inf += 1;
        }
    }

    /// Adds the sums of other elements, which come after these.
    pub(super) fn join(&mut self, other: &Moments) {
        if other.finite > 0 {
            let first = self.finite == 0;
            (self.min, self.max) =
                if first { (other.min, other.max) } else { (self.min.min(other.min), self.max.max(other.max)) };
        }
        self.finite += other.finite;
        self.nan += other.nan;
        self.inf += other.inf;
        self.sum += other.sum;
        self.square += other.square;
    }

    pub(super) fn finish(&self) -> Stats {
        let count = self.finite.max(1) as f64;
        let rms = (self.square / count).sqrt();
        Stats { min: self.min, max: self.max, mean: self.sum / count, rms, nan: self.nan, inf: self.inf }
    }
}

/// The sums of a contiguous tensor of numbers.
pub(super) fn moments(tensor: &Tensor) -> Result<Moments, TensorError> {
    let pieces = parallel_map(tensor.len().div_ceil(PIECE), |piece| {
        let mut found = Moments::default();
        let mut part = [0f64; PART];
        for (start, count) in parts(piece, tensor.len()) {
            tensor.load_range(start, &mut part[..count])?;
            found.add(&part[..count]);
        }
        Ok(found)
    });
    let mut whole = Moments::default();
    for piece in pieces {
        whole.join(&piece?);
    }
    Ok(whole)
}

/// Where the parts of a piece begin, and how many elements each has.
pub(super) fn parts(piece: usize, length: usize) -> impl Iterator<Item = (usize, usize)> {
    let (begin, end) = (piece * PIECE, length.min((piece + 1) * PIECE));
    (begin..end).step_by(PART).map(move |start| (start, PART.min(end - start)))
}
