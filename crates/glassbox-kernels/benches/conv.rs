//! The layers of ResNet-50 and MobileNetV2 and some groups, one image: GFLOP/s and the share of the peak of one thread, which is measured
//! between the rounds. On one thread that is its time on a processor; with `threads` on all of them, the time of day. With the
//! variable WINOGRAD set, by Winograd's method where it gains; the rate is that of the direct products then too.
//!
//! `cargo bench -p glassbox-kernels --bench conv -- [avx2|avx512] [threads] [part of a name]...`

use std::hint::black_box;
use std::time::{Duration, Instant};

use glassbox_kernels::conv::{
    Activation, Convolution, Fused, Method, Options, PackedFilter, Pool, block, from_blocks, global_average, to_blocks,
};
use glassbox_kernels::simd::{Kernel, Level, Simd, run_at};

/// A layer, and how often the model has it.
struct Layer {
    name: String,
    times: usize,
    conv: Convolution,
    plain_input: bool,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let levels = Level::available().into_iter().filter(|level| *level != Level::Portable);
    let all_threads = arguments.iter().any(|argument| argument == "threads");
    for level in levels.filter(|level| wanted(&arguments, level.name(), true)) {
        for (model, layers) in [("ResNet-50", resnet50()), ("MobileNetV2", mobilenet_v2()), ("groups", groups())] {
            let layers =
                layers.into_iter().filter(|layer| wanted(&arguments, &format!("{model} {}", layer.name), false));
            let layers: Vec<Layer> = layers.collect();
            if layers.is_empty() {
                continue;
            }
            println!(
                "{model}, {}, {}: best of rounds",
                level.name(),
                if all_threads { "all threads" } else { "one thread" }
            );
            match all_threads {
                true => run(layers, level, time_of_day),
                false => glassbox_tensor::on_one_thread(|| run(layers, level, thread_time)),
            }
        }
        if wanted(&arguments, "pools and reorders", false) {
            glassbox_tensor::on_one_thread(|| pools(level));
        }
    }
}

/// Measures layers.
fn run(layers: Vec<Layer>, level: Level, clock: fn() -> Duration) {
    let (mut best, mut products) = (Duration::ZERO, 0);
    for layer in layers {
        let (time, peak) = measure(&layer, level, clock);
        let rate = 2.0 * layer.conv.products() as f64 / time.as_nanos() as f64;
        let bytes = 4 * (layer.conv.input_len(block(level)) + layer.conv.output_len(block(level)));
        println!(
            "  {:30} ×{:<2} {:8.1} µs {:7.1} GFLOP/s {:5.1} % of {peak:.0}, activations {:5.1} GB/s",
            layer.name,
            layer.times,
            time.as_nanos() as f64 / 1e3,
            rate,
            100.0 * rate / peak,
            bytes as f64 / time.as_nanos() as f64,
        );
        best += time * layer.times as u32;
        products += layer.times * layer.conv.products();
    }
    let rate = 2.0 * products as f64 / best.as_nanos() as f64;
    println!("  all: {:.2} ms, {rate:.1} GFLOP/s", best.as_secs_f64() * 1e3);
}

/// Measures pools and reorders, as the rate of what is read and written.
fn pools(level: Level) {
    let (block, channels) = (block(level), 64);
    let input = Lines::of(channels * 112 * 112, |at| (at % 13) as f32 * 0.1);
    let mut output = Lines::of(channels * 112 * 112, |_| 0.0);
    let pool = Pool { channels, input: [112, 112], output: [56, 56], kernel: [3, 3], ..Pool::SINGLE };
    let pool = Pool { stride: [2, 2], pad_begin: [1, 1], pad_end: [1, 1], ..pool };
    let mut report = |name: &str, length: usize, work: &mut dyn FnMut(&[f32], &mut [f32])| {
        let mut best = Duration::MAX;
        for _ in 0..50 {
            let start = thread_time();
            work(black_box(input.numbers()), output.numbers_mut());
            best = best.min(thread_time() - start);
        }
        let rate = (4 * length) as f64 / best.as_nanos() as f64;
        println!("  {name:30} {:8.1} µs {rate:5.1} GB/s", best.as_nanos() as f64 / 1e3);
    };
    let (larger, smaller) = (channels * 112 * 112, channels * 56 * 56);
    report("max 3x3 64 at 112/2", larger + smaller, &mut |x, y| pool.max(level, x, &mut y[..smaller]));
    report("average 3x3 64 at 112/2", larger + smaller, &mut |x, y| pool.average(level, true, x, &mut y[..smaller]));
    let sizes = [1, 64, 112 * 112];
    report("global average 64 at 112", larger, &mut |x, y| global_average(level, sizes, x, &mut y[..64]));
    report("to blocks 64 at 112", 2 * larger, &mut |x, y| to_blocks(block, sizes, x, y));
    report("from blocks 64 at 112", 2 * larger, &mut |x, y| from_blocks(block, sizes, x, y));
}

