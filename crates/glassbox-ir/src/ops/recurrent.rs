//! What the recurrent layers share: operands, the shapes of the results, activations, and the walk over
//! the time steps in each direction. A layer adds what one step does with its gates.

use super::common::*;
use crate::attrs;
use crate::infer::AttrView;

const FLOATS: DTypes = DTypes::Float;

/// The operands that all recurrent layers have.
pub(super) const SEQUENCE_INPUTS: [Input; 6] = [
    Input::one("x", FLOATS).same('T'),
    Input::one("w", FLOATS).same('T'),
    Input::one("r", FLOATS).same('T'),
    Input::one("b", FLOATS).same('T').optional(),
    Input::one("sequence_lens", DTypes::These(&[DType::I32, DType::I64])).optional(),
    Input::one("initial_h", FLOATS).same('T').optional(),
];
/// The attributes that all recurrent layers have.
pub(super) const SEQUENCE_ATTRS: [AttrSpec; 7] = [
    AttrSpec::optional("activations", AttrKind::Strs),
    AttrSpec::optional("activation_alpha", AttrKind::Floats),
    AttrSpec::optional("activation_beta", AttrKind::Floats),
    AttrSpec::optional("clip", AttrKind::Float),
    AttrSpec::one_of("direction", &["forward", "reverse", "bidirectional"], "forward"),
    AttrSpec::optional("hidden_size", AttrKind::Int),
    AttrSpec::int("layout", 0),
];
/// The attributes of a layer that has one of its own.
pub(super) const fn attrs_with(own: AttrSpec) -> [AttrSpec; 8] {
    let [a, b, c, d, e, f, g] = SEQUENCE_ATTRS;
    [a, b, c, d, e, f, g, own]
}

/// The constraints that [`infer`] checks.
pub(super) const CONSTRAINTS: &[(&str, &str)] = &[
    ("C1", "the operands have the dims that the documentation gives them"),
    ("C2", "layout is 0 or 1, and hidden_size that of r"),
    ("C3", "each activation is known, and there are as many as the documentation says for each direction"),
];

/// What sets one recurrent layer apart.
pub(super) struct Layer {
    /// The gates that w, r and b are stacked of.
    pub(super) gates: i64,
    /// The activations of one direction, where none are given.
    pub(super) activations: &'static [&'static str],
    /// How many states go from step to step: the hidden one first.
    pub(super) states: usize,
    /// The places of the operands with the states' initial values.
    pub(super) initial: &'static [usize],
}

/// One activation, with its constants.
#[derive(Clone, Copy)]
struct Activation {
    name: &'static str,
    alpha: f64,
    beta: f64,
}

/// Every activation, with the default of each constant that it takes.
const ACTIVATIONS: &[(&str, Option<f64>, Option<f64>)] = &[
    ("Affine", Some(1.0), Some(0.0)),
    ("Elu", Some(1.0), None),
    ("HardSigmoid", Some(0.2), Some(0.5)),
    ("LeakyRelu", Some(0.01), None),
    ("Relu", None, None),
    ("ScaledTanh", Some(1.0), Some(1.0)),
    ("Sigmoid", None, None),
    ("Softplus", None, None),
    ("Softsign", None, None),
    ("Tanh", None, None),
    ("ThresholdedRelu", Some(1.0), None),
];

impl Activation {
    fn apply(self, x: Expr) -> Expr {
        let zero = x.scalar_like(0.0);
        match self.name {
            "Affine" => x * self.alpha + self.beta,
            "Elu" => x.less(zero).select((x.exp() - 1.0) * self.alpha, x),
            "HardSigmoid" => (x * self.alpha + self.beta).maximum(zero).minimum(x.scalar_like(1.0)),
            "LeakyRelu" => x.less(zero).select(x * self.alpha, x),
            "Relu" => x.maximum(zero),
            "ScaledTanh" => (x * self.beta).tanh() * self.alpha,
            "Sigmoid" => x.sigmoid(),
            "Softplus" => x.maximum(zero) + ((-x.abs()).exp() + 1.0).log(),
            "Softsign" => x / (x.abs() + 1.0),
            "ThresholdedRelu" => x.less(x.scalar_like(self.alpha)).select(zero, x),
            _ => x.tanh(),
        }
    }
}

