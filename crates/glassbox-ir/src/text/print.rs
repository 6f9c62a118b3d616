//! Graph to text. See the [grammar](super).
//!
//! Deterministic: values without a name are numbered in the order in which the text meets them. A graph
//! that the verifier accepts reads back as the same graph. Of one that it refuses the text shows what is
//! there; a region that occurs twice, or a tensor whose bytes can't be read, prints as what no parser
//! takes. Ids that aren't in the graph at all are a mistake of the caller, and panic: verify first.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use glassbox_tensor::{DType, Tensor};

use super::data::{MAX_ELEMENTS, data_bytes, data_hash};
use super::lex::{is_bare_name, is_word};
use super::literal::{element_bits, format_element, format_float};
use crate::attr::Attr;
use crate::graph::{Graph, NodeId, RegionId, State, ValueId};
use crate::order::Order;

/// How a graph is printed.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct PrintOptions {
    /// Whether the bytes of the long tensors follow the graph, so that the text is complete.
    pub data: bool,
}

impl PrintOptions {
    /// The text alone holds everything.
    pub fn with_data() -> PrintOptions {
        PrintOptions { data: true }
    }
}

/// The text of a graph.
///
/// ```
/// use glassbox_ir::text::{ParseOptions, PrintOptions, parse, print};
/// let graph = parse("graph \"g\" { input %x: f32[2] %y = neg(%x) output %y }", &ParseOptions::default())?;
/// let again = parse(&print(&graph, &PrintOptions::with_data()), &ParseOptions::default())?;
/// assert!(graph.same_as(&again).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn print(graph: &Graph, options: &PrintOptions) -> String {
    let mut printer = Printer::new(graph, options.data);
    // Writing to a `String` can't fail.
    let _ = printer.graph();
    printer.out
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print(self, &PrintOptions::default()))
    }
}

/// What is still to be printed.
enum Step {
    Node(NodeId, usize),
    /// What follows the regions of a node.
    Types(NodeId),
    Region(RegionId, usize),
    Yield(RegionId, usize),
}

struct Printer<'g> {
    graph: &'g Graph,
    out: String,
    /// The numbers of values without a name, by index.
    numbers: Vec<usize>,
    printed: Vec<bool>,
    /// The long tensors that occurred, where their data shall follow.
    data: Option<BTreeMap<u128, Tensor>>,
}

