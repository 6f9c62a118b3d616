//! Recurrent layers: long short-term memory, gated recurrent units and simple ones, one direction at a time.
//!
//! In: the steps of sequences as rows of a slice, weights that are packed once ([`Weights`]), and the states before the
//! first step. Out: the hidden state after every step, and in the place of the states those after the last. What the inputs
//! add to the gates is one product for many steps; each step then is a product of the hidden states of all sequences, and
//! what the [`Cell`] makes of each row of it.
//!
//! **Invariant:** the bits of a sequence depend on that sequence and on the weights alone: not on those beside it, on how
//! many steps are computed together, or on the number of threads.

mod cells;

use crate::gemm::{Compute, MatrixRef, PackedB, gemm};
use crate::simd::{Level, run_at};

use cells::{Gru, Lstm, Reset, Simple};

/// How many elements of gates are computed ahead at most, for as many steps as fit: half a megabyte.
const AHEAD: usize = 1 << 17;

/// What a layer does in a step. `x` and `h` with the name of a gate are what the inputs and the hidden state add to it, biases
/// included; `f`, `g` and `k` are the activations in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// h' = f(x + h).
    Simple,
    /// With the gates z, r, c: z = f(xz + hz), r = f(xr + hr), h' = (1 − z) g(xc + hc) + z h, where hc is computed of r h.
    Gru {
        /// hc is computed of h, and multiplied with r then.
        linear_before_reset: bool,
    },
    /// With the gates i, o, f, c: i = f(xi + hi + pi c), c' = f(xf + hf + pf c) c + i g(xc + hc), and
    /// h' = f(xo + ho + po c') k(c').
    Lstm {
        /// 1 − i stands in the place of the gate f.
        input_forget: bool,
    },
}

impl Cell {
    /// How many gates it has.
    pub fn gates(self) -> usize {
        match self {
            Cell::Simple => 1,
            Cell::Gru { .. } => 3,
            Cell::Lstm { .. } => 4,
        }
    }

    /// How many activations it takes.
    pub fn activations(self) -> usize {
        match self {
            Cell::Simple => 1,
            Cell::Gru { .. } => 2,
            Cell::Lstm { .. } => 3,
        }
    }
}

/// A function of what a gate is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// 1 / (1 + e^−x).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// x where it is positive, otherwise 0.
    Relu,
}

/// The weights of one direction, as they are given.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// A row for each hidden element of each gate, a column for each input.
    pub inputs: MatrixRef<'a, f32>,
    /// A row for each hidden element of each gate, a column for each hidden element.
    pub recurrence: MatrixRef<'a, f32>,
    /// The biases of the inputs, then those of the recurrence.
    pub biases: Option<&'a [f32]>,
    /// Of a [`Cell::Lstm`], the weights of the state in the gates i, o, f.
    pub peepholes: Option<&'a [f32]>,
}

/// The weights of one direction, packed.
pub struct Weights {
    cell: Cell,
    hidden: usize,
    level: Level,
    inputs: PackedB,
    /// Of the gates that are computed of the hidden state as it is.
    recurrence: PackedB,
    /// Of the gate that is computed of the hidden state after the reset.
    reset: Option<PackedB>,
    biases: Vec<f32>,
    /// The bias that is multiplied with the reset.
    late: Vec<f32>,
    peepholes: Vec<f32>,
}

/// How a layer goes over sequences.
#[derive(Clone, Copy, Debug)]
pub struct Walk<'a> {
    /// How many steps the longest sequence may have.
    pub steps: usize,
    /// How many sequences.
    pub batch: usize,
    /// Whether the steps of a sequence lie beside each other in the input; otherwise the sequences of a step do.
    pub batch_first: bool,
    /// Whether it begins with the last step.
    pub backward: bool,
    /// How many steps each sequence has. Beyond, its states stay and its results are zero.
    pub lengths: Option<&'a [usize]>,
    /// The activations of the [`Cell`]; those that it has no use for don't matter.
    pub activations: [Activation; 3],
    /// What activations are given is brought into [−clip, clip].
    pub clip: Option<f32>,
}

/// Where the hidden states of all steps go.
#[derive(Debug)]
pub struct Output<'a> {
    /// The elements.
    pub values: &'a mut [f32],
    /// How far the states of a sequence are from one step to the next.
    pub step: usize,
    /// How far the states of a step are from one sequence to the next.
    pub sequence: usize,
}

