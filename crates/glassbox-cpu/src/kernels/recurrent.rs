//! Recurrent layers: `lstm`, `gru` and `rnn` of f32.

use glassbox_exec::KernelError;
use glassbox_ir::{AttrView, Graph, Node, ops};
use glassbox_kernels::gemm::MatrixRef;
use glassbox_kernels::recurrent::{Activation, Cell, Output, Source, Walk, Weights};
use glassbox_tensor::{DType, Tensor};

use super::{Built, Kernel};
use crate::fragment::Fragment;
use crate::slots::Call;

/// What the attributes of a layer say.
struct Layer {
    cell: Cell,
    directions: Vec<Direction>,
    batch_first: bool,
    clip: Option<f32>,
}

struct Direction {
    backward: bool,
    activations: [Activation; 3],
}

/// The operands, by their places in the op.
const X: usize = 0;
const W: usize = 1;
const R: usize = 2;
const B: usize = 3;
const LENGTHS: usize = 4;
const HIDDEN: usize = 5;
const STATE: usize = 6;
const PEEPHOLES: usize = 7;

struct Recurrent {
    layer: Layer,
    /// The numbers of the operands; `None` where one is left out.
    operands: [Option<usize>; 8],
    /// Those of each direction, where they are the same in every run.
    weights: Option<Vec<Weights>>,
}

/// What a use of a recurrent op asks for.
///
/// # Errors
///
/// An empty text, where it is another op; otherwise why it isn't computed here.
fn layer_of(node: &Node) -> Result<Layer, String> {
    let attr = AttrView::new(node.op, &node.attrs);
    let (cell, defaults): (Cell, &[&str]) = match node.op {
        op if *op == ops::rnn::OP => (Cell::Simple, &["Tanh"]),
        op if *op == ops::gru::OP => {
            (Cell::Gru { linear_before_reset: attr.bool("linear_before_reset") }, &["Sigmoid", "Tanh"])
        }
        op if *op == ops::lstm::OP => {
            (Cell::Lstm { input_forget: attr.bool("input_forget") }, &["Sigmoid", "Tanh", "Tanh"])
        }
        _ => return Err(String::new()),
    };
    let backward: &[bool] = match attr.str("direction") {
        "reverse" => &[true],
        "bidirectional" => &[false, true],
        _ => &[false],
    };
    let names: Vec<&str> = match attr.strs("activations") {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => defaults.repeat(backward.len()),
    };
    let mut directions = Vec::new();
    for (backward, names) in backward.iter().zip(names.chunks(cell.activations())) {
        let mut activations = [Activation::Tanh; 3];
        for (activation, name) in activations.iter_mut().zip(names) {
            *activation = activation_of(name)?;
        }
        directions.push(Direction { backward: *backward, activations });
    }
    let clip = attr.opt_float("clip").map(|clip| clip as f32);
    if clip.is_some_and(|clip| clip.is_nan() || clip < 0.0) {
        return Err("a layer that clips to less than nothing is taken apart".to_owned());
    }
    Ok(Layer { cell, directions, batch_first: attr.int("layout") == 1, clip })
}

fn activation_of(name: &str) -> Result<Activation, String> {
    let known = [("Sigmoid", Activation::Sigmoid), ("Tanh", Activation::Tanh), ("Relu", Activation::Relu)];
    let found = known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, activation)| activation).ok_or_else(|| format!("a layer with the activation {name} is taken apart"))
}

/// Whether a use of a recurrent op is one that is computed here: of f32, with activations that need no constants.
pub(crate) fn is_computed(graph: &Graph, node: &Node) -> bool {
    let x = node.operands.first().copied().flatten();
    layer_of(node).is_ok() && x.is_some_and(|x| graph.value(x).ty.dtype() == DType::F32)
}

/// A recurrent layer of f32.
pub(super) fn build(fragment: &Fragment) -> Built {
    let Some(node) = fragment.nodes().next() else { return Err(String::new()) };
    let layer = layer_of(node)?;
    if fragment.nodes().len() != 1 || !is_computed(fragment.graph(), node) {
        return Err("recurrent layers are computed here in f32".to_owned());
    }
    let mut operands = [None; 8];
    for (number, operand) in operands.iter_mut().zip(&node.operands) {
        *number = operand.map(|id| fragment.number(id));
    }
    let content = |place: usize| operands[place].and_then(|number| fragment.content(number));
    let is_fixed = [W, R, B, PEEPHOLES].iter().all(|place| operands[*place].is_none() || content(*place).is_some());
    let weights = match is_fixed {
        true => Some(pack(&layer, &content).map_err(|error| error.to_string())?),
        false => None,
    };
    Ok(Box::new(Recurrent { layer, operands, weights }))
}

