//! Random programs over random spaces and strides, to the bit, at every level.

use half::{bf16, f16};

use super::super::*;
use super::evaluate;
use crate::simd::Level;

/// Numbers drawn one after the other.
pub(super) struct Draws(u64);

impl Draws {
    pub(super) fn new(seed: u64) -> Draws {
        Draws(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 32) as u32
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        self.bits() as usize % count
    }

    pub(super) fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Mostly of ordinary size, now and then special.
    pub(super) fn number(&mut self) -> f32 {
        const SPECIAL: [f32; 10] =
            [0.0, -0.0, 1.0, -1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38, -3e38, 1e-42];
        match self.below(40) {
            0 => self.of(&SPECIAL),
            1 => f32::from_bits(self.bits()),
            _ => (self.bits() as f32 / u32::MAX as f32 - 0.5) * 8.0,
        }
    }
}

/// Numbers in a format.
#[derive(Clone)]
enum Buffer {
    F32(Vec<f32>),
    F16(Vec<f16>),
    Bf16(Vec<bf16>),
    F64(Vec<f64>),
    Bool(Vec<u8>),
    U8(Vec<u8>),
    I8(Vec<i8>),
    I32(Vec<i32>),
    I64(Vec<i64>),
}

impl Buffer {
    fn draw(draws: &mut Draws, format: Format, length: usize) -> Buffer {
        let mut numbers = (0..length).map(|_| draws.number()).collect::<Vec<f32>>();
        let mut bits = || draws.bits();
        match format {
            Format::F32 => Buffer::F32(std::mem::take(&mut numbers)),
            Format::F16 => Buffer::F16(numbers.into_iter().map(f16::from_f32).collect()),
            Format::Bf16 => Buffer::Bf16(numbers.into_iter().map(bf16::from_f32).collect()),
            Format::F64 => Buffer::F64(numbers.into_iter().map(|x| f64::from(x) * 1.000_000_1).collect()),
            Format::Bool => Buffer::Bool((0..length).map(|_| (bits() % 3) as u8).collect()),
            Format::U8 => Buffer::U8((0..length).map(|_| bits() as u8).collect()),
            Format::I8 => Buffer::I8((0..length).map(|_| bits() as i8).collect()),
            Format::I32 => Buffer::I32((0..length).map(|_| bits() as i32).collect()),
            Format::I64 => Buffer::I64((0..length).map(|_| i64::from(bits() as i32) * 65_537).collect()),
        }
    }

    fn get(&self, at: usize) -> f32 {
        match self {
            Buffer::F32(data) => data[at],
            Buffer::F16(data) => data[at].to_f32(),
            Buffer::Bf16(data) => data[at].to_f32(),
            Buffer::F64(data) => data[at] as f32,
            Buffer::Bool(data) => f32::from(u8::from(data[at] != 0)),
            Buffer::U8(data) => f32::from(data[at]),
            Buffer::I8(data) => f32::from(data[at]),
            Buffer::I32(data) => data[at] as f32,
            Buffer::I64(data) => data[at] as f32,
        }
    }

    fn set(&mut self, at: usize, x: f32) {
        match self {
            Buffer::F32(data) => data[at] = x,
            Buffer::F16(data) => data[at] = f16::from_f32(x),
            Buffer::Bf16(data) => data[at] = bf16::from_f32(x),
            Buffer::F64(data) => data[at] = f64::from(x),
            Buffer::Bool(data) => data[at] = u8::from(x != 0.0),
            _ => unreachable!("not a format of stores"),
        }
    }

    /// The bits, those of all NaNs being the same.
    fn bits(&self) -> Vec<u64> {
        let one = |at: usize| match self {
            Buffer::Bool(data) => u64::from(data[at]),
            _ if self.get(at).is_nan() => u64::MAX,
            Buffer::F64(data) => data[at].to_bits(),
            _ => u64::from(self.get(at).to_bits()),
        };
        (0..self.len()).map(one).collect()
    }

    fn len(&self) -> usize {
        match self {
            Buffer::F32(data) => data.len(),
            Buffer::F16(data) => data.len(),
            Buffer::Bf16(data) => data.len(),
            Buffer::F64(data) => data.len(),
            Buffer::Bool(data) | Buffer::U8(data) => data.len(),
            Buffer::I8(data) => data.len(),
            Buffer::I32(data) => data.len(),
            Buffer::I64(data) => data.len(),
        }
    }