/// Whether an argument names it, or none does that is a level, or that is none.
fn wanted(arguments: &[String], name: &str, level: bool) -> bool {
    let is_level = |argument: &str| Level::ALL.iter().any(|level| level.name() == argument);
    let mut of_kind =
        arguments.iter().filter(|argument| *argument != "threads" && is_level(argument) == level).peekable();
    of_kind.peek().is_none() || of_kind.any(|argument| name.contains(argument.as_str()))
}

/// The best time of a layer, and the peak that was measured between its rounds.
fn measure(layer: &Layer, level: Level, clock: fn() -> Duration) -> (Duration, f64) {
    let winograd = std::env::var_os("WINOGRAD").is_some() && layer.conv.winograd_gains();
    let method = if winograd { Method::Winograd } else { Method::Direct };
    let weights: Vec<f32> = (0..layer.conv.weights()).map(|at| (at % 17) as f32 * 0.01 - 0.08).collect();
    let options = Options { level, plain_input: layer.plain_input, method };
    let filter = PackedFilter::pack_with(&layer.conv, options, &weights);
    let block = block(level);
    let length = match layer.plain_input {
        true => layer.conv.batch * layer.conv.in_channels * layer.conv.input[0] * layer.conv.input[1],
        false => layer.conv.input_len(block),
    };
    let input = Lines::of(length, |at| (at % 13) as f32 * 0.1);
    let mut output = Lines::of(layer.conv.output_len(block), |_| 0.0);
    let bias = vec![0.1; layer.conv.out_channels];
    let fused = Fused { bias: Some(&bias), activation: Activation::Relu, ..Fused::default() };
    let (mut best, mut peak) = (Duration::MAX, 0.0f64);
    let begin = Instant::now();
    let mut rounds = 0;
    while rounds < 5 || begin.elapsed() < Duration::from_millis(150) {
        let start = clock();
        filter.run_fused(black_box(input.numbers()), output.numbers_mut(), &fused, None);
        best = best.min(clock() - start);
        if rounds % 8 == 0 {
            peak = peak.max(run_at(level, Peak));
        }
        rounds += 1;
    }
    (best, peak)
}

/// The time that this thread has had a processor, which is what counts on a machine that has other work too.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn thread_time() -> Duration {
    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut [i64; 2]) -> i32;
    }
    const THREAD_CPUTIME: i32 = 3;
    let mut time = [0; 2];
    // SAFETY: a timespec of this target is two numbers of 64 bits.
    unsafe { clock_gettime(THREAD_CPUTIME, &mut time) };
    Duration::new(time[0] as u64, time[1] as u32)
}

/// Where the system doesn't say how long a thread has had a processor.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn thread_time() -> Duration {
    time_of_day()
}

/// The time of day.
fn time_of_day() -> Duration {
    static BEGIN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    BEGIN.elapsed()
}

/// Numbers that begin at a cache line, as the arena of a plan has them.
struct Lines(Vec<f32>, usize, usize);

impl Lines {
    fn of(length: usize, number: impl Fn(usize) -> f32) -> Lines {
        let mut numbers = vec![0.0; length + 16];
        let first = numbers.as_ptr().align_offset(64);
        numbers[first..][..length].iter_mut().enumerate().for_each(|(at, to)| *to = number(at));
        Lines(numbers, first, length)
    }

    fn numbers(&self) -> &[f32] {
        &self.0[self.1..][..self.2]
    }

    fn numbers_mut(&mut self) -> &mut [f32] {
        &mut self.0[self.1..][..self.2]
    }
}

/// The rate of fused products in registers, in GFLOP/s.
struct Peak;