/// The weights of each direction.
fn pack<'a>(layer: &Layer, operand: &dyn Fn(usize) -> Option<&'a Tensor>) -> Result<Vec<Weights>, KernelError> {
    let missing = || KernelError::Internal("a layer has no weights".to_owned());
    let (w, r) = (operand(W).ok_or_else(missing)?.contiguous()?, operand(R).ok_or_else(missing)?.contiguous()?);
    let b = operand(B).map(Tensor::contiguous).transpose()?;
    let p = operand(PEEPHOLES).map(Tensor::contiguous).transpose()?;
    let ([_, width, inputs], [_, _, hidden]) = (dims(&w)?, dims(&r)?);
    let direction = |direction: usize| -> Result<Weights, KernelError> {
        let source = Source {
            inputs: MatrixRef::of_rows(part(&w, direction, width * inputs)?, width, inputs),
            recurrence: MatrixRef::of_rows(part(&r, direction, width * hidden)?, width, hidden),
            biases: b.as_ref().map(|b| part(b, direction, 2 * width)).transpose()?,
            peepholes: p.as_ref().map(|p| part(p, direction, 3 * hidden)).transpose()?,
        };
        Ok(Weights::new(layer.cell, source))
    };
    (0..layer.directions.len()).map(direction).collect()
}

/// The elements of one direction of a tensor whose first axis they are.
fn part(tensor: &Tensor, direction: usize, count: usize) -> Result<&[f32], KernelError> {
    let elements = tensor.as_slice::<f32>().and_then(|all| all.get(direction * count..)?.get(..count));
    elements.ok_or_else(|| KernelError::Internal("the operands of a layer can't be read".to_owned()))
}

fn dims(tensor: &Tensor) -> Result<[usize; 3], KernelError> {
    tensor.shape().try_into().map_err(|_| KernelError::Internal("an operand of a layer hasn't three axes".to_owned()))
}

/// States of all directions, of which one is taken out, or put back.
struct States {
    values: Vec<f32>,
    directions: usize,
    batch: usize,
    hidden: usize,
    batch_first: bool,
}

impl States {
    fn start(&self, direction: usize, sequence: usize) -> usize {
        match self.batch_first {
            true => (sequence * self.directions + direction) * self.hidden,
            false => (direction * self.batch + sequence) * self.hidden,
        }
    }

    fn take(&self, direction: usize) -> Vec<f32> {
        let row = |sequence: usize| &self.values[self.start(direction, sequence)..][..self.hidden];
        (0..self.batch).flat_map(row).copied().collect()
    }

    fn put(&mut self, direction: usize, rows: &[f32]) {
        for sequence in 0..self.batch {
            let start = self.start(direction, sequence);
            self.values[start..][..self.hidden].copy_from_slice(&rows[sequence * self.hidden..][..self.hidden]);
        }
    }
}

impl Kernel for Recurrent {
    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let operand = |place: usize| self.operands[place].map(|number| call.inputs[number]);
        let packed;
        let weights = match &self.weights {
            Some(weights) => weights,
            None => {
                packed = pack(&self.layer, &operand)?;
                &packed
            }
        };
        let missing = || KernelError::Internal("a layer has no inputs".to_owned());
        let x = operand(X).ok_or_else(missing)?.contiguous()?;
        let x_values = x.as_slice::<f32>().ok_or_else(missing)?;
        let (batch_first, directions) = (self.layer.batch_first, self.layer.directions.len());
        let [first, second, _] = dims(&x)?;
        let (steps, batch) = if batch_first { (second, first) } else { (first, second) };
        let hidden = weights.first().map_or(0, Weights::hidden);
        let states = |place: usize| -> Result<States, KernelError> {
            let values = match operand(place) {
                Some(given) => given.load::<f32>()?.into_owned(),
                None => vec![0.0; directions * batch * hidden],
            };
            Ok(States { values, directions, batch, hidden, batch_first })
        };
        let (mut all_hidden, mut all_states) = (states(HIDDEN)?, states(STATE)?);
        let lengths: Option<Vec<usize>> = match operand(LENGTHS) {
            Some(lengths) => {
                let length = |length: &i64| usize::try_from(*length).unwrap_or(0);
                Some(lengths.load::<i64>()?.iter().map(length).collect())
            }
            None => None,
        };
        let outputs = call.fragment.outputs();
        let mut y = call.output(DType::F32, &call.sizes.sizes[outputs[0]])?;
        let row = directions * hidden;
        let (step, sequence, start) =
            if batch_first { (row, steps * row, hidden) } else { (batch * row, hidden, batch * hidden) };
        for (number, (direction, weights)) in self.layer.directions.iter().zip(weights).enumerate() {
            let walk = Walk {
                steps,
                batch,
                batch_first,
                backward: direction.backward,
                lengths: lengths.as_deref(),
                activations: direction.activations,
                clip: self.layer.clip,
            };
            // Where there are no steps, there is nothing behind the first direction either.
            let values = y.floats().get_mut(number * start..).unwrap_or_default();
            let (mut hidden, mut state) = (all_hidden.take(number), all_states.take(number));
            weights.run(&walk, x_values, &mut hidden, &mut state, Output { values, step, sequence });
            all_hidden.put(number, &hidden);
            all_states.put(number, &state);
        }
        let mut results = vec![y.finish()?];
        for (number, states) in outputs.iter().skip(1).zip([all_hidden, all_states]) {
            results.push(Tensor::from_vec(&call.sizes.sizes[*number], states.values)?);
        }
        Ok(results)
    }
}
