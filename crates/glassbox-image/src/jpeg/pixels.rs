//! From coefficients to pixels: the inverse transform, the enlargement of chroma, the colours.

use super::{Component, Failure, File, Frame};
use glassbox_exec::Pixels;

/// The samples of one component, row after row.
struct Plane {
    width: usize,
    height: usize,
    samples: Vec<u8>,
}

/// The pixels of a frame whose coefficients are all read.
pub(super) fn render(file: &File, frame: &Frame) -> Result<Pixels, Failure> {
    let [width, height] = frame.size;
    let planes =
        frame.components.iter().map(|component| full_size(file, frame, component)).collect::<Result<Vec<_>, _>>()?;
    let mut rgb = Vec::with_capacity(3 * width * height);
    for index in 0..width * height {
        let (row, column) = (index / width, index % width);
        let sample = |plane: &Plane| plane.samples[row * plane.width + column];
        match &planes[..] {
            [y, cb, cr] if is_ycc(file, frame) => rgb.extend(from_ycc(sample(y), sample(cb), sample(cr))),
            [r, g, b] => rgb.extend([sample(r), sample(g), sample(b)]),
            [y, ..] => rgb.extend([sample(y); 3]),
            [] => return Err(Failure::Malformed),
        }
    }
    Ok(Pixels { height, width, rgb })
}

/// Whether three components are brightness and two of colour; as the IJG decoder guesses it.
fn is_ycc(file: &File, frame: &Frame) -> bool {
    let ids: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
    file.jfif || file.adobe.map_or(ids != b"RGB", |transform| transform != 0)
}

/// A component with a sample for each pixel, or more at the right and bottom.
fn full_size(file: &File, frame: &Frame, component: &Component) -> Result<Plane, Failure> {
    let mut plane = plane(file, component)?;
    let [across, down] = [0, 1].map(|axis: usize| (frame.largest[axis], component.sampling[axis]));
    if across.0 % across.1 != 0 || down.0 % down.1 != 0 {
        return Err(Failure::Unsupported);
    }
    // Of one or two samples there is nothing to interpolate.
    let wide = plane.width > 2;
    match (across.0 / across.1, down.0 / down.1) {
        (1, 1) => {}
        (2, 1) if wide => plane = plane.twice_as_wide(),
        (1, 2) => plane = plane.twice_as_high(),
        (2, 2) if wide => plane = plane.twice_as_large(),
        (across, down) => plane = plane.repeated(across, down),
    }
    Ok(plane)
}

/// The samples of a component.
fn plane(file: &File, component: &Component) -> Result<Plane, Failure> {
    let table = file.quantisation.get(component.quantisation).and_then(Option::as_ref).ok_or(Failure::Malformed)?;
    let [width, height] = component.size;
    let mut samples = vec![0; width * height];
    for row in 0..component.blocks[1] {
        for column in 0..component.blocks[0] {
            let block = inverse_transform(&component.coefficients[row * component.row + column], table);
            for (line, values) in block.chunks_exact(8).enumerate().take(height - row * 8) {
                let count = 8.min(width - column * 8);
                samples[(row * 8 + line) * width + column * 8..][..count].copy_from_slice(&values[..count]);
            }
        }
    }
    Ok(Plane { width, height, samples })
}

/// The fractional bits of the constants.
const BITS: u32 = 13;
/// The fractional bits that are kept between the two passes.
const KEPT: u32 = 2;

/// A constant with its fractional bits.
const fn fixed(value: f64) -> i64 {
    (value * (1 << BITS) as f64 + 0.5) as i64
}

/// The inverse cosine transform of dequantised coefficients, moved up by 128, in integers of 13 fractional
/// bits. C. Loeffler, A. Ligtenberg, G. Moschytz, "Practical fast 1-D DCT algorithms with 11
/// multiplications", 1989.
fn inverse_transform(coefficients: &[i16; 64], table: &[u16; 64]) -> [u8; 64] {
    let mut work = [0i64; 64];
    for column in 0..8 {
        let input = std::array::from_fn(|row| {
            let index = row * 8 + column;
            i64::from(coefficients[index]) * i64::from(table[index])
        });
        for (row, value) in inverse_line(input).into_iter().enumerate() {
            work[row * 8 + column] = descale(value, BITS - KEPT);
        }
    }
    let mut samples = [0; 64];
    for (line, out) in work.chunks_exact(8).zip(samples.chunks_exact_mut(8)) {
        let input = std::array::from_fn(|index| line[index]);
        for (out, value) in out.iter_mut().zip(inverse_line(input)) {
            // The transform of both directions is 8 times too large.
            *out = (descale(value, BITS + KEPT + 3) + 128).clamp(0, 255) as u8;
        }
    }
    samples
}