impl Weights {
    /// Packs weights for the best level of this processor.
    ///
    /// # Panics
    /// As [`Weights::at`].
    ///
    /// ```
    /// use glassbox_kernels::gemm::MatrixRef;
    /// use glassbox_kernels::recurrent::{Activation, Cell, Output, Source, Walk, Weights};
    /// // h' = relu(2 x + 3 h) for two steps.
    /// let one = |values| MatrixRef::of_rows(values, 1, 1);
    /// let source = Source { inputs: one(&[2.0]), recurrence: one(&[3.0]), biases: None, peepholes: None };
    /// let weights = Weights::new(Cell::Simple, source);
    /// let walk = Walk {
    ///     steps: 2,
    ///     batch: 1,
    ///     batch_first: false,
    ///     backward: false,
    ///     lengths: None,
    ///     activations: [Activation::Relu; 3],
    ///     clip: None,
    /// };
    /// let (mut hidden, mut steps) = ([0.0], [0.0; 2]);
    /// let output = Output { values: &mut steps, step: 1, sequence: 1 };
    /// weights.run(&walk, &[1.0, 2.0], &mut hidden, &mut [], output);
    /// assert_eq!((steps, hidden), ([2.0, 10.0], [10.0]));
    /// ```
    pub fn new(cell: Cell, source: Source<'_>) -> Weights {
        Weights::at(Level::best(), cell, source)
    }

    /// Packs weights for a level.
    ///
    /// # Panics
    /// Where matrices, biases or peepholes are of other sizes than [`Source`] says.
    pub fn at(level: Level, cell: Cell, source: Source<'_>) -> Weights {
        let hidden = source.recurrence.columns();
        let width = cell.gates() * hidden;
        assert_eq!(
            (source.inputs.rows(), source.recurrence.rows()),
            (width, width),
            "a row for each element of a gate"
        );
        let given = source.biases.map_or(2 * width, <[f32]>::len);
        assert_eq!(given, 2 * width, "two biases for each element of a gate");
        let lstm = matches!(cell, Cell::Lstm { .. });
        let peepholes = source.peepholes.filter(|_| lstm).unwrap_or_default().to_vec();
        assert!(peepholes.is_empty() || peepholes.len() == 3 * hidden, "a peephole for each element of three gates");
        let pack = |matrix: MatrixRef<f32>| PackedB::at(level, Compute::F32, matrix.transposed());
        let splits = cell == Cell::Gru { linear_before_reset: false };
        let linear = cell == Cell::Gru { linear_before_reset: true };
        let direct = if splits { 2 * hidden } else { width };
        let (mut biases, mut late) = (vec![0.0; width], vec![0.0; if linear { hidden } else { 0 }]);
        if let Some(given) = source.biases {
            let (of_inputs, of_recurrence) = given.split_at(width);
            // Only the candidate's is apart: it is multiplied with the reset.
            let merged = if linear { 2 * hidden } else { width };
            late.copy_from_slice(&of_recurrence[merged..]);
            biases.copy_from_slice(of_inputs);
            biases.iter_mut().zip(&of_recurrence[..merged]).for_each(|(sum, bias)| *sum += bias);
        }
        Weights {
            cell,
            hidden,
            level,
            inputs: pack(source.inputs),
            recurrence: pack(source.recurrence.some_rows(0..direct)),
            reset: splits.then(|| pack(source.recurrence.some_rows(direct..width))),
            biases,
            late,
            peepholes,
        }
    }

    /// How many elements the hidden state of a sequence has.
    pub fn hidden(&self) -> usize {
        self.hidden
    }

    /// Goes over all steps. `x` has a row for each step of each sequence; `hidden` and, of a [`Cell::Lstm`], `state` have a row
    /// for each sequence.
    ///
    /// # Panics
    /// Where a slice is too short for its sizes, or there are fewer lengths than sequences.
    pub fn run(&self, walk: &Walk, x: &[f32], hidden: &mut [f32], state: &mut [f32], output: Output) {
        let (batch, size, width) = (walk.batch, self.hidden, self.biases.len());
        self.check(walk, x, hidden, state, &output);
        if batch == 0 || size == 0 || walk.steps == 0 {
            return;
        }
        let ahead = (AHEAD / batch.saturating_mul(width)).clamp(1, walk.steps);
        let mut of_inputs = vec![0.0; ahead * batch * width];
        let mut products = vec![0.0; batch * self.recurrence.columns()];
        let mut candidates = vec![0.0; if matches!(self.cell, Cell::Gru { .. }) { 2 * batch * size } else { 0 }];
        let mut done = 0;
        while done < walk.steps {
            let count = ahead.min(walk.steps - done);
            let first = if walk.backward { walk.steps - done - count } else { done };
            self.project(walk, x, first, count, &mut of_inputs);
            for turn in 0..count {
                let place = if walk.backward { count - 1 - turn } else { turn };
                let step = first + place;
                let gates = &of_inputs[place * batch * width..][..batch * width];
                if (0..batch).any(|sequence| walk.is_inside(sequence, step)) {
                    let rows = MatrixRef::of_rows(hidden, batch, size);
                    gemm(rows, &self.recurrence, &mut products, self.recurrence.columns(), None);
                    self.step(walk, step, gates, &mut products, &mut candidates, hidden, state);
                }
                for sequence in 0..batch {
                    let to = &mut output.values[step * output.step + sequence * output.sequence..][..size];
                    match walk.is_inside(sequence, step) {
                        true => to.copy_from_slice(&hidden[sequence * size..][..size]),
                        false => to.fill(0.0),
                    }
                }
            }
            done += count;
        }
    }

