//! Products of matrices as a share of what the processor can: `cargo bench -p glassbox-kernels --bench gemm`.
//!
//! Each figure is the best of many short rounds on one thread, in time that the thread had the processor. The peaks are measured by the same rounds, each beside its
//! figure, so that both have the same frequency and the same neighbours.

use std::hint::black_box;

use glassbox_kernels::gemm::{
    ByteDot, Compute, MatrixRef, PackedB, PackedBInt8, Sums, gemm, gemm_int8, gemm_unpacked_at,
};
use glassbox_kernels::simd::{Kernel, Level, Simd, run_at};

/// The time that this thread has had the processor: other programs on it don't count.
#[derive(Clone, Copy)]
struct Instant(f64);

impl Instant {
    #[cfg(target_os = "linux")]
    fn now() -> Instant {
        #[repr(C)]
        struct Time {
            seconds: i64,
            nanoseconds: i64,
        }
        unsafe extern "C" {
            fn clock_gettime(clock: i32, time: *mut Time) -> i32;
        }
        let mut time = Time { seconds: 0, nanoseconds: 0 };
        // SAFETY: the clock with the number 3 is CLOCK_THREAD_CPUTIME_ID, and there is room for what it says.
        unsafe { clock_gettime(3, &mut time) };
        Instant(time.seconds as f64 + time.nanoseconds as f64 * 1e-9)
    }

    #[cfg(not(target_os = "linux"))]
    fn now() -> Instant {
        use std::sync::OnceLock;
        static BEGIN: OnceLock<std::time::Instant> = OnceLock::new();
        Instant(BEGIN.get_or_init(std::time::Instant::now).elapsed().as_secs_f64())
    }

    fn elapsed(self) -> f64 {
        Instant::now().0 - self.0
    }
}

/// Runs both in turn for a while, and gives the best seconds of each.
fn best_of(mut work: impl FnMut(), mut peak: impl FnMut() -> f64) -> (f64, f64) {
    let (mut best, mut highest) = (f64::INFINITY, 0.0f64);
    let begin = Instant::now();
    let mut rounds = 0;
    while rounds < 5 || (begin.elapsed() < 0.6 && rounds < 400) {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed());
        if rounds % 4 == 0 {
            highest = highest.max(peak());
        }
        rounds += 1;
    }
    (best, highest)
}

/// Fused products of independent sums: how many a second, in units of 10⁹ operations.
struct Fma(usize);

impl Kernel for Fma {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let x = s.splat(black_box(0.5));
        let mut sums = [s.splat(black_box(1.0)); 12];
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = s.fma(x, x, *sum);
            }
        }
        let mut all = s.zero();
        for sum in sums {
            all = s.add(all, sum);
        }
        s.sum(all)
    }
}

fn fma_peak(level: Level) -> f64 {
    let count = 20_000;
    let start = Instant::now();
    black_box(run_at(level, Fma(count)));
    let lanes = if level == Level::Avx512 { 16.0 } else { 8.0 };
    count as f64 * 12.0 * lanes * 2.0 / start.elapsed() / 1e9
}

/// Reads memory from one end to the other.
struct Read<'a>(&'a [f32]);

impl Kernel for Read<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let mut sums = [s.zero(); 8];
        for chunk in self.0.chunks_exact(8 * S::LANES) {
            for (at, sum) in sums.iter_mut().enumerate() {
                *sum = s.add(*sum, s.load(&chunk[at * S::LANES..]));
            }
        }
        let mut all = s.zero();
        for sum in sums {
            all = s.add(all, sum);
        }
        s.sum(all)
    }
}

fn read_speed(level: Level, memory: &[f32]) -> f64 {
    let start = Instant::now();
    black_box(run_at(level, Read(memory)));
    memory.len() as f64 * 4.0 / start.elapsed() / 1e9
}

