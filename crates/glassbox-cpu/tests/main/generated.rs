//! Random graphs of what kernels are made of, with sizes that are known only at run time.

use std::sync::Arc;

use glassbox_exec::Value;
use glassbox_ir::{Attrs, Dim, Graph, GraphBuilder, OpDef, Type, ValueId, attrs, ops};
use glassbox_tensor::{DType, Tensor};

use super::{held_against_the_reference, numbers};

/// How many graphs there are, where the environment doesn't say.
const GRAPHS: u64 = 300;
/// The variable that says it.
const VARIABLE: &str = "GLASSBOX_RANDOM_GRAPHS";

const UNARY: &[&OpDef] = &[
    &ops::neg::OP,
    &ops::abs::OP,
    &ops::tanh::OP,
    &ops::relu::OP,
    &ops::sigmoid::OP,
    &ops::gelu::OP,
    &ops::sin::OP,
    &ops::identity::OP,
    &ops::softmax::OP,
    &ops::floor::OP,
];
const BINARY: &[&OpDef] = &[&ops::add::OP, &ops::sub::OP, &ops::mul::OP, &ops::min::OP, &ops::max::OP];
const REDUCTIONS: &[&OpDef] = &[&ops::reduce_sum::OP, &ops::reduce_mean::OP, &ops::reduce_max::OP];

struct Maker {
    builder: GraphBuilder,
    values: Vec<ValueId>,
    random: u64,
}

impl Maker {
    fn below(&mut self, count: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % count
    }

    fn pick(&mut self) -> ValueId {
        // The newest are taken more often, so that chains come about.
        let count = self.values.len();
        let back = self.below(count).min(self.below(count));
        self.values[count - 1 - back]
    }

    fn add(&mut self, op: &'static OpDef, operands: &[ValueId], attrs: Attrs) {
        let operands: Vec<_> = operands.iter().copied().map(Some).collect();
        // What doesn't fit adds nothing.
        if let Ok(results) = self.builder.node(op, &operands, attrs, 1) {
            self.values.extend(results);
        }
    }

    fn step(&mut self) {
        let x = self.pick();
        match self.below(12) {
            0..=3 => {
                let op = UNARY[self.below(UNARY.len())];
                self.add(op, &[x], Attrs::new());
            }
            4..=6 => {
                let (op, y) = (BINARY[self.below(BINARY.len())], self.pick());
                self.add(op, &[x, y], Attrs::new());
            }
            7 => {
                let op = REDUCTIONS[self.below(REDUCTIONS.len())];
                let axis = self.below(3) as i64 - 1;
                let axes = self.builder.constant(Tensor::from_vec(&[1], vec![axis]).expect("a vector"));
                let keepdims = self.below(3) > 0;
                self.add(op, &[x, axes], attrs! { keepdims: keepdims });
            }
            8 => self.add(&ops::transpose::OP, &[x], attrs! { perm: vec![0i64, 2, 1] }),
            9 => {
                let y = self.pick();
                self.add(&ops::matmul::OP, &[x, y], Attrs::new());
            }
            10 => {
                let (rows, columns) = ([4, 6][self.below(2)], [4, 6][self.below(2)]);
                let weight = self.builder.constant(numbers(&[rows, columns], self.random as usize % 1000));
                self.add(&ops::matmul::OP, &[x, weight], Attrs::new());
            }
            _ => {
                let factor = self.below(9) as f32 / 4.0 - 1.0;
                let scalar = self.builder.constant(Tensor::scalar(factor));
                self.add(&ops::mul::OP, &[x, scalar], Attrs::new());
            }
        }
    }
}

/// A graph of what kernels are made of, and inputs for it.
pub(super) fn generated(seed: u64) -> (Arc<Graph>, Vec<Value>) {
    let builder = GraphBuilder::new(format!("generated {seed}"));
    let mut maker = Maker { builder, values: Vec::new(), random: seed ^ 0x5DEE_CE66 };
    let (known, spread) = ([Dim::symbol("A"), Dim::Int(4), Dim::Int(6)], [Dim::Int(1), Dim::symbol("M"), Dim::Int(6)]);
    for (name, dims) in [("x", &known[..]), ("y", &known[..]), ("z", &spread[..]), ("w", &known[2..])] {
        let input = maker.builder.input(name, Type::tensor(DType::F32, dims.iter().cloned()));
        maker.values.push(input);
    }
    let steps = 4 + maker.below(30);
    (0..steps).for_each(|_| maker.step());
    let last = maker.values[maker.values.len() - 1];
    let outputs = vec![last, maker.pick(), maker.pick()];
    let graph = Arc::new(maker.builder.finish(outputs).expect("no region is open"));
    let (a, m) = (1 + seed as usize % 3, if seed.is_multiple_of(2) { 4 } else { 1 });
    let sizes = [&[a, 4, 6][..], &[a, 4, 6], &[1, m, 6], &[6]];
    let inputs = sizes.iter().enumerate().map(|(at, sizes)| numbers(sizes, at).into()).collect();
    (graph, inputs)
}

#[test]
fn random_graphs_give_what_the_reference_gives() {
    let count = std::env::var(VARIABLE).ok().and_then(|count| count.parse().ok()).unwrap_or(GRAPHS);
    let mut compared = 0;
    for seed in 0..count {
        let (graph, inputs) = generated(seed);
        compared += u64::from(held_against_the_reference(&graph, &inputs, &format!("seed {seed}")));
    }
    println!("{compared} of {count} graphs ran and were compared");
    assert!(compared * 2 > count, "{compared} of {count}: too many can't run");
}