/// The activations of each direction. Those that take constants take the next ones of the lists.
fn activations(attr: AttrView, layer: &Layer, directions: usize) -> Result<Vec<Vec<Activation>>, Violation> {
    let each = layer.activations.len();
    let given: Vec<&str> = match attr.strs("activations") {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => layer.activations.repeat(directions),
    };
    // Some exporters always name those of both directions.
    if given.len() != each * directions && given.len() != each * 2 {
        let message = format!("{} activations for {directions} directions with {each} each", given.len());
        return Err(Violation::new("C3", message));
    }
    let mut alphas = attr.floats("activation_alpha").unwrap_or_default().iter().copied();
    let mut betas = attr.floats("activation_beta").unwrap_or_default().iter().copied();
    let mut found = Vec::new();
    for name in given.iter().take(each * directions) {
        let known = ACTIVATIONS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
        let Some((name, alpha, beta)) = known else {
            let names: Vec<_> = ACTIVATIONS.iter().map(|(name, ..)| *name).collect();
            return Err(Violation::new("C3", format!("the activation {name:?} isn't one of {names:?}")));
        };
        let alpha = alpha.map_or(0.0, |default| alphas.next().unwrap_or(default));
        let beta = beta.map_or(0.0, |default| betas.next().unwrap_or(default));
        found.push(Activation { name, alpha, beta });
    }
    Ok(found.chunks(each).map(<[Activation]>::to_vec).collect())
}

fn directions(attr: AttrView) -> usize {
    if attr.str("direction") == "bidirectional" { 2 } else { 1 }
}

/// The hidden states of every step, and the states after the last.
pub(super) fn infer(infer: &Infer, layer: &Layer) -> Types {
    let count = directions(infer.attr);
    activations(infer.attr, layer, count)?;
    let batch_first = match infer.attr.int("layout") {
        0 => false,
        1 => true,
        other => return Err(Violation::new("C2", format!("layout is {other}"))),
    };
    let directions = Dim::from(count);
    let at = |index: usize, axis: usize| infer.dims(index).and_then(|dims| dims.get(axis)).cloned();
    let hidden = match (at(2, 2), infer.attr.opt_int("hidden_size")) {
        (Some(hidden), Some(given)) if hidden.same(&Dim::Int(given)) == Some(false) => {
            return Err(Violation::new("C2", format!("hidden_size is {given}, that of r is {hidden}")));
        }
        (_, Some(given)) => Dim::Int(given),
        (hidden, None) => hidden.unwrap_or(Dim::Unknown),
    };
    let (steps, batch) = (at(0, usize::from(batch_first)), at(0, usize::from(!batch_first)));
    let (steps, batch) = (steps.unwrap_or(Dim::Unknown), batch.unwrap_or(Dim::Unknown));
    let stacked = Dim::Int(layer.gates) * hidden.clone();
    let state = |batch: &Dim| match batch_first {
        true => vec![batch.clone(), directions.clone(), hidden.clone()],
        false => vec![directions.clone(), batch.clone(), hidden.clone()],
    };
    let first_two = if batch_first { [&batch, &steps] } else { [&steps, &batch] };
    let mut wanted = vec![
        (0, vec![first_two[0].clone(), first_two[1].clone(), at(1, 2).unwrap_or(Dim::Unknown)]),
        (1, vec![directions.clone(), stacked.clone(), at(0, 2).unwrap_or(Dim::Unknown)]),
        (2, vec![directions.clone(), stacked.clone(), hidden.clone()]),
        (3, vec![directions.clone(), Dim::Int(2) * stacked]),
        (4, vec![batch.clone()]),
    ];
    wanted.extend(layer.initial.iter().map(|index| (*index, state(&batch))));
    if infer.op.inputs.len() > 7 {
        wanted.push((7, vec![directions.clone(), Dim::Int(3) * hidden.clone()]));
    }
    for (index, wanted) in wanted {
        let Some(given) = infer.dims(index) else { continue };
        let differ = given.iter().zip(&wanted).any(|(a, b)| a.same(b) == Some(false));
        if given.len() != wanted.len() || differ {
            let (given, wanted) = (infer.ty(index)?, Shape::Ranked(wanted));
            return Err(Violation::new("C1", format!("{} is {given}, not {wanted}", infer.name_of(index))));
        }
    }
    let dtype = infer.dtype(0)?;
    let all = match batch_first {
        true => vec![batch.clone(), steps, directions.clone(), hidden.clone()],
        false => vec![steps, directions.clone(), batch.clone(), hidden.clone()],
    };
    let states = std::iter::repeat_n(Type::tensor(dtype, state(&batch)), layer.states);
    Ok(std::iter::once(Type::tensor(dtype, all)).chain(states).take(infer.outputs).collect())
}