fn floats(level: Level) {
    let sizes = [
        (1024, 1024, 1024),
        (1500, 384, 1536),
        (128, 768, 2304),
        (128, 768, 3072),
        (49, 4608, 512),
        (196, 2304, 256),
        (784, 1152, 128),
        (3136, 576, 64),
        (12544, 147, 64),
        (3136, 64, 256),
        (49, 512, 2048),
        (12, 768, 2304),
        (4, 768, 2304),
    ];
    for (m, k, n) in sizes {
        let (a, b) = (vec![0.5f32; m * k], vec![0.25f32; k * n]);
        let (a, b) = (MatrixRef::of_rows(&a, m, k), MatrixRef::of_rows(&b, k, n));
        let packed = PackedB::at(level, Compute::F32, b);
        let mut c = vec![0.0; m * n];
        let operations = 2.0 * m as f64 * k as f64 * n as f64 / 1e9;
        let (time, peak) = best_of(|| gemm(a, &packed, &mut c, n, None), || fma_peak(level));
        let (unpacked, other_peak) = best_of(|| gemm_unpacked_at(level, a, b, &mut c, n, None), || fma_peak(level));
        println!(
            "{:8} f32 {m:>5} × {k:>4} × {n:>4}: {:6.1} GFLOP/s, {:3.0} % of {peak:.1}; B packed by the call {:3.0} %",
            level.name(),
            operations / time,
            100.0 * operations / time / peak,
            100.0 * operations / unpacked / other_peak,
        );
    }
}

fn rows(level: Level) {
    let (k, n) = (768, 50_257);
    let weight = vec![0.25f32; k * n];
    let large = PackedB::at(level, Compute::F32, MatrixRef::of_rows(&weight, k, n));
    let halves = PackedB::at(level, Compute::F32, MatrixRef::of_rows(&vec![half::f16::ONE; k * n], k, n));
    let brains = PackedB::at(level, Compute::F32, MatrixRef::of_rows(&vec![half::bf16::ONE; k * n], k, n));
    let small = PackedB::at(level, Compute::F32, MatrixRef::of_rows(&weight[..k * 3072], k, 3072));
    // Its memory is in huge pages, as that of packed matrices is.
    let memory = PackedB::at(level, Compute::F32, MatrixRef::of_rows(&weight, k, n));
    let memory = memory.as_f32().unwrap_or(&[]);
    for (name, b) in [("f32", &large), ("f16", &halves), ("bf16", &brains), ("f32 in cache", &small)] {
        for m in [1, 2, 4, 6] {
            let n = b.columns();
            let a = vec![0.5f32; m * k];
            let mut c = vec![0.0; m * n];
            let read = || read_speed(level, if n > 5000 { memory } else { &memory[..k * n] });
            let (time, peak) = best_of(|| gemm(MatrixRef::of_rows(&a, m, k), b, &mut c, n, None), read);
            let speed = b.bytes() as f64 / time / 1e9;
            println!(
                "{:8} {m} × {k} × {n} {name}: {speed:.1} GB/s, {:3.0} % of {peak:.1}, {:.1} GFLOP/s",
                level.name(),
                100.0 * speed / peak,
                2.0 * (m * k * n) as f64 / time / 1e9
            );
        }
    }
}

/// The instructions that sum products of bytes and of bf16, of independent sums: 10⁹ operations a second.
#[cfg(target_arch = "x86_64")]
mod peaks {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    use super::Instant;

    macro_rules! peaks {
        ($($name:ident, $features:literal, $operations:literal, $zero:expr, $one:expr, $dot:ident;)*) => {
            $(pub(crate) fn $name() -> f64 {
                #[target_feature(enable = $features)]
                fn work(count: usize) {
                    let (one, mut sums) = ($one, [$zero; 12]);
                    for _ in 0..count {
                        for sum in &mut sums {
                            *sum = $dot(*sum, one, one);
                        }
                    }
                    black_box(sums);
                }
                let start = Instant::now();
                // SAFETY: it is asked for where the processor has the instruction.
                unsafe { work(20_000) };
                20_000.0 * 12.0 * $operations / start.elapsed() / 1e9
            })*
        };
    }

    #[target_feature(enable = "avx512f")]
    fn brains() -> __m512bh {
        // SAFETY: both are 64 bytes.
        unsafe { std::mem::transmute(_mm512_set1_ps(black_box(1.0))) }
    }