    fn check(&self, walk: &Walk, x: &[f32], hidden: &[f32], state: &[f32], output: &Output) {
        let (batch, size) = (walk.batch, self.hidden);
        let elements = |sizes: &[usize]| sizes.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
        let fits = |sizes: &[usize], there: usize| elements(sizes).is_some_and(|wanted| wanted <= there);
        assert!(fits(&[walk.steps, batch, self.inputs.inner()], x.len()), "the inputs are too few");
        assert!(fits(&[batch, size], hidden.len()), "the hidden states are too few");
        let states = if matches!(self.cell, Cell::Lstm { .. }) { batch } else { 0 };
        assert!(fits(&[states, size], state.len()), "the states are too few");
        assert!(walk.lengths.is_none_or(|lengths| lengths.len() >= batch), "a length for each sequence");
        if walk.steps > 0 && batch > 0 {
            let last = elements(&[walk.steps - 1, output.step]).zip(elements(&[batch - 1, output.sequence]));
            let end = last.and_then(|(step, sequence)| step.checked_add(sequence)?.checked_add(size));
            assert!(end.is_some_and(|end| end <= output.values.len()), "the results don't fit");
        }
    }

    /// What the inputs of `count` steps from `first` on add to the gates: a row for each sequence of each step.
    fn project(&self, walk: &Walk, x: &[f32], first: usize, count: usize, gates: &mut [f32]) {
        let (inputs, width, batch) = (self.inputs.inner(), self.biases.len(), walk.batch);
        if !walk.batch_first {
            let rows = MatrixRef::of_rows(&x[first * batch * inputs..], count * batch, inputs);
            return gemm(rows, &self.inputs, gates, width, None);
        }
        for sequence in 0..batch {
            let rows = MatrixRef::of_rows(&x[(sequence * walk.steps + first) * inputs..], count, inputs);
            gemm(rows, &self.inputs, &mut gates[sequence * width..], batch * width, None);
        }
    }

    /// One step of all sequences that aren't at their end.
    #[allow(clippy::too_many_arguments, reason = "the buffers of one walk")]
    fn step(
        &self,
        walk: &Walk,
        step: usize,
        gates: &[f32],
        products: &mut [f32],
        candidates: &mut [f32],
        hidden: &mut [f32],
        state: &mut [f32],
    ) {
        let (size, width, columns) = (self.hidden, self.biases.len(), self.recurrence.columns());
        let inside = (0..walk.batch).filter(|sequence| walk.is_inside(*sequence, step));
        let (activations, clip, biases) = (walk.activations, walk.clip, &self.biases[..]);
        match self.cell {
            Cell::Simple => inside.for_each(|sequence| {
                let (gates, products) =
                    (&gates[sequence * width..][..width], &products[sequence * columns..][..columns]);
                let hidden = &mut hidden[sequence * size..][..size];
                run_at(self.level, Simple { activations, clip, gates, products, biases, hidden });
            }),
            Cell::Lstm { input_forget } => inside.for_each(|sequence| {
                let (gates, products) =
                    (&gates[sequence * width..][..width], &products[sequence * columns..][..columns]);
                let (hidden, state) = (&mut hidden[sequence * size..][..size], &mut state[sequence * size..][..size]);
                let peepholes = (!self.peepholes.is_empty()).then_some(&self.peepholes[..]);
                let lstm = Lstm { activations, clip, input_forget, gates, products, biases, peepholes, hidden, state };
                run_at(self.level, lstm);
            }),
            Cell::Gru { .. } => {
                let (resets, added) = candidates.split_at_mut(walk.batch * size);
                for sequence in inside.clone() {
                    let gates = &gates[sequence * width..][..width];
                    let products = &mut products[sequence * columns..][..columns];
                    let hidden = &hidden[sequence * size..][..size];
                    let late = self.reset.is_none().then_some(&self.late[..]);
                    let to = &mut resets[sequence * size..][..size];
                    run_at(self.level, Reset { activations, clip, gates, products, biases, late, hidden, to });
                }
                let added = match &self.reset {
                    Some(weights) => {
                        gemm(MatrixRef::of_rows(resets, walk.batch, size), weights, added, size, None);
                        added
                    }
                    None => resets,
                };
                for sequence in inside {
                    let gates = &gates[sequence * width..][2 * size..width];
                    let (updates, biases) = (&products[sequence * columns..][..size], &biases[2 * size..]);
                    let added = &added[sequence * size..][..size];
                    let hidden = &mut hidden[sequence * size..][..size];
                    run_at(self.level, Gru { activations, clip, gates, updates, biases, added, hidden });
                }
            }
        }
    }
}

impl Walk<'_> {
    /// Whether a step is one of the sequence's.
    fn is_inside(&self, sequence: usize, step: usize) -> bool {
        self.lengths.is_none_or(|lengths| step < lengths[sequence])
    }
}

#[cfg(test)]
mod tests;
