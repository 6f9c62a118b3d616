//! Text to graph. See the [grammar](super).
//!
//! Every node goes through the [`GraphBuilder`], so that a graph that parses has been inferred; a type
//! that is written must be the one that inference gives. Refuses values used outside the region that
//! defines them, names that are given twice, and nesting beyond a limit.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::ParseOptions;
use super::error::{ParseError, Problem, nearest};
use super::lex::{Label, Token, shortened};
use super::parser::{Parsed, Parser, did_you_mean};
use crate::attr::{Attrs, Hints};
use crate::builder::GraphBuilder;
use crate::error::{BuildError, Violation};
use crate::graph::{Graph, RegionId, State, ValueId};
use crate::infer::check_type;
use crate::op::OpDef;
use crate::ops;
use crate::provenance::{Origin, Provenance};
use crate::types::Type;
use crate::verify::{MAX_NESTED_REGIONS, check_hints};

/// The graph that a text is.
///
/// # Errors
///
/// Where the text is no graph, or inference refuses a node, with the place.
pub fn parse(text: &str, options: &ParseOptions) -> Result<Graph, ParseError> {
    GraphParser::new(Parser::new(text, *options)?).graph()
}

/// What a node is made of, up to the types of its results.
pub(super) struct Call {
    /// Where it begins.
    pub(super) start: usize,
    pub(super) op: &'static OpDef,
    pub(super) operands: Vec<Option<ValueId>>,
    pub(super) attrs: Attrs,
    hints: Hints,
    pub(super) regions: Vec<RegionId>,
}

/// A graph as far as it is read.
pub(super) struct GraphParser<'a> {
    pub(super) parser: Parser<'a>,
    pub(super) builder: GraphBuilder,
    /// The values that may be used here.
    visible: HashMap<Label<'a>, ValueId>,
    /// Every name that was given, visible or not.
    given: HashSet<Label<'a>>,
    /// What each open region defined.
    scopes: Vec<Vec<Label<'a>>>,
    /// Types that are written in bodies of a node that isn't added yet: only then inference is done with them.
    unchecked: Vec<Written>,
    /// Where each line of the graph begins, as it is printed.
    pub(super) lines: Vec<Line>,
}

/// The type of a value as it is written.
struct Written {
    start: usize,
    label: String,
    ty: Type,
    id: ValueId,
}

/// A line of a graph that is printed: where it begins in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) start: usize,
    pub(super) kind: LineKind,
}

/// The kinds of lines, in the order in which they are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LineKind {
    /// `graph "name" {`
    Begin,
    Meta,
    State,
    Input,
    /// A node up to the body of its first region, what a region gives back, the end of one, and what follows the graph.
    Other,
}

