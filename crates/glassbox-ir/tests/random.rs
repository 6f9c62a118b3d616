//! Random graphs, built through the builder: a recipe is a list of steps that proptest can shrink.
//!
//! A step picks its operands by number among the values that are visible; a step that the builder refuses
//! adds nothing, and its regions stay behind unused, as they would in a frontend that goes on.

use glassbox_ir::{
    Attr, Attrs, Dim, Graph, GraphBuilder, OpDef, Origin, Provenance, State, TensorType, Type, ValueId, attrs,
    check_type, ops,
};
use glassbox_tensor::{DType, Tensor};
use proptest::prelude::*;

/// One thing to add.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Constant { dtype: usize, dims: Vec<usize>, bytes: Vec<u8> },
    Text(Vec<String>),
    Unary(usize, usize),
    Binary(usize, usize, usize),
    Cast(usize, usize),
    Concat(usize, usize),
    Scale(usize, f64),
    If(Vec<Step>, Vec<Step>, usize, usize),
    Loop(Vec<Step>, usize, usize),
    Name(usize, String),
    Provenance(Vec<Vec<Origin>>),
    Hint(usize, String, Attr),
}

/// What a whole graph is made of.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) name: String,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) states: Vec<(String, usize, Option<u64>)>,
    pub(crate) inputs: Vec<(String, usize, Vec<Dim>)>,
    pub(crate) steps: Vec<Step>,
    pub(crate) outputs: Vec<usize>,
}

const UNARY: &[&OpDef] =
    &[&ops::abs::OP, &ops::neg::OP, &ops::exp::OP, &ops::not::OP, &ops::softmax::OP, &ops::shape::OP];
const BINARY: &[&OpDef] =
    &[&ops::add::OP, &ops::mul::OP, &ops::matmul::OP, &ops::less::OP, &ops::and::OP, &ops::max::OP];

/// Names that are easy to get wrong, and any others.
fn name() -> impl Strategy<Value = String> {
    const ODD: &[&str] =
        &["x", "a/b.c:0", "7", "007", "a:", ":", "-", "->", "//", "a//b", "min", "\"", "\\", "ä", " ", "x#2", "yield"];
    prop_oneof![prop::sample::select(ODD).prop_map(str::to_owned), any::<String>()]
}

/// Expressions of all kinds over a few symbols.
pub(crate) fn dim() -> impl Strategy<Value = Dim> {
    const SYMBOLS: &[&str] = &["B", "T", "T_1", "two words", "min", "_", "1x", "q\"", "é", ""];
    let leaf = prop_oneof![
        (-4i64..10).prop_map(Dim::Int),
        Just(Dim::Int(i64::MIN)),
        Just(Dim::Int(i64::MAX)),
        prop::sample::select(SYMBOLS).prop_map(Dim::symbol),
    ];
    leaf.prop_recursive(6, 40, 2, |inner| {
        (inner.clone(), inner, 0..8u8).prop_map(|(a, b, op)| match op {
            0 => a + b,
            1 => a - b,
            2 => a * b,
            3 => a.floor_div(&b),
            4 => a.modulo(&b),
            5 => a.minimum(&b),
            6 => a.broadcast(&b),
            _ => a.maximum(&b),
        })
    })
}

fn origin() -> impl Strategy<Value = Origin> {
    prop_oneof![
        (name(), name()).prop_map(|(node, op)| Origin::Onnx { node, op }),
        name().prop_map(Origin::Layer),
        (name(), any::<u32>(), name(), any::<bool>()).prop_map(|(file, line, block, completes)| Origin::Statement {
            file,
            line,
            block,
            completes
        }),
        name().prop_map(Origin::Decomposed),
    ]
}

