//! Inference on symbols says what inference on sizes says: for the example of every op, with extents replaced by
//! symbols, substituting sizes into what was inferred gives no other dims than inferring from the sizes. The same for
//! decompositions, of which a table lists those that still need numbers.

use std::collections::BTreeMap;

use glassbox_ir::text::parse_example;
use glassbox_ir::{
    Attr, Attrs, Bindings, BuildError, Dim, Graph, Known, OpDef, Operand, StateTable, Tier, Type, decompose, infer_op,
    ops, specialise,
};

/// One use of an op without bodies, as its example has it.
struct Use {
    op: &'static OpDef,
    attrs: Attrs,
    operands: Vec<Option<Operand>>,
    states: StateTable,
    outputs: usize,
}

impl Use {
    fn of_example(op: &'static OpDef) -> Option<Use> {
        let graph: Graph = parse_example(op.example).expect("examples parse").graph;
        let id = *graph.region(graph.body()).nodes.last()?;
        let node = graph.node(id);
        if !node.regions.is_empty() {
            return None;
        }
        let contents = |value| {
            let mut nodes = graph.region(graph.body()).nodes.iter().map(|id| graph.node(*id));
            match nodes.find(|node| node.results.contains(&value))?.attrs.get("value") {
                Some(Attr::Tensor(tensor)) => Some(Known::Tensor(tensor.clone())),
                _ => None,
            }
        };
        let operand = |value| Operand { ty: graph.value(value).ty.clone(), known: contents(value) };
        Some(Use {
            op,
            attrs: node.attrs.clone(),
            operands: node.operands.iter().map(|value| value.map(operand)).collect(),
            states: graph.states().clone(),
            outputs: node.results.len(),
        })
    }

    /// With other types, operand by operand. Operands whose contents shape the results stay.
    fn with(&self, map: &dyn Fn(usize, &Type) -> Type) -> Use {
        let other = |(index, operand): (usize, &Option<Operand>)| {
            let operand = operand.as_ref()?;
            let ty = if operand.known.is_some() { operand.ty.clone() } else { map(index, &operand.ty) };
            Some(Operand { ty, known: operand.known.clone() })
        };
        let operands = self.operands.iter().enumerate().map(other).collect();
        Use { operands, attrs: self.attrs.clone(), states: self.states.clone(), ..*self }
    }

    fn infer(&self) -> Option<Vec<Type>> {
        let found = infer_op(self.op, &self.attrs, &self.operands, &[], &self.states, self.outputs).ok()?;
        Some(found.into_iter().map(|(ty, _)| ty).collect())
    }

    fn decompose(&self) -> Result<Graph, BuildError> {
        decompose(self.op, &self.attrs, &self.operands, self.outputs)
    }

    fn types(&self) -> Vec<Type> {
        self.operands.iter().flatten().map(|operand| operand.ty.clone()).collect()
    }
}

/// The dims of a tensor type mapped by axis; other types as they are.
fn map_axes(ty: &Type, map: impl Fn(usize, &Dim) -> Dim) -> Type {
    match ty.as_tensor().and_then(|tensor| tensor.dims()) {
        Some(dims) => Type::tensor(ty.dtype(), dims.iter().enumerate().map(|(axis, dim)| map(axis, dim))),
        None => ty.clone(),
    }
}

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A use with symbols for extents: the same symbol for the same extent, or one for each axis, or some of each.
fn symbolic(given: &Use, dice: &mut Dice) -> (Use, Bindings) {
    let style = dice.below(3);
    let mut names: BTreeMap<(usize, usize), Dim> = BTreeMap::new();
    let mut sizes = Bindings::new();
    for (index, operand) in given.operands.iter().enumerate() {
        let dims = operand.as_ref().and_then(|operand| operand.ty.as_tensor()?.dims()).unwrap_or_default();
        for (axis, dim) in dims.iter().enumerate() {
            let Some(size) = dim.as_int() else { continue };
            if style == 2 && dice.below(2) == 0 {
                continue;
            }
            let name = if style == 0 { format!("N{size}") } else { format!("S{index}_{axis}") };
            names.insert((index, axis), Dim::symbol(&name));
            sizes.insert(name, size);
        }
    }
    let named = given
        .with(&|index, ty| map_axes(ty, |axis, dim| names.get(&(index, axis)).cloned().unwrap_or_else(|| dim.clone())));
    (named, sizes)
}

/// The sizes that the symbols have in the example, some of them changed.
fn other_sizes(sizes: &Bindings, dice: &mut Dice) -> Bindings {
    let change = dice.below(3);
    let size = |size: &Dim, dice: &mut Dice| match change {
        0 => size.clone(),
        1 if dice.below(4) > 0 => size.clone(),
        _ => Dim::Int(dice.below(7) as i64),
    };
    sizes.iter().map(|(name, old)| (name.to_owned(), size(old, dice))).collect()
}

