//! Examples: one use of an op with literal operands and results, as the op table declares them.
//!
//! ```text
//! example = (state ":" | "parameter" tensor ":")? op "(" operand,* ")" attributes? hints? region* "->" literal,*
//! state   = "state" tensortype ("capacity" number)? (contents | "=" tensor)
//! operand = literal | "_"
//! literal = tensor | "seq" "(" literal,* ")" | "seq" "<" type ">" "(" literal,* ")"
//!         | "some" "(" literal ")" | "none" "<" type ">"
//! ```
//!
//! The type of an empty sequence, and of nothing, is that of the element that isn't there. The state is
//! named `s`; where its type has one unknown dim, it begins with as many elements as are written, and where it
//! has several, as the tensor behind `=`. The parameter is named `p`.
//!
//! Comes out as a graph with the operands as inputs, named `operand0` and so on by their place; operands
//! that the op declares as shaping its results are constants instead, so that inference sees them.

use glassbox_tensor::Tensor;

use super::ParseOptions;
use super::error::ParseError;
use super::lex::Token;
use super::parse::GraphParser;
use super::parser::{Parsed, Parser};
use crate::builder::type_of_tensor;
use crate::dim::Dim;
use crate::graph::{Graph, State, ValueId};
use crate::ops;
use crate::types::Type;

/// An example, ready to run.
#[derive(Clone, Debug)]
pub struct Example {
    /// One node; its operands that aren't constants are the inputs, its results the outputs.
    pub graph: Graph,
    /// The inputs, in order.
    pub inputs: Vec<ExampleValue>,
    /// What the outputs shall be, in order.
    pub expected: Vec<ExampleValue>,
    /// The parameter that the graph runs with, where the example has one.
    pub parameter: Option<Tensor>,
}

/// A literal value.
#[derive(Clone, Debug)]
pub enum ExampleValue {
    /// A tensor.
    Tensor(Tensor),
    /// A sequence.
    Sequence {
        /// The type that all elements fit.
        element: Type,
        /// The elements.
        values: Vec<ExampleValue>,
    },
    /// An optional.
    Optional {
        /// The type of the value, present or not.
        element: Type,
        /// The value.
        value: Option<Box<ExampleValue>>,
    },
}

impl ExampleValue {
    /// The type.
    pub fn ty(&self) -> Type {
        match self {
            ExampleValue::Tensor(tensor) => type_of_tensor(tensor).into(),
            ExampleValue::Sequence { element, .. } => Type::sequence(element.clone()),
            ExampleValue::Optional { element, .. } => Type::optional(element.clone()),
        }
    }
}

/// The example that `text` is.
///
/// # Errors
///
/// Where the text is no example, with the place.
pub fn parse_example(text: &str) -> Result<Example, ParseError> {
    let mut graph = GraphParser::new(Parser::new(text, ParseOptions::default())?);
    if graph.parser.take_word("state")? {
        state(&mut graph)?;
    }
    let mut parameter = None;
    if graph.parser.take_word("parameter")? {
        parameter = Some(graph.parser.tensor()?);
        graph.parser.expect(":")?;
    }
    let mut inputs = Vec::new();
    let op = match graph.parser.token {
        Token::Word(name) => ops::find(name),
        _ => None,
    };
    let mut place = 0;
    let call = graph.call(|graph| {
        let value = literal(&mut graph.parser)?;
        let shapes = op.and_then(|op| op.input(place)).is_some_and(|input| input.shapes);
        let name = format!("operand{place}");
        place += 1;
        Ok(match value {
            ExampleValue::Tensor(tensor) if shapes => {
                let id = graph.builder.constant(tensor);
                graph.builder.set_name(id, &name);
                id
            }
            value => {
                let id = graph.builder.input(&name, value.ty());
                inputs.push(value);
                id
            }
        })
    })?;
    graph.parser.expect("->")?;
    let arrow = graph.parser.start;
    let mut expected = vec![literal(&mut graph.parser)?];
    while graph.parser.take(",")? {
        expected.push(literal(&mut graph.parser)?);
    }
    if graph.parser.token != Token::End {
        return Err(graph.parser.expected("`,` or the end of the example"));
    }
    let results = graph.add(call, expected.len(), "example")?;
    check_results(&graph, arrow, &results, &expected)?;
    let GraphParser { parser, builder, .. } = graph;
    let graph = builder.finish(results).map_err(|error| parser.error(0, error.into()))?;
    Ok(Example { graph, inputs, expected, parameter })
}

