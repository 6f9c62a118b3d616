//! Attention on one thread: its rate as a share of the peak of fused products, and in decode as a share of the speed at
//! which the same keys and values are read.
//!
//! `cargo bench -p glassbox-kernels --bench attention [-- ROUNDS NAMES]`. The limits are measured in the same rounds.

use std::hint::black_box;
use std::time::Instant;

use glassbox_kernels::attention::{Attention, Mask, Offset, Sizes, View};
use glassbox_kernels::simd::{Kernel, Level, Simd, run_at};
use glassbox_tensor::on_one_thread;

/// Fused products of registers: as many sums at once as the instruction needs.
struct Peak(usize);

impl Kernel for Peak {
    type Output = f64;
    #[allow(clippy::needless_range_loop, reason = "iterators over vectors aren't always compiled for the level")]
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        let mut sums = [simd.splat(black_box(0.0)); 12];
        let (x, y) = (simd.splat(black_box(0.5)), simd.splat(black_box(0.25)));
        for _ in 0..self.0 {
            for place in 0..12 {
                sums[place] = simd.fma(x, y, sums[place]);
            }
        }
        for sum in sums {
            black_box(simd.sum(sum));
        }
        (self.0 * 12 * S::LANES * 2) as f64
    }
}

/// Reads a slice once.
struct Read<'a>(&'a [f32]);