#[test]
fn inference_commutes_with_substitution() {
    let mut dice = Dice(1);
    let (mut compared, mut known) = (0, 0);
    for op in ops::TABLE {
        let Some(given) = Use::of_example(op) else { continue };
        for _ in 0..60 {
            let (named, sizes) = symbolic(&given, &mut dice);
            let Some(general) = named.infer() else {
                panic!("{}: the example isn't legal with symbols: {:?}", op.name, named.types());
            };
            for _ in 0..6 {
                let sizes = other_sizes(&sizes, &mut dice);
                let Some(special) = named.with(&|_, ty| ty.substitute(&sizes)).infer() else { continue };
                for (general, special) in general.iter().zip(&special) {
                    let substituted = general.substitute(&sizes);
                    assert!(
                        substituted.admits(special),
                        "{} of {:?}: {general} is {substituted} with {sizes:?}, but {special} is inferred",
                        op.name,
                        named.types()
                    );
                    compared += 1;
                    known += usize::from(substituted == *special);
                }
            }
        }
    }
    assert!(compared > 20_000 && known * 10 > compared * 8, "{known} of {compared} are as exact on symbols");
}

#[test]
fn decompositions_on_symbols_have_the_types_of_those_on_sizes() {
    let mut dice = Dice(2);
    let mut compared = 0;
    for op in ops::TABLE.iter().filter(|op| matches!(op.tier, Tier::Composite(_))) {
        let Some(given) = Use::of_example(op) else { continue };
        for _ in 0..40 {
            let (named, sizes) = symbolic(&given, &mut dice);
            let general = match named.decompose() {
                Ok(graph) => graph,
                Err(BuildError::NotStatic { .. }) => continue,
                Err(error) => panic!("{} of {:?}: {error}", op.name, named.types()),
            };
            assert_eq!(glassbox_ir::verify(&general), Ok(()), "{}", op.name);
            for _ in 0..4 {
                let sizes = other_sizes(&sizes, &mut dice);
                let special = named.with(&|_, ty| ty.substitute(&sizes));
                let Some(wanted) = special.infer() else { continue };
                let graph = match specialise(&general, &special.types()) {
                    Ok(graph) => graph,
                    // What the decomposition is written from, such as a size of zero, may be more than the op asks.
                    Err(error) if special.decompose().is_ok() => {
                        panic!("{} of {:?}: {error}", op.name, special.types())
                    }
                    Err(_) => continue,
                };
                for (id, wanted) in graph.outputs().iter().zip(&wanted) {
                    let found = &graph.value(*id).ty;
                    assert!(wanted.admits(found), "{} of {:?}: {found}, not {wanted}", op.name, special.types());
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 5000, "{compared}");
}

/// The composites whose decomposition is written from numbers: which axes of which operands of their example must be
/// known for that. All others decompose with a symbol on any axis. Of those that language models use, it is the sizes of
/// heads that their scale or halves are computed from, which a model always knows.
const NEED_NUMBERS: &str = "attention: 0.3
bernoulli: 0.0
causal_conv_with_state: 1.0 1.1 1.2
center_crop_pad: 0.0 0.1
einsum: 0.1 1.0
gru: 2.2
linear_attention: 0.2 2.2
lp_pool: 0.0 0.1 0.2
lstm: 2.2
random_normal_like: 0.0
random_uniform_like: 0.0
rnn: 2.2
rotary_embedding: 0.3
split_to_sequence: 0.0
";

#[test]
fn what_needs_numbers_is_listed() {
    let mut found = String::new();
    for op in ops::TABLE.iter().filter(|op| matches!(op.tier, Tier::Composite(_))) {
        let Some(given) = Use::of_example(op) else { continue };
        let mut axes = Vec::new();
        for (index, operand) in given.operands.iter().enumerate() {
            let Some(operand) = operand.as_ref().filter(|operand| operand.known.is_none()) else { continue };
            for axis in 0..operand.ty.as_tensor().and_then(|tensor| tensor.rank()).unwrap_or(0) {
                let one = |place: usize, ty: &Type| {
                    map_axes(ty, |at, dim| if (place, at) == (index, axis) { Dim::symbol("S") } else { dim.clone() })
                };
                match given.with(&one).decompose() {
                    Ok(_) => {}
                    Err(BuildError::NotStatic { .. }) => axes.push(format!("{index}.{axis}")),
                    Err(error) => panic!("{}: {error}", op.name),
                }
            }
        }
        if !axes.is_empty() {
            found.push_str(&format!("{}: {}\n", op.name, axes.join(" ")));
        }
    }
    assert_eq!(found, NEED_NUMBERS);
}
