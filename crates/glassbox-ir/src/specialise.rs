//! Specialisation: a graph as it is for inputs of given types.
//!
//! In: a graph and a type for each input, with sizes or with symbols of the caller's own. Out: the graph with what the
//! symbols stand for in every place where they are named (inputs, states, attributes that are types), and every other
//! type inferred again from these.
//!
//! Invariants: values, nodes and regions keep their ids; a value knows no less of its dims than before. Refuses types
//! that don't fit the declared ones ([`BindError`](crate::BindError)), and new names that the graph already uses for
//! something that isn't bound.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::attr::Attr;
use crate::bind::{BindError, Bindings, bind_inputs};
use crate::builder::GraphBuilder;
use crate::error::BuildError;
use crate::graph::Graph;
use crate::types::{TensorType, Type};
use crate::verify::check_state;

/// Why a graph can't be specialised.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpecialiseError {
    /// The types aren't those of the inputs.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// With these sizes a node breaks a rule.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// A graph as it is for inputs of these types. A type may be partial: `f32[4, T]` for `f32[B, T]`, and dims that are
/// given as unknown stay as declared.
///
/// # Errors
///
/// [`SpecialiseError::Bind`] where the types don't fit the inputs or each other, [`SpecialiseError::Build`] where a
/// node or a state breaks a rule with these sizes.
///
/// # Examples
///
/// ```
/// use glassbox_ir::{specialise, text};
///
/// let source = "graph \"g\" { input %x: f32[B, T] input %y: f32[B, 1] %z = add(%x, %y) output %z }";
/// let graph = text::parse(source, &text::ParseOptions::default())?;
/// let types = [text::parse_type("f32[4, N]")?, text::parse_type("f32[4, 1]")?];
/// let special = specialise(&graph, &types)?;
/// assert_eq!(special.value(special.outputs()[0]).ty.to_string(), "f32[4, N]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn specialise(graph: &Graph, inputs: &[Type]) -> Result<Graph, SpecialiseError> {
    let bindings = bind_inputs(graph, inputs)?;
    check_names(graph, inputs, &bindings)?;
    let declared = graph.inputs().iter().map(|id| &graph.value(*id).ty);
    let types = declared.zip(inputs).map(|(declared, given)| narrowed(&declared.substitute(&bindings), given));
    let types: Vec<Type> = types.collect();
    let graph = substituted(graph, &bindings);
    graph.states.iter().try_for_each(check_state).map_err(BuildError::Graph)?;
    Ok(GraphBuilder::retype(graph, types)?)
}

/// The graph with the bindings in its states and attributes; the types of values are left for inference.
fn substituted(graph: &Graph, bindings: &Bindings) -> Graph {
    let mut graph = graph.clone();
    for state in &mut graph.states.list {
        let shape = state.ty.shape.map_dims(&|dim| dim.substitute(bindings));
        state.ty = TensorType { dtype: state.ty.dtype, shape };
    }
    for attr in graph.nodes.iter_mut().flat_map(|node| node.attrs.values_mut()) {
        if let Attr::Type(ty) = attr {
            *ty = ty.substitute(bindings);
        }
    }
    graph
}

/// What is known of a value that is of both types, which fit each other.
fn narrowed(declared: &Type, given: &Type) -> Type {
    match (declared, given) {
        (Type::Tensor(declared), Type::Tensor(given)) => {
            TensorType { dtype: declared.dtype, shape: declared.shape.meet(&given.shape) }.into()
        }
        (Type::Sequence(declared), Type::Sequence(given)) => Type::sequence(narrowed(declared, given)),
        (Type::Optional(declared), Type::Optional(given)) => Type::optional(narrowed(declared, given)),
        _ => declared.clone(),
    }
}

/// The symbols of the given types are either new to the graph, or bound to themselves, or bound to something else, so
/// that what they meant is gone. A name that stayed would come to mean two things.
fn check_names(graph: &Graph, inputs: &[Type], bindings: &Bindings) -> Result<(), BindError> {
    let mut given = BTreeSet::new();
    inputs.iter().for_each(|ty| symbols(ty, &mut given));
    if given.is_empty() {
        return Ok(());
    }
    let mut used = BTreeSet::new();
    graph.values.iter().for_each(|value| symbols(&value.ty, &mut used));
    graph.states.iter().for_each(|state| symbols(&state.ty.clone().into(), &mut used));
    for attr in graph.nodes.iter().flat_map(|node| node.attrs.values()) {
        if let Attr::Type(ty) = attr {
            symbols(ty, &mut used);
        }
    }
    match given.into_iter().find(|name| used.contains(name) && bindings.get(name).is_none()) {
        Some(symbol) => Err(BindError::Captured { symbol }),
        None => Ok(()),
    }
}

