//! Functions against f64, in units in the last place, over a stride of all arguments and what lies at the edges of
//! intervals. The f64 functions err by about 2^-52 relatively, which is nothing beside an f32's 2^-24.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_PI_2, FRAC_PI_4, PI, SQRT_2};

use crate::simd::{Kernel, Level, Simd, run_at};

/// A function of one argument at every level.
trait Function: Copy {
    fn apply<S: Simd>(self, simd: S, x: S::F32) -> S::F32;
}

struct Map<'a, F>(F, &'a mut [f32]);

impl<F: Function> Kernel for Map<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for chunk in self.1.chunks_mut(S::LANES) {
            let result = self.0.apply(simd, simd.load_part(chunk));
            simd.store_part(chunk, result);
        }
    }
}

/// How far `found` is from the exact result, in units in the last place of an f32 of that size. Where the result as f32 is
/// infinite or NaN nothing else will do; where `found` is infinite the exact one must be above what rounds to infinity.
fn distance(found: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if found.is_nan() || rounded.is_nan() {
        return if found.is_nan() && rounded.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if found == rounded {
        return if found.is_infinite() { 0.0 } else { (f64::from(found) - exact).abs() / last_place(exact) };
    }
    // An infinity counts as the number that would come next.
    let finite = |x: f64| x.clamp(-(2f64.powi(128)), 2f64.powi(128));
    (finite(f64::from(found)) - finite(exact)).abs() / last_place(exact)
}

fn last_place(exact: f64) -> f64 {
    let exponent = (exact.to_bits() >> 52 & 0x7ff) as i32 - 1023;
    2f64.powi(exponent.clamp(-126, 127) - 23)
}

/// Every 1009th pattern of bits, and the neighbourhoods of numbers at which something changes.
fn arguments() -> Vec<f32> {
    const EDGES: [f32; 40] = [
        0.0,
        1e-45,
        1e-40,
        f32::MIN_POSITIVE,
        1e-30,
        2.4e-4,
        2.44e-4,
        0.1,
        0.25,
        0.29289323,
        0.346_573_6,
        0.41421357,
        0.5,
        0.55,
        FRAC_1_SQRT_2,
        FRAC_PI_4,
        0.92,
        1.0,
        SQRT_2,
        FRAC_PI_2,
        2.0,
        2.3561945,
        PI,
        3.93,
        9.1,
        16.6,
        20.0,
        44.0,
        87.33655,
        88.0,
        88.72284,
        89.415985,
        103.27893,
        103.97208,
        126.0,
        128.0,
        149.5,
        1.0737418e9,
        3e38,
        f32::INFINITY,
    ];
    let around = |edge: f32| {
        let bits = edge.to_bits();
        (bits.saturating_sub(300)..=(bits + 300).min(0x7f80_0001)).map(f32::from_bits)
    };
    let positive = EDGES.into_iter().flat_map(around);
    let strided = (0..=u32::MAX).step_by(1009).map(f32::from_bits);
    positive.flat_map(|x| [x, -x]).chain(strided).collect()
}

fn check<F: Function>(name: &str, function: F, exact: impl Fn(f64) -> f64, bound: f64) {
    let arguments = arguments();
    let mut expected: Option<Vec<u32>> = None;
    for level in Level::available() {
        // A level without a fused product takes long.
        let step = if level == Level::Portable && !cfg!(target_feature = "fma") { 7 } else { 1 };
        let some: Vec<f32> = arguments.iter().copied().step_by(step).collect();
        let mut found = some.clone();
        run_at(level, Map(function, &mut found));
        let mut worst = (0.0, 0.0);
        for (x, y) in some.iter().zip(&found) {
            let error = distance(*y, exact(f64::from(*x)));
            worst = if error > worst.0 { (error, *x) } else { worst };
            let sign = exact(f64::from(*x)) as f32;
            assert!(sign != 0.0 || sign.is_sign_negative() == y.is_sign_negative(), "{name}({x:e}) is {y:e}");
        }
        println!("{name} at {}: {:.3} ulp at {:e}", level.name(), worst.0, worst.1);
        assert!(worst.0 <= bound, "{name} at {}: {} ulp at {:e}", level.name(), worst.0, worst.1);
        let bits: Vec<u32> =
            found.iter().step_by(7 / step).map(|x| if x.is_nan() { 0x7fc0_0000 } else { x.to_bits() }).collect();
        let expected = expected.get_or_insert_with(|| bits.clone());
        assert!(bits == *expected, "{name}: other bits at {}", level.name());
    }
}

macro_rules! functions {
    ($($name:ident, $exact:expr, $bound:expr;)*) => {
        $(#[test]
        fn $name() {
            #[derive(Clone, Copy)]
            struct This;
            impl Function for This {
                #[inline(always)]
                fn apply<S: Simd>(self, simd: S, x: S::F32) -> S::F32 {
                    super::$name(simd, x)
                }
            }
            check(stringify!($name), This, $exact, $bound);
        })*
    };
}

functions! {
    exp, f64::exp, 2.0;
    exp2, f64::exp2, 2.0;
    expm1, f64::exp_m1, 2.0;
    log, f64::ln, 2.0;
    log2, f64::log2, 2.0;
    log1p, f64::ln_1p, 2.0;
    tanh, f64::tanh, 2.0;
    sigmoid, |x| 1.0 / (1.0 + (-x).exp()), 2.0;
    softplus, |x| if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() }, 2.0;
    sinh, f64::sinh, 2.0;
    cosh, f64::cosh, 2.0;
    erf, libm::erf, 2.0;
    sin, f64::sin, 2.0;
    cos, f64::cos, 2.0;
    atan, f64::atan, 2.0;
}