/// Each expected value fits the type that inference says.
fn check_results(graph: &GraphParser, start: usize, results: &[ValueId], expected: &[ExampleValue]) -> Parsed<()> {
    for (place, (id, value)) in results.iter().zip(expected).enumerate() {
        let (inferred, ty) = (graph.builder.type_of(*id), value.ty());
        if !inferred.admits(&ty) {
            let message = format!("result {place} is expected to be {ty}, but inference says {inferred}");
            return Err(graph.parser.invalid(start, message));
        }
    }
    Ok(())
}

/// `f32[2] [1, 2]:` after `state`.
fn state(graph: &mut GraphParser) -> Parsed<()> {
    let start = graph.parser.start;
    let ty = graph.parser.tensor_type()?;
    let capacity = match graph.parser.take_word("capacity")? {
        true => Some(graph.parser.natural("the capacity, a number")?),
        false => None,
    };
    let initial = match ty.shape.sizes() {
        _ if graph.parser.take("=")? => graph.parser.tensor()?,
        Some(sizes) => graph.parser.contents(start, ty.dtype, Some(sizes))?,
        None => {
            let elements = graph.parser.contents(start, ty.dtype, None)?;
            let Some(sizes) = ty.dims().and_then(|dims| grown(dims, elements.len())) else {
                let message = format!("the {} elements don't fill a state of type {ty}", elements.len());
                return Err(graph.parser.invalid(start, message));
            };
            elements.reshape(&sizes).map_err(|error| graph.parser.invalid(start, error.to_string()))?
        }
    };
    graph.parser.expect(":")?;
    graph.add_state(start, State { name: "s".to_owned(), ty, capacity, initial: Some(initial) })
}

/// The sizes of a state that holds `count` elements, where one dim is unknown.
fn grown(dims: &[Dim], count: usize) -> Option<Vec<usize>> {
    let known: Vec<Option<usize>> = dims.iter().map(Dim::as_size).collect();
    let others = known.iter().flatten().try_fold(1usize, |product, size| product.checked_mul(*size))?;
    let one_unknown = dims.iter().filter(|dim| dim.is_unknown()).count() == 1;
    let all_else_known = known.iter().flatten().count() + 1 == dims.len();
    if !one_unknown || !all_else_known || others == 0 || !count.is_multiple_of(others) {
        return None;
    }
    Some(known.into_iter().map(|size| size.unwrap_or(count / others)).collect())
}

/// A literal value.
fn literal(parser: &mut Parser) -> Parsed<ExampleValue> {
    match parser.token {
        Token::Word("seq") => sequence(parser),
        Token::Word("some") => {
            parser.advance()?;
            parser.expect("(")?;
            let value = parser.nested(literal)?;
            parser.expect(")")?;
            Ok(ExampleValue::Optional { element: value.ty(), value: Some(Box::new(value)) })
        }
        Token::Word("none") => {
            parser.advance()?;
            parser.expect("<")?;
            let element = parser.ty()?;
            parser.expect(">")?;
            Ok(ExampleValue::Optional { element, value: None })
        }
        Token::Word(_) => Ok(ExampleValue::Tensor(parser.tensor()?)),
        _ => Err(parser.expected("a literal, such as `f32[2] [1, 2]`, `seq(…)`, `some(…)` or `none<…>`")),
    }
}

fn sequence(parser: &mut Parser) -> Parsed<ExampleValue> {
    let start = parser.start;
    parser.advance()?;
    let declared = match parser.take("<")? {
        true => {
            let element = parser.ty()?;
            parser.expect(">")?;
            Some(element)
        }
        false => None,
    };
    parser.expect("(")?;
    let values = parser.nested(|parser| parser.list(")", literal))?;
    let mut joined: Option<Type> = None;
    for value in &values {
        let ty = value.ty();
        let both = joined.as_ref().map_or(Some(ty.clone()), |so_far| so_far.join(&ty));
        joined = Some(both.ok_or_else(|| parser.invalid(start, "the elements of a sequence have one kind and dtype"))?);
    }
    let element = match (declared, joined) {
        (Some(declared), Some(joined)) if !declared.admits(&joined) => {
            return Err(parser.invalid(start, format!("a sequence of {declared} can't hold {joined}")));
        }
        (Some(element), _) | (None, Some(element)) => element,
        (None, None) => {
            return Err(parser.invalid(start, "an empty sequence needs the type of its elements: `seq<f32[*]>()`"));
        }
    };
    Ok(ExampleValue::Sequence { element, values })
}
