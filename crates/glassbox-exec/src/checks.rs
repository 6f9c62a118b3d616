//! What every runtime checks around a run: inputs, parameters, results, states.

use glassbox_ir::{AttrView, Dim, Graph, Shape, State, TensorType, Type, bind_run, ops};
use glassbox_tensor::{ParamError, ParamSource, Tensor};

use crate::error::{KernelError, RunError};
use crate::options::{Options, Precision};
use crate::value::Value;

/// Why a graph with an `image_decoder` is refused.
pub const NO_IMAGES: &str = "image files can't be read, because this program was built without image formats; build it with the feature `images`";

/// Whether a graph that reads pictures has something registered that can.
///
/// # Errors
///
/// [`RunError::Refused`], for the first node that has not.
///
/// ```
/// use glassbox_exec::{Options, checks::check_images};
/// use glassbox_ir::text::{ParseOptions, parse};
/// let source = "graph \"g\" { input %file: u8[N] %picture = image_decoder(%file) output %picture }";
/// let graph = parse(source, &ParseOptions::default())?;
/// let error = check_images(&graph, &Options::default()).err().unwrap().to_string();
/// assert!(error.contains("image files can't be read"), "{error}");
/// # Ok::<(), glassbox_ir::text::ParseError>(())
/// ```
pub fn check_images(graph: &Graph, options: &Options) -> Result<(), RunError> {
    if options.images.is_some() {
        return Ok(());
    }
    match graph.walk().into_iter().find(|id| graph.node(*id).op == &ops::image_decoder::OP) {
        None => Ok(()),
        Some(id) => {
            let (op, node) = (graph.node(id).op.name, graph.node_label(id));
            Err(RunError::Refused { op, node, why: NO_IMAGES.to_owned() })
        }
    }
}

/// Whether a state can hold these contents: of its dtype as it is carried, of its dims, within its capacity.
///
/// # Errors
///
/// A violation of the rule `state` or `capacity`.
///
/// ```
/// use glassbox_exec::{Precision, checks::check_state};
/// use glassbox_ir::text::{ParseOptions, parse};
/// use glassbox_tensor::{DType, Tensor};
/// let source = "graph \"g\" { state @k: f32[?, 4] input %x: f32[1, 4] output %x }";
/// let graph = parse(source, &ParseOptions::default())?;
/// let state = graph.state("k").unwrap();
/// assert!(check_state(state, Precision::Declared, &Tensor::zeros(DType::F32, &[9, 4])?).is_ok());
/// let error = check_state(state, Precision::Declared, &Tensor::zeros(DType::F32, &[9, 5])?).err().unwrap();
/// assert!(error.to_string().contains("can't be f32[9, 5]"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check_state(state: &State, precision: Precision, contents: &Tensor) -> Result<(), KernelError> {
    let carried = TensorType { dtype: precision.carried(state.ty.dtype), ..state.ty.clone() };
    let given = Type::tensor(contents.dtype(), contents.shape().iter().copied());
    if !Type::from(carried).admits(&given) {
        return Err(KernelError::invalid("state", format!("`{}` is {}, and can't be {given}", state.name, state.ty)));
    }
    check_contents(state, contents.shape())
}

/// Whether a state can have these extents: those that it declares, and no more than its capacity.
///
/// # Errors
///
/// A violation of the rule `state` or `capacity`.
///
/// ```
/// use glassbox_exec::checks::check_contents;
/// use glassbox_ir::text::{ParseOptions, parse};
/// let source = "graph \"g\" { state @k: f32[?, 4] input %x: f32[1, 4] output %x }";
/// let graph = parse(source, &ParseOptions::default())?;
/// let state = graph.state("k").unwrap();
/// assert!(check_contents(state, &[9, 4]).is_ok());
/// assert!(check_contents(state, &[9, 4, 1]).is_err());
/// // The capacity is for what each row remembers, not for how many rows there are.
/// let rows = "graph \"g\" { state @k: f32[B, K] capacity 4 input %x: f32[1, 4] output %x }";
/// let graph = parse(rows, &ParseOptions::default())?;
/// let state = graph.state("k").unwrap();
/// assert!(check_contents(state, &[9, 4]).is_ok());
/// assert!(check_contents(state, &[4, 9]).is_err());
/// # Ok::<(), glassbox_ir::text::ParseError>(())
/// ```
pub fn check_contents(state: &State, extents: &[usize]) -> Result<(), KernelError> {
    let dims = state.ty.dims().unwrap_or_default();
    let differs = |(dim, extent): (&Dim, &usize)| dim.as_size().is_some_and(|size| size != *extent);
    if dims.len() != extents.len() || dims.iter().zip(extents).any(differs) {
        let given = TensorType::new(state.ty.dtype, extents.iter().copied());
        return Err(KernelError::invalid("state", format!("`{}` is {}, and can't hold {given}", state.name, state.ty)));
    }
    let Some(capacity) = state.capacity else { return Ok(()) };
    match state.bounded_axis().map(|axis| extents[axis]).filter(|extent| *extent as u64 > capacity) {
        Some(extent) => {
            let message = format!("`{}` would hold {extent}, its capacity is {capacity}", state.name);
            Err(KernelError::invalid("capacity", message))
        }
        None => Ok(()),
    }
}