    fn data(&self) -> Data<'_> {
        match self {
            Buffer::F32(data) => Data::F32(data),
            Buffer::F16(data) => Data::F16(data),
            Buffer::Bf16(data) => Data::Bf16(data),
            Buffer::F64(data) => Data::F64(data),
            Buffer::Bool(data) => Data::Bool(data),
            Buffer::U8(data) => Data::U8(data),
            Buffer::I8(data) => Data::I8(data),
            Buffer::I32(data) => Data::I32(data),
            Buffer::I64(data) => Data::I64(data),
        }
    }

    fn data_mut(&mut self) -> DataMut<'_> {
        match self {
            Buffer::F32(data) => DataMut::F32(data),
            Buffer::F16(data) => DataMut::F16(data),
            Buffer::Bf16(data) => DataMut::Bf16(data),
            Buffer::F64(data) => DataMut::F64(data),
            Buffer::Bool(data) => DataMut::Bool(data),
            _ => unreachable!("not a format of stores"),
        }
    }
}

/// Where the elements of a space lie.
#[derive(Clone, Debug)]
struct Layout {
    offset: usize,
    row_strides: Vec<isize>,
    column_stride: isize,
    length: usize,
}

impl Layout {
    /// Mostly contiguous; else dims in another order, with gaps, backwards, and, where that is allowed, repeated.
    fn draw(draws: &mut Draws, rows: &[usize], columns: usize, repeats: bool) -> Layout {
        let sizes: Vec<usize> = rows.iter().copied().chain([columns]).collect();
        let mut order: Vec<usize> = (0..sizes.len()).rev().collect();
        if draws.below(4) == 0 {
            let (a, b) = (draws.below(order.len()), draws.below(order.len()));
            order.swap(a, b);
        }
        let (plain, mut strides, mut reach) = (draws.below(2) == 0, vec![0isize; sizes.len()], 1usize);
        let mut offset = draws.below(3);
        for dim in order {
            if repeats && draws.below(4) == 0 {
                continue;
            }
            let step = reach + if plain { 0 } else { draws.below(3) };
            let backwards = !plain && draws.below(5) == 0;
            strides[dim] = if backwards { -(step as isize) } else { step as isize };
            offset += if backwards { step * sizes[dim].saturating_sub(1) } else { 0 };
            reach = step * sizes[dim].max(1);
        }
        let column_stride = strides.pop().unwrap_or(1);
        Layout { offset, row_strides: strides, column_stride, length: reach + offset + 1 }
    }

    fn at(&self, index: &[usize], column: usize) -> usize {
        let rows = index.iter().zip(&self.row_strides).map(|(index, stride)| *index as isize * stride).sum::<isize>();
        (self.offset as isize + rows + column as isize * self.column_stride) as usize
    }
}

const LOADED: [Format; 9] = [
    Format::F32,
    Format::F16,
    Format::Bf16,
    Format::F64,
    Format::Bool,
    Format::U8,
    Format::I8,
    Format::I32,
    Format::I64,
];
const STORED: [Format; 5] = [Format::F32, Format::F16, Format::Bf16, Format::F64, Format::Bool];

pub(super) fn program(draws: &mut Draws, elementwise: bool) -> Program {
    let mut program = Program::default();
    let mut values: Vec<Operand> = Vec::new();
    for _ in 0..1 + draws.below(4) {
        let format = if draws.below(2) == 0 { Format::F32 } else { draws.of(&LOADED) };
        values.push(program.load(format));
    }
    for _ in 0..draws.below(12) {
        let operation = draws.of(Operation::ALL);
        if elementwise && operation.is_reduction() {
            continue;
        }
        let operand = |draws: &mut Draws| match draws.below(5) {
            0 => Operand::Constant(draws.number()),
            1 => values[values.len() - 1],
            _ => draws.of(&values),
        };
        let operands: Vec<Operand> = (0..operation.arity()).map(|_| operand(draws)).collect();
        values.push(program.step(operation, &operands));
    }
    for _ in 0..1 + draws.below(3) {
        let value = if draws.below(3) == 0 { draws.of(&values) } else { values[values.len() - 1] };
        let format = if draws.below(2) == 0 { Format::F32 } else { draws.of(&STORED) };
        program.store(value, format);
    }
    program
}