impl<'a> GraphParser<'a> {
    pub(super) fn new(parser: Parser<'a>) -> GraphParser<'a> {
        GraphParser {
            parser,
            builder: GraphBuilder::new(""),
            visible: HashMap::new(),
            given: HashSet::new(),
            scopes: vec![Vec::new()],
            unchecked: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Notes that a line begins here.
    fn line(&mut self, kind: LineKind) {
        self.lines.push(Line { start: self.parser.start, kind });
    }

    pub(super) fn graph(&mut self) -> Parsed<Graph> {
        self.line(LineKind::Begin);
        if !self.parser.take_word("graph")? {
            return Err(self.parser.expected("`graph`"));
        }
        let name = self.parser.string("the name of the graph, in quotes")?;
        self.builder = GraphBuilder::new(name);
        if !self.parser.at("{") {
            return Err(self.parser.expected("`{`"));
        }
        self.parser.read_data_ahead()?;
        self.parser.expect("{")?;
        self.header()?;
        let outputs = self.nodes("output")?;
        self.line(LineKind::Other);
        self.parser.expect("}")?;
        if self.parser.at_word("data") {
            self.line(LineKind::Other);
            self.parser.data_section()?;
        }
        if self.parser.token != Token::End {
            return Err(self.parser.expected("the end of the text, or a `data` section"));
        }
        let builder = std::mem::replace(&mut self.builder, GraphBuilder::new(""));
        builder.finish(outputs).map_err(|error| self.parser.error(self.parser.start, error.into()))
    }

    /// What stands before the first node.
    fn header(&mut self) -> Parsed<()> {
        loop {
            let Token::Word(word) = self.parser.token else { return Ok(()) };
            match word {
                "meta" => {
                    self.line(LineKind::Meta);
                    self.parser.advance()?;
                    let key = self.parser.string("the key, in quotes")?;
                    self.parser.expect("=")?;
                    let value = self.parser.string("the text, in quotes")?;
                    self.builder.metadata(key, value);
                }
                "state" => {
                    self.line(LineKind::State);
                    self.parser.advance()?;
                    self.state()?;
                }
                "input" => {
                    self.line(LineKind::Input);
                    self.parser.advance()?;
                    let (start, label, ty) = self.parameter()?;
                    let id = self.builder.input("", ty);
                    self.define(start, label, id)?;
                }
                _ => return Ok(()),
            }
        }
    }

    fn state(&mut self) -> Parsed<()> {
        let start = self.parser.start;
        if !matches!(self.parser.token, Token::State(_)) {
            return Err(self.parser.expected("the name of the state, such as `@cache`"));
        }
        let Token::State(name) = self.parser.advance()? else {
            return Err(self.parser.expected("the name of the state"));
        };
        self.parser.expect(":")?;
        let ty = self.parser.tensor_type()?;
        let capacity = match self.parser.take_word("capacity")? {
            true => Some(self.parser.natural("the capacity, a number")?),
            false => None,
        };
        let initial = if self.parser.take("=")? { Some(self.parser.tensor()?) } else { None };
        self.add_state(start, State { name: name.into_owned(), ty, capacity, initial })
    }

    pub(super) fn add_state(&mut self, start: usize, state: State) -> Parsed<()> {
        let added = self.builder.state(state);
        added.map_err(|error| self.parser.error(start, error.into()))
    }

    /// `%name: type`
    fn parameter(&mut self) -> Parsed<(usize, Label<'a>, Type)> {
        let start = self.parser.start;
        let label = self.label()?;
        self.parser.expect(":")?;
        let (place, ty) = (self.parser.start, self.parser.ty()?);
        check_type(&ty).map_err(|violation| self.parser.error(place, violation.into()))?;
        Ok((start, label, ty))
    }

    fn label(&mut self) -> Parsed<Label<'a>> {
        const EXPECTED: &str = "a value, such as `%x`";
        if !matches!(self.parser.token, Token::Value(_)) {
            return Err(self.parser.expected(EXPECTED));
        }
        match self.parser.advance()? {
            Token::Value(label) => Ok(label),
            _ => Err(self.parser.expected(EXPECTED)),
        }
    }

    /// Gives a value the name that the text gives it.
    fn define(&mut self, start: usize, label: Label<'a>, id: ValueId) -> Parsed<()> {
        if !self.given.insert(label.clone()) {
            return Err(self.parser.error(start, Problem::Duplicate { what: "the value", name: label.to_string() }));
        }
        if let Label::Name(name) = &label {
            self.builder.set_name(id, name);
        }
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(label.clone());
        }
        self.visible.insert(label, id);
        Ok(())
    }

    /// A value that is defined and visible.
    pub(super) fn used_value(&mut self) -> Parsed<ValueId> {
        let start = self.parser.start;
        let label = self.label()?;
        if let Some(id) = self.visible.get(&label) {
            return Ok(*id);
        }
        let hint = if self.given.contains(&label) {
            " here: it is defined in a region that is closed".to_owned()
        } else {
            let names = self.visible.keys().filter_map(|label| match label {
                Label::Name(name) => Some(name.as_ref()),
                Label::Number(_) => None,
            });
            // The first of the nearest by name, so that the message doesn't depend on the order of a map.
            const MAX_LOOKED_AT: usize = 1000;
            let mut names: Vec<&str> = if self.visible.len() > MAX_LOOKED_AT { Vec::new() } else { names.collect() };
            names.sort_unstable();
            did_you_mean(nearest(&label.to_string(), names.into_iter()))
        };
        Err(self.parser.error(start, Problem::Unknown { what: "value", name: format!("%{label}"), hint }))
    }

    /// Nodes, up to and with the line that says what is given back.
    fn nodes(&mut self, last: &'static str) -> Parsed<Vec<ValueId>> {
        loop {
            match &self.parser.token {
                Token::Word(word) if *word == last => {
                    self.line(LineKind::Other);
                    self.parser.advance()?;
                    return self.results();
                }
                Token::Word(word @ ("input" | "meta" | "state")) => {
                    let message = format!("`{word}` stands at the beginning of a graph, before its nodes");
                    return Err(self.parser.invalid(self.parser.start, message));
                }
                Token::Word(word) if !matches!(*word, "yield" | "output") => self.node()?,
                Token::Value(_) => self.node()?,
                _ => return Err(self.parser.expected(format!("a node, or `{last}`"))),
            }
        }
    }

    /// `%a, %b` after `yield` or `output`; perhaps none.
    fn results(&mut self) -> Parsed<Vec<ValueId>> {
        let mut results = Vec::new();
        if !matches!(self.parser.token, Token::Value(_)) {
            return Ok(results);
        }
        loop {
            results.push(self.used_value()?);
            if !self.parser.take(",")? {
                return Ok(results);
            }
        }
    }

    fn node(&mut self) -> Parsed<()> {
        self.line(LineKind::Other);
        let mut labels = Vec::new();
        if matches!(self.parser.token, Token::Value(_)) {
            loop {
                labels.push((self.parser.start, self.label()?));
                if !self.parser.take(",")? {
                    break;
                }
            }
            self.parser.expect("=")?;
        }
        let call = self.call(|graph| graph.used_value())?;
        let written = self.written_types(labels.len())?;
        let provenance = if self.parser.take("@")? { self.provenance()? } else { Provenance::default() };
        self.builder.set_provenance(provenance);
        let name = labels.first().map(|(_, label)| label.to_string()).unwrap_or_default();
        let results = self.add(call, labels.len(), &name)?;
        let written = written.unwrap_or_default().into_iter().zip(&labels).zip(&results);
        let written =
            written.map(|(((start, ty), (_, label)), id)| Written { start, label: label.to_string(), ty, id: *id });
        let written: Vec<Written> = written.collect();
        // What states hold in a body may be inferred again once it is known what runs the body.
        if self.scopes.len() > 1 && self.builder.graph().states.any_followed() {
            self.unchecked.extend(written);
        } else {
            let unchecked = std::mem::take(&mut self.unchecked);
            unchecked.into_iter().chain(written).try_for_each(|written| self.check_type(written))?;
        }
        for ((start, label), id) in labels.into_iter().zip(results) {
            self.define(start, label, id)?;
        }
        Ok(())
    }

    /// An op, operands as `operand` reads them, attributes and regions.
    pub(super) fn call(&mut self, mut operand: impl FnMut(&mut Self) -> Parsed<ValueId>) -> Parsed<Call> {
        let start = self.parser.start;
        let name = self.parser.word("an op, such as `add`")?;
        let Some(op) = ops::find(name) else {
            let hint = did_you_mean(nearest(name, ops::TABLE.iter().map(|op| op.name)));
            let name = shortened(name).into_owned();
            return Err(self.parser.error(start, Problem::Unknown { what: "op", name, hint }));
        };
        self.parser.expect("(")?;
        let mut operands = Vec::new();
        while !self.parser.take(")")? {
            operands.push(if self.parser.take_word("_")? { None } else { Some(operand(self)?) });
            if !self.parser.at(")") {
                self.parser.take(",")?.then_some(()).ok_or_else(|| self.parser.expected("`,` or `)`"))?;
            }
        }
        let attrs = self.attrs(op)?;
        let hints = self.hints()?;
        let mut regions = Vec::new();
        while self.parser.at("(") {
            regions.push(self.region(op)?);
        }
        Ok(Call { start, op, operands, attrs, hints, regions })
    }

    /// Adds the node; its provenance is the builder's. Where that names nothing, an error calls the node
    /// `name`.
    pub(super) fn add(&mut self, call: Call, outputs: usize, name: &str) -> Parsed<Vec<ValueId>> {
        let Call { start, op, operands, attrs, hints, regions } = call;
        let results = self.builder.node_with_settled_regions(op, &operands, attrs, regions, outputs);
        let results = results.map_err(|mut error| {
            if let BuildError::Node { node, .. } = &mut error
                && node.is_empty()
            {
                *node = name.to_owned();
            }
            self.parser.error(start, error.into())
        })?;
        self.builder.hint_last(hints);
        Ok(results)
    }

    fn attrs(&mut self, op: &'static OpDef) -> Parsed<Attrs> {
        let mut attrs = Attrs::new();
        if !self.parser.take("{")? {
            return Ok(attrs);
        }
        let given = self.parser.list("}", |parser| {
            let start = parser.start;
            let name = parser.word("the name of an attribute")?;
            let Some(spec) = op.attr(name) else {
                let hint = did_you_mean(nearest(name, op.attrs.iter().map(|spec| spec.name)));
                let hint = format!(" of `{}`{hint}", op.name);
                let name = shortened(name).into_owned();
                return Err(parser.error(start, Problem::Unknown { what: "attribute", name, hint }));
            };
            parser.expect("=")?;
            Ok((start, spec.name, parser.attr(spec.kind)?))
        })?;
        for (start, name, attr) in given {
            if attrs.insert(name, attr).is_some() {
                let name = name.to_owned();
                return Err(self.parser.error(start, Problem::Duplicate { what: "the attribute", name }));
            }
        }
        Ok(attrs)
    }

    /// `@{fuse = true}`, where it is written.
    fn hints(&mut self) -> Parsed<Hints> {
        let mut hints = Hints::new();
        if !self.parser.at("@") || !self.parser.followed_by("{") {
            return Ok(hints);
        }
        self.parser.advance()?;
        self.parser.expect("{")?;
        while !self.parser.take("}")? {
            let start = self.parser.start;
            let name = match self.parser.token {
                Token::Word(word) => {
                    self.parser.advance()?;
                    Cow::Borrowed(word)
                }
                _ => self.parser.string("the name of a hint")?,
            };
            self.parser.expect("=")?;
            let advice = self.parser.advice()?;
            let hint = Hints::from([(name.into_owned(), advice)]);
            check_hints(&hint).map_err(|violation| self.parser.error(start, violation.into()))?;
            for (name, advice) in hint {
                if hints.contains_key(&name) {
                    return Err(self.parser.error(start, Problem::Duplicate { what: "the hint", name }));
                }
                hints.insert(name, advice);
            }
            if !self.parser.at("}") {
                self.parser.take(",")?.then_some(()).ok_or_else(|| self.parser.expected("`,` or `}`"))?;
            }
        }
        Ok(hints)
    }

    /// `(%x: f32[2]) { nodes yield %y }`
    fn region(&mut self, op: &OpDef) -> Parsed<RegionId> {
        let start = self.parser.start;
        self.parser.expect("(")?;
        let mut parameters = Vec::new();
        while !self.parser.take(")")? {
            parameters.push(self.parameter()?);
            if !self.parser.at(")") {
                self.parser.take(",")?.then_some(()).ok_or_else(|| self.parser.expected("`,` or `)`"))?;
            }
        }
        self.parser.enter(start)?;
        if self.scopes.len() > MAX_NESTED_REGIONS {
            let problem = Problem::Limit { what: "the nesting of regions", limit: MAX_NESTED_REGIONS };
            return Err(self.parser.error(start, problem));
        }
        let types: Vec<Type> = parameters.iter().map(|(_, _, ty)| ty.clone()).collect();
        let (region, ids) = self.builder.begin_body(op, &types);
        self.scopes.push(Vec::new());
        for ((start, label, _), id) in parameters.into_iter().zip(ids) {
            self.define(start, label, id)?;
        }
        self.parser.expect("{")?;
        let results = self.nodes("yield")?;
        self.line(LineKind::Other);
        self.parser.expect("}")?;
        self.builder.end_region(results);
        for label in self.scopes.pop().unwrap_or_default() {
            self.visible.remove(&label);
        }
        self.parser.leave();
        Ok(region)
    }

    /// `: f32[2], f32[3]`, where it is written.
    fn written_types(&mut self, results: usize) -> Parsed<Option<Vec<(usize, Type)>>> {
        let start = self.parser.start;
        if !self.parser.take(":")? {
            return Ok(None);
        }
        let mut types = Vec::new();
        loop {
            types.push((self.parser.start, self.parser.ty()?));
            if !self.parser.take(",")? {
                break;
            }
        }
        if types.len() != results {
            let message = format!("{} types are written for {results} results", types.len());
            return Err(self.parser.invalid(start, message));
        }
        Ok(Some(types))
    }

    fn check_type(&self, Written { start, label, ty, id }: Written) -> Parsed<()> {
        let inferred = self.builder.type_of(id);
        if ty == *inferred {
            return Ok(());
        }
        let (value, inferred) = (format!("%{label}"), inferred.to_string());
        Err(self.parser.error(start, Problem::Type { value, written: ty.to_string(), inferred }))
    }

    /// `onnx("n", "Conv") > decomposed("softmax") | layer("l")`
    fn provenance(&mut self) -> Parsed<Provenance> {
        let mut chains = vec![vec![self.origin()?]];
        loop {
            if self.parser.take("|")? {
                chains.push(Vec::new());
            } else if !self.parser.take(">")? {
                return Ok(Provenance::of_chains(chains));
            }
            let origin = self.origin()?;
            chains.last_mut().into_iter().for_each(|chain| chain.push(origin.clone()));
        }
    }

    fn origin(&mut self) -> Parsed<Origin> {
        const EXPECTED: &str = "an origin: `onnx`, `layer`, `statement` or `decomposed`";
        let Token::Word(word) = self.parser.token else { return Err(self.parser.expected(EXPECTED)) };
        if !matches!(word, "onnx" | "layer" | "statement" | "decomposed") {
            return Err(self.parser.expected(EXPECTED));
        }
        self.parser.advance()?;
        self.parser.expect("(")?;
        let first = self.parser.string("a string").map(Cow::into_owned)?;
        let origin = match word {
            "onnx" => {
                self.parser.expect(",")?;
                Origin::Onnx { node: first, op: self.parser.string("the op, in quotes")?.into_owned() }
            }
            "statement" => {
                self.parser.expect(",")?;
                let (start, line) = (self.parser.start, self.parser.natural("the number of the line")?);
                let line = u32::try_from(line).map_err(|_| self.parser.invalid(start, "no file has that line"))?;
                self.parser.expect(",")?;
                let block = self.parser.string("the block, in quotes")?.into_owned();
                let helps = self.parser.take(",")?;
                if helps && !self.parser.take_word("helps")? {
                    return Err(self.parser.expected("`helps`"));
                }
                Origin::Statement { file: first, line, block, completes: !helps }
            }
            "layer" => Origin::Layer(first),
            _ => Origin::Decomposed(first),
        };
        self.parser.expect(")")?;
        Ok(origin)
    }
}

impl From<Violation> for Problem {
    fn from(violation: Violation) -> Problem {
        Problem::Rule(BuildError::Graph(violation))
    }
}
