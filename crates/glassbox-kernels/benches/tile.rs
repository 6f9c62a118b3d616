//! How fast tile programs run, on one thread: bytes that are read and written in a second, beside a copy of as many bytes
//! in the same run, and what the epilogue of a matrix product takes for each segment.
//!
//! `cargo bench -p glassbox-kernels --bench tile [-- NAMES]`

use std::hint::black_box;
use std::time::{Duration, Instant};

use glassbox_kernels::simd::Level;
use glassbox_kernels::tile::{Compiled, Data, DataMut, Destination, Format, Operation, Program, Source, Space, named};
use glassbox_tensor::on_one_thread;

/// The shortest of rounds that take a third of a second together, in seconds, of two things in turns.
fn best(mut first: impl FnMut(), mut second: impl FnMut()) -> (f64, f64) {
    let (mut best, begin) = ((f64::INFINITY, f64::INFINITY), Instant::now());
    let time = |work: &mut dyn FnMut()| {
        let begin = Instant::now();
        work();
        begin.elapsed().as_secs_f64()
    };
    while begin.elapsed() < Duration::from_millis(350) {
        best = (best.0.min(time(&mut first)), best.1.min(time(&mut second)));
    }
    best
}

fn add() -> Program {
    let mut program = Program::default();
    let (x, y) = (program.load(Format::F32), program.load(Format::F32));
    let sum = program.step(Operation::Add, &[x, y]);
    program.store(sum, Format::F32);
    program
}

/// A program whose first load is rows by columns and whose others are too, or only columns.
struct Case {
    name: &'static str,
    program: Program,
    rows: usize,
    columns: usize,
    whole: bool,
}

fn measure(case: &Case, level: Level) {
    let (rows, columns) = (case.rows, case.columns);
    let compiled = Compiled::new(&case.program).unwrap_or_else(|error| panic!("{error}"));
    let count = case.program.loads.len();
    let numbers = |seed: usize| (0..rows * columns).map(|at| ((at * 7 + seed) % 1000) as f32 * 0.01 - 5.0).collect();
    let loads: Vec<Vec<f32>> = (0..count).map(numbers).collect();
    let mut result = vec![0f32; rows * columns];
    let mut copy = vec![0f32; rows * columns];
    let strides = [columns as isize];
    let mut run = || {
        let sources: [Source; 3] = std::array::from_fn(|load| Source {
            data: Data::F32(&loads[load.min(count - 1)]),
            offset: 0,
            row_strides: if load == 0 || case.whole { &strides } else { &[0] },
            column_stride: 1,
        });
        let store = Destination { data: DataMut::F32(&mut result), offset: 0, row_strides: &strides, column_stride: 1 };
        let space = Space { rows: &[rows], columns };
        on_one_thread(|| compiled.run_at(level, space, &sources[..count], &mut [store]));
    };
    let (program, copied) = best(&mut run, || black_box(&mut copy).copy_from_slice(black_box(&loads[0])));
    let streams = if case.whole { count + 1 } else { 2 };
    let bytes = (rows * columns * 4) as f64;
    println!(
        "{:12} {rows:5} by {columns:8} {:7} {:8.2} µs {:6.1} GB/s, a copy {:6.1} GB/s",
        case.name,
        level.name(),
        program * 1e6,
        bytes * streams as f64 / program * 1e-9,
        bytes * 2.0 / copied * 1e-9,
    );
}

/// An epilogue over 128 rows in segments of 64.
fn epilogue(name: &str, program: &Program, level: Level) {
    const COLUMNS: usize = 3072;
    let compiled = Compiled::new(program).unwrap_or_else(|error| panic!("{error}"));
    let bias = vec![0.5; COLUMNS];
    let source = Source { data: Data::F32(&bias), offset: 0, row_strides: &[0], column_stride: 1 };
    let sources = vec![source; program.loads.len() - 1];
    let epilogue = compiled.epilogue(128, COLUMNS, &sources);
    let mut values = vec![1.0f32; 16 * 64];
    let blocks = || (0..COLUMNS / 64).map(|block| block * 64);
    let segments = 16 * COLUMNS / 64;
    let (one_by_one, by_blocks) = best(
        || {
            for column in blocks() {
                for (row, values) in values.chunks_exact_mut(64).enumerate() {
                    values.fill(1.0);
                    epilogue.apply_block_at(level, [row, column], [1, 64], values, 64);
                }
            }
        },
        || (),
    );
    let mut values = vec![1.0f32; 16 * 64];
    let by_blocks = by_blocks.max(
        best(
            || {
                for column in blocks() {
                    values.fill(1.0);
                    epilogue.apply_block_at(level, [0, column], [16, 64], &mut values, 64);
                }
            },
            || (),
        )
        .0,
    );
    println!(
        "{name:12} epilogue {:7} {:6.1} ns for a segment of 64, {:6.1} ns in blocks of 16 rows",
        level.name(),
        one_by_one / segments as f64 * 1e9,
        by_blocks / segments as f64 * 1e9,
    );
}

fn biased(activation: Option<Program>) -> Program {
    let mut program = Program::default();
    let (product, bias) = (program.load(Format::F32), program.load(Format::F32));
    let sum = program.step(Operation::Add, &[product, bias]);
    let result = match activation {
        // The activation's only load is the sum; its steps come one later.
        Some(activation) => {
            use glassbox_kernels::tile::Operand;
            let mut last = sum;
            for step in activation.steps {
                let operands: Vec<Operand> = step
                    .operands
                    .iter()
                    .map(|operand| match operand {
                        Operand::Load(_) => sum,
                        Operand::Step(step) => Operand::Step(step + 1),
                        Operand::Constant(constant) => Operand::Constant(*constant),
                    })
                    .collect();
                last = program.step(step.operation, &operands);
            }
            last
        }
        None => program.step(Operation::Max, &[sum, 0.0.into()]),
    };
    program.store(result, Format::F32);
    program
}

fn main() {
    let names: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let f32 = Format::F32;
    let case = |name, program, rows, columns, whole| Case { name, program, rows, columns, whole };
    let cases = [
        case("add", add(), 128, 768, true),
        case("add", add(), 1, 1 << 24, true),
        case("add", add(), 20000, 7, true),
        case("bias", add(), 128, 768, false),
        case("gelu", named::gelu(f32), 128, 3072, true),
        case("gelu_tanh", named::gelu_tanh(f32), 128, 3072, true),
        case("silu", named::silu(f32), 128, 3072, true),
        case("swiglu", named::swiglu(f32), 128, 3072, true),
        case("softmax", named::softmax(f32), 128, 128, true),
        case("softmax", named::softmax(f32), 1500, 1500, true),
        case("softmax", named::softmax(f32), 1, 50257, true),
        case("layer_norm", named::layer_norm(f32, 1e-5), 128, 768, false),
        case("layer_norm", named::layer_norm(f32, 1e-5), 1, 768, false),
        case("rms_norm", named::rms_norm(f32, 1e-6), 128, 2048, false),
    ];
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let levels: Vec<Level> = Level::available().into_iter().filter(|level| *level != Level::Portable).collect();
    for level in &levels {
        cases.iter().filter(|case| wanted(case.name)).for_each(|case| measure(case, *level));
    }
    for level in levels.into_iter().filter(|_| wanted("epilogue")) {
        epilogue("bias relu", &biased(None), level);
        epilogue("bias gelu", &biased(Some(named::gelu(f32))), level);
        epilogue("bias silu", &biased(Some(named::silu(f32))), level);
    }
}