impl Kernel for Read<'_> {
    type Output = f32;
    #[allow(clippy::needless_range_loop, reason = "iterators over vectors aren't always compiled for the level")]
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let mut sums = [simd.zero(); 8];
        for chunk in self.0.chunks_exact(8 * S::LANES) {
            for place in 0..8 {
                sums[place] = simd.add(sums[place], simd.load(&chunk[place * S::LANES..]));
            }
        }
        let mut total = 0.0;
        for sum in sums {
            total += simd.sum(sum);
        }
        total
    }
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count as u32).map(|x| (x.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// How long this thread has been computing, in seconds: what other programs take meanwhile doesn't count, where the
/// system says so.
fn now(start: Instant) -> f64 {
    // The system brings its count up to date when the thread yields.
    std::thread::yield_now();
    let count = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = count.as_deref().and_then(|count| count.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| start.elapsed().as_secs_f64(), |count| count / 1e9)
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    let begin = now(start);
    work();
    now(start) - begin
}

struct Setting {
    name: &'static str,
    sizes: Sizes,
    causal: bool,
    mask: bool,
    softcap: f32,
    /// Whether heads stand side by side, as they come out of a projection.
    side_by_side: bool,
}

fn setting(name: &'static str, [heads, kv_heads]: [usize; 2], [queries, keys]: [usize; 2], size: usize) -> Setting {
    let sizes = Sizes { batch: 1, heads, kv_heads, queries, keys, size, value_size: size };
    Setting { name, sizes, causal: false, mask: false, softcap: 0.0, side_by_side: false }
}

fn settings() -> Vec<Setting> {
    vec![
        setting("encoder 1500", [1, 1], [1500, 1500], 64),
        Setting { side_by_side: true, ..setting("encoder 1500, side by side", [8, 8], [1500, 1500], 64) },
        Setting { mask: true, ..setting("encoder 1500, mask", [1, 1], [1500, 1500], 64) },
        setting("prefill 128", [12, 12], [128, 128], 64),
        Setting { side_by_side: true, ..setting("prefill 128, side by side", [12, 12], [128, 128], 64) },
        Setting { causal: true, ..setting("prefill 128, causal", [12, 12], [128, 128], 64) },
        Setting { causal: true, ..setting("prefill 1024, causal", [8, 2], [1024, 1024], 128) },
        Setting { causal: true, softcap: 50.0, ..setting("prefill 512, causal, cap", [4, 1], [512, 512], 256) },
        setting("decode 2048 x 64", [32, 32], [1, 2048], 64),
        setting("decode 2048 x 64, one head", [1, 1], [1, 2048], 64),
        setting("decode 2048 x 64, 4 share", [32, 8], [1, 2048], 64),
        setting("decode 2048 x 128", [16, 16], [1, 2048], 128),
        setting("decode 2048 x 256", [16, 16], [1, 2048], 256),
        setting("decode 2048 x 256, 4 share", [16, 4], [1, 2048], 256),
    ]
}

fn main() {
    let rounds = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(20);
    let named: Vec<String> = std::env::args().skip(1).filter(|arg| arg.starts_with(char::is_alphabetic)).collect();
    let wanted = |setting: &&Setting| named.is_empty() || named.iter().any(|name| setting.name.contains(name));
    on_one_thread(|| {
        for level in Level::available().into_iter().filter(|level| *level != Level::Portable) {
            println!("{}", level.name());
            settings().iter().filter(wanted).for_each(|setting| measure(level, setting, rounds));
        }
    });
}

fn measure(level: Level, setting: &Setting, rounds: usize) {
    let Sizes { heads, kv_heads, queries, keys, size, .. } = setting.sizes;
    let (q, mask) = (numbers(heads * queries * size), vec![0.0; queries * keys]);
    // Keys and values of several layers, so that in decode none of them is in a near cache.
    let decode = queries == 1;
    let layers = if decode { (64 << 20) / (kv_heads * keys * size * 4).max(1) } else { 1 };
    let all = numbers(layers.max(1) * 2 * kv_heads * keys * size);
    let view = |data, heads, length| match setting.side_by_side {
        true => View { data, strides: [0, size, heads * size, 1] },
        false => View::dense(data, [1, heads, length, size]),
    };
    let mut out = vec![0.0; heads * queries * size];
    let strides = view(&q, heads, queries).strides;
    let (mut peak, mut read, mut best) = (0f64, f64::INFINITY, f64::INFINITY);
    for _ in 0..rounds {
        if decode {
            read = read.min(seconds(|| {
                black_box(run_at(level, Read(&all)));
            }));
        } else {
            let mut done = 0.0;
            let time = seconds(|| done = run_at(level, Peak(1_000_000)));
            peak = peak.max(done / time);
        }
        // Work of 2 · 10^8 products at least, so that what the other programs have left in the caches is of no account.
        let repeats = if decode { 1 } else { 200_000_000 / (heads * queries * keys * size * 2) + 1 };
        let time = seconds(|| {
            for layer in (0..repeats).flat_map(|_| all.chunks_exact(2 * kv_heads * keys * size)) {
                let (k, v) = layer.split_at(kv_heads * keys * size);
                let attention = Attention {
                    causal: setting.causal,
                    offset: Offset::Last,
                    softcap: setting.softcap,
                    mask: match setting.mask {
                        true => Mask::Add(View { data: &mask, strides: [0, 0, keys, 1] }),
                        false => Mask::None,
                    },
                    ..Attention::new(
                        setting.sizes,
                        view(&q, heads, queries),
                        view(k, kv_heads, keys),
                        view(v, kv_heads, keys),
                    )
                };
                attention.run_at(level, black_box(&mut out), strides);
            }
        });
        best = best.min(time / repeats as f64);
    }
    if decode {
        let gigabytes = (all.len() * 4) as f64 / 1e9;
        let (found, limit) = (gigabytes / best, gigabytes / read);
        println!("  {:<28} {found:6.1} of {limit:6.1} GB/s  {:3.0} %", setting.name, 100.0 * found / limit);
    } else {
        let seen = if setting.causal { (keys * (keys + 1) / 2) as f64 } else { (queries * keys) as f64 };
        let rate = seen * (heads * size * 4) as f64 / best / 1e9;
        let milliseconds = best * 1e3;
        let (peak, share) = (peak / 1e9, 100.0 * rate * 1e9 / peak);
        println!("  {:<28} {rate:6.1} of {peak:6.1} GFLOP/s  {share:3.0} %  {milliseconds:.3} ms", setting.name);
    }
}
