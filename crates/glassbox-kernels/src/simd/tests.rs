//! Every level gives what arrays give, lane by lane.

use super::*;

/// Numbers of every kind, in `count` lanes.
fn numbers(seed: u32, count: usize) -> Vec<f32> {
    const SPECIAL: [f32; 12] =
        [0.0, -0.0, 1.0, -2.5, 0.5, 1.5, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MIN_POSITIVE, 1e-42, 3e9];
    let number = |place: u32| {
        let mixed = (place + 1).wrapping_mul(2654435761).wrapping_add(seed.wrapping_mul(40503)).rotate_left(9);
        if mixed.is_multiple_of(3) { SPECIAL[mixed as usize / 3 % 12] } else { f32::from_bits(mixed) }
    };
    (0..count as u32).map(number).collect()
}

/// Bits of the results of every operation, over three slices of the same length.
struct Everything<'a>([&'a [f32]; 3]);

impl Kernel for Everything<'_> {
    type Output = Vec<Vec<u32>>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Vec<Vec<u32>> {
        let [a, b, c] = self.0;
        let mut all = vec![Vec::new(); 34];
        for at in (0..a.len()).step_by(S::LANES) {
            let (x, y, z) = (s.load(&a[at..]), s.load(&b[at..]), s.load(&c[at..]));
            let (i, j) = (s.to_bits(x), s.to_bits(y));
            let one = |mask| s.select(mask, s.splat(1.0), s.zero());
            let narrow = |store: &dyn Fn(*mut u16)| {
                let mut halves = [0u16; MAX_LANES];
                store(halves.as_mut_ptr());
                halves
            };
            // SAFETY: there is room for MAX_LANES.
            let (half, brain) =
                (narrow(&|to| unsafe { s.store_f16_at(to, x) }), narrow(&|to| unsafe { s.store_bf16_at(to, x) }));
            // SAFETY: as above; every pattern of bits is an f16 and a bf16.
            let (half, brain) = unsafe { (s.load_f16_at(half.as_ptr()), s.load_bf16_at(brain.as_ptr())) };
            // SAFETY: a slice of f32 has four bytes for each.
            let (signed, unsigned) =
                unsafe { (s.load_i8_at(a[at..].as_ptr().cast()), s.load_u8_at(a[at..].as_ptr().cast())) };
            let (wide, product) = (s.widen(x), s.mul_f64(s.widen(x), s.widen(y)));
            // SAFETY: as above.
            let pairs = unsafe { s.load_i8_pairs_at(a[at..].as_ptr().cast()) };
            let floats = [
                s.narrow(s.fma_f64(product, s.splat_f64(1.0 / 3.0), s.add_f64(wide, s.widen(z)))),
                s.narrow(s.div_f64(s.round_even_f64(product), wide)),
                s.add(x, y),
                s.sub(x, y),
                s.mul(x, y),
                s.div(x, y),
                s.fma(x, y, z),
                s.fnma(x, y, z),
                s.min(x, y),
                s.max(x, y),
                s.sqrt(x),
                s.floor(x),
                s.ceil(x),
                s.trunc(x),
                s.round_even(x),
                one(s.lt(x, y)),
                one(s.le(x, y)),
                one(s.eq(x, y)),
                one(s.ne(x, y)),
                s.abs(x),
                s.neg(x),
                half,
                brain,
                s.from_i32(i),
            ];
            let mask = s.or_mask(s.and_mask(s.lt(x, y), s.lt(y, z)), s.not_mask(s.eq_i32(i, j)));
            let integers = [
                s.to_i32_nearest(x),
                s.add_i32(i, j),
                s.sub_i32(i, j),
                s.mul_i32(i, j),
                s.xor_i32(s.and_i32(i, j), s.or_i32(i, j)),
                s.shl::<5>(i),
                s.shr::<7>(i),
                s.sar::<9>(i),
                s.select_i32(s.gt_i32(i, j), i, s.select_i32(mask, j, signed)),
                unsigned,
                s.dot_i16(i, j, s.to_bits(z)),
                pairs,
            ];
            for (row, value) in all.iter_mut().zip(floats.into_iter().chain(integers.map(|value| s.from_bits(value)))) {
                // NaNs may differ in their bits from level to level where both operands are NaN.
                let bits = |x: f32| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() };
                row.extend(s.lanes(value)[..S::LANES].iter().map(|x| bits(*x)));
            }
        }
        all
    }
}

