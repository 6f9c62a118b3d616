//! Graphs made of the nodes that rules are about: movers, casts, neutral constants, shape computations, equal nodes, bodies,
//! states. A seed gives a graph; a step that the builder refuses adds nothing.

use glassbox_ir::{
    Attr, Attrs, Dim, Graph, GraphBuilder, OpDef, Origin, Provenance, State, TensorType, Type, ValueId, attrs, ops,
};
use glassbox_tensor::{DType, Overflow, Tensor};

const UNARY: &[&OpDef] = &[
    &ops::neg::OP,
    &ops::abs::OP,
    &ops::exp::OP,
    &ops::tanh::OP,
    &ops::relu::OP,
    &ops::identity::OP,
    &ops::dropout::OP,
    &ops::floor::OP,
    &ops::not::OP,
    &ops::bitwise_not::OP,
];
const BINARY: &[&OpDef] = &[
    &ops::add::OP,
    &ops::sub::OP,
    &ops::mul::OP,
    &ops::div::OP,
    &ops::and::OP,
    &ops::or::OP,
    &ops::less::OP,
    &ops::bitwise_xor::OP,
    &ops::bitwise_and::OP,
];
const DTYPES: &[DType] =
    &[DType::F32, DType::F16, DType::F64, DType::BF16, DType::I8, DType::I32, DType::I64, DType::U8, DType::Bool];

/// The graph of a seed.
pub(crate) fn generate(seed: u64) -> Graph {
    let mut builder = GraphBuilder::new(format!("generated {seed}"));
    let ty = TensorType::new(DType::F32, [2i64, 3]);
    builder.state(State { name: "s".into(), ty, capacity: None, initial: None }).expect("a state");
    let mut maker = Maker { builder, visible: Vec::new(), random: seed ^ 0x5DEE_CE66 };
    for (name, dtype, dims) in [
        ("x", DType::F32, vec![Dim::Int(2), Dim::Int(3)]),
        ("h", DType::F16, vec![Dim::symbol("B"), Dim::Int(3)]),
        ("i", DType::I8, vec![Dim::Int(2), Dim::Int(3)]),
        ("u", DType::F32, vec![Dim::symbol("B"), Dim::Unknown]),
        ("b", DType::Bool, vec![Dim::Int(3)]),
    ] {
        let input = maker.builder.input(name, Type::tensor(dtype, dims));
        maker.visible.push(input);
    }
    let steps = 10 + maker.below(40);
    maker.steps(steps, 2);
    let outputs: Vec<ValueId> = (0..4).map(|_| maker.pick()).collect();
    maker.builder.finish(outputs).expect("every region is closed")
}

struct Maker {
    builder: GraphBuilder,
    visible: Vec<ValueId>,
    random: u64,
}