/// A hint of any kind: a float that is whole, an empty list, a tensor too long to be written out.
fn advice() -> impl Strategy<Value = Attr> {
    let float = || prop_oneof![any::<u64>().prop_map(f64::from_bits), (-3i64..3).prop_map(|whole| whole as f64)];
    prop_oneof![
        any::<bool>().prop_map(Attr::Bool),
        any::<i64>().prop_map(Attr::Int),
        float().prop_map(Attr::Float),
        name().prop_map(Attr::Str),
        prop::collection::vec(any::<i64>(), 0..3).prop_map(Attr::Ints),
        prop::collection::vec(float(), 0..3).prop_map(Attr::Floats),
        prop::collection::vec(name(), 0..3).prop_map(Attr::Strs),
        dtype().prop_map(|dtype| Attr::DType(DType::ALL[dtype])),
        (dtype(), prop::collection::vec(0i64..4, 0..3))
            .prop_map(|(dtype, dims)| { Attr::Type(Type::sequence(Type::tensor(DType::ALL[dtype], dims))) }),
        prop::collection::vec(dim(), 0..3).prop_map(|dims| {
            let ty = Type::tensor(DType::F32, dims);
            Attr::Type(if check_type(&ty).is_ok() { ty } else { Type::unranked(DType::F32) })
        }),
        prop::collection::vec(any::<i8>(), 0..20)
            .prop_map(|values| Attr::Tensor(Tensor::from_vec(&[values.len()], values).expect("a vector"))),
        any::<f32>().prop_map(|value| Attr::Tensor(Tensor::scalar(value))),
    ]
}

/// Any dtype by its number, f32 more often, so that operands fit each other.
fn dtype() -> impl Strategy<Value = usize> {
    const F32: usize = 1;
    prop_oneof![3 => Just(F32), 2 => 0..DType::ALL.len()]
}

/// Any byte, those that NaNs are made of more often.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![2 => any::<u8>(), 1 => prop::sample::select(&[0x7f, 0xff, 0xc0, 0x80, 0x01][..])]
}

fn leaf_step() -> impl Strategy<Value = Step> {
    let dims = prop::collection::vec(prop_oneof![4 => Just(1usize), 2 => 0usize..6], 0..4);
    prop_oneof![
        3 => (dtype(), dims, prop::collection::vec(byte(), 0..160))
            .prop_map(|(dtype, dims, bytes)| Step::Constant { dtype, dims, bytes }),
        1 => prop::collection::vec(name(), 0..20).prop_map(Step::Text),
        3 => (0..UNARY.len(), any::<usize>()).prop_map(|(op, x)| Step::Unary(op, x)),
        3 => (0..BINARY.len(), any::<usize>(), any::<usize>()).prop_map(|(op, x, y)| Step::Binary(op, x, y)),
        1 => (any::<usize>(), dtype()).prop_map(|(x, to)| Step::Cast(x, to)),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(x, y)| Step::Concat(x, y)),
        1 => (any::<usize>(), any::<u64>()).prop_map(|(x, bits)| Step::Scale(x, f64::from_bits(bits))),
        2 => (any::<usize>(), name()).prop_map(|(x, name)| Step::Name(x, name)),
        1 => prop::collection::vec(prop::collection::vec(origin(), 0..3), 0..3).prop_map(Step::Provenance),
        2 => (any::<usize>(), name(), advice()).prop_map(|(x, name, advice)| Step::Hint(x, name, advice)),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = leaf_step().prop_recursive(3, 30, 5, |inner| {
        let body = || prop::collection::vec(inner.clone(), 0..5);
        prop_oneof![
            (body(), body(), any::<usize>(), any::<usize>()).prop_map(|(yes, no, x, y)| Step::If(yes, no, x, y)),
            (body(), any::<usize>(), any::<usize>()).prop_map(|(body, x, y)| Step::Loop(body, x, y)),
        ]
    });
    prop::collection::vec(step, 0..12)
}

/// A recipe for a graph.
pub(crate) fn recipe() -> impl Strategy<Value = Recipe> {
    let inputs = prop::collection::vec((name(), dtype(), prop::collection::vec(dim(), 0..3)), 1..4);
    let states = prop::collection::vec((name(), 0..DType::ALL.len(), prop::option::of(4u64..)), 0..3);
    let metadata = prop::collection::vec((name(), name()), 0..3);
    let outputs = prop::collection::vec(any::<usize>(), 0..4);
    (name(), metadata, states, inputs, steps(), outputs).prop_map(|(name, metadata, states, inputs, steps, outputs)| {
        Recipe { name, metadata, states, inputs, steps, outputs }
    })
}

