//! What a lowered graph says by name: its statements, its variables, and what can be inserted and fetched.
//!
//! A node whose provenance says that it completes a statement ends it; the other nodes of a statement only help. Every
//! node of a graph that comes from no program is a statement of its own. In a graph of a program the values `h`, `h#2`, …
//! are versions of the variable `h`; elsewhere each name is a variable.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use glassbox_ir::{AttrView, Graph, NodeId, Origin, Type, ValueId};

use super::error::{List, SimError};
use super::names::{Names, input};

/// A variable, by its place in the table of all.
pub(super) type Variable = usize;

/// The names of a graph.
pub(super) struct SymbolTable {
    /// By the index of the node.
    pub(super) nodes: Vec<Statement>,
    pub(super) inputs: Vec<Input>,
    /// The variables of the outputs, with the names that the outputs themselves have.
    pub(super) outputs: Vec<(Arc<str>, Variable)>,
    pub(super) variables: Vec<Arc<str>>,
    by_name: HashMap<Arc<str>, Variable>,
    /// The nodes of the body that give a named constant or parameter.
    constants: HashMap<Variable, NodeId>,
    /// By the index of the value.
    of_value: Vec<Option<Variable>>,
    /// Variables whose value is there at the top level of the graph.
    top: HashSet<Variable>,
    /// Whether the graph comes from a program.
    written: bool,
}

/// A node, and the statement that it ends or helps.
pub(super) struct Statement {
    /// Whether the node ends its statement.
    pub(super) ends: bool,
    /// Whether the node only helps, and comes after the end.
    pub(super) follows: bool,
    /// Where it stands: the block and its loops, or the labels of the nodes around.
    pub(super) block: Arc<str>,
    pub(super) parts: Vec<Arc<str>>,
    pub(super) label: Arc<str>,
    pub(super) op: Arc<str>,
    pub(super) file: Option<Arc<str>>,
    pub(super) line: Option<u32>,
    pub(super) inputs: Arc<[Arc<str>]>,
    /// What the results are called.
    pub(super) results: Vec<Arc<str>>,
    /// The variables of the results.
    pub(super) variables: Vec<Option<Variable>>,
    /// What it writes: not what the bodies of the node wrote before.
    pub(super) writes: Vec<(Variable, Source)>,
    /// The nodes whose bodies it is in, outermost first.
    pub(super) around: Arc<[NodeId]>,
    /// Whether its results are the same in every step.
    pub(super) fixed: bool,
}

/// Where the value that is written is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The result of this number.
    Result(usize),
    /// The state that is named as the variable.
    State,
}

/// An input of the graph.
pub(super) struct Input {
    pub(super) name: Arc<str>,
    pub(super) variable: Variable,
    pub(super) ty: Type,
}

impl SymbolTable {
    pub(super) fn new(graph: &Graph) -> SymbolTable {
        let nodes = graph.walk();
        let is_statement = |origin: &Origin| matches!(origin, Origin::Statement { .. });
        let written = nodes.iter().any(|id| graph.node(*id).provenance.origins().any(is_statement));
        let mut names = Names { versions: written, ..Names::default() };
        for input in graph.inputs() {
            names.value(graph, *input);
        }
        for state in graph.states() {
            names.variable(state.name.as_str().into());
        }
        let mut statements: Vec<Option<Statement>> = (0..graph.node_count()).map(|_| None).collect();
        names.region(graph, graph.body(), &[], &mut statements);
        let inputs = graph.inputs().iter().map(|id| input(graph, &mut names, *id)).collect();
        let outputs =
            graph.outputs().iter().map(|id| (graph.value_label(*id).into(), names.value(graph, *id))).collect();
        let top = graph.region(graph.body()).nodes.iter().flat_map(|node| &graph.node(*node).results);
        let top = top.map(|value| names.value(graph, *value)).collect();
        let constants = names.constants(graph);
        SymbolTable {
            // A node that no region has never runs.
            nodes: statements.into_iter().map(|statement| statement.unwrap_or_else(Statement::never)).collect(),
            inputs,
            outputs,
            variables: names.variables,
            by_name: names.by_name,
            constants,
            of_value: names.of_value,
            top,
            written,
        }
    }

    /// The variable of this name.
    pub(super) fn variable(&self, name: &str) -> Option<Variable> {
        self.by_name.get(name).copied()
    }

    /// The variable of a value.
    pub(super) fn variable_of(&self, value: ValueId) -> Option<Variable> {
        self.of_value.get(value.index()).copied().flatten()
    }

    /// The place of an output: that of this name, or else the last that is a version of the variable.
    pub(super) fn output(&self, name: &str) -> Option<usize> {
        let exact = self.outputs.iter().position(|(label, _)| **label == *name);
        exact.or_else(|| {
            let variable = self.variable(name)?;
            self.outputs.iter().rposition(|(_, output)| *output == variable)
        })
    }

    /// The node that gives the constant or the parameter of this name.
    pub(super) fn constant(&self, name: &str) -> Option<NodeId> {
        self.constants.get(&self.variable(name)?).copied()
    }