impl<'g> Printer<'g> {
    fn new(graph: &'g Graph, data: bool) -> Printer<'g> {
        let mut numbers = vec![0; graph.value_count()];
        let unnamed = Order::of(graph).values.into_iter().filter(|id| graph.value(*id).name.is_none());
        for (number, id) in unnamed.enumerate() {
            numbers[id.index()] = number;
        }
        let printed = vec![false; graph.regions.len()];
        Printer { graph, out: String::new(), numbers, printed, data: data.then(BTreeMap::new) }
    }

    fn graph(&mut self) -> fmt::Result {
        let graph = self.graph;
        writeln!(self.out, "graph {:?} {{", graph.name)?;
        for (key, value) in &graph.metadata {
            writeln!(self.out, "  meta {key:?} = {value:?}")?;
        }
        for state in &graph.states {
            self.state(state)?;
        }
        for input in graph.inputs() {
            self.out.push_str("  input ");
            self.parameter(*input)?;
            self.out.push('\n');
        }
        let body = graph.body();
        if let Some(printed) = self.printed.get_mut(body.index()) {
            *printed = true;
        }
        let mut stack: Vec<Step> = graph.region(body).nodes.iter().rev().map(|id| Step::Node(*id, 1)).collect();
        while let Some(step) = stack.pop() {
            self.step(step, &mut stack)?;
        }
        self.ids("  output", graph.outputs())?;
        self.out.push_str("}\n");
        self.data_section()
    }

    fn state(&mut self, state: &State) -> fmt::Result {
        self.out.push_str("  state @");
        self.name(&state.name)?;
        write!(self.out, ": {}", state.ty)?;
        if let Some(capacity) = state.capacity {
            write!(self.out, " capacity {capacity}")?;
        }
        if let Some(initial) = &state.initial {
            self.out.push_str(" = ");
            self.tensor(initial)?;
        }
        self.out.push('\n');
        Ok(())
    }

    fn step(&mut self, step: Step, stack: &mut Vec<Step>) -> fmt::Result {
        match step {
            Step::Node(id, depth) => {
                self.node(id, depth)?;
                stack.push(Step::Types(id));
                let regions = self.graph.node(id).regions.iter().rev();
                stack.extend(regions.map(|region| Step::Region(*region, depth)));
                Ok(())
            }
            Step::Types(id) => self.types(id),
            Step::Region(id, depth) => self.region(id, depth, stack),
            Step::Yield(id, depth) => {
                self.indent(depth + 1);
                let graph = self.graph;
                self.ids("yield", &graph.region(id).results)?;
                self.indent(depth);
                self.out.push('}');
                Ok(())
            }
        }
    }

    /// A node up to its regions.
    fn node(&mut self, id: NodeId, depth: usize) -> fmt::Result {
        let node = self.graph.node(id);
        self.indent(depth);
        for (place, result) in node.results.iter().enumerate() {
            self.out.push_str(if place == 0 { "" } else { ", " });
            self.value(*result)?;
        }
        if !node.results.is_empty() {
            self.out.push_str(" = ");
        }
        write!(self.out, "{}(", node.op.name)?;
        for (place, operand) in node.operands.iter().enumerate() {
            self.out.push_str(if place == 0 { "" } else { ", " });
            match operand {
                Some(operand) => self.value(*operand)?,
                None => self.out.push('_'),
            }
        }
        self.out.push(')');
        if !node.attrs.is_empty() {
            self.out.push_str(" {");
            for (place, (name, attr)) in node.attrs.iter().enumerate() {
                self.out.push_str(if place == 0 { "" } else { ", " });
                write!(self.out, "{name} = ")?;
                self.attr(attr)?;
            }
            self.out.push('}');
        }
        if !node.hints.is_empty() {
            self.out.push_str(" @{");
            for (place, (name, advice)) in node.hints.iter().enumerate() {
                self.out.push_str(if place == 0 { "" } else { ", " });
                if is_word(name) {
                    self.out.push_str(name)
                } else {
                    write!(self.out, "{name:?}")?
                }
                self.out.push_str(" = ");
                self.advice(advice)?;
            }
            self.out.push('}');
        }
        Ok(())
    }

    /// What follows the regions of a node: the types of its results and where it comes from.
    fn types(&mut self, id: NodeId) -> fmt::Result {
        let node = self.graph.node(id);
        for (place, result) in node.results.iter().enumerate() {
            self.out.push_str(if place == 0 { " : " } else { ", " });
            write!(self.out, "{}", self.graph.value(*result).ty)?;
        }
        if !node.provenance.is_empty() {
            write!(self.out, "  @ {}", node.provenance)?;
        }
        self.out.push('\n');
        Ok(())
    }

    fn region(&mut self, id: RegionId, depth: usize, stack: &mut Vec<Step>) -> fmt::Result {
        let graph = self.graph;
        let seen = self.printed.get_mut(id.index()).is_none_or(|printed| std::mem::replace(printed, true));
        if seen {
            return write!(self.out, " <region {} again>", id.index());
        }
        self.out.push_str(" (");
        for (place, parameter) in graph.region(id).parameters.iter().enumerate() {
            self.out.push_str(if place == 0 { "" } else { ", " });
            self.parameter(*parameter)?;
        }
        self.out.push_str(") {\n");
        stack.push(Step::Yield(id, depth));
        stack.extend(graph.region(id).nodes.iter().rev().map(|node| Step::Node(*node, depth + 1)));
        Ok(())
    }

    fn ids(&mut self, keyword: &str, ids: &[ValueId]) -> fmt::Result {
        self.out.push_str(keyword);
        for (place, id) in ids.iter().enumerate() {
            self.out.push_str(if place == 0 { " " } else { ", " });
            self.value(*id)?;
        }
        self.out.push('\n');
        Ok(())
    }

    fn parameter(&mut self, id: ValueId) -> fmt::Result {
        self.value(id)?;
        write!(self.out, ": {}", self.graph.value(id).ty)
    }

    fn value(&mut self, id: ValueId) -> fmt::Result {
        self.out.push('%');
        match &self.graph.value(id).name {
            Some(name) => self.name(name),
            None => write!(self.out, "{}", self.numbers[id.index()]),
        }
    }

    fn name(&mut self, name: &str) -> fmt::Result {
        if is_bare_name(name) { self.out.write_str(name) } else { write!(self.out, "{name:?}") }
    }

    /// Past this depth, deeper nesting is no longer shown as space.
    fn indent(&mut self, depth: usize) {
        const DEEPEST: usize = 40;
        for _ in 0..depth.min(DEEPEST) {
            self.out.push_str("  ");
        }
    }

    fn attr(&mut self, attr: &Attr) -> fmt::Result {
        match attr {
            Attr::Bool(value) => write!(self.out, "{value}"),
            Attr::Int(value) => write!(self.out, "{value}"),
            Attr::Float(value) => self.out.write_str(&format_float(DType::F64, value.to_bits())),
            Attr::Str(value) => write!(self.out, "{value:?}"),
            Attr::Ints(values) => self.list(values, |value| value.to_string()),
            Attr::Floats(values) => self.list(values, |value| format_float(DType::F64, value.to_bits())),
            Attr::Strs(values) => self.list(values, |value| format!("{value:?}")),
            Attr::DType(value) => write!(self.out, "{value}"),
            Attr::Type(value) => write!(self.out, "{value}"),
            Attr::Tensor(value) => self.tensor(value),
        }
    }

    /// The value of a hint: as that of an attribute, but so that its kind can be seen.
    fn advice(&mut self, advice: &Attr) -> fmt::Result {
        match advice {
            Attr::Float(value) => self.out.write_str(&seen_as_float(*value)),
            Attr::Ints(values) if values.is_empty() => self.out.write_str("ints []"),
            Attr::Floats(values) if values.is_empty() => self.out.write_str("floats []"),
            Attr::Strs(values) if values.is_empty() => self.out.write_str("strings []"),
            Attr::Floats(values) => self.list(values, |value| seen_as_float(*value)),
            other => self.attr(other),
        }
    }

    fn list<T>(&mut self, values: &[T], text: impl Fn(&T) -> String) -> fmt::Result {
        let texts: Vec<String> = values.iter().map(text).collect();
        write!(self.out, "[{}]", texts.join(", "))
    }

    fn tensor(&mut self, tensor: &Tensor) -> fmt::Result {
        write!(self.out, "{}{:?} ", tensor.dtype(), tensor.shape())?;
        match self.contents(tensor) {
            Ok(contents) => self.out.write_str(&contents),
            Err(reason) => write!(self.out, "unreadable({reason:?})"),
        }
    }

    /// The elements of a tensor, or what stands for them.
    fn contents(&mut self, tensor: &Tensor) -> Result<String, String> {
        if tensor.len() > MAX_ELEMENTS {
            let hash = data_hash(tensor).map_err(|error| error.to_string())?;
            if let Some(data) = &mut self.data {
                data.insert(hash, tensor.clone());
            }
            return Ok(format!("data(\"{hash:032x}\")"));
        }
        let elements = elements(tensor)?;
        match elements.as_slice() {
            [element] if tensor.rank() == 0 => Ok(element.clone()),
            elements => Ok(format!("[{}]", elements.join(", "))),
        }
    }

    fn data_section(&mut self) -> fmt::Result {
        let Some(data) = self.data.take().filter(|data| !data.is_empty()) else { return Ok(()) };
        self.out.push_str("data {\n");
        for (hash, tensor) in data {
            match data_bytes(&tensor) {
                Ok(bytes) => writeln!(self.out, "  \"{hash:032x}\" = base64 \"{}\"", BASE64.encode(bytes))?,
                Err(error) => writeln!(self.out, "  \"{hash:032x}\" = unreadable({:?})", error.to_string())?,
            }
        }
        self.out.push_str("}\n");
        Ok(())
    }
}

/// A float that nobody takes for an integer.
fn seen_as_float(value: f64) -> String {
    let text = format_float(DType::F64, value.to_bits());
    let whole = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    if whole { text + ".0" } else { text }
}

/// The text of each element of a tensor.
fn elements(tensor: &Tensor) -> Result<Vec<String>, String> {
    if tensor.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(strings) = tensor.to_strings() {
        return Ok(strings.iter().map(|string| format!("{string:?}")).collect());
    }
    element_bits(tensor)?.into_iter().map(|bits| format_element(tensor.dtype(), bits)).collect()
}
