//! Layers against plain loops in f64, at every level.

use super::*;

/// Numbers in [-1, 1) that look random.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * 7919 + seed * 104_729 + 13) % 2003) as f32 / 1001.5 - 1.0).collect()
}

struct Case {
    cell: Cell,
    walk: Walk<'static>,
    inputs: usize,
    hidden: usize,
    biased: bool,
    peepholes: bool,
}

/// What a layer is given, and what it gives: results, hidden states, states.
struct Data {
    x: Vec<f32>,
    w: Vec<f32>,
    r: Vec<f32>,
    b: Vec<f32>,
    p: Vec<f32>,
    h: Vec<f32>,
    c: Vec<f32>,
}

fn function(activation: Activation, clip: Option<f32>, x: f64) -> f64 {
    let clip = clip.map_or(f64::INFINITY, f64::from);
    // Unlike `clamp`, this is what IEEE 754 says of NaN.
    let x = if x > clip {
        clip
    } else if x < -clip {
        -clip
    } else {
        x
    };
    match activation {
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        Activation::Relu if x < 0.0 => 0.0,
        Activation::Relu => x,
    }
}

impl Case {
    fn data(&self) -> Data {
        let (width, size) = (self.cell.gates() * self.hidden, self.hidden);
        Data {
            x: numbers(self.walk.steps * self.walk.batch * self.inputs, 1),
            w: numbers(width * self.inputs, 2),
            r: numbers(width * size, 3).into_iter().map(|x| x * 0.4).collect(),
            b: if self.biased { numbers(2 * width, 4) } else { vec![0.0; 2 * width] },
            p: if self.peepholes { numbers(3 * size, 5) } else { vec![0.0; 3 * size] },
            h: numbers(self.walk.batch * size, 6),
            c: numbers(self.walk.batch * size, 7),
        }
    }

    /// In f64, element by element.
    fn plain(&self, data: &Data) -> [Vec<f64>; 3] {
        let (walk, size, width) = (&self.walk, self.hidden, self.cell.gates() * self.hidden);
        let wide = |x: &[f32]| x.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let (mut h, mut c) = (wide(&data.h), wide(&data.c));
        let mut y = vec![0.0; walk.steps * walk.batch * size];
        let apply = |index: usize, x: f64| function(walk.activations[index], walk.clip, x);
        for turn in 0..walk.steps {
            let step = if walk.backward { walk.steps - 1 - turn } else { turn };
            for sequence in 0..walk.batch {
                if walk.lengths.is_some_and(|lengths| step >= lengths[sequence]) {
                    continue;
                }
                let row = if walk.batch_first { sequence * walk.steps + step } else { step * walk.batch + sequence };
                let x = &data.x[row * self.inputs..][..self.inputs];
                let old = h[sequence * size..][..size].to_vec();
                let dot = |weights: &[f32], row: usize, with: &[f64]| -> f64 {
                    with.iter().enumerate().map(|(at, x)| f64::from(weights[row * with.len() + at]) * x).sum()
                };
                let x = wide(x);
                let of_x = |row: usize| dot(&data.w, row, &x) + f64::from(data.b[row]);
                let of_h = |row: usize, h: &[f64]| dot(&data.r, row, h) + f64::from(data.b[width + row]);
                let resets: Vec<f64> = match self.cell {
                    Cell::Gru { .. } => {
                        (0..size).map(|at| apply(0, of_x(size + at) + of_h(size + at, &old)) * old[at]).collect()
                    }
                    _ => Vec::new(),
                };
                for at in 0..size {
                    let gate = |gate: usize| of_x(gate * size + at) + of_h(gate * size + at, &old);
                    let state = c[sequence * size + at];
                    let p = |gate: usize| f64::from(data.p[gate * size + at]);
                    h[sequence * size + at] = match self.cell {
                        Cell::Simple => apply(0, gate(0)),
                        Cell::Gru { linear_before_reset } => {
                            let added = match linear_before_reset {
                                true => apply(0, gate(1)) * of_h(2 * size + at, &old),
                                false => of_h(2 * size + at, &resets),
                            };
                            let candidate = apply(1, of_x(2 * size + at) + added);
                            let update = apply(0, gate(0));
                            (1.0 - update) * candidate + update * old[at]
                        }
                        Cell::Lstm { input_forget } => {
                            let input = apply(0, gate(0) + p(0) * state);
                            let forget = if input_forget { 1.0 - input } else { apply(0, gate(2) + p(2) * state) };
                            let new = forget * state + input * apply(1, gate(3));
                            c[sequence * size + at] = new;
                            apply(0, gate(1) + p(1) * new) * apply(2, new)
                        }
                    };
                }
                y[(step * walk.batch + sequence) * size..][..size].copy_from_slice(&h[sequence * size..][..size]);
            }
        }
        [y, h, c]
    }

