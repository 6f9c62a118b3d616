//! What the cells do with one row: the gates of one sequence in one step.
//!
//! Every kernel goes over the hidden elements in vectors. A gate's elements lie beside each other, gate after gate.

use super::Activation;
use crate::math;
use crate::simd::{Kernel, Simd};

/// A vector's lanes from `at` on, of a slice that has `end` elements; zeros past it.
#[inline(always)]
fn load<S: Simd>(simd: S, from: &[f32], at: usize, end: usize) -> S::F32 {
    match end - at >= S::LANES {
        true => simd.load(&from[at..]),
        false => simd.load_part(&from[at..end]),
    }
}

#[inline(always)]
fn store<S: Simd>(simd: S, to: &mut [f32], at: usize, x: S::F32) {
    match to.len() - at >= S::LANES {
        true => simd.store(&mut to[at..], x),
        false => simd.store_part(&mut to[at..], x),
    }
}

/// A gate's sum of what inputs and hidden state add to it, and its bias.
#[inline(always)]
fn sum<S: Simd>(simd: S, [gates, products, biases]: [&[f32]; 3], at: usize, end: usize) -> S::F32 {
    let gates = simd.add(load(simd, gates, at, end), load(simd, biases, at, end));
    simd.add(gates, load(simd, products, at, end))
}

/// An activation of what is clipped first.
#[inline(always)]
fn activate<S: Simd>(simd: S, activation: Activation, clip: Option<f32>, x: S::F32) -> S::F32 {
    // min and max give their second operand where one is NaN.
    let x = match clip {
        Some(clip) => simd.max(simd.splat(-clip), simd.min(simd.splat(clip), x)),
        None => x,
    };
    match activation {
        Activation::Sigmoid => math::sigmoid(simd, x),
        Activation::Tanh => math::tanh(simd, x),
        Activation::Relu => simd.max(simd.zero(), x),
    }
}

/// A row of [`Cell::Simple`](super::Cell::Simple).
pub(super) struct Simple<'a> {
    pub(super) activations: [Activation; 3],
    pub(super) clip: Option<f32>,
    pub(super) gates: &'a [f32],
    pub(super) products: &'a [f32],
    pub(super) biases: &'a [f32],
    pub(super) hidden: &'a mut [f32],
}

impl Kernel for Simple<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let size = self.hidden.len();
        for at in (0..size).step_by(S::LANES) {
            let sum = sum(simd, [self.gates, self.products, self.biases], at, size);
            store(simd, self.hidden, at, activate(simd, self.activations[0], self.clip, sum));
        }
    }
}

/// A row of [`Cell::Lstm`](super::Cell::Lstm).
pub(super) struct Lstm<'a> {
    pub(super) activations: [Activation; 3],
    pub(super) clip: Option<f32>,
    pub(super) input_forget: bool,
    pub(super) gates: &'a [f32],
    pub(super) products: &'a [f32],
    pub(super) biases: &'a [f32],
    pub(super) peepholes: Option<&'a [f32]>,
    pub(super) hidden: &'a mut [f32],
    pub(super) state: &'a mut [f32],
}

impl Lstm<'_> {
    /// What gate number `index` is given, with its peephole, where it has one.
    #[inline(always)]
    fn gate<S: Simd>(&self, simd: S, index: usize, at: usize, state: S::F32) -> S::F32 {
        let size = self.hidden.len();
        let (at, end) = (index * size + at, (index + 1) * size);
        let sum = sum(simd, [self.gates, self.products, self.biases], at, end);
        match self.peepholes {
            Some(peepholes) if index < 3 => simd.fma(load(simd, peepholes, at, end), state, sum),
            _ => sum,
        }
    }
}

impl Kernel for Lstm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let size = self.hidden.len();
        let [f, g, k] = self.activations;
        for at in (0..size).step_by(S::LANES) {
            let old = load(simd, self.state, at, size);
            let input = activate(simd, f, self.clip, self.gate(simd, 0, at, old));
            let forget = match self.input_forget {
                true => simd.sub(simd.splat(1.0), input),
                false => activate(simd, f, self.clip, self.gate(simd, 2, at, old)),
            };
            let candidate = activate(simd, g, self.clip, self.gate(simd, 3, at, old));
            let state = simd.fma(forget, old, simd.mul(input, candidate));
            let output = activate(simd, f, self.clip, self.gate(simd, 1, at, state));
            store(simd, self.state, at, state);
            store(simd, self.hidden, at, simd.mul(output, activate(simd, k, self.clip, state)));
        }
    }
}

/// The first half of a row of [`Cell::Gru`](super::Cell::Gru): the update takes the place of its product, and `to` is the
/// reset's product with the hidden state, or with what that adds to the candidate.
pub(super) struct Reset<'a> {
    pub(super) activations: [Activation; 3],
    pub(super) clip: Option<f32>,
    pub(super) gates: &'a [f32],
    pub(super) products: &'a mut [f32],
    pub(super) biases: &'a [f32],
    /// The candidate's bias, where its product is there already.
    pub(super) late: Option<&'a [f32]>,
    pub(super) hidden: &'a [f32],
    pub(super) to: &'a mut [f32],
}

impl Kernel for Reset<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let size = self.hidden.len();
        for at in (0..size).step_by(S::LANES) {
            let update = sum(simd, [self.gates, self.products, self.biases], at, size);
            let reset = sum(simd, [self.gates, self.products, self.biases], size + at, 2 * size);
            let update = activate(simd, self.activations[0], self.clip, update);
            let reset = activate(simd, self.activations[0], self.clip, reset);
            let factor = match self.late {
                None => load(simd, self.hidden, at, size),
                Some(late) => {
                    let product = load(simd, self.products, 2 * size + at, 3 * size);
                    simd.add(product, load(simd, late, at, size))
                }
            };
            store(simd, self.to, at, simd.mul(reset, factor));
            store(simd, &mut self.products[..size], at, update);
        }
    }
}

/// The second half of a row of [`Cell::Gru`](super::Cell::Gru).
pub(super) struct Gru<'a> {
    pub(super) activations: [Activation; 3],
    pub(super) clip: Option<f32>,
    /// Those of the candidate.
    pub(super) gates: &'a [f32],
    pub(super) updates: &'a [f32],
    pub(super) biases: &'a [f32],
    /// What the hidden state adds to the candidate.
    pub(super) added: &'a [f32],
    pub(super) hidden: &'a mut [f32],
}

impl Kernel for Gru<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let size = self.hidden.len();
        for at in (0..size).step_by(S::LANES) {
            let sum = sum(simd, [self.gates, self.added, self.biases], at, size);
            let candidate = activate(simd, self.activations[1], self.clip, sum);
            let (update, old) = (load(simd, self.updates, at, size), load(simd, self.hidden, at, size));
            let new = simd.fma(simd.sub(simd.splat(1.0), update), candidate, simd.mul(update, old));
            store(simd, self.hidden, at, new);
        }
    }
}
