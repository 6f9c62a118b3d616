//! From a program and a model package to a graph.
//!
//! Variables become SSA values: the [`Lowerer`] knows, at every statement, which value each variable has. Where
//! ways through the program meet (`if`, `branch`, `loop`), the variables that were written on one of them are results of
//! the node. States stay states: `cache` statements become nodes with effects, in the order in which they stand.
//! What doesn't change within a step (parameters, sizes) is made once, at the beginning of the graph.

mod beside;
mod cache;
mod control;
mod integers;
mod operands;
mod package;
mod sizes;
mod statements;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use glassbox_ir::{Attrs, Dim, Graph, GraphBuilder, OpDef, Origin, Provenance, TensorType, Type, ValueId, ops};

use crate::check::check;
use crate::error::{DslError, Place};
use crate::program::*;
use crate::source::{Lower, ModelSource, NoModel};
use integers::Integer;
use sizes::Sizes;

impl Lower for Program {
    fn lower(&self, model: &dyn ModelSource) -> Result<Arc<Graph>, DslError> {
        check(self)?;
        Lowerer::new(self, model, Package::Given)?.run().map(Arc::new)
    }
}

/// What is wrong with a program whatever the model package has: a result that has other dims than its variable, a
/// variable that is read without a value, an op whose operands don't fit each other. [`check`] has passed before.
///
/// The program is lowered against a package that isn't there: what it would give is there in the declared type, with
/// values and sizes that nothing is known of. A mistake that might be due to that isn't told.
///
/// # Errors
///
/// The first such mistake.
pub(crate) fn check_values(program: &Program) -> Result<()> {
    match Lowerer::new(program, &NoModel, Package::Assumed).and_then(Lowerer::run) {
        Err(error) if error.certain => Err(error),
        _ => Ok(()),
    }
}

/// Whether the model package is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Package {
    /// What a program asks of it and isn't in it is a mistake.
    Given,
    /// Whatever a program asks of it is in it, as declared, and unknown.
    Assumed,
}

pub(crate) type Result<T, E = DslError> = std::result::Result<T, E>;

/// What is known while a program is lowered.
pub(crate) struct Lowerer<'p> {
    program: &'p Program,
    model: &'p dyn ModelSource,
    package: Package,
    builder: GraphBuilder,
    sizes: Sizes,
    variables: Vec<Variable<'p>>,
    index: HashMap<&'p str, usize>,
    env: Env,
    /// Each value that a variable was given, in order.
    versions: Vec<(usize, ValueId)>,
    /// The indices of the loops that are open.
    loops: Vec<(&'p str, Integer)>,
    /// For each block that is open, the variables that have no value at one of its `return`s.
    missing: Vec<BTreeSet<usize>>,
    /// How many versions the variables had before the first statement.
    declared: usize,
    /// The block, and the loops in it.
    path: Vec<&'p str>,
    at: At,
    /// What was put at the beginning of the graph.
    hoisted: HashMap<String, ValueId>,
    beside: beside::Beside<'p>,
    /// How many statements were lowered.
    lowered: usize,
    /// How many ways through the program are open.
    open: usize,
    /// How many bytes initial values take that stand nowhere but in a dim.
    filled: u64,
}

/// How many statements a program may come to, those of a block counted wherever it is called.
const MAX_STATEMENTS: usize = 1_000_000;

/// How many ways may be open in each other: a graph has no more regions in each other.
const MAX_OPEN: usize = glassbox_ir::verify::MAX_NESTED_REGIONS;

/// What a variable is.
struct Variable<'p> {
    name: &'p str,
    /// `None` of what `assign` declares.
    declaration: Option<&'p Declaration>,
    ty: TensorType,
    /// The dims as they are written, for what must be computed in each step.
    dims: &'p [IntExpr],
}

/// The value that each variable has, by its place in [`Lowerer::variables`].
type Env = Vec<Slot>;

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Slot {
    /// This one.
    Value(ValueId),
    /// None: it wasn't written.
    Nothing,
    /// Perhaps none: why.
    Perhaps(Arc<str>),
}