fn symbols(ty: &Type, found: &mut BTreeSet<String>) {
    match ty {
        Type::Tensor(tensor) => {
            for dim in tensor.dims().unwrap_or_default() {
                dim.for_each_symbol(&mut |name| {
                    found.insert(name.to_owned());
                });
            }
        }
        Type::Sequence(element) | Type::Optional(element) => symbols(element, found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{ParseOptions, parse, parse_type};
    use crate::verify;

    const TEXT: &str = r#"graph "g" {
        state @s: f32[B, ?]
        state @h: f32[N]
        input %x: f32[B, T]
        input %y: f32[T]
        input %z: f32[T+1]
        %held = state_read() {state = "s"}
        %own = state_read() {state = "h"}
        %told = host(%x) {function = "f", type = f32[B, 2*T]}
        %sum = add(%x, %y)
        %go = constant() {value = bool[] true}
        %r = loop(_, %go, %told) (%i: i64[], %g: bool[], %v: f32[B, 2*T]) {
            %n = host(%v) {function = "next", type = f32[B, 2*T]}
            yield %g, %n
        }
        output %held, %own, %told, %sum, %r
    }"#;

    /// The types of the outputs, or the message.
    fn outputs(inputs: &[&str]) -> String {
        let graph = parse(TEXT, &ParseOptions::default()).expect("the text is sound");
        let inputs: Vec<Type> = inputs.iter().map(|text| parse_type(text).expect("a type")).collect();
        match specialise(&graph, &inputs) {
            Ok(special) => {
                assert_eq!(verify(&special), Ok(()));
                let again = parse(&special.to_string(), &ParseOptions::default()).expect("it reads back");
                again.same_as(&special).expect("it reads back as it is");
                special.outputs().iter().map(|id| special.value(*id).ty.to_string()).collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_symbols_stand_for_reaches_every_type() {
        assert_eq!(outputs(&["f32[4, 3]", "f32[3]", "f32[4]"]), "f32[4, ?] f32[N] f32[4, 6] f32[4, 3] f32[4, 6]");
        assert_eq!(outputs(&["f32[B, T]", "f32[T]", "f32[T+1]"]), "f32[B, ?] f32[N] f32[B, 2*T] f32[B, T] f32[B, 2*T]");
        // In part, and with the names exchanged.
        assert_eq!(outputs(&["f32[4, B]", "f32[B]", "f32[B+1]"]), "f32[4, ?] f32[N] f32[4, 2*B] f32[4, B] f32[4, 2*B]");
        assert_eq!(outputs(&["f32[?, ?]", "f32[?]", "f32[6]"]), "f32[B, ?] f32[N] f32[B, 10] f32[B, 5] f32[B, 10]");
    }

    #[test]
    fn types_that_do_not_fit_are_refused() {
        assert_eq!(outputs(&["f32[4, 5]", "f32[6]", "f32[6]"]), "`T` is 5 by axis 1 of `x`, and 6 by axis 0 of `y`");
        assert_eq!(
            outputs(&["f32[4, 3]", "f32[3]", "f32[9]"]),
            "axis 0 of `z` is declared T+1, which is 4 where T is 3, and is given as 9"
        );
        assert_eq!(outputs(&["f32[4]", "f32[3]", "f32[9]"]), "`x` is declared f32[B, T], not f32[4]");
        assert_eq!(outputs(&["f32[4, 3]"]), "3 types are declared, 1 are given");
        // The state has an N of its own.
        assert_eq!(
            outputs(&["f32[4, N]", "f32[N]", "f32[N+1]"]),
            "a given type has the symbol `N`, which stands for something else that no given type binds"
        );
        let text = "graph \"g\" { state @s: f32[B] = f32[2] [1, 2] input %x: f32[B] output %x }";
        let graph = parse(text, &ParseOptions::default()).expect("the text is sound");
        let error = specialise(&graph, &[parse_type("f32[3]").expect("a type")]).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "graph: state: the state `s` is f32[3], but begins as f32[2]");
    }
}