fn indices(rows: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for size in rows {
        all = all.iter().flat_map(|index| (0..*size).map(move |next| [&index[..], &[next]].concat())).collect();
    }
    all
}

fn case(seed: u64) {
    const COLUMNS: [usize; 20] = [0, 1, 2, 3, 7, 8, 15, 16, 17, 63, 64, 65, 127, 128, 130, 511, 512, 513, 1031, 1600];
    let draws = &mut Draws::new(seed);
    let program = program(draws, seed.is_multiple_of(2));
    let columns = draws.of(&COLUMNS);
    let rank = draws.below(4);
    let rows: Vec<usize> = (0..rank).map(|_| draws.of(&[0, 1, 1, 2, 3, 5, 7])).collect();
    let layouts = |draws: &mut Draws, count: usize, repeats: bool| -> Vec<Layout> {
        (0..count).map(|_| Layout::draw(draws, &rows, columns, repeats)).collect()
    };
    let load_layouts = layouts(draws, program.loads.len(), true);
    let store_layouts = layouts(draws, program.stores.len(), false);
    let sources: Vec<Buffer> = program
        .loads
        .iter()
        .zip(&load_layouts)
        .map(|(load, layout)| Buffer::draw(draws, load.format, layout.length))
        .collect();
    let before: Vec<Buffer> = program
        .stores
        .iter()
        .zip(&store_layouts)
        .map(|(store, layout)| Buffer::draw(draws, store.format, layout.length))
        .collect();
    // Some loads read what a destination holds.
    let in_place: Vec<Option<usize>> = program
        .loads
        .iter()
        .map(|load| {
            let store = draws.below(program.stores.len());
            (draws.below(3) == 0 && program.stores[store].format == load.format).then_some(store)
        })
        .collect();

    let mut expected = before.clone();
    for index in indices(&rows) {
        let load = |load: usize| match in_place[load] {
            Some(store) => {
                (0..columns).map(|column| before[store].get(store_layouts[store].at(&index, column))).collect()
            }
            None => (0..columns).map(|column| sources[load].get(load_layouts[load].at(&index, column))).collect(),
        };
        let loads: Vec<Vec<f32>> = (0..program.loads.len()).map(load).collect();
        let stores = evaluate::row(&program, columns, &loads);
        for ((buffer, layout), values) in expected.iter_mut().zip(&store_layouts).zip(stores) {
            values.into_iter().enumerate().for_each(|(column, x)| buffer.set(layout.at(&index, column), x));
        }
    }

    let compiled = Compiled::new(&program).unwrap();
    for level in Level::available() {
        let mut found = before.clone();
        let loads: Vec<Source> = (0..program.loads.len())
            .map(|load| match in_place[load] {
                Some(store) => Source::destination(store),
                None => Source {
                    data: sources[load].data(),
                    offset: load_layouts[load].offset,
                    row_strides: &load_layouts[load].row_strides,
                    column_stride: load_layouts[load].column_stride,
                },
            })
            .collect();
        let mut stores: Vec<Destination> = found
            .iter_mut()
            .zip(&store_layouts)
            .map(|(buffer, layout)| Destination {
                data: buffer.data_mut(),
                offset: layout.offset,
                row_strides: &layout.row_strides,
                column_stride: layout.column_stride,
            })
            .collect();
        compiled.run_at(level, Space { rows: &rows, columns }, &loads, &mut stores);
        drop(stores);
        for (store, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let (found, expected) = (found.bits(), expected.bits());
            let differs = found.iter().zip(&expected).position(|(a, b)| a != b);
            assert_eq!(
                differs.map(|at| (at, found[at], expected[at])),
                None,
                "seed {seed}, {}, {rows:?} by {columns}, store {store}, {load_layouts:?}, {store_layouts:?}\n{program}",
                level.name()
            );
        }
    }
}

#[test]
fn random_programs_give_the_bits_that_the_plain_evaluator_gives() {
    (0..3000).for_each(case);
}
