//! The dtypes of operands and literals, as far as declarations tell them.

use glassbox_ir::OpDef;
use glassbox_ir::op::{Count, Input, Kind};
use glassbox_tensor::DType;

use super::{Checker, What};
use crate::error::DslError;
use crate::lower::{plain_literals, written};
use crate::program::*;

impl Checker<'_> {
    /// The dtype and the rank of an operand that isn't a literal.
    fn type_of(&self, argument: &Argument) -> Option<(DType, usize)> {
        let (Argument::Name(name) | Argument::Entry(name, _)) = argument else { return None };
        if self.loops.contains(&name.text.as_str()) {
            return Some((DType::I64, 0));
        }
        Some(match self.names.get(name.text.as_str())? {
            What::Declared(found) => (found.ty.dtype, found.ty.dims.len()),
            What::Assigned(ty) => (ty.dtype, ty.dims.len()),
        })
    }

    /// That operands have dtypes that the op takes, and the same where it wants the same; literals fit them.
    pub(super) fn operand_dtypes(&self, op: &OpDef, used: &Op) -> Result<(), DslError> {
        let mut given: Vec<(&'static Input, &Argument, At)> = Vec::new();
        let values = used.operands.iter();
        let values = values.filter(|(argument, _)| !matches!(argument, Argument::DType(_) | Argument::Type(_)));
        for (place, (argument, at)) in values.enumerate() {
            given.extend(op.input(place).map(|input| (input, argument, *at)));
        }
        for (name, argument, at) in &used.named {
            let at = if at.line > 0 { *at } else { name.at };
            let input = op.inputs.iter().find(|input| input.name == name.text);
            given.extend(input.map(|input| (input, argument, at)));
        }
        let group = |input: &Input| input.letter.or(matches!(input.count, Count::Variadic(_)).then_some('…'));
        let mut groups: Vec<(char, DType, String)> = Vec::new();
        for (input, argument, at) in &given {
            let Some((dtype, _)) = self.type_of(argument) else { continue };
            if let Kind::Tensor(dtypes) = input.kind
                && !dtypes.contains(dtype)
            {
                let message =
                    format!("`{}` wants {dtypes} for `{}`, and {} is {dtype}", op.name, input.name, written(argument));
                return Err(self.wrong(*at, message));
            }
            let Some(letter) = group(input) else { continue };
            match groups.iter().find(|(known, ..)| *known == letter) {
                Some((_, first, other)) if *first != dtype => {
                    let message = format!(
                        "`{}` wants the same dtype for both: {other} is {first}, and {} is {dtype}; `op cast` converts",
                        op.name,
                        written(argument)
                    );
                    return Err(self.wrong(*at, message));
                }
                Some(_) => {}
                None => groups.push((letter, dtype, written(argument))),
            }
        }
        for (input, argument, at) in &given {
            let dtype = group(input).and_then(|letter| groups.iter().find(|(known, ..)| *known == letter));
            let only = match input.kind {
                Kind::Tensor(glassbox_ir::op::DTypes::These([dtype])) => Some(*dtype),
                _ => None,
            };
            self.literal_fits(argument, dtype.map(|(_, dtype, _)| *dtype).or(only), *at)?;
        }
        Ok(())
    }

    /// That a literal is one of the dtype that its place has.
    fn literal_fits(&self, argument: &Argument, dtype: Option<DType>, at: At) -> Result<(), DslError> {
        let fits = match argument {
            Argument::Literal(literal) => plain_literals(std::slice::from_ref(literal), dtype, &[]),
            Argument::List(literals) => plain_literals(literals, dtype, &[literals.len()]),
            _ => return Ok(()),
        };
        fits.map(|_| ()).map_err(|message| self.wrong(at, message))
    }

    /// That a value which is copied is of the dtype that the variable has, and of its rank where it is `whole`.
    pub(super) fn copied(&self, from: &Argument, at: At, to: &Name, whole: bool) -> Result<(), DslError> {
        let (dtype, rank) = match self.variable(to)? {
            What::Declared(found) => (found.ty.dtype, found.ty.dims.len()),
            What::Assigned(ty) => (ty.dtype, ty.dims.len()),
        };
        self.literal_fits(from, Some(dtype), at)?;
        let given = match from {
            Argument::Literal(_) => Some((dtype, 0)),
            Argument::List(_) => Some((dtype, 1)),
            other => self.type_of(other),
        };
        let Some((given, given_rank)) = given else { return Ok(()) };
        if given != dtype {
            let message = format!(
                "{} is {given}, and `{}` is {dtype}: `op cast({}, to={dtype})` converts",
                written(from),
                to.text,
                written(from).trim_matches('`')
            );
            return Err(self.wrong(at, message));
        }
        if whole && given_rank != rank {
            let message = format!(
                "{} has {given_rank} dims, and `{}` has {rank}: a copy has as many; `op expand` and `op reshape` change them",
                written(from),
                to.text
            );
            return Err(self.wrong(at, message));
        }
        Ok(())
    }
}