/// Half up.
fn descale(value: i64, bits: u32) -> i64 {
    (value + (1 << (bits - 1))) >> bits
}

/// The transform of one line: √8 times the true one, with [`BITS`] fractional bits more.
fn inverse_line(input: [i64; 8]) -> [i64; 8] {
    let [i0, i1, i2, i3, i4, i5, i6, i7] = input;
    let turned = (i2 + i6) * const { fixed(0.541_196_100) };
    let even = [
        ((i0 + i4) << BITS) + turned + i2 * const { fixed(0.765_366_865) },
        ((i0 - i4) << BITS) + turned - i6 * const { fixed(1.847_759_065) },
        ((i0 - i4) << BITS) - turned + i6 * const { fixed(1.847_759_065) },
        ((i0 + i4) << BITS) - turned - i2 * const { fixed(0.765_366_865) },
    ];
    let all = (i7 + i3 + i5 + i1) * const { fixed(1.175_875_602) };
    let outer = (i7 + i1) * const { fixed(0.899_976_223) };
    let inner = (i5 + i3) * const { fixed(2.562_915_447) };
    let first = all - (i7 + i3) * const { fixed(1.961_570_560) };
    let second = all - (i5 + i1) * const { fixed(0.390_180_644) };
    let odd = [
        i1 * const { fixed(1.501_321_110) } - outer + second,
        i3 * const { fixed(3.072_711_026) } - inner + first,
        i5 * const { fixed(2.053_119_869) } - inner + second,
        i7 * const { fixed(0.298_631_336) } - outer + first,
    ];
    std::array::from_fn(|index| if index < 4 { even[index] + odd[index] } else { even[7 - index] - odd[7 - index] })
}

impl Plane {
    fn row(&self, index: usize) -> &[u8] {
        &self.samples[index * self.width..][..self.width]
    }

    /// Each sample so often.
    fn repeated(&self, across: usize, down: usize) -> Plane {
        let (width, height) = (self.width * across, self.height * down);
        let sample = |index: usize| self.row(index / width / down)[index % width / across];
        Plane { width, height, samples: (0..width * height).map(sample).collect() }
    }

    /// Three parts the nearer sample, one part the other; rounded down and up in turn.
    fn twice_as_wide(&self) -> Plane {
        let mut samples = Vec::with_capacity(2 * self.samples.len());
        for row in 0..self.height {
            let row = self.row(row);
            for (index, sample) in row.iter().enumerate() {
                let before = index.checked_sub(1).map_or(*sample, |index| row[index]);
                let after = row.get(index + 1).copied().unwrap_or(*sample);
                let mixed = |other: u8, round: u32| ((3 * u32::from(*sample) + u32::from(other) + round) >> 2) as u8;
                samples.extend([mixed(before, 1), mixed(after, 2)]);
            }
        }
        Plane { width: 2 * self.width, height: self.height, samples }
    }

    /// The same downward.
    fn twice_as_high(&self) -> Plane {
        let mut samples = Vec::with_capacity(2 * self.samples.len());
        for row in 0..self.height {
            for (other, round) in [(row.saturating_sub(1), 1), ((row + 1).min(self.height - 1), 2)] {
                let pairs = self.row(row).iter().zip(self.row(other));
                samples.extend(pairs.map(|(near, far)| ((3 * u32::from(*near) + u32::from(*far) + round) >> 2) as u8));
            }
        }
        Plane { width: self.width, height: 2 * self.height, samples }
    }

    /// Both at once, rounded once.
    fn twice_as_large(&self) -> Plane {
        let mut samples = Vec::with_capacity(4 * self.samples.len());
        for row in 0..self.height {
            for other in [row.saturating_sub(1), (row + 1).min(self.height - 1)] {
                let pairs = self.row(row).iter().zip(self.row(other));
                let sums: Vec<u32> = pairs.map(|(near, far)| 3 * u32::from(*near) + u32::from(*far)).collect();
                for (index, sum) in sums.iter().enumerate() {
                    let before = index.checked_sub(1).map_or(*sum, |index| sums[index]);
                    let after = sums.get(index + 1).copied().unwrap_or(*sum);
                    samples.extend([((3 * sum + before + 8) >> 4) as u8, ((3 * sum + after + 7) >> 4) as u8]);
                }
            }
        }
        Plane { width: 2 * self.width, height: 2 * self.height, samples }
    }
}

/// Red, green and blue, by the equations of JFIF in 16 fractional bits.
fn from_ycc(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i64::from(y), i64::from(cb) - 128, i64::from(cr) - 128);
    let half = 1 << 15;
    let parts = [(91_881 * cr + half) >> 16, (-22_554 * cb - 46_802 * cr + half) >> 16, (116_130 * cb + half) >> 16];
    parts.map(|part| (y + part).clamp(0, 255) as u8)
}