impl Kernel for Peak {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f64 {
        const TURNS: usize = 20_000;
        let mut sums = [s.splat(black_box(1.0)); 12];
        let (x, y) = (s.splat(black_box(0.999)), s.splat(black_box(0.001)));
        let start = Instant::now();
        for _ in 0..TURNS {
            for sum in &mut sums {
                *sum = s.fma(*sum, x, y);
            }
        }
        let time = start.elapsed();
        black_box(sums.map(|sum| s.sum(sum)));
        (TURNS * 12 * 2 * S::LANES) as f64 / time.as_nanos() as f64
    }
}

/// A square kernel with pads of half its size.
fn square(channels: [usize; 2], size: usize, kernel: usize, stride: usize) -> Convolution {
    let pad = [kernel / 2; 2];
    Convolution {
        in_channels: channels[0],
        out_channels: channels[1],
        input: [size; 2],
        kernel: [kernel; 2],
        stride: [stride; 2],
        pad_begin: pad,
        pad_end: pad,
        ..Convolution::POINTWISE
    }
}

fn layer(times: usize, conv: Convolution) -> Layer {
    let kind = match conv.groups {
        1 => String::new(),
        groups if groups == conv.in_channels && groups == conv.out_channels => "depthwise ".to_string(),
        groups => format!("{groups} groups "),
    };
    let name = format!(
        "{kind}{}x{} {}→{} at {}/{}",
        conv.kernel[0], conv.kernel[1], conv.in_channels, conv.out_channels, conv.input[0], conv.stride[0]
    );
    Layer { name, times, conv, plain_input: conv.in_channels <= 4 }
}

fn resnet50() -> Vec<Layer> {
    let mut layers = vec![layer(1, square([3, 64], 224, 7, 2))];
    let stages = [(64, 64, 56, 3), (256, 128, 28, 4), (512, 256, 14, 6), (1024, 512, 7, 3)];
    for (stage, (before, inner, size, blocks)) in stages.into_iter().enumerate() {
        let (outer, stride) = (4 * inner, if stage == 0 { 1 } else { 2 });
        let larger = size * stride;
        layers.push(layer(1, square([before, inner], larger, 1, 1)));
        layers.push(layer(1, square([before, outer], larger, 1, stride)));
        if stage > 0 {
            layers.push(layer(1, square([inner, inner], larger, 3, stride)));
        }
        layers.push(layer(blocks - usize::from(stage > 0), square([inner, inner], size, 3, 1)));
        layers.push(layer(blocks, square([inner, outer], size, 1, 1)));
        layers.push(layer(blocks - 1, square([outer, inner], size, 1, 1)));
    }
    layers
}

/// Groups of ResNeXt-50, a depthwise multiplier, and groups that are gathered.
fn groups() -> Vec<Layer> {
    let grouped = |groups, channels, size| layer(1, Convolution { groups, ..square(channels, size, 3, 1) });
    vec![
        grouped(32, [128, 128], 56),
        grouped(32, [256, 256], 28),
        grouped(32, [512, 512], 14),
        grouped(32, [1024, 1024], 7),
        grouped(32, [32, 64], 56),
        grouped(4, [24, 24], 28),
    ]
}

fn mobilenet_v2() -> Vec<Layer> {
    let mut layers = vec![layer(1, square([3, 32], 224, 3, 2))];
    let depthwise =
        |channels, size, stride| Convolution { groups: channels, ..square([channels, channels], size, 3, stride) };
    layers.push(layer(1, depthwise(32, 112, 1)));
    layers.push(layer(1, square([32, 16], 112, 1, 1)));
    let stages = [(24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1)];
    let (mut before, mut size) = (16, 112);
    for (channels, blocks, stride) in stages {
        layers.push(layer(1, square([before, 6 * before], size, 1, 1)));
        layers.push(layer(1, depthwise(6 * before, size, stride)));
        size /= stride;
        layers.push(layer(1, square([6 * before, channels], size, 1, 1)));
        if blocks > 1 {
            layers.push(layer(blocks - 1, square([channels, 6 * channels], size, 1, 1)));
            layers.push(layer(blocks - 1, depthwise(6 * channels, size, 1)));
            layers.push(layer(blocks - 1, square([6 * channels, channels], size, 1, 1)));
        }
        before = channels;
    }
    layers.push(layer(1, square([320, 1280], 7, 1, 1)));
    layers
}