impl Maker {
    fn below(&mut self, limit: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.random >> 33) as usize) % limit.max(1)
    }

    /// A value; one that is new more often than one that is old.
    fn pick(&mut self) -> ValueId {
        let count = self.visible.len();
        let back = self.below(count).min(self.below(count));
        self.visible[count - 1 - back]
    }

    fn pick_like(&mut self, x: ValueId) -> ValueId {
        let ty = self.builder.type_of(x).clone();
        let alike: Vec<ValueId> = self.visible.iter().copied().filter(|id| *self.builder.type_of(*id) == ty).collect();
        alike[self.below(alike.len())]
    }

    fn add(&mut self, op: &'static OpDef, operands: &[ValueId], attrs: Attrs) {
        let operands: Vec<_> = operands.iter().copied().map(Some).collect();
        if let Ok(results) = self.builder.node(op, &operands, attrs, 1) {
            let name = self.below(20);
            if name < 5 {
                self.builder.set_name(results[0], ["a", "v", "w", "y", "z"][name]);
            }
            self.visible.extend(results);
        }
    }

    fn ints(&mut self, values: Vec<i64>) -> ValueId {
        self.builder.constant(Tensor::from_vec(&[values.len()], values).expect("a vector"))
    }

    fn rank(&self, x: ValueId) -> usize {
        self.builder.type_of(x).as_tensor().and_then(TensorType::rank).unwrap_or(0)
    }

    fn steps(&mut self, count: usize, depth: usize) {
        for _ in 0..count {
            let layer = Origin::Layer(format!("layer {}", self.below(9)));
            self.builder.set_provenance(Provenance::new(layer));
            self.step(depth);
        }
    }

    fn step(&mut self, depth: usize) {
        let x = self.pick();
        match self.below(16) {
            0 | 1 => {
                let giver = self.builder.def(x).map(|(node, _)| self.builder.graph().node(node).op);
                let again = giver.filter(|op| UNARY.contains(op) && self.below(2) == 0);
                let op = again.unwrap_or(UNARY[self.below(UNARY.len())]);
                self.add(op, &[x], Attrs::new());
            }
            2 => {
                let op = BINARY[self.below(BINARY.len())];
                let other = self.pick_like(x);
                self.add(op, &[x, other], Attrs::new());
                self.transposed_pair(x, other, op);
            }
            3 | 4 => self.neutral(x),
            5 | 6 => self.transpose(x),
            7 => self.reshape(x),
            8 => {
                let axis = self.ints(vec![0]);
                let op = if self.below(2) == 0 { &ops::unsqueeze::OP } else { &ops::squeeze::OP };
                self.add(op, &[x, axis], Attrs::new());
            }
            9 | 10 => {
                let to = DTYPES[self.below(DTYPES.len())];
                self.add(&ops::cast::OP, &[x], attrs! { to: to });
            }
            11 => {
                self.add(&ops::shape::OP, &[x], Attrs::new());
                let (shape, place) = (self.pick(), self.ints(vec![0]));
                self.add(&ops::gather::OP, &[shape, place], Attrs::new());
            }
            12 => self.constant(),
            13 => self.state(x),
            14 if depth > 0 => self.branch(depth - 1),
            15 if depth > 0 => self.turns(x, depth - 1),
            _ => {
                // The same node again.
                let known = self.builder.def(x).map(|(node, _)| self.builder.graph().node(node).clone());
                let again = known.filter(|node| node.regions.is_empty() && node.results.len() == 1);
                if let Some(node) = again {
                    let operands: Vec<ValueId> = node.operands.into_iter().flatten().collect();
                    self.add(node.op, &operands, node.attrs);
                }
            }
        }
    }

    /// A constant that is the neutral element of the op, or nearly.
    fn neutral(&mut self, x: ValueId) {
        let op = BINARY[self.below(BINARY.len())];
        let value = [1.0, 0.0, -0.0, -1.0][self.below(4)];
        let dtype = self.builder.type_of(x).dtype();
        let Ok(scalar) = Tensor::scalar(value).cast(dtype, Overflow::Wrap) else { return };
        let shape = [&[][..], &[3], &[1]][self.below(3)];
        let Ok(tensor) = Tensor::full(dtype, shape, &scalar) else { return };
        let constant = self.builder.constant(tensor);
        let operands = if self.below(3) == 0 { [constant, x] } else { [x, constant] };
        self.add(op, &operands, Attrs::new());
    }

    fn transpose(&mut self, x: ValueId) {
        let rank = self.rank(x);
        let mut perm: Vec<i64> = (0..rank as i64).collect();
        for place in (1..rank).rev() {
            let other = self.below(place + 1);
            perm.swap(place, other);
        }
        let attrs = if self.below(3) == 0 { Attrs::new() } else { Attrs::from([("perm", Attr::Ints(perm))]) };
        self.add(&ops::transpose::OP, &[x], attrs);
    }

    /// Both operands, transposed in the same way.
    fn transposed_pair(&mut self, x: ValueId, other: ValueId, op: &'static OpDef) {
        let [Ok(left), Ok(right)] =
            [x, other].map(|id| self.builder.node(&ops::transpose::OP, &[Some(id)], Attrs::new(), 1))
        else {
            return;
        };
        self.add(op, &[left[0], right[0]], Attrs::new());
    }

    fn reshape(&mut self, x: ValueId) {
        let shape = match self.below(5) {
            0 => self.ints(vec![-1]),
            1 => self.ints(vec![2, 3]),
            2 => self.ints(vec![3, -1]),
            3 => self.ints(vec![0, -1]),
            _ => {
                let like = self.pick();
                match self.builder.node(&ops::shape::OP, &[Some(like)], Attrs::new(), 1) {
                    Ok(shape) => shape[0],
                    Err(_) => return,
                }
            }
        };
        let op = if self.below(4) == 0 { &ops::expand::OP } else { &ops::reshape::OP };
        self.add(op, &[x, shape], Attrs::new());
    }

    fn constant(&mut self) {
        let dtype = DTYPES[self.below(DTYPES.len())];
        let values: Vec<f64> = (0..6).map(|_| [0.0, 1.0, -1.0, 2.5, f64::NAN, 7.0][self.below(6)]).collect();
        if let Ok(tensor) = Tensor::store(dtype, &[2, 3], values, Overflow::Wrap) {
            let constant = self.builder.constant(tensor);
            self.visible.push(constant);
        }
    }

    fn state(&mut self, x: ValueId) {
        match self.below(4) {
            0 => self.add(&ops::state_write::OP, &[x], attrs! { state: "s" }),
            1 => {
                let dims = self.ints(vec![2, 3]);
                self.add(&ops::expect::OP, &[x, dims], Attrs::new());
            }
            2 => self.add(&ops::barrier::OP, &[x], Attrs::new()),
            _ => self.add(&ops::state_read::OP, &[], attrs! { state: "s" }),
        }
    }

    fn branch(&mut self, depth: usize) {
        let condition = self.builder.constant(Tensor::scalar(self.random & 1 == 0));
        let (x, seen) = (self.pick(), self.visible.len());
        let body = |maker: &mut Maker| {
            let (region, _) = maker.builder.begin_region(&[]);
            let steps = maker.below(8);
            maker.steps(steps, depth);
            let result = maker.pick_like(x);
            maker.builder.end_region(vec![result]);
            maker.visible.truncate(seen);
            region
        };
        let regions = vec![body(self), body(self)];
        if let Ok(results) = self.builder.node_with_regions(&ops::if_::OP, &[Some(condition)], Attrs::new(), regions, 1)
        {
            self.visible.extend(results);
        }
    }

    fn turns(&mut self, x: ValueId, depth: usize) {
        let count = self.builder.constant(Tensor::scalar(2i64));
        let operands = [Some(count), None, Some(x)];
        let Ok(types) = self.builder.region_parameters(&ops::loop_::OP, &operands, &Attrs::new()) else { return };
        let seen = self.visible.len();
        let (region, parameters) = self.builder.begin_region(&types[0]);
        self.visible.push(parameters[2]);
        let steps = self.below(8);
        self.steps(steps, depth);
        // Often of other dims, so that what is carried has to be widened.
        let dtype = self.builder.type_of(x).dtype();
        let alike: Vec<ValueId> =
            self.visible.iter().copied().filter(|id| self.builder.type_of(*id).dtype() == dtype).collect();
        let (next, scan) = (alike[self.below(alike.len())], self.pick());
        self.builder.end_region(vec![parameters[1], next, scan]);
        self.visible.truncate(seen);
        if let Ok(results) = self.builder.node_with_regions(&ops::loop_::OP, &operands, Attrs::new(), vec![region], 2) {
            self.visible.extend(results);
        }
    }
}