impl Recipe {
    /// The graph.
    pub(crate) fn graph(&self) -> Graph {
        let mut cook = Cook { builder: GraphBuilder::new(self.name.clone()), visible: Vec::new() };
        for (key, value) in &self.metadata {
            cook.builder.metadata(key.clone(), value.clone());
        }
        for (name, dtype, capacity) in &self.states {
            let dtype = DType::ALL[*dtype];
            // Without a capacity: no dim grows, or both do.
            let both = capacity.is_none() && name.len() % 2 == 0;
            let grows = |grows: bool, extent: i64| if grows { Dim::Unknown } else { Dim::Int(extent) };
            let ty = TensorType::new(dtype, [grows(both, 1), grows(both || capacity.is_some(), 2)]);
            let initial = Tensor::zeros(dtype, &[1, 2]).ok();
            // Names that are taken or empty are refused.
            if !name.is_empty() {
                let _ = cook.builder.state(State { name: name.clone(), ty, capacity: *capacity, initial });
            }
        }
        for (name, dtype, dims) in &self.inputs {
            let legal = dims.iter().map(|dim| match dim {
                Dim::Int(value) if *value < 0 => Dim::Int(3),
                dim => dim.clone(),
            });
            let ty = Type::tensor(DType::ALL[*dtype], legal);
            // Dims whose product is larger than any memory are no type.
            let ty = if check_type(&ty).is_ok() { ty } else { Type::unranked(DType::ALL[*dtype]) };
            let id = cook.builder.input(name, ty);
            cook.visible.push(id);
        }
        cook.steps(&self.steps);
        let outputs = self.outputs.iter().map(|pick| cook.pick(*pick)).collect();
        cook.builder.finish(outputs).expect("every region is closed")
    }
}

struct Cook {
    builder: GraphBuilder,
    visible: Vec<ValueId>,
}

impl Cook {
    fn pick(&self, pick: usize) -> ValueId {
        self.visible[pick % self.visible.len()]
    }

    /// A value of the dtype of `x`.
    fn pick_like(&self, x: ValueId, pick: usize) -> ValueId {
        let dtype = |id: &ValueId| self.builder.type_of(*id).dtype();
        let alike: Vec<ValueId> = self.visible.iter().copied().filter(|id| dtype(id) == dtype(&x)).collect();
        alike.get(pick % alike.len().max(1)).copied().unwrap_or(x)
    }

    fn pair(&self, x: usize, y: usize) -> [ValueId; 2] {
        let x = self.pick(x);
        [x, self.pick_like(x, y)]
    }

    fn add(&mut self, op: &'static OpDef, operands: &[ValueId], attrs: Attrs) {
        let operands: Vec<_> = operands.iter().copied().map(Some).collect();
        if let Ok(results) = self.builder.node(op, &operands, attrs, 1) {
            self.visible.extend(results);
        }
    }

    fn constant(&mut self, tensor: Tensor) -> ValueId {
        let id = self.builder.constant(tensor);
        self.visible.push(id);
        id
    }

