//! Programs that end a matrix product.

use super::super::*;
use super::evaluate;
use super::random::{Draws, program};
use crate::simd::Level;

fn same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan())
}

/// Bias by column, residual by row and column, then ReLU, over the segments of a matrix.
#[test]
fn segments_and_blocks_give_what_the_whole_matrix_gives() {
    let draws = &mut Draws::new(7);
    let mut program = Program::default();
    let (product, bias, residual, scale) =
        (program.load(Format::F32), program.load(Format::Bf16), program.load(Format::F32), program.load(Format::F32));
    let scaled = program.step(Operation::Mul, &[product, scale]);
    let sum = program.step(Operation::Add, &[scaled, bias]);
    let sum = program.step(Operation::Add, &[sum, residual]);
    let positive = program.step(Operation::Max, &[sum, 0.0.into()]);
    program.store(positive, Format::F32);
    let compiled = Compiled::new(&program).unwrap();

    let (rows, columns) = (11, 150);
    let matrix: Vec<f32> = (0..rows * columns).map(|_| draws.number()).collect();
    let bias: Vec<half::bf16> = (0..columns).map(|_| half::bf16::from_f32(draws.number())).collect();
    let residual: Vec<f32> = (0..rows * columns).map(|_| draws.number()).collect();
    let scales: Vec<f32> = (0..rows).map(|_| draws.number()).collect();
    let mut expected = Vec::new();
    for row in 0..rows {
        let part = row * columns..(row + 1) * columns;
        let bias = bias.iter().map(|x| x.to_f32()).collect();
        let loads = [matrix[part.clone()].to_vec(), bias, residual[part].to_vec(), vec![scales[row]; columns]];
        expected.extend(evaluate::row(&program, columns, &loads).remove(0));
    }
    let loads = [
        Source { data: Data::Bf16(&bias), offset: 0, row_strides: &[0], column_stride: 1 },
        Source { data: Data::F32(&residual), offset: 0, row_strides: &[columns as isize], column_stride: 1 },
        Source { data: Data::F32(&scales), offset: 0, row_strides: &[1], column_stride: 0 },
    ];
    let epilogue = compiled.epilogue(rows, columns, &loads);
    for level in Level::available() {
        for width in [1, 7, 16, 64, 149, 150] {
            // Segments of one row, within the matrix and copied out of it.
            let (mut within, mut copied) = (matrix.clone(), matrix.clone());
            for row in 0..rows {
                for column in (0..columns).step_by(width) {
                    let part = row * columns + column..row * columns + columns.min(column + width);
                    let sizes = [1, part.len()];
                    let mut segment = copied[part.clone()].to_vec();
                    epilogue.apply_block_at(level, [row, column], sizes, &mut segment, 0);
                    copied[part.clone()].copy_from_slice(&segment);
                    epilogue.apply_block_at(level, [row, column], sizes, &mut within[part], usize::MAX);
                }
            }
            assert!(same(&within, &expected) && same(&copied, &expected), "{} by {width}", level.name());
            // Blocks of some rows.
            let mut blocks = matrix.clone();
            for row in (0..rows).step_by(4) {
                for column in (0..columns).step_by(width) {
                    let sizes = [4.min(rows - row), width.min(columns - column)];
                    let first = row * columns + column;
                    epilogue.apply_block_at(level, [row, column], sizes, &mut blocks[first..], columns);
                }
            }
            assert!(same(&blocks, &expected), "{} by {width}", level.name());
        }
    }
}

#[test]
fn random_epilogues_give_what_runs_in_place_give() {
    let (rows, columns) = (3, 77);
    let mut tried = 0;
    for seed in 0..800 {
        let draws = &mut Draws::new(seed);
        let mut program = program(draws, true);
        program.loads.iter_mut().for_each(|load| load.format = Format::F32);
        program.stores.truncate(1);
        program.stores[0].format = Format::F32;
        let compiled = Compiled::new(&program).unwrap();
        assert!(compiled.is_epilogue());
        let matrix: Vec<f32> = (0..rows * columns).map(|_| draws.number()).collect();
        let other: Vec<f32> = (0..rows * columns).map(|_| draws.number()).collect();
        let strides = [[columns as isize, 1], [0, 1], [1, 0], [0, 0], [1, rows as isize]];
        let chosen: Vec<[isize; 2]> = program.loads.iter().map(|_| draws.of(&strides)).collect();
        let loads: Vec<Source> = chosen[1..]
            .iter()
            .map(|strides| Source {
                data: Data::F32(&other),
                offset: 0,
                row_strides: &strides[..1],
                column_stride: strides[1],
            })
            .collect();
        let mut expected = matrix.clone();
        let mut all = vec![Source::destination(0)];
        all.extend(&loads);
        let row_strides = [columns as isize];
        let store =
            Destination { data: DataMut::F32(&mut expected), offset: 0, row_strides: &row_strides, column_stride: 1 };
        compiled.run(Space { rows: &[rows], columns }, &all, &mut [store]);
        let epilogue = compiled.epilogue(rows, columns, &loads);
        for level in Level::available() {
            let mut found = matrix.clone();
            for row in 0..rows {
                let (left, right) = found[row * columns..(row + 1) * columns].split_at_mut(40);
                epilogue.apply_block_at(level, [row, 0], [1, 40], left, 0);
                epilogue.apply_block_at(level, [row, 40], [1, columns - 40], right, 0);
            }
            assert!(same(&found, &expected), "seed {seed} at {}\n{program}", level.name());
            tried += 1;
        }
    }
    assert!(tried >= 800);
}

#[test]
#[should_panic(expected = "columns within the matrix")]
fn a_segment_outside_of_the_matrix_is_refused() {
    let compiled = Compiled::new(&named::silu(Format::F32)).unwrap();
    compiled.epilogue(2, 8, &[]).apply(1, 5, &mut [0.0; 4]);
}