    /// Which statements stand in a block or loop of this name, or write a variable that is named so. An error
    /// where there is none.
    pub(super) fn matching(&self, name: &str) -> Result<Vec<bool>, SimError> {
        let variable = self.variable(name);
        let writes = |statement: &Statement| statement.writes.iter().any(|(written, _)| Some(*written) == variable);
        let inside = |statement: &Statement| statement.parts.iter().any(|part| **part == *name);
        let matching = |statement: &Statement| statement.ends && (inside(statement) || writes(statement));
        let found: Vec<bool> = self.nodes.iter().map(matching).collect();
        if found.contains(&true) {
            return Ok(found);
        }
        let known: HashSet<&str> = self.nodes.iter().flat_map(|statement| statement.names(self)).collect();
        let mut known: Vec<&str> = known.into_iter().collect();
        known.sort_unstable();
        Err(SimError::unknown("", "block, loop or variable that is written", name, known.into_iter()))
    }

    /// The variable of this name, which some statement writes.
    pub(super) fn written(&self, name: &str) -> Result<Variable, SimError> {
        let writes = |statement: &&Statement| statement.ends;
        let written = || self.nodes.iter().filter(writes).flat_map(|statement| &statement.writes);
        if let Some(variable) = self.variable(name)
            && written().any(|(written, _)| *written == variable)
        {
            return Ok(variable);
        }
        let mut known: Vec<&str> = written().map(|(variable, _)| &*self.variables[*variable]).collect();
        known.sort_unstable();
        known.dedup();
        Err(SimError::unknown("", "variable that is written", name, known.into_iter()))
    }

    /// The error of inserting a value for `name`, which isn't an input.
    pub(super) fn not_an_input(&self, graph: &Graph, name: &str) -> SimError {
        let refuse = |why: String| SimError::NotAnInput { name: name.to_owned(), why };
        if let Some(state) = graph.state(name) {
            let ty = &state.ty;
            return refuse(format!(
                "it is persistent, {ty}: it keeps from step to step what the program writes; set it with `set_state`"
            ));
        }
        if let Some(node) = self.constant(name).map(|id| graph.node(id)) {
            let ty = &graph.value(node.results[0]).ty;
            return refuse(match node.op.name {
                "parameter" => {
                    let parameter = AttrView::new(node.op, &node.attrs).str("name");
                    format!("it is the parameter {parameter:?} of the package, {ty}; declare it `dynamic` to insert it")
                }
                _ => format!("it is a constant, {ty}, which nothing changes; declare it `dynamic` to insert it"),
            });
        }
        let inputs = || self.inputs.iter().map(|input| &*input.name);
        if let Some(variable) = self.variable(name) {
            let writes = |statement: &&Statement| {
                statement.ends && statement.writes.iter().any(|(written, _)| *written == variable)
            };
            let first = self.nodes.iter().find(writes).map(|statement| statement.place()).unwrap_or_default();
            let inputs: Vec<&str> = inputs().collect();
            return refuse(match inputs.as_slice() {
                [] => format!("the program computes it{first}, and has no inputs"),
                inputs => format!("the program computes it{first}; its inputs are {}", List(inputs)),
            });
        }
        SimError::unknown("", "input", name, inputs())
    }

    /// Why `name`, which is no output, can't be fetched when no step is under way.
    pub(super) fn not_fetched(&self, graph: &Graph, name: &str) -> SimError {
        let refuse = |why: &str| SimError::NoValue { name: name.to_owned(), why: why.to_owned() };
        match self.variable(name) {
            Some(variable) if self.top.contains(&variable) && !self.written => {
                refuse("it isn't among the outputs of the graph; stop in the step to see it, or watch it")
            }
            Some(_) => {
                refuse("it has one only on some ways through the program; stop in the step to see it, or watch it")
            }
            None => {
                let outputs = self.outputs.iter().map(|(label, _)| &**label);
                let states = graph.states().iter().map(|state| state.name.as_str());
                let constants = self.constants.keys().map(|variable| &*self.variables[*variable]);
                let mut known: Vec<&str> = outputs.chain(states).chain(constants).collect();
                known.sort_unstable();
                known.dedup();
                SimError::unknown("", "variable", name, known.into_iter())
            }
        }
    }
}

impl Statement {
    fn never() -> Statement {
        Statement {
            ends: false,
            follows: false,
            block: "".into(),
            parts: Vec::new(),
            label: "".into(),
            op: "".into(),
            file: None,
            line: None,
            inputs: [].into(),
            results: Vec::new(),
            variables: Vec::new(),
            writes: Vec::new(),
            around: [].into(),
            fixed: false,
        }
    }

    /// Every name that a breakpoint at it may have.
    fn names<'p>(&'p self, program: &'p SymbolTable) -> impl Iterator<Item = &'p str> {
        let writes = self.writes.iter().map(|(variable, _)| &*program.variables[*variable]);
        self.parts.iter().map(|part| &**part).chain(writes)
    }

    /// Where it stands, for a message: ` at main.rs:12, block entry`.
    fn place(&self) -> String {
        let block = if self.block.is_empty() { String::new() } else { format!(", block {}", self.block) };
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!(" at {file}:{line}{block}"),
            _ => String::new(),
        }
    }
}
