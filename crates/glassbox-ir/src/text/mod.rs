//! The text form: every graph prints to and parses from one text that a person can read.
//!
//! It is the format of dumps, golden tests and bug reports. What is printed parses to the same graph
//! ([`Graph::same_as`](crate::Graph::same_as)); parsing goes through the builder, so that what parses
//! has been inferred.
//!
//! ```text
//! graph "name" {
//!   meta "producer" = "somebody"
//!   state @cache: f16[2, K, 64] capacity 448 = f16[2, 0, 64] []
//!   input %x: f32[B, 3]
//!   %w = constant() {value = f32[3, 1] [1, 2, 3]} : f32[3, 1]  @ layer("head/w")
//!   %y = matmul(%x, %w) : f32[B, 1]
//!   %a, %b = if(%c) () {
//!     %0 = neg(%y) : f32[B, 1]
//!     yield %0, %y
//!   } () {
//!     yield %y, %y
//!   } : f32[B, 1], f32[B, 1]
//!   output %a, %b
//! }
//! ```
//!
//! The grammar, where `*` is any number, with commas between them where a list is shown so:
//!
//! ```text
//! text      = "graph" string "{" header* node* "output" value,* "}" data?
//! header    = "meta" string "=" string
//!           | "state" "@"name ":" tensortype ("capacity" number)? ("=" tensor)?
//!           | "input" value ":" type
//! node      = (value,* "=")? op "(" operand,* ")" ("{" attribute,* "}")? ("@" "{" hint,* "}")? region*
//!             (":" type,*)? ("@" chain|*)?
//! operand   = value | "_"
//! attribute = name "=" (bool | int | float | string | dtype | type | tensor | "[" …,* "]")
//! hint      = (name | string) "=" (bool | int | float | string | dtype | type | tensor | list)
//! list      = "[" …,* "]" | ("ints" | "floats" | "strings") "[" "]"
//! region    = "(" parameter,* ")" "{" node* "yield" value,* "}"
//! parameter = value ":" type
//! value     = "%"name | "%"string | "%"number      bare names: letters, digits and _ . / : # -
//! type      = tensortype | "seq" "<" type ">" | "opt" "<" type ">"
//! tensortype = dtype "[" (dim,* | "*") "]"
//! dim       = "?" | a sum of products of numbers, symbols and floordiv, mod, min, max,
//!             broadcast of two dims
//! tensor    = dtype "[" number,* "]" ("[" element,* "]" | element | "data" "(" string ")")
//! chain     = origin>*
//! origin    = "onnx" "(" string "," string ")" | "layer" "(" string ")"
//!           | "statement" "(" string "," number "," string ("," "helps")? ")" | "decomposed" "(" string ")"
//! data      = "data" "{" (string "=" "base64" string)* "}"
//! ```
//!
//! Comments run from `//` to the end of the line. Strings have Rust's escapes. A value without a name is
//! a number. Floats are the shortest decimals that read back to the same bits, `inf`, `-inf`, `nan`, or
//! `bits(0x…)` for a NaN that isn't the plain one; in a hint, whose kind nothing declares, a float that is
//! whole ends in `.0`. The types of results may be left out; those that are
//! written must be what inference says. Tensors of more than 16 elements are written as the hash of their
//! dtype, dims and bytes; the bytes stand in the `data` section, or come from [`ParseOptions::resolve`].
//!
//! Refuses, with the line and column, whatever else a text may hold. Nesting has a limit of 128, and
//! nothing allocates more than the text's length explains.

mod data;
mod error;
mod example;
mod format;
mod lex;
mod literal;
mod parse;
mod parser;
mod print;
mod types;
mod values;

pub use data::data_hash;
pub use error::{ParseError, Problem, nearest};
pub use example::{Example, ExampleValue, parse_example};
pub use format::format;
pub use parse::parse;
pub use print::{PrintOptions, print};

pub(crate) use data::data_bytes;
pub(crate) use literal::{format_float, parse_float};

use glassbox_tensor::Tensor;

use crate::attr::{Attr, AttrKind};
use crate::dim::Dim;
use crate::types::Type;
use lex::Token;
use parser::{Parsed, Parser};

/// How a text is parsed.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct ParseOptions<'r> {
    /// Gives the tensors whose bytes aren't in the text, by their [`data_hash`].
    pub resolve: Option<Resolve<'r>>,
}

/// Gives the tensor that has a [`data_hash`].
pub type Resolve<'r> = &'r dyn Fn(u128) -> Option<Tensor>;

impl<'r> ParseOptions<'r> {
    /// Bytes that aren't in the text are those of the tensors that `resolve` gives.
    pub fn with_resolver(resolve: Resolve<'r>) -> ParseOptions<'r> {
        ParseOptions { resolve: Some(resolve) }
    }
}

/// The type that is written `text`: `f32[2, B]`, `seq<i64[*]>`.
///
/// # Errors
///
/// Where the text is no type, with the place.
///
/// ```
/// use glassbox_ir::text::parse_type;
/// assert_eq!(parse_type("f32[2, B]")?.to_string(), "f32[2, B]");
/// assert!(parse_type("f33[2]").is_err());
/// # Ok::<(), glassbox_ir::text::ParseError>(())
/// ```
pub fn parse_type(text: &str) -> Result<Type, ParseError> {
    parse_all(text, Parser::ty)
}

/// The dim that is written `text`: `2*T+1`.
///
/// # Errors
///
/// Where the text is no dim, with the place.
///
/// ```
/// use glassbox_ir::text::parse_dim;
/// assert_eq!(parse_dim("T + T + 1")?.to_string(), "2*T+1");
/// # Ok::<(), glassbox_ir::text::ParseError>(())
/// ```
pub fn parse_dim(text: &str) -> Result<Dim, ParseError> {
    parse_all(text, Parser::dim)
}

/// The value of an attribute of this kind that is written `text`: `[1, 2]`, `"same"`, `0.5`.
///
/// # Errors
///
/// The text isn't one.
pub fn parse_attr(text: &str, kind: AttrKind) -> Result<Attr, ParseError> {
    parse_all(text, |parser| parser.attr(kind))
}

fn parse_all<'a, T>(text: &'a str, read: impl FnOnce(&mut Parser<'a>) -> Parsed<T>) -> Parsed<T> {
    let mut parser = Parser::new(text, ParseOptions::default())?;
    let found = read(&mut parser)?;
    if parser.token != Token::End {
        return Err(parser.expected("the end of the text"));
    }
    Ok(found)
}