#[test]
fn every_level_gives_the_same_bits() {
    let slices = [1, 2, 3].map(|seed| numbers(seed, 4096));
    let [a, b, c] = &slices;
    let expected = run_at(Level::Portable, Everything([a, b, c]));
    for level in Level::available() {
        let found = run_at(level, Everything([a, b, c]));
        for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let differs = found.iter().zip(expected).position(|(a, b)| a != b);
            // The bytes that are widened start at another place for other numbers of lanes.
            if matches!(place, 32 | 33 | 35) {
                continue;
            }
            assert_eq!(differs, None, "{} operation {place}", level.name());
        }
    }
}

/// The sum, the largest, and parts of every length, over the first lanes.
struct Parts<'a>(&'a [f32]);

impl Kernel for Parts<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let x = s.load(self.0);
        assert_eq!(s.sum(x), self.0[..S::LANES].iter().sum::<f32>());
        assert_eq!(s.lanes_f64(s.widen(x)).map(|x| x as f32), s.lanes(x));
        assert_eq!(s.largest(x), self.0[..S::LANES].iter().copied().fold(f32::MIN, f32::max));
        for count in 0..=S::LANES {
            let part = s.lanes(s.load_part(&self.0[..count]));
            assert_eq!(part[..count], self.0[..count]);
            assert!(part[count..].iter().all(|x| *x == 0.0));
            let mut stored = [7.0; MAX_LANES + 1];
            s.store_part(&mut stored[..count], x);
            assert_eq!(stored[..count], self.0[..count]);
            assert!(stored[count..].iter().all(|x| *x == 7.0));
        }
    }
}

#[test]
fn parts_of_vectors_and_sums_over_lanes() {
    let numbers: Vec<f32> = (0..MAX_LANES).map(|x| (x as f32 * 37.0) % 23.0).collect();
    Level::available().into_iter().for_each(|level| run_at(level, Parts(&numbers)));
}

#[test]
fn bf16_rounds_as_the_half_crate_does() {
    struct Round(f32);
    impl Kernel for Round {
        type Output = u16;
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> u16 {
            let mut out = [0u16; MAX_LANES];
            // SAFETY: there is room for MAX_LANES.
            unsafe { s.store_bf16_at(out.as_mut_ptr(), s.splat(self.0)) };
            out[0]
        }
    }
    for level in Level::available() {
        for bits in (0..u32::MAX).step_by(65_521) {
            let x = f32::from_bits(bits);
            let (found, expected) = (run_at(level, Round(x)), half::bf16::from_f32(x));
            assert!(found == expected.to_bits() || x.is_nan() && half::bf16::from_bits(found).is_nan(), "{x:e}");
        }
    }
}

#[test]
fn rows_become_columns() {
    struct Transpose<'a>(&'a [f32], usize);
    impl Kernel for Transpose<'_> {
        type Output = (usize, Vec<f32>);
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> (usize, Vec<f32>) {
            let mut out = vec![7.0; self.1 * S::LANES + MAX_LANES];
            // Row `i` begins at `37 i + 3`.
            let rows: [*const f32; MAX_LANES] = std::array::from_fn(|row| self.0[37 * row..].as_ptr());
            // SAFETY: 37 numbers stand behind each pointer, and `out` has room for every row.
            unsafe { s.transpose_at(&rows, 3, out.as_mut_ptr(), self.1) };
            (S::LANES, out)
        }
    }
    let numbers: Vec<f32> = (0..37 * MAX_LANES).map(|x| x as f32).collect();
    for level in Level::available() {
        for pitch in [6, 8, 12, 16, 21] {
            let (lanes, found) = run_at(level, Transpose(&numbers, pitch));
            let mut expected = vec![7.0; found.len()];
            for (place, lane) in (0..lanes).flat_map(|place| (0..lanes).map(move |lane| (place, lane))) {
                expected[place * pitch + lane] = numbers[37 * lane + 3 + place];
            }
            assert_eq!(found, expected, "{} {pitch}", level.name());
        }
    }
}

/// Vectors whose lanes are put elsewhere.
struct Permute<'a>(&'a [f32]);

impl Kernel for Permute<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for turn in 0..S::LANES {
            let lanes: Vec<i32> = (0..S::LANES).map(|lane| ((lane * 5 + turn) % S::LANES) as i32).collect();
            // SAFETY: there are as many as lanes.
            let moved = s.lanes(s.permute(s.load(self.0), unsafe { s.load_i32_at(lanes.as_ptr()) }));
            let expected = lanes.iter().map(|lane| self.0[*lane as usize]);
            assert!(moved[..S::LANES].iter().copied().eq(expected), "{}", S::LEVEL.name());
        }
    }
}

#[test]
fn lanes_go_where_they_shall() {
    let numbers: Vec<f32> = (0..MAX_LANES).map(|x| x as f32).collect();
    Level::available().into_iter().for_each(|level| run_at(level, Permute(&numbers)));
}