impl<'p> Lowerer<'p> {
    fn new(program: &'p Program, model: &'p dyn ModelSource, package: Package) -> Result<Lowerer<'p>> {
        let sizes = Sizes::new(program, model, package)?;
        let mut lowerer = Lowerer {
            program,
            model,
            package,
            builder: GraphBuilder::new(graph_name(&program.file)),
            sizes,
            variables: Vec::new(),
            index: HashMap::new(),
            env: Env::new(),
            versions: Vec::new(),
            loops: Vec::new(),
            missing: Vec::new(),
            declared: 0,
            path: Vec::new(),
            at: At::default(),
            hoisted: HashMap::new(),
            beside: beside::Beside::new(program),
            lowered: 0,
            open: 0,
            filled: 0,
        };
        for declaration in &program.declarations {
            lowerer.add_variable(&declaration.name, Some(declaration), &declaration.ty)?;
        }
        for block in &program.blocks {
            lowerer.add_assigned(&block.statements)?;
        }
        Ok(lowerer)
    }

    fn add_assigned(&mut self, statements: &'p [Statement]) -> Result<()> {
        for statement in statements {
            match &statement.kind {
                StatementKind::Assign(name, ty) => self.add_variable(name, None, ty)?,
                StatementKind::If { then, otherwise, .. } => {
                    self.add_assigned(then)?;
                    self.add_assigned(otherwise)?;
                }
                StatementKind::Loop { body, .. } => self.add_assigned(body)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn add_variable(&mut self, name: &'p Name, declaration: Option<&'p Declaration>, ty: &'p Ty) -> Result<()> {
        self.at = name.at;
        let dims = ty.dims.iter().map(|dim| self.dim(dim)).collect::<Result<Vec<Dim>>>()?;
        let unknown = |(dim, written): (&Dim, &IntExpr)| dim.is_unknown() && *written != IntExpr::Unknown;
        if let Some(axis) = dims.iter().zip(&ty.dims).position(unknown) {
            return Err(self.wrong(format!(
                "dim {axis} of `{}` has no value: it divides by zero, leaves the range of i64, or has too many terms",
                name.text
            )));
        }
        let known = TensorType::new(ty.dtype, dims);
        glassbox_ir::check_type(&known.clone().into())
            .map_err(|violation| self.wrong(format!("the type of `{}`: {}", name.text, violation.message)))?;
        self.index.insert(&name.text, self.variables.len());
        self.variables.push(Variable { name: &name.text, declaration, ty: known, dims: &ty.dims });
        self.env.push(Slot::Nothing);
        Ok(())
    }

    /// The whole graph.
    fn run(mut self) -> Result<Graph> {
        self.declare_all()?;
        self.declared = self.versions.len();
        self.entry()?;
        let mut outputs = Vec::new();
        let mut names = Vec::new();
        let written: HashSet<usize> = self.versions[self.declared..].iter().map(|(place, _)| *place).collect();
        for (place, slot) in self.env.iter().enumerate() {
            let Slot::Value(value) = slot else { continue };
            let written = written.contains(&place);
            let variable = &self.variables[place];
            let shown = match variable.declaration.map(|declaration| declaration.memory) {
                None => true,
                Some(Memory::Dynamic | Memory::Volatile) => written,
                _ => false,
            };
            if shown {
                outputs.push(*value);
            }
            names.push((variable.name, *value));
        }
        let graph = self.builder.graph();
        let inputs: HashSet<String> = graph.inputs().iter().map(|input| graph.value_label(*input)).collect();
        let mut named = vec![0usize; self.variables.len()];
        for (name, value) in names {
            if !inputs.contains(name) {
                self.builder.set_name(value, name);
            }
            if let Some(place) = self.index.get(name) {
                named[*place] = 1;
            }
        }
        for (place, value) in std::mem::take(&mut self.versions) {
            if self.builder.graph().value(value).name.is_none() {
                named[place] += 1;
                let name = self.variables[place].name;
                match named[place] {
                    1 => self.builder.set_name(value, name),
                    number => self.builder.set_name(value, &format!("{name}#{number}")),
                }
            }
        }
        self.builder.finish(outputs).map_err(|error| self_wrong(&self.program.file, error))
    }

    /// What every variable has at the beginning of a step.
    fn declare_all(&mut self) -> Result<()> {
        for place in 0..self.variables.len() {
            let Some(declaration) = self.variables[place].declaration else { continue };
            self.at = declaration.name.at;
            self.helper("declaration");
            let ty = Type::from(self.variables[place].ty.clone());
            match declaration.memory {
                Memory::Dynamic => {
                    let value = self.builder.input(&declaration.name.text, ty);
                    self.give(place, value);
                }
                Memory::Volatile | Memory::Constant => self.declare_from_package(place, declaration)?,
                Memory::Persistent => self.declare_state(place, declaration)?,
            }
        }
        match self.package {
            Package::Given => self.sizes.check_free(self.program, self.model),
            Package::Assumed => Ok(()),
        }
    }

    /// A mistake at the statement that is being lowered.
    fn wrong(&self, message: impl Into<String>) -> DslError {
        DslError::at(self.place(), self.at, message)
    }

    fn place(&self) -> Place {
        Place { file: self.program.file.clone(), line: self.at.line, block: self.path.join("/") }
    }

    fn origin(&self, completes: bool) -> Origin {
        let place = self.place();
        Origin::Statement { file: place.file, line: place.line, block: place.block, completes }
    }

    /// From here on nodes do what the statement is for, and complete it.
    fn main(&mut self) {
        let origin = self.origin(true);
        self.builder.set_provenance(Provenance::new(origin));
    }

    /// From here on nodes help the statement: `what` they do.
    fn helper(&mut self, what: &str) {
        let origin = self.origin(false);
        self.builder.set_provenance(Provenance::new(origin).then(Origin::Decomposed(what.to_owned())));
    }

    /// A node of one result.
    fn node(&mut self, op: &'static OpDef, operands: &[ValueId], attrs: Attrs) -> Result<ValueId> {
        let operands: Vec<_> = operands.iter().copied().map(Some).collect();
        let results = self.builder.node(op, &operands, attrs, 1);
        let results =
            results.map_err(|error| self.wrong(build_message(&error).replacen(op.name, statement_of(op), 1)))?;
        Ok(results[0])
    }

    /// The type of a value, which is a tensor.
    fn type_of(&self, value: ValueId) -> Type {
        self.builder.type_of(value).clone()
    }

    /// A variable by name; the check has seen that there is one.
    fn variable(&self, name: &Name) -> Result<usize> {
        self.index
            .get(name.text.as_str())
            .copied()
            .ok_or_else(|| self.wrong(format!("no variable is named `{}`", name.text)))
    }

    /// The value that a variable has here.
    fn read(&mut self, place: usize) -> Result<ValueId> {
        let name = self.variables[place].name;
        match &self.env[place] {
            Slot::Value(value) => Ok(*value),
            Slot::Nothing => {
                let message = format!("`{name}` has no value here: nothing has written it");
                Err(self.wrong(message).whatever_the_package())
            }
            Slot::Perhaps(why) => {
                Err(self.wrong(format!("`{name}` may have no value here: {why}")).whatever_the_package())
            }
        }
    }

    /// A value of which nothing is known but its type: what an assumed package gives under that name.
    fn assumed(&mut self, name: &str, ty: Type) -> ValueId {
        let key = format!("assumed {name}");
        if let Some(value) = self.hoisted.get(&key) {
            return *value;
        }
        // Visible everywhere, also where a body is open now.
        let value = self.builder.in_body(|builder| builder.input(&key, ty));
        self.hoisted.insert(key, value);
        value
    }

    /// Gives a variable a value, without asking.
    fn give(&mut self, place: usize, value: ValueId) {
        self.env[place] = Slot::Value(value);
        self.versions.push((place, value));
    }
}

/// What the graph of a program is called: the file without its folders and ending.
pub(crate) fn graph_name(file: &str) -> String {
    let last = file.rsplit(['/', '\\']).next().unwrap_or(file);
    last.split('.').next().unwrap_or(last).to_owned()
}

/// What is wrong with a node, without where: that is said by the statement.
pub(crate) fn build_message(error: &glassbox_ir::BuildError) -> String {
    match error {
        glassbox_ir::BuildError::Node { op, violation, .. } => match op_rule(op, violation.rule) {
            Some(rule) => format!("`{op}` can't do this: {} ({rule})", violation.message),
            None => format!("`{op}` can't do this: {}", violation.message),
        },
        other => other.to_string(),
    }
}

/// The statement that an op of states is there for; other ops under their own names.
fn statement_of(op: &OpDef) -> &'static str {
    STATE_OPS.iter().find(|(known, _)| *known == op).map_or(op.name, |(_, statement)| statement)
}

/// The ops on states, each with what a program says to get it.
const STATE_OPS: &[(&OpDef, &str)] = &[
    (&ops::state_read::OP, "cache.read"),
    (&ops::state_slice::OP, "cache.read"),
    (&ops::state_write::OP, "cache.write"),
    (&ops::state_update::OP, "cache.write"),
    (&ops::state_grow::OP, "cache"),
    (&ops::state_reset::OP, "cache.reset"),
    // Only `kv_write` of the expression form makes it, and no block.
    (&ops::state_append::OP, "state_append"),
];

/// The rule of an op that the label names.
fn op_rule(op: &str, label: &str) -> Option<&'static str> {
    let op = glassbox_ir::ops::find(op)?;
    op.constraints.iter().find(|(known, _)| *known == label).map(|(_, rule)| *rule)
}

fn self_wrong(file: &str, error: glassbox_ir::BuildError) -> DslError {
    DslError::new(Place { file: file.to_owned(), ..Place::default() }, error.to_string())
}

pub(crate) use control::contains_return;
pub(crate) use operands::{list_attr, literal_attr, literal_dtype, plain_literals, unknown_attribute, wanted, written};
pub(crate) use package::{describe, literal_tensor};

#[cfg(test)]
mod tests {
    use super::*;

    /// A row on states that is added to the op table is given its statement here.
    #[test]
    fn every_op_on_states_has_a_statement() {
        for op in ops::TABLE.iter().filter(|op| op.state_attr().is_some()) {
            assert!(STATE_OPS.iter().any(|(known, _)| known == op), "{}", op.name);
        }
    }
}