/// Powers over pairs of slices.
struct Powers<'a>(&'a mut [f32], &'a [f32]);

impl Kernel for Powers<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (x, y) in self.0.chunks_mut(S::LANES).zip(self.1.chunks(S::LANES)) {
            let result = super::pow(simd, simd.load_part(x), simd.load_part(y));
            simd.store_part(x, result);
        }
    }
}

#[test]
fn powers() {
    const SPECIAL: [f32; 24] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        2.0,
        -2.0,
        3.0,
        -3.0,
        1.5,
        -2.5,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        1e-45,
        -1e-45,
        f32::MAX,
        f32::MIN,
        16777215.0,
        -16777215.0,
        16777216.0,
        1.0000001,
        0.99999994,
    ];
    let mut pairs: Vec<(f32, f32)> = SPECIAL.iter().flat_map(|x| SPECIAL.map(|y| (*x, y))).collect();
    let mut state = 1u64;
    let mut draw = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 32) as u32
    };
    for _ in 0..1_000_000 {
        // Any bits, numbers near 1 with large exponents, and numbers of ordinary size.
        pairs.push((f32::from_bits(draw()), f32::from_bits(draw())));
        let near = f32::from_bits(0x3f80_0000 + draw() % 4096 - 2048);
        pairs.push((near, f32::from_bits(0x4000_0000 + draw() % 0x0f00_0000)));
        pairs.push((f32::from_bits(0x3c00_0000 + draw() % 0x0a00_0000), (draw() as f32 - 2147483648.0) * 1e-8));
        pairs.push((f32::from_bits(draw()), ((draw() % 64) as f32 - 32.0) * 0.5));
    }
    let mut expected: Option<Vec<u32>> = None;
    for level in Level::available() {
        let (mut found, exponents): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
        run_at(level, Powers(&mut found, &exponents));
        let mut worst = (0.0, (0.0, 0.0));
        for ((x, y), found) in pairs.iter().zip(&found) {
            let exact = libm::pow(f64::from(*x), f64::from(*y));
            let error = distance(*found, exact);
            worst = if error > worst.0 { (error, (*x, *y)) } else { worst };
            let sign = exact as f32;
            assert!(sign != 0.0 || sign.is_sign_negative() == found.is_sign_negative(), "{x:e} ^ {y:e} is {found:e}");
        }
        println!("pow at {}: {:.3} ulp at {:?}", level.name(), worst.0, worst.1);
        assert!(worst.0 <= 1.1, "pow at {}: {} ulp at {:?}", level.name(), worst.0, worst.1);
        let bits: Vec<u32> = found.iter().map(|x| if x.is_nan() { 0x7fc0_0000 } else { x.to_bits() }).collect();
        let expected = expected.get_or_insert_with(|| bits.clone());
        assert!(bits == *expected, "pow: other bits at {}", level.name());
    }
}
