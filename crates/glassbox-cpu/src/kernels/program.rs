//! Tile programs of fragments: one step for each elementwise node and reduction.

use glassbox_ir::{Node, ops};
use glassbox_kernels::tile::{Format, Load, Operand, Operation, Program, Step, Store};
use glassbox_tensor::DType;

use crate::fragment::Fragment;
use crate::roles::{operation, reduction};

/// A tile program and what it has to do with the values of its fragment.
pub(crate) struct Made {
    pub(crate) program: Program,
    /// The number of the value that each load reads.
    pub(crate) loads: Vec<usize>,
    /// The number of the value that each store writes.
    pub(crate) stores: Vec<usize>,
}

/// The program of the nodes from `skip` on. Where `given` is the number of a value, that is the first load, and the one
/// value that the nodes before give.
///
/// # Errors
///
/// Which node is no step of a program, and why.
pub(crate) fn make(fragment: &Fragment, skip: usize, given: Option<usize>) -> Result<Made, String> {
    let mut maker = Maker { fragment, registers: vec![None; fragment.len()], loads: Vec::new(), steps: Vec::new() };
    if let Some(given) = given {
        maker.load(given)?;
    }
    for value in fragment.nodes().skip(skip).flat_map(data_operands) {
        let number = fragment.number(value);
        if number < fragment.inputs().len() && maker.registers[number].is_none() {
            match fragment.scalar(number) {
                Some(scalar) => maker.registers[number] = Some(Operand::Constant(scalar)),
                None => maker.load(number)?,
            }
        }
    }
    fragment.nodes().skip(skip).try_for_each(|node| maker.node(node))?;
    let mut stores = Vec::new();
    for output in fragment.outputs() {
        let Some(Operand::Register(register)) = maker.registers.get(*output).copied().flatten() else {
            return Err("a result is the same in every run, or given by another kernel".to_owned());
        };
        stores.push((Store { register, format: maker.format(*output)? }, *output));
    }
    let loads = maker.loads.iter().map(|number| Ok(Load { format: maker.format(*number)? })).collect::<Result<_, String>>()?;
    let program = Program { loads, steps: maker.steps, stores: stores.iter().map(|(store, _)| *store).collect() };
    Ok(Made { program, loads: maker.loads, stores: stores.into_iter().map(|(_, output)| output).collect() })
}

/// The operands whose elements are read: not the axes of a reduction.
fn data_operands(node: &Node) -> Vec<glassbox_ir::ValueId> {
    let count = if reduction(node.op).is_some() { 1 } else { node.operands.len() };
    node.operands.iter().take(count).flatten().copied().collect()
}

struct Maker<'f> {
    fragment: &'f Fragment,
    /// What holds each value.
    registers: Vec<Option<Operand>>,
    loads: Vec<usize>,
    steps: Vec<Step>,
}

impl Maker<'_> {
    fn format(&self, number: usize) -> Result<Format, String> {
        match self.fragment.dtype(number) {
            Some(DType::F32) => Ok(Format::F32),
            Some(DType::Bool) => Ok(Format::Bool),
            other => Err(format!("tile programs have no {}", other.map_or("such value".to_owned(), |dtype| dtype.to_string()))),
        }
    }

    fn load(&mut self, number: usize) -> Result<(), String> {
        self.format(number)?;
        self.registers[number] = Some(Operand::Register(self.loads.len()));
        self.loads.push(number);
        Ok(())
    }

    fn step(&mut self, operation: Operation, operands: Vec<Operand>) -> Operand {
        self.steps.push(Step { operation, operands });
        Operand::Register(self.loads.len() + self.steps.len() - 1)
    }

    fn node(&mut self, node: &Node) -> Result<(), String> {
        let missing = || format!("an operand of `{}` isn't there", node.op.name);
        let held = |id| self.registers.get(self.fragment.number(id)).copied().flatten();
        let operands = data_operands(node).into_iter().map(held).collect::<Option<Vec<_>>>().ok_or_else(missing)?;
        let first = *operands.first().ok_or_else(missing)?;
        let made = if let Some(operation) = reduction(node.op).or_else(|| operation(node.op)) {
            self.step(operation, operands)
        } else if *node.op == ops::min::OP || *node.op == ops::max::OP {
            let operation = if *node.op == ops::min::OP { Operation::Min } else { Operation::Max };
            operands[1..].iter().fold(first, |so_far, operand| self.step(operation, vec![so_far, *operand]))
        } else if *node.op == ops::cast::OP && self.fragment.dtype(self.fragment.number(node.results[0])) == Some(DType::Bool) {
            let zero = self.step(Operation::Equal, vec![first, Operand::Constant(0.0)]);
            self.step(Operation::Not, vec![zero])
        } else if *node.op == ops::identity::OP || *node.op == ops::cast::OP {
            first
        } else {
            return Err(format!("`{}` is no step of a tile program", node.op.name));
        };
        let number = self.fragment.number(node.results[0]);
        self.registers[number] = Some(made);
        Ok(())
    }
}