/// The weights of one direction.
pub(super) struct Cell<'a> {
    /// The recurrence weights, transposed: a row for each hidden element, a column for each of each gate.
    pub(super) r: Expr<'a>,
    /// The recurrence bias, where there is one.
    pub(super) r_bias: Option<Expr<'a>>,
    /// Which direction it is.
    pub(super) direction: i64,
    activations: Vec<Activation>,
    clip: Option<f64>,
    hidden: i64,
}

impl<'a> Cell<'a> {
    /// Gate number `index` of gates that lie side by side along the last axis.
    pub(super) fn gate(&self, gates: Expr<'a>, index: i64) -> Expr<'a> {
        gates.slice(-1, index * self.hidden, (index + 1) * self.hidden, 1)
    }

    /// Activation number `index` of `x`, which is first clipped.
    pub(super) fn activate(&self, index: usize, x: Expr<'a>) -> Expr<'a> {
        let clipped = match self.clip {
            Some(clip) => x.maximum(x.scalar_like(-clip)).minimum(x.scalar_like(clip)),
            None => x,
        };
        self.activations[index].apply(clipped)
    }

    /// What the hidden state adds to all gates: its product with the recurrence weights, and the bias.
    pub(super) fn recurrence(&self, hidden: Expr<'a>) -> Expr<'a> {
        self.plus_bias(hidden.matmul(self.r))
    }

    /// With the recurrence bias added.
    pub(super) fn plus_bias(&self, gates: Expr<'a>) -> Expr<'a> {
        self.r_bias.map_or(gates, |bias| gates + bias)
    }
}

/// The slice of one direction.
pub(super) fn of_direction(x: Expr, direction: i64) -> Expr {
    x.slice(0, direction, direction + 1, 1).squeeze(&[0])
}

/// The layer, given what one step makes of the gates' inputs and the states: the next states.
pub(super) fn decompose<'a>(
    d: &Decompose<'a>,
    layer: &Layer,
    step: impl Fn(&Cell<'a>, Expr<'a>, &[Expr<'a>]) -> Vec<Expr<'a>>,
) -> Exprs<'a> {
    let batch_first = d.attr.int("layout") == 1;
    let time_first = |x: Expr<'a>| if batch_first { x.transpose(&[1, 0, 2]) } else { x };
    let x = time_first(d.x(0).widened());
    let hidden = d.number(&d.dims(2)?[2], "the hidden size")?;
    let count = directions(d.attr);
    let activations =
        activations(d.attr, layer, count).map_err(|violation| d.invalid(violation.rule, violation.message))?;
    let width = layer.gates * hidden;
    let (mut all, mut last) = (Vec::new(), vec![Vec::new(); layer.states]);
    for (direction, activations) in activations.into_iter().enumerate() {
        let direction = direction as i64;
        let bias = |part: i64| {
            d.opt(3).map(|b| of_direction(b.widened(), direction).slice(0, part * width, (part + 1) * width, 1))
        };
        let cell = Cell {
            r: of_direction(d.x(2).widened(), direction).transpose(&[1, 0]),
            r_bias: bias(1),
            direction,
            activations,
            clip: d.attr.opt_float("clip"),
            hidden,
        };
        let gates = x.matmul(of_direction(d.x(1).widened(), direction).transpose(&[1, 0]));
        let gates = bias(0).map_or(gates, |bias| gates + bias);
        let mut states = Vec::new();
        for index in layer.initial {
            states.push(match d.opt(*index) {
                Some(initial) => of_direction(time_first(initial.widened()), direction),
                None => d.filled(x.dtype(), 0.0, &[d.dims_of(x)?[1].clone(), Dim::Int(hidden)]),
            });
        }
        let backward = direction == 1 || d.attr.str("direction") == "reverse";
        let mut results = walk(d, x, gates, states, backward, |gates, states| step(&cell, gates, states))?;
        if let Some(steps) = results.pop() {
            all.push(steps.unsqueeze(&[1]));
        }
        for (last, state) in last.iter_mut().zip(results) {
            last.push(state.unsqueeze(&[0]));
        }
    }
    let steps = d.f.concat(&all, 1);
    let mut results = vec![if batch_first { steps.transpose(&[2, 0, 1, 3]) } else { steps }];
    results.extend(last.iter().map(|states| time_first(d.f.concat(states, 0))));
    Ok(results.into_iter().take(d.outputs).map(|result| result.cast(d.dtype(0))).collect())
}

/// The steps over the gates' inputs: the states after the last one, then the hidden states of each. Past
/// the end of its sequence a state stays as it is and the hidden state of a step is zero.
fn walk<'a>(
    d: &Decompose<'a>,
    x: Expr<'a>,
    gates: Expr<'a>,
    mut states: Vec<Expr<'a>>,
    backward: bool,
    step: impl Fn(Expr<'a>, &[Expr<'a>]) -> Vec<Expr<'a>>,
) -> Result<Vec<Expr<'a>>, BuildError> {
    let f = d.f;
    let count = states.len();
    let lengths = d.opt(4).map(|lengths| lengths.cast(DType::I64).unsqueeze(&[1]));
    if lengths.is_some() {
        let steps = f.op(&super::shape::OP, &[x], attrs! { end: 1 }).squeeze(&[0]);
        states.push(if backward { steps - 1.0 } else { f.int(0) });
    }
    states.push(gates);
    let operands: Vec<Option<Expr<'a>>> = states.iter().copied().map(Some).collect();
    let ids = states.iter().map(|state| state.id().map(Some)).collect::<Result<Vec<_>, _>>()?;
    let way = vec![i64::from(backward)];
    let attrs = attrs! { num_scan_inputs: 1, scan_input_directions: way.clone(), scan_output_directions: way };
    let types = f.builder().region_parameters(&super::scan::OP, &ids, &attrs)?;
    let (region, parameters) = f.builder().begin_region(&types.concat());
    let parameters: Vec<Expr<'a>> = parameters.into_iter().map(|id| f.expr(id)).collect();
    let old = &parameters[..count];
    let mut results = step(parameters[parameters.len() - 1], old);
    let mut output = results[0];
    if let Some(lengths) = lengths {
        let time = parameters[count];
        let inside = time.less(lengths);
        output = inside.select(output, output.scalar_like(0.0));
        for (new, old) in results.iter_mut().zip(old) {
            *new = inside.select(*new, *old);
        }
        results.push(if backward { time - 1.0 } else { time + 1.0 });
    }
    results.push(output);
    let ids = results.iter().map(|result| result.id()).collect::<Result<Vec<_>, _>>()?;
    f.builder().end_region(ids);
    let mut found = f.op_many(&super::scan::OP, &operands, attrs, vec![region], results.len());
    if lengths.is_some() {
        found.remove(count);
    }
    Ok(found)
}
