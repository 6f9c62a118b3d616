//! Products with packed blocks beside what the machine can: reading memory, and adding products.
//!
//! One thread. Rounds of everything follow each other, and of each the best is shown, so that what other programs do
//! meanwhile changes the ratios little; on Linux it is the thread's own time that counts. Arguments choose formats by
//! name; `GLASSBOX_SIMD` chooses the level.

use std::hint::black_box;
use std::time::Duration;

use glassbox_kernels::quant::{Activations, PackedBlocks, Rows, RowsMut, matmul};
use glassbox_kernels::simd::{Kernel, Level, Simd, run};
use glassbox_tensor::{BlockFormat, on_one_thread};

const ROUNDS: usize = 15;

const FORMATS: [BlockFormat; 10] = [
    BlockFormat::Q8_0,
    BlockFormat::Q4_0,
    BlockFormat::Q4K,
    BlockFormat::Q6K,
    BlockFormat::Q5_0,
    BlockFormat::Q5_1,
    BlockFormat::Q4_1,
    BlockFormat::Q5K,
    BlockFormat::Q2K,
    BlockFormat::Q3K,
];

/// Adds up memory as vectors: as fast as it can be read.
struct Read<'a>(&'a [f32]);

impl Kernel for Read<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let mut sums = [simd.zero(); 8];
        for chunk in self.0.chunks_exact(8 * S::LANES) {
            for (sum, part) in sums.iter_mut().zip(chunk.chunks_exact(S::LANES)) {
                *sum = simd.add(*sum, simd.load(part));
            }
        }
        sums.into_iter().map(|sum| simd.sum(sum)).sum()
    }
}

/// Fused products that wait for nothing: how many in a row.
struct Peak(usize);

impl Kernel for Peak {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let mut sums = [simd.splat(black_box(1.0)); 12];
        let (x, y) = (simd.splat(black_box(0.999)), simd.splat(black_box(0.001)));
        for _ in 0..self.0 {
            sums.iter_mut().for_each(|sum| *sum = simd.fma(*sum, x, y));
        }
        sums.into_iter().map(|sum| simd.sum(sum)).sum()
    }
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod system {
    use std::ffi::{c_int, c_void};
    use std::time::Duration;

    unsafe extern "C" {
        fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
        fn clock_gettime(clock: c_int, time: *mut [i64; 2]) -> c_int;
    }

    /// Asks for huge pages for a capacity that hasn't been written yet.
    pub(super) fn advise_huge(memory: &mut Vec<f32>) {
        let begin = memory.as_mut_ptr() as usize;
        let (first, end) = (begin.next_multiple_of(4096), begin + 4 * memory.capacity());
        // SAFETY: the range lies within the allocation; the advice (MADV_HUGEPAGE) changes no contents.
        unsafe { madvise(first as *mut c_void, end.saturating_sub(first), 14) };
    }

    /// For how long this thread has run (CLOCK_THREAD_CPUTIME_ID).
    pub(super) fn time() -> Duration {
        let mut time = [0i64; 2];
        // SAFETY: it writes seconds and nanoseconds, 64 bits each.
        unsafe { clock_gettime(3, &mut time) };
        Duration::new(time[0].unsigned_abs(), time[1] as u32)
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
mod system {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    pub(super) fn advise_huge(_memory: &mut Vec<f32>) {}

    pub(super) fn time() -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}

fn since(start: Duration) -> f64 {
    (system::time() - start).as_secs_f64()
}

/// So many ones, in huge pages where the system gives them, as packed weights are.
fn huge(count: usize) -> Vec<f32> {
    let mut memory = Vec::with_capacity(count);
    system::advise_huge(&mut memory);
    memory.resize(count, 1.0);
    memory
}

struct Case {
    name: String,
    unit: &'static str,
    /// Per call.
    work: f64,
    call: Box<dyn FnMut()>,
    best: f64,
}

fn weights(format: BlockFormat, n: usize, k: usize) -> (PackedBlocks, usize) {
    let count = n * k / format.block_elements() * format.block_bytes();
    let mut state = 1u64;
    // A low upper byte everywhere keeps every scale small and finite.
    let bytes: Vec<u8> = (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 59) as u8
        })
        .collect();
    let start = system::time();
    let Some(packed) = on_one_thread(|| PackedBlocks::pack(format, n, k, &bytes)) else {
        unreachable!("a packed format")
    };
    println!("packed {} {n}×{k} at {:.2} GB/s", format.name(), count as f64 / since(start) / 1e9);
    (packed, count)
}

fn product(format: BlockFormat, (m, n, k): (usize, usize, usize), activations: Activations) -> Case {
    let (packed, bytes) = weights(format, n, k);
    let x: Vec<f32> = (0..m * k).map(|at| (at % 17) as f32 - 8.0).collect();
    let mut y = vec![0.0f32; m * n];
    let (work, unit) = if m == 1 { (bytes as f64, "GB/s") } else { (2.0 * (m * n * k) as f64, "GFLOP/s") };
    let call = move || {
        let rows = Rows { values: &x, count: m, stride: k };
        matmul(rows, &packed, RowsMut { values: &mut y, stride: n }, activations, None);
    };
    let name = format!("{} {m}×{k}×{n} {activations:?}", format.name());
    Case { name, unit, work, call: Box::new(call), best: f64::INFINITY }
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let chosen = |format: &BlockFormat| wanted.is_empty() || wanted.iter().any(|name| name == format.name());
    let memory = huge(32 << 20);
    let bytes = 4.0 * memory.len() as f64;
    let read = Box::new(move || _ = black_box(run(Read(black_box(&memory)))));
    let lanes = if Level::best() == Level::Avx512 { 16.0 } else { 8.0 };
    let peak = Box::new(|| _ = black_box(run(Peak(1 << 20))));
    let mut cases = vec![
        Case { name: "read 128 MiB".into(), unit: "GB/s", work: bytes, call: read, best: f64::INFINITY },
        Case {
            name: "fused products".into(),
            unit: "GFLOP/s",
            work: 24.0 * lanes * f64::from(1 << 20),
            call: peak,
            best: f64::INFINITY,
        },
    ];
    for format in FORMATS.into_iter().filter(chosen) {
        for activations in [Activations::Exact, Activations::Int8] {
            for shape in [(1, 32768, 640), (1, 4096, 4096), (512, 1024, 1024)] {
                if shape.2 % format.block_elements() == 0 {
                    cases.push(product(format, shape, activations));
                }
            }
        }
    }
    on_one_thread(|| {
        for _ in 0..ROUNDS {
            for case in &mut cases {
                let start = system::time();
                (case.call)();
                case.best = case.best.min(since(start));
            }
        }
    });
    println!("{:?}, one thread, best of {ROUNDS} rounds", Level::best());
    for case in &cases {
        println!("{:36} {:8.1} {}", case.name, case.work / case.best / 1e9, case.unit);
    }
}