    // The products are of the sums, so that they aren't computed once for all.
    #[target_feature(enable = "avx2")]
    fn pairs(sums: __m256i, _: __m256i, y: __m256i) -> __m256i {
        _mm256_add_epi32(sums, _mm256_madd_epi16(sums, y))
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    fn wide_pairs(sums: __m512i, _: __m512i, y: __m512i) -> __m512i {
        _mm512_add_epi32(sums, _mm512_madd_epi16(sums, y))
    }

    /// As fast as tiles that are loaded anyway can be multiplied; only where there are tiles, and a product was computed.
    pub(crate) fn tiles() -> f64 {
        #[repr(C, align(64))]
        struct Sizes([u8; 64]);
        let mut sizes = Sizes([0; 64]);
        sizes.0[0] = 1;
        (0..8).for_each(|register| (sizes.0[16 + 2 * register], sizes.0[48 + register]) = (64, 16));
        let start = Instant::now();
        // SAFETY: the processor has the instructions, and the program was given the registers by the product before.
        unsafe {
            std::arch::asm!(
                "ldtilecfg [{sizes}]",
                "2:",
                "tdpbusd tmm0, tmm4, tmm6",
                "tdpbusd tmm1, tmm4, tmm7",
                "tdpbusd tmm2, tmm5, tmm6",
                "tdpbusd tmm3, tmm5, tmm7",
                "dec {count:e}",
                "jnz 2b",
                "tilerelease",
                sizes = in(reg) &sizes,
                count = inout(reg) 20_000 => _,
                options(nostack)
            );
        }
        20_000.0 * 4.0 * 2.0 * 16.0 * 16.0 * 64.0 / start.elapsed() / 1e9
    }

    peaks! {
        bf16, "avx512f,avx512bf16", 64.0, _mm512_setzero_ps(), brains(), _mm512_dpbf16_ps;
        quads16, "avx512f,avx512vnni", 128.0, _mm512_setzero_si512(), _mm512_set1_epi32(black_box(1)), _mm512_dpbusd_epi32;
        quads8, "avx2,avxvnni", 64.0, _mm256_setzero_si256(), _mm256_set1_epi32(black_box(1)), _mm256_dpbusd_avx_epi32;
        pairs8, "avx2", 32.0, _mm256_setzero_si256(), _mm256_set1_epi32(black_box(1)), pairs;
        pairs16, "avx512f,avx512bw", 64.0, _mm512_setzero_si512(), _mm512_set1_epi32(black_box(1)), wide_pairs;
    }
}

/// Products of bytes and of bf16.
#[cfg(target_arch = "x86_64")]
fn narrow(sizes: &[(usize, usize, usize)]) {
    for &(m, k, n) in sizes {
        let operations = 2.0 * m as f64 * k as f64 * n as f64 / 1e9;
        let weights = vec![3i8; k * n];
        let (a, mut c) = (vec![200u8; m * k], vec![0i32; m * n]);
        for dot in ByteDot::ALL.into_iter().skip(1).filter(|dot| dot.is_available()) {
            let packed = PackedBInt8::at(dot, MatrixRef::of_rows(&weights, k, n));
            let peak: fn() -> f64 = match dot {
                ByteDot::Pairs(Level::Avx512) => peaks::pairs16,
                ByteDot::Pairs(_) => peaks::pairs8,
                ByteDot::Quads8 => peaks::quads8,
                ByteDot::Quads16 => peaks::quads16,
                ByteDot::Tiles => peaks::tiles,
            };
            let work = || gemm_int8(MatrixRef::of_rows(&a, m, k), &packed, &mut c, n, &Sums);
            let (time, peak) = best_of(work, peak);
            let (speed, share) = (operations / time, 100.0 * operations / time / peak);
            println!("int8 {dot:?} {m} × {k} × {n}: {speed:.1} GOP/s, {share:.0} % of {peak:.0}");
        }
        if Compute::Bf16.is_available() {
            let (a, weights, mut c) = (vec![0.5f32; m * k], vec![0.25f32; k * n], vec![0.0; m * n]);
            let packed = PackedB::of(Compute::Bf16, MatrixRef::of_rows(&weights, k, n));
            let work = || gemm(MatrixRef::of_rows(&a, m, k), &packed, &mut c, n, None);
            let (time, peak) = best_of(work, peaks::bf16);
            let (speed, share) = (operations / time, 100.0 * operations / time / peak);
            println!("bf16 {m} × {k} × {n}: {speed:.1} GFLOP/s, {share:.0} % of {peak:.0}");
        }
    }
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|arg| arg == name);
    glassbox_tensor::on_one_thread(|| {
        #[cfg(target_arch = "x86_64")]
        if wants("narrow") {
            let sizes = [(1024, 1024, 1024), (128, 768, 768), (128, 768, 3072), (128, 3072, 768), (1500, 384, 1536)];
            narrow(&sizes);
            narrow(&[(1, 768, 50_257), (1, 768, 2304), (2, 768, 2304), (4, 768, 2304), (8, 768, 2304)]);
        }
        for level in Level::available().into_iter().filter(|level| *level != Level::Portable) {
            if wants("f32") {
                floats(level);
            }
            if wants("rows") {
                rows(level);
            }
        }
    });
}
