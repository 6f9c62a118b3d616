//! The elementary functions: the largest error of each over all 2^32 arguments, in units in the last place of the exact
//! result, and how fast each is at every level, on one thread.
//!
//! `cargo bench -p glassbox-kernels --bench math [-- NAMES]`; `speed` among the names leaves the errors out, which take
//! about a minute for each function.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use glassbox_kernels::math;
use glassbox_kernels::simd::{Kernel, Level, Simd, run, run_at};
use glassbox_tensor::parallel_for;

trait Function: Copy + Sync {
    fn apply<S: Simd>(self, simd: S, x: S::F32) -> S::F32;
}

struct Map<'a, F>(F, &'a [f32], &'a mut [f32]);

impl<F: Function> Kernel for Map<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (from, to) in self.1.chunks_exact(S::LANES).zip(self.2.chunks_exact_mut(S::LANES)) {
            simd.store(to, self.0.apply(simd, simd.load(from)));
        }
    }
}

fn distance(found: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if found.is_nan() || rounded.is_nan() {
        return if found.is_nan() && rounded.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if found == rounded && found.is_infinite() {
        return 0.0;
    }
    let finite = |x: f64| x.clamp(-(2f64.powi(128)), 2f64.powi(128));
    let exponent = (exact.to_bits() >> 52 & 0x7ff) as i32 - 1023;
    let place = f64::from_bits(((exponent.clamp(-126, 127) - 23 + 1023) as u64) << 52);
    (finite(f64::from(found)) - finite(exact)).abs() / place
}

fn error<F: Function>(name: &str, function: F, exact: impl Fn(f64) -> f64 + Sync) {
    const CHUNK: usize = 1 << 20;
    let worst = Mutex::new((0f64, 0f32));
    let begin = Instant::now();
    parallel_for((1 << 32) / CHUNK, &|index| {
        let arguments: Vec<f32> = (0..CHUNK).map(|at| f32::from_bits((index * CHUNK + at) as u32)).collect();
        let mut found = vec![0.0; CHUNK];
        run(Map(function, &arguments, &mut found));
        let mut here = (0.0, 0.0);
        for (x, y) in arguments.into_iter().zip(found) {
            let error = distance(y, exact(f64::from(x)));
            if error > here.0 {
                here = (error, x);
            }
        }
        let mut worst = worst.lock().unwrap_or_else(PoisonError::into_inner);
        if here.0 > worst.0 {
            *worst = here;
        }
    });
    let worst = worst.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{name:10} {:.3} ulp at {:e}, in {:.0} s", worst.0, worst.1, begin.elapsed().as_secs_f64());
}

fn speed<F: Function>(name: &str, function: F) {
    let arguments: Vec<f32> = (0..4096).map(|at| (at as f32 - 2048.0) * 0.01).collect();
    let mut found = vec![0.0; arguments.len()];
    for level in Level::available().into_iter().filter(|level| *level != Level::Portable) {
        let mut best = f64::INFINITY;
        for _ in 0..2000 {
            let begin = Instant::now();
            run_at(level, Map(function, &arguments, &mut found));
            best = best.min(begin.elapsed().as_secs_f64());
        }
        println!("{name:10} {:7} {:6.2} ns for 16 elements", level.name(), best / found.len() as f64 * 16e9);
    }
}

macro_rules! functions {
    ($wanted:expr; $($name:ident, $exact:expr;)*) => {
        $({
            #[derive(Clone, Copy)]
            struct This;
            impl Function for This {
                #[inline(always)]
                fn apply<S: Simd>(self, simd: S, x: S::F32) -> S::F32 {
                    math::$name(simd, x)
                }
            }
            let name = stringify!($name);
            if $wanted.names.is_empty() || $wanted.names.iter().any(|wanted| wanted == name) {
                speed(name, This);
                if !$wanted.speed {
                    error(name, This, $exact);
                }
            }
        })*
    };
}

struct Wanted {
    names: Vec<String>,
    speed: bool,
}

fn main() {
    let names: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let wanted = Wanted {
        speed: names.iter().any(|name| name == "speed"),
        names: names.into_iter().filter(|name| name != "speed").collect(),
    };
    functions! { wanted;
        exp, f64::exp;
        exp2, f64::exp2;
        expm1, f64::exp_m1;
        log, f64::ln;
        log2, f64::log2;
        log1p, f64::ln_1p;
        tanh, f64::tanh;
        sigmoid, |x| 1.0 / (1.0 + (-x).exp());
        softplus, |x: f64| if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() };
        sinh, f64::sinh;
        cosh, f64::cosh;
        erf, libm::erf;
        sin, f64::sin;
        cos, f64::cos;
        atan, f64::atan;
    }
}