    fn steps(&mut self, steps: &[Step]) {
        steps.iter().for_each(|step| self.step(step));
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Constant { dtype, dims, bytes } => {
                let dtype = DType::ALL[*dtype];
                let length = dtype.byte_len(dims.iter().product());
                let data =
                    length.map(|length| bytes.iter().copied().cycle().take(if bytes.is_empty() { 0 } else { length }));
                if let Some(Ok(tensor)) = data.map(|data| Tensor::from_bytes(dtype, dims, data.collect())) {
                    self.constant(tensor);
                }
            }
            Step::Text(strings) => {
                if let Ok(tensor) = Tensor::from_strings(&[strings.len()], strings.clone()) {
                    self.constant(tensor);
                }
            }
            Step::Unary(op, x) => self.add(UNARY[*op], &[self.pick(*x)], Attrs::new()),
            Step::Binary(op, x, y) => self.add(BINARY[*op], &self.pair(*x, *y), Attrs::new()),
            Step::Cast(x, to) => self.add(&ops::cast::OP, &[self.pick(*x)], attrs! { to: DType::ALL[*to] }),
            Step::Concat(x, y) => self.add(&ops::concat::OP, &self.pair(*x, *y), attrs! { axis: 0 }),
            Step::Scale(x, value) => {
                let scalar = self.constant(Tensor::scalar(*value));
                let wide = attrs! { to: DType::F64 };
                self.add(&ops::cast::OP, &[self.pick(*x)], wide);
                let x = self.pick_like(scalar, usize::MAX);
                self.add(&ops::mul::OP, &[x, scalar], Attrs::new());
            }
            Step::If(yes, no, x, y) => self.branch(yes, no, *x, *y),
            Step::Loop(body, x, y) => self.turns(body, *x, *y),
            Step::Name(x, name) => self.builder.set_name(self.pick(*x), name),
            Step::Provenance(chains) => self.builder.set_provenance(Provenance::of_chains(chains.clone())),
            // Inputs take no hints, and a hint has a name.
            Step::Hint(x, name, advice) => drop(self.builder.hint(self.pick(*x), name, advice.clone())),
        }
    }

    fn branch(&mut self, yes: &[Step], no: &[Step], x: usize, y: usize) {
        let condition = self.constant(Tensor::scalar(true));
        let mut body = |steps: &[Step]| {
            let outside = self.visible.len();
            let (region, _) = self.builder.begin_region(&[]);
            self.steps(steps);
            let results = vec![self.pick(x), self.pick(y)];
            self.builder.end_region(results);
            self.visible.truncate(outside);
            region
        };
        let regions = vec![body(yes), body(no)];
        if let Ok(results) = self.builder.node_with_regions(&ops::if_::OP, &[Some(condition)], Attrs::new(), regions, 2)
        {
            self.visible.extend(results);
        }
    }

    fn turns(&mut self, steps: &[Step], x: usize, y: usize) {
        let count = self.constant(Tensor::scalar(3i64));
        let carried = self.pick(x);
        let operands = [Some(count), None, Some(carried)];
        let Ok(types) = self.builder.region_parameters(&ops::loop_::OP, &operands, &Attrs::new()) else { return };
        let outside = self.visible.len();
        let (region, parameters) = self.builder.begin_region(&types[0]);
        self.visible.extend(&parameters);
        self.steps(steps);
        let results = vec![parameters[1], self.pick_like(carried, y), self.pick(x)];
        self.builder.end_region(results);
        self.visible.truncate(outside);
        if let Ok(results) = self.builder.node_with_regions(&ops::loop_::OP, &operands, Attrs::new(), vec![region], 2) {
            self.visible.extend(results);
        }
    }
}

/// The recipes reach what they are for: each kind of node occurs in many graphs, also in bodies of bodies.
#[test]
fn recipes_are_rich() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut found = std::collections::BTreeMap::<&str, usize>::new();
    let mut count = |what| *found.entry(what).or_default() += 1;
    for _ in 0..300 {
        let graph = recipe().new_tree(&mut runner).expect("a recipe").current().graph();
        for id in graph.walk() {
            let node = graph.node(id);
            count(node.op.name);
            let inside = node.regions.iter().flat_map(|region| &graph.region(*region).nodes);
            if inside.into_iter().any(|id| !graph.node(*id).regions.is_empty()) {
                count("nested");
            }
        }
        let text = graph.to_string();
        ["bits(", "data(", "floordiv(", "@{"].into_iter().filter(|what| text.contains(what)).for_each(&mut count);
    }
    for what in ["if", "loop", "nested", "constant", "concat", "mul", "cast", "bits(", "data(", "floordiv(", "@{"] {
        let times = found.get(what).copied().unwrap_or(0);
        assert!(times >= 10, "{what} occurs {times} times: {found:?}");
    }
}