/// The inputs: as many as declared, of the declared types, and with the extents that states hold every symbol one value.
///
/// `held` gives the extents of what a state holds now.
///
/// # Errors
///
/// [`RunError::Inputs`].
///
/// ```
/// use glassbox_exec::{Value, checks::check_inputs};
/// use glassbox_ir::text::{ParseOptions, parse};
/// use glassbox_tensor::{DType, Tensor};
/// let graph = parse("graph \"g\" { input %x: f32[N] input %y: f32[N] output %x }", &ParseOptions::default())?;
/// let input = |size: usize| Tensor::zeros(DType::F32, &[size]).map(Value::from);
/// let no_states = |_: &str| None;
/// assert!(check_inputs(&graph, &[input(2)?, input(2)?], &no_states).is_ok());
/// let error = check_inputs(&graph, &[input(2)?, input(3)?], &no_states).err().unwrap().to_string();
/// assert_eq!(error, "inputs: `N` is 2 by axis 0 of `x`, and 3 by axis 0 of `y`");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check_inputs(
    graph: &Graph,
    inputs: &[Value],
    held: &dyn Fn(&str) -> Option<Vec<usize>>,
) -> Result<(), RunError> {
    if inputs.len() != graph.inputs().len() {
        return Err(RunError::Inputs(format!("the graph takes {}, not {}", graph.inputs().len(), inputs.len())));
    }
    let types: Vec<Type> = inputs.iter().map(Value::ty).collect();
    let state = |name: &str| Some(Type::tensor(graph.state(name)?.ty.dtype, held(name)?));
    bind_run(graph, &types, &state).map(drop).map_err(|error| RunError::Inputs(error.to_string()))
}

/// Every parameter that the graph names is in the source, as the graph says.
///
/// # Errors
///
/// The first parameter that isn't, as a [`RunError::Node`].
///
/// ```
/// use glassbox_exec::checks::check_params;
/// use glassbox_ir::text::{ParseOptions, parse};
/// use glassbox_tensor::NoParams;
/// let source = "graph \"g\" { %w = parameter() {name = \"w\", type = f32[2]} output %w }";
/// let graph = parse(source, &ParseOptions::default())?;
/// let error = check_params(&graph, &NoParams).err().unwrap().to_string();
/// assert!(error.contains("\"w\""), "{error}");
/// # Ok::<(), glassbox_ir::text::ParseError>(())
/// ```
pub fn check_params(graph: &Graph, params: &dyn ParamSource) -> Result<(), RunError> {
    for id in graph.walk() {
        let node = graph.node(id);
        if node.op.name != "parameter" {
            continue;
        }
        let attr = AttrView::new(node.op, &node.attrs);
        let (name, declared) = (attr.str("name"), attr.ty("type"));
        let error = match params.find(name) {
            None => ParamError::Missing { name: name.to_owned(), near: None }.into(),
            Some(found) => {
                let ty = Type::tensor(found.dtype, found.shape.iter().copied());
                if declared.admits(&ty) {
                    continue;
                }
                KernelError::invalid("C1", format!("parameter {name:?} is {ty}, the graph says {declared}"))
            }
        };
        return Err(RunError::Node {
            op: node.op.name,
            node: graph.node_label(id),
            onnx: graph.onnx_op(id).map(Box::from),
            error: Box::new(error),
        });
    }
    Ok(())
}

/// The results are as many as inferred, and of the inferred types.
///
/// # Errors
///
/// An internal error: a kernel did what it must not.
///
/// ```
/// use glassbox_exec::{Value, checks::check_results};
/// use glassbox_ir::Type;
/// use glassbox_tensor::{DType, Tensor};
/// let result = Value::from(Tensor::zeros(DType::F32, &[2])?);
/// assert!(check_results(&[Type::tensor(DType::F32, ["N"])], &[result.clone()]).is_ok());
/// assert!(check_results(&[Type::tensor(DType::F16, ["N"])], &[result]).is_err());
/// # Ok::<(), glassbox_tensor::TensorError>(())
/// ```
pub fn check_results(types: &[Type], results: &[Value]) -> Result<(), KernelError> {
    if types.len() != results.len() {
        return Err(KernelError::Internal(format!("{} results instead of {}", results.len(), types.len())));
    }
    for (index, (ty, value)) in types.iter().zip(results).enumerate() {
        let same = match (ty, value) {
            (Type::Tensor(ty), Value::Tensor(tensor)) => {
                ty.dtype == tensor.dtype() && admits(&ty.shape, tensor.shape())
            }
            (Type::Sequence(_), Value::Sequence { .. }) | (Type::Optional(_), Value::Optional { .. }) => true,
            _ => false,
        };
        if !same {
            return Err(KernelError::Internal(format!("result {index} is {}, inferred was {ty}", value.ty())));
        }
    }
    Ok(())
}

/// Whether no dim that is known is another than the size.
fn admits(shape: &Shape, sizes: &[usize]) -> bool {
    let fits = |(dim, size): (&Dim, &usize)| dim.as_int().is_none_or(|dim| usize::try_from(dim) == Ok(*size));
    match shape {
        Shape::Ranked(dims) => dims.len() == sizes.len() && dims.iter().zip(sizes).all(fits),
        _ => true,
    }
}
