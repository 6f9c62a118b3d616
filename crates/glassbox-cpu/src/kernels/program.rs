//! Tile programs of fragments: one step for each elementwise node and reduction.

use std::ops::Range;

use glassbox_ir::{Node, ops};
use glassbox_kernels::tile::{Format, Operand, Operation, Program};
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

/// The program of the nodes at `places`, which stores the values of the numbers `outputs`. Where `given` is the number of a
/// value, that is the first load, and the one value that the nodes before give.
///
/// # Errors
///
/// Which node is no step of a program, and why.
pub(crate) fn make(
    fragment: &Fragment,
    places: Range<usize>,
    given: Option<usize>,
    outputs: &[usize],
) -> Result<Made, String> {
    let mut maker =
        Maker { fragment, held: vec![None; fragment.len()], loads: Vec::new(), program: Program::default() };
    if let Some(given) = given {
        maker.load(given)?;
    }
    fragment.nodes().take(places.end).skip(places.start).try_for_each(|node| maker.node(node))?;
    for output in outputs {
        let Some(value) = maker.held.get(*output).copied().flatten() else {
            return Err("a result is given by another kernel".to_owned());
        };
        maker.program.store(value, format_of(fragment, *output)?);
    }
    Ok(Made { program: maker.program, loads: maker.loads, stores: outputs.to_vec() })
}

/// How the elements of a value are stored.
fn format_of(fragment: &Fragment, number: usize) -> Result<Format, String> {
    match fragment.dtype(number) {
        Some(DType::F32) => Ok(Format::F32),
        Some(DType::Bool) => Ok(Format::Bool),
        other => {
            Err(format!("tile programs have no {}", other.map_or("such value".to_owned(), |dtype| dtype.to_string())))
        }
    }
}

/// The operands whose elements are read: not the axes of a reduction.
fn data_operands(node: &Node) -> Vec<glassbox_ir::ValueId> {
    let count = if reduction(node.op).is_some() { 1 } else { node.operands.len() };
    node.operands.iter().take(count).flatten().copied().collect()
}

struct Maker<'f> {
    fragment: &'f Fragment,
    /// What holds each value.
    held: Vec<Option<Operand>>,
    loads: Vec<usize>,
    program: Program,
}

impl Maker<'_> {
    fn load(&mut self, number: usize) -> Result<Operand, String> {
        let load = self.program.load(format_of(self.fragment, number)?);
        self.held[number] = Some(load);
        self.loads.push(number);
        Ok(load)
    }

    /// What holds a value; one from outside is a constant or is loaded.
    fn operand(&mut self, number: usize) -> Result<Operand, String> {
        match self.held.get(number).copied().flatten() {
            Some(held) => Ok(held),
            None if number >= self.fragment.inputs().len() => Err("a value is given by another kernel".to_owned()),
            None => match self.fragment.scalar(number) {
                Some(scalar) => Ok(Operand::Constant(scalar)),
                None => self.load(number),
            },
        }
    }

    fn step(&mut self, operation: Operation, operands: &[Operand]) -> Operand {
        self.program.step(operation, operands)
    }

    fn node(&mut self, node: &Node) -> Result<(), String> {
        let numbers: Vec<usize> = data_operands(node).into_iter().map(|id| self.fragment.number(id)).collect();
        let operands = numbers.into_iter().map(|number| self.operand(number)).collect::<Result<Vec<_>, _>>()?;
        let first = *operands.first().ok_or_else(|| format!("`{}` has no operand", node.op.name))?;
        let made = if *node.op == ops::pow::OP && matches!(operands[1..], [Operand::Constant(2.0)]) {
            // The square, rounded once, is the power.
            self.step(Operation::Mul, &[first, first])
        } else if *node.op == ops::pow::OP && matches!(operands[1..], [Operand::Constant(3.0)]) {
            // Two roundings, which is no more than a unit in the last place off.
            let square = self.step(Operation::Mul, &[first, first]);
            self.step(Operation::Mul, &[square, first])
        } else if let Some(operation) = reduction(node.op).or_else(|| operation(node.op)) {
            self.step(operation, &operands)
        } else if *node.op == ops::min::OP || *node.op == ops::max::OP {
            let operation = if *node.op == ops::min::OP { Operation::Min } else { Operation::Max };
            operands[1..].iter().fold(first, |so_far, operand| self.step(operation, &[so_far, *operand]))
        } else if *node.op == ops::cast::OP
            && self.fragment.dtype(self.fragment.number(node.results[0])) == Some(DType::Bool)
        {
            let zero = self.step(Operation::Equal, &[first, Operand::Constant(0.0)]);
            self.step(Operation::Not, &[zero])
        } else if *node.op == ops::identity::OP || *node.op == ops::cast::OP {
            first
        } else {
            return Err(format!("`{}` is no step of a tile program", node.op.name));
        };
        let number = self.fragment.number(node.results[0]);
        self.held[number] = Some(made);
        Ok(())
    }
}
