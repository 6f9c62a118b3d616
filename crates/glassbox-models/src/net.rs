//! A model under construction: where its layers find the graph, the parameters and their own names.
//!
//! A [`Net`] stands at a place in the tree of layers, `model.layers.3.self_attn`. What is built there
//! has that path as its provenance, and parameters are named from there, as the checkpoint names them.
//! Mistakes are kept by the graph builder below, and reported by [`build`] and [`step`].

use std::rc::Rc;

use glassbox_ir::{
    BuildError, Dim, Expr, ExprBuilder, Graph, GraphBuilder, Origin, Provenance, State, TensorType, Type, Violation,
    attrs, ops,
};
use glassbox_tensor::{DType, ParamSource, Tensor};

use crate::config::Config;
use crate::error::ModelError;
use crate::families;
use crate::rows::{LENGTHS, New, Rows, TOKENS};

/// What is asked of a graph.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How many tokens the states can hold; as many as the model was made for, if not given.
    pub context: Option<u64>,
    /// Whether there are logits for the last token only; otherwise for each.
    pub last_only: bool,
}

/// The graph of one step of the model that a checkpoint is, over rows that know nothing of each other.
///
/// Inputs: `tokens` i64[B, T] and `lengths` i64[B]. The first `lengths[b]` tokens of row b follow what the states remember
/// of that row; the rest are padding and may be any tokens. Output: `logits` f32[B, T, V], those of the token after
/// each, or [B, 1, V] with [`Options::last_only`]. Those of padding mean nothing. [`batch`](crate::batch) makes the inputs.
///
/// A session begins with one row. The first axis of every state is that of the rows, so rows are added, dropped and
/// reordered there. A row of zeros is one that remembers nothing.
///
/// # Errors
///
/// A [`ModelError`] where the configuration is of no family, or the parameters aren't those that it says.
pub fn build(config: &Config, params: &dyn ParamSource, options: &Options) -> Result<Graph, ModelError> {
    let f = ExprBuilder::new(GraphBuilder::new(families::of(config)?.name));
    let tokens = f.input(TOKENS, Type::tensor(DType::I64, ["B", "T"].map(Dim::symbol)));
    let lengths = f.input(LENGTHS, Type::tensor(DType::I64, [Dim::symbol("B")]));
    let logits = step(&f, New { tokens, lengths }, config, params, options)?.id()?;
    f.builder().set_name(logits, "logits");
    Ok(f.finish(&[logits])?)
}

/// The logits of `new` tokens, within a graph that does more: as [`build`] gives them. The states of the model become
/// states of the graph, with as many rows as the tokens have: a number, or a symbol that says how many.
///
/// # Errors
///
/// Those of [`build`].
pub fn step<'b>(
    f: &'b ExprBuilder,
    new: New<'b>,
    config: &Config,
    params: &'b dyn ParamSource,
    options: &'b Options,
) -> Result<Expr<'b>, ModelError> {
    let family = families::of(config)?;
    if config.has("quantization_config") {
        // Its weights mean something only together with scales that no family here reads.
        return Err(ModelError::Unsupported("`quantization_config`: weights with scales of their own".to_owned()));
    }
    let place = Rc::new(Place { prefix: String::new(), path: String::new() });
    f.builder().set_provenance(Provenance::new(Origin::Layer("rows".to_owned())));
    let rows = Rows::of(new);
    let logits = (family.build)(&Net { f, params, options, rows, place }, config)?;
    f.builder().set_provenance(Provenance::default());
    logits.id()?;
    Ok(logits)
}

/// The most elements that a checkpoint is taken to have, so that small multiples of sizes don't overflow.
const MAX_ELEMENTS: i64 = 1 << 48;

/// A place in the tree of layers.
struct Place {
    /// What the names of parameters begin with: `model.layers.3.`.
    prefix: String,
    /// The same as a path: `model/layers.3`.
    path: String,
}

/// A model under construction, at a place in its tree of layers.
#[derive(Clone)]
pub struct Net<'b> {
    f: &'b ExprBuilder,
    params: &'b dyn ParamSource,
    options: &'b Options,
    rows: Rows<'b>,
    place: Rc<Place>,
}