    fn computed(&self, level: Level, data: &Data) -> [Vec<f32>; 3] {
        let (size, width) = (self.hidden, self.cell.gates() * self.hidden);
        let source = Source {
            inputs: MatrixRef::of_rows(&data.w, width, self.inputs),
            recurrence: MatrixRef::of_rows(&data.r, width, size),
            biases: self.biased.then_some(&data.b[..]),
            peepholes: self.peepholes.then_some(&data.p[..]),
        };
        let weights = Weights::at(level, self.cell, source);
        let (mut h, mut c) = (data.h.clone(), data.c.clone());
        let mut y = vec![f32::NAN; self.walk.steps * self.walk.batch * size];
        let output = Output { values: &mut y, step: self.walk.batch * size, sequence: size };
        weights.run(&self.walk, &data.x, &mut h, &mut c, output);
        [y, h, c]
    }

    /// A chain of steps, in each of which sums of so many terms are rounded as f32, and activations bring the errors of
    /// older ones no further than the recurrence weights, at most 0.4 times the hidden size, do.
    fn check(&self) {
        let data = self.data();
        let wanted = self.plain(&data);
        for level in Level::available() {
            for (found, wanted) in self.computed(level, &data).iter().zip(&wanted) {
                for (index, (found, wanted)) in found.iter().zip(wanted).enumerate() {
                    let bound = 2e-5 * (1.0 + wanted.abs());
                    let same = found.is_nan() && wanted.is_nan() || (f64::from(*found) - wanted).abs() <= bound;
                    assert!(same, "{:?} {:?} {level:?} {index}: {found}, in f64 {wanted}", self.cell, self.walk);
                }
            }
        }
    }
}

const CELLS: [Cell; 5] = [
    Cell::Simple,
    Cell::Gru { linear_before_reset: false },
    Cell::Gru { linear_before_reset: true },
    Cell::Lstm { input_forget: false },
    Cell::Lstm { input_forget: true },
];

fn walk(steps: usize, batch: usize) -> Walk<'static> {
    let activations = [Activation::Sigmoid, Activation::Tanh, Activation::Tanh];
    Walk { steps, batch, batch_first: false, backward: false, lengths: None, activations, clip: None }
}

#[test]
fn every_cell_at_odd_sizes() {
    for cell in CELLS {
        for [steps, batch, inputs, hidden] in [
            [1, 1, 1, 1],
            [3, 2, 5, 7],
            [4, 1, 0, 17],
            [2, 3, 4, 33],
            [0, 2, 3, 4],
            [2, 0, 3, 4],
            [2, 2, 3, 0],
            [9, 2, 16, 16],
        ] {
            for biased in [false, true] {
                Case { cell, walk: walk(steps, batch), inputs, hidden, biased, peepholes: biased }.check();
            }
        }
    }
}

#[test]
fn lengths_directions_orders_clips_and_activations() {
    let case = |cell, walk| Case { cell, walk, inputs: 3, hidden: 19, biased: true, peepholes: true };
    for cell in CELLS {
        for backward in [false, true] {
            let lengths: &[usize] = &[5, 0, 2];
            case(cell, Walk { backward, lengths: Some(lengths), ..walk(5, 3) }).check();
            case(cell, Walk { backward, batch_first: true, ..walk(5, 3) }).check();
            case(cell, Walk { backward, clip: Some(0.3), ..walk(4, 2) }).check();
        }
        case(cell, Walk { activations: [Activation::Relu, Activation::Sigmoid, Activation::Relu], ..walk(2, 2) })
            .check();
    }
}

#[test]
fn nan_stays_in_its_sequence() {
    for cell in CELLS {
        let case = Case { cell, walk: walk(3, 2), inputs: 2, hidden: 5, biased: true, peepholes: false };
        let mut data = case.data();
        data.x[1] = f32::NAN;
        for level in Level::available() {
            let [y, h, _] = case.computed(level, &data);
            let is_of_the_first = |index: usize| (index / 5).is_multiple_of(2);
            assert!(y.iter().enumerate().all(|(index, y)| y.is_nan() == is_of_the_first(index)), "{cell:?} {level:?}");
            assert!(h[..5].iter().all(|h| h.is_nan()) && h[5..].iter().all(|h| h.is_finite()));
        }
    }
}

#[test]
fn the_bits_of_a_sequence_depend_on_nothing_beside_it() {
    for cell in CELLS {
        // So many steps that the gates of all don't lie beside each other.
        let (steps, batch, inputs, hidden) = (700, 3, 4, 24);
        let case = |batch| Case { cell, walk: walk(steps, batch), inputs, hidden, biased: true, peepholes: true };
        let data = case(batch).data();
        for level in Level::available() {
            let all = case(batch).computed(level, &data);
            for sequence in 0..batch {
                let mut alone = case(1).data();
                let rows = data.x.chunks_exact(inputs).skip(sequence).step_by(batch);
                alone.x = rows.flatten().copied().collect();
                alone.h = data.h[sequence * hidden..][..hidden].to_vec();
                alone.c = data.c[sequence * hidden..][..hidden].to_vec();
                let found = case(1).computed(level, &alone);
                let rows = all[0].chunks_exact(hidden).skip(sequence).step_by(batch);
                assert!(rows.zip(found[0].chunks_exact(hidden)).all(|(a, b)| a == b), "{cell:?} {level:?} {sequence}");
            }
        }
    }
}