impl<'b> Net<'b> {
    /// The formulas of the graph.
    pub fn f(&self) -> &'b ExprBuilder {
        self.f
    }

    /// What is asked of the graph.
    pub fn options(&self) -> &'b Options {
        self.options
    }

    /// The tokens, i64[B, T].
    pub fn tokens(&self) -> Expr<'b> {
        self.rows.tokens()
    }

    /// Which of the tokens are there.
    pub fn rows(&self) -> &Rows<'b> {
        &self.rows
    }

    /// The layer `name` below this place, `self_attn` or `layers.3`: what is built from here on comes
    /// from there.
    pub fn at(&self, name: impl AsRef<str>) -> Net<'b> {
        let name = name.as_ref();
        let separator = if self.place.path.is_empty() { "" } else { "/" };
        let place = Place {
            prefix: format!("{}{name}.", self.place.prefix),
            path: format!("{}{separator}{name}", self.place.path),
        };
        let net = Net { place: Rc::new(place), ..self.clone() };
        net.here();
        net
    }

    /// What is built from here on comes from this place.
    pub fn here(&self) {
        let provenance = match self.place.path.as_str() {
            "" => Provenance::default(),
            path => Provenance::new(Origin::Layer(path.to_owned())),
        };
        self.f.builder().set_provenance(provenance);
    }

    /// The whole name of a parameter of this place.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.place.prefix)
    }

    /// Whether the checkpoint has the parameter `name` of this place.
    pub fn has(&self, name: &str) -> bool {
        self.params.find(&self.name(name)).is_some()
    }

    /// The dims of a parameter of this place, as the checkpoint has it.
    pub fn dims(&self, name: &str) -> Option<&[usize]> {
        self.params.find(&self.name(name)).map(|param| param.shape.as_slice())
    }

    /// How many layers `name.0`, `name.1`, … of this place the checkpoint has parameters of: as many as the
    /// highest number says, whatever is missing in between.
    pub fn layers(&self, name: &str) -> i64 {
        let (prefix, params) = (self.name(name), self.params.params());
        let number =
            |name: &str| name.strip_prefix(&prefix)?.strip_prefix('.')?.split('.').next()?.parse::<usize>().ok();
        let most = params.iter().filter_map(|param| number(&param.name)).max().map_or(0, |most| most.saturating_add(1));
        // With a higher number than that, some layer has nothing, which building it will find.
        most.min(params.len()) as i64
    }

    /// An error if the checkpoint has more layers `name.0`, `name.1`, … than the setting `key` says.
    ///
    /// # Errors
    ///
    /// Where the checkpoint has more.
    pub fn no_more_layers(&self, name: &str, key: &str, said: i64) -> Result<(), ModelError> {
        match self.layers(name) {
            found if found > said => Err(ModelError::config(
                key,
                format!("it is {said}, and the checkpoint has {found} {:?}", self.name(name)),
            )),
            _ => Ok(()),
        }
    }

    /// The dims of a parameter of this place that is a matrix.
    ///
    /// # Errors
    ///
    /// Where the parameter is missing or no matrix.
    pub fn matrix(&self, name: &str) -> Result<[i64; 2], ModelError> {
        let name = self.name(name);
        let Some(param) = self.params.find(&name) else {
            return Err(parameter(format!("the checkpoint has no parameter {name:?}")));
        };
        let fits = |size: &usize| i64::try_from(*size).ok().filter(|size| (1..=MAX_ELEMENTS).contains(size));
        match param.shape.iter().map(fits).collect::<Option<Vec<_>>>().as_deref() {
            Some([rows, columns]) => Ok([*rows, *columns]),
            _ => Err(parameter(format!("{name:?} is {:?}, no matrix", param.shape))),
        }
    }

    /// The size `key` of a configuration. No extent of a model is more than all of its elements together:
    /// what is built from sizes is never larger than the checkpoint justifies.
    ///
    /// # Errors
    ///
    /// Where the setting is missing, or more than the checkpoint has elements.
    pub fn size(&self, config: &Config, key: &str) -> Result<i64, ModelError> {
        let size = config.size(key)?;
        self.fits(config, key, Some(size))
    }

    /// `size`, which the setting `key` led to; an error if it overflowed, or the checkpoint is smaller.
    ///
    /// # Errors
    ///
    /// Where it overflowed, or is more than the checkpoint has elements.
    pub fn fits(&self, config: &Config, key: &str, size: Option<i64>) -> Result<i64, ModelError> {
        let elements = |shape: &[usize]| shape.iter().fold(1, |product: usize, size| product.saturating_mul(*size));
        let all = self.params.params().iter().fold(0, |sum: usize, param| sum.saturating_add(elements(&param.shape)));
        let all = i64::try_from(all).unwrap_or(MAX_ELEMENTS).min(MAX_ELEMENTS);
        size.filter(|size| *size <= all).ok_or_else(|| {
            config.wrong(key, format!("the checkpoint is too small for this: it has {all} elements in all"))
        })
    }

    /// How many there are of something that has a parameter each: layers, experts.
    ///
    /// # Errors
    ///
    /// Where the setting is missing, or more than the checkpoint has parameters.
    pub fn count(&self, config: &Config, key: &str) -> Result<i64, ModelError> {
        let (count, all) = (config.size(key)?, self.params.params().len());
        match usize::try_from(count).is_ok_and(|count| count <= all) {
            true => Ok(count),
            false => Err(config.wrong(key, format!("it is {count}, and the checkpoint has {all} parameters in all"))),
        }
    }

    /// A parameter of this place, of these dims, as f32, whatever the checkpoint stores it in.
    pub fn weight(&self, name: &str, dims: &[i64]) -> Expr<'b> {
        self.here();
        let name = self.name(name);
        let Some(param) = self.params.find(&name) else {
            return self.f.mistake("parameter", format!("the checkpoint has no parameter {name:?}"));
        };
        if !param.shape.iter().map(|size| *size as i64).eq(dims.iter().copied()) {
            let message = format!("{name:?} is {:?}, the configuration says {dims:?}", param.shape);
            return self.f.mistake("parameter", message);
        }
        if !matches!(param.dtype, DType::Block(_) | DType::I8) && !param.dtype.is_float() {
            let message = format!("{name:?} holds {}, whose meaning a scale elsewhere would have to say", param.dtype);
            return self.f.mistake("parameter", message);
        }
        let ty = Type::tensor(param.dtype, param.shape.iter().copied());
        let stored = self.f.op(&ops::parameter::OP, &[], attrs! { name: name.as_str(), type: ty });
        if let Ok(id) = stored.id() {
            self.f.builder().set_name(id, &name);
        }
        match param.dtype {
            DType::Block(_) => stored.unary(&ops::dequantize_blocks::OP),
            DType::I8 => self.scaled(stored, &name),
            _ => stored.cast(DType::F32),
        }
    }

    /// Integers times the scales of their rows, which stand beside them under the name `NAME#scales`.
    fn scaled(&self, stored: Expr<'b>, name: &str) -> Expr<'b> {
        let scales = format!("{name}#scales");
        let Some(param) = self.params.find(&scales) else {
            return self.f.mistake("parameter", format!("{name:?} is i8, and {scales:?} isn't there"));
        };
        let ty = Type::tensor(param.dtype, param.shape.iter().copied());
        let scales = self.f.op(&ops::parameter::OP, &[], attrs! { name: scales.as_str(), type: ty });
        self.f.op(&ops::dequantize_linear::OP, &[stored, scales], attrs! { axis: 0 })
    }

    /// A state of this place, whose rows have these dims. Its name is that of the place and `name`:
    /// `model.layers.3.self_attn.keys`. In a graph with several steps of the model, all have the same states.
    ///
    /// # Errors
    ///
    /// Where the builder refuses the state.
    pub fn state(&self, name: &str, dtype: DType, dims: &[Dim], capacity: Option<u64>) -> Result<String, ModelError> {
        let name = self.name(name);
        let rows = self.rows.count();
        // Where the number of rows isn't fixed there is one at first. One zero stands for all along other axes.
        let first = |dim: &Dim| usize::from(dim.as_int().is_some());
        let extents: Vec<usize> = std::iter::once(1).chain(dims.iter().map(first)).collect();
        let initial = match rows.as_int() {
            Some(_) => None,
            None => Some(Tensor::zeros(dtype, &extents).map_err(ModelError::tensor)?),
        };
        let ty = TensorType::new(dtype, std::iter::once(rows).chain(dims.iter().cloned()));
        let state = State { name: name.clone(), ty, capacity, initial };
        let known = self.f.graph().states().contains(&state);
        if !known {
            self.f.builder().state(state)?;
        }
        Ok(name)
    }

    /// What a state holds from here on. Written at the end of a step, so that one that fails changes nothing.
    pub fn write(&self, state: &str, contents: Expr<'b>) {
        self.f.op(&ops::state_write::OP, &[contents], attrs! { state: state });
    }

    /// What a state holds.
    pub fn read(&self, state: &str) -> Expr<'b> {
        self.f.op(&ops::state_read::OP, &[], attrs! { state: state })
    }
}

/// The error for a parameter that is missing or isn't as it must be.
fn parameter(message: String) -> ModelError {
    ModelError::Build(BuildError::Graph(Violation::new("parameter", message)))
}
