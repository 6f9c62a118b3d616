//! Uses of ops: names, numbers of operands, attributes.

use glassbox_ir::attr::Default;
use glassbox_ir::op::Count;
use glassbox_ir::{AttrKind, OpDef, ops};

use super::{Checker, What};
use crate::error::DslError;
use crate::lower::{describe, list_attr, literal_attr, unknown_attribute, wanted};
use crate::program::*;

/// That no op has that name.
pub(crate) fn unknown_op(name: &str) -> String {
    match super::near(name, ops::TABLE.iter().map(|op| op.name)) {
        Some(near) => format!("no op is named `{name}`; did you mean `{near}`?"),
        None => format!("no op is named `{name}`; `glassbox ops` lists them"),
    }
}

/// What is wrong with a call of an op in a formula, as far as its form tells: where, and why. `operands` stand by place.
///
/// # Errors
///
/// Which part of the call is wrong, and why.
///
/// ```
/// use glassbox_dsl::check::check_call;
/// assert!(check_call("relu", 1, &[], 1).is_ok());
/// assert!(check_call("rleu", 1, &[], 1).is_err_and(|(_, why)| why.contains("relu")));
/// ```
pub fn check_call(name: &str, operands: usize, named: &[&str], outputs: usize) -> Result<(), (Part, String)> {
    let Some(op) = ops::find(name) else { return Err((Part::Name, unknown_op(name))) };
    if op.regions > 0 {
        return Err((Part::Name, format!("`{name}` has a body, and isn't called: write `if` or `for`")));
    }
    for (place, name) in named.iter().enumerate() {
        if op.attr(name).is_none() && !op.inputs.iter().any(|input| input.name == *name) {
            return Err((Part::Named(place), unknown_attribute(op, name)));
        }
        if named[..place].contains(name) {
            return Err((Part::Named(place), format!("`{name}` is given twice")));
        }
    }
    count_operands(op, operands, named)?;
    count_results(op, outputs, "write `let name = …;`")
}

/// A part of the use of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The name of the op.
    Name,
    /// An operand by place.
    Operand(usize),
    /// What is given by name.
    Named(usize),
    /// A result.
    Result(usize),
}

/// That a formula calls what is neither an op nor one of `functions`.
pub fn unknown_function(name: &str, functions: &[&str]) -> Option<String> {
    if ops::find(name).is_some() || functions.contains(&name) {
        return None;
    }
    Some(match super::near(name, ops::TABLE.iter().map(|op| op.name).chain(functions.iter().copied())) {
        Some(near) => format!("no op is named `{name}`; did you mean `{near}`?"),
        None => {
            format!("no op is named `{name}`; `glassbox ops` lists them, and functions of Rust are called in braces")
        }
    })
}

/// As many operands as an op takes.
fn count_operands(op: &OpDef, places: usize, named: &[&str]) -> Result<(), (Part, String)> {
    let variadic = op.inputs.last().is_some_and(|last| matches!(last.count, Count::Variadic(_) | Count::Mixed(_)));
    if !variadic && places > op.inputs.len() {
        let names: Vec<&str> = op.inputs.iter().map(|input| input.name).collect();
        let message = match names.as_slice() {
            [] => format!("`{}` takes no operands", op.name),
            [name] => format!("`{}` takes one operand ({name}), not {places}", op.name),
            names => {
                format!("`{}` takes at most {} operands ({}), not {places}", op.name, names.len(), names.join(", "))
            }
        };
        return Err((Part::Operand(op.inputs.len()), message));
    }
    for (place, input) in op.inputs.iter().enumerate() {
        let by_name = named.iter().position(|name| *name == input.name);
        if let (Some(by_name), true) = (by_name, place < places) {
            let message = format!("the operand `{}` of `{}` is given twice, by place and by name", input.name, op.name);
            return Err((Part::Named(by_name), message));
        }
        let named = by_name.is_some();
        let least = match input.count {
            Count::One => 1,
            Count::Optional => 0,
            Count::Variadic(least) | Count::Mixed(least) => least,
        };
        if !named && least > 0 && places < place + least {
            let message = if variadic && place + 1 == op.inputs.len() && least > 1 {
                format!("`{}` wants at least {least} operands here, not {}", op.name, places.saturating_sub(place))
            } else {
                format!("`{}` wants the operand `{}`, which is missing", op.name, input.name)
            };
            return Err((Part::Name, message));
        }
    }
    Ok(())
}

/// As many results as an op gives.
fn count_results(op: &OpDef, outputs: usize, how: &str) -> Result<(), (Part, String)> {
    let most = if op.outputs.iter().any(|output| output.variadic) { usize::MAX } else { op.outputs.len() };
    if outputs > most {
        let plural = if most == 1 { "" } else { "s" };
        return Err((Part::Result(most), format!("`{}` gives {most} result{plural}, not {outputs}", op.name)));
    }
    if outputs == 0 && !op.outputs.is_empty() && op.effects.is_pure() {
        return Err((Part::Name, format!("the result of `{}` goes nowhere: {how}", op.name)));
    }
    Ok(())
}

/// That nothing is left out that an op wants.
fn skipped(op: &OpDef, used: &Op) -> Result<(), (Part, String)> {
    let values = used.operands.iter().enumerate();
    let values = values.filter(|(_, (argument, _))| !matches!(argument, Argument::DType(_) | Argument::Type(_)));
    for (place, (written, (argument, _))) in values.enumerate() {
        if let (Argument::Skipped, Some(input)) = (argument, op.input(place))
            && input.count != Count::Optional
        {
            let message = format!("`{}` wants the operand `{}`: it can't be left out with `_`", op.name, input.name);
            return Err((Part::Operand(written), message));
        }
    }
    Ok(())
}

/// Where a part of the use of an op stands.
fn part_at(used: &Op, part: Part) -> At {
    let at = match part {
        Part::Name => None,
        Part::Operand(place) => used.operands.get(place).map(|(_, at)| *at),
        Part::Named(place) => used.named.get(place).map(|(name, ..)| name.at),
        Part::Result(place) => used.targets.get(place).and_then(|target| target.as_ref()).map(|name| name.at),
    };
    at.filter(|at| at.line > 0).unwrap_or(used.name.at)
}

impl<'p> Checker<'p> {
    pub(super) fn op(&mut self, used: &'p Op) -> Result<(), DslError> {
        let at = used.name.at;
        let Some(op) = ops::find(&used.name.text) else { return Err(self.wrong(at, unknown_op(&used.name.text))) };
        if op.regions > 0 {
            let instead = match op.name {
                "if" => "`if c { … } else { … }`",
                "call" => "`branch block;`",
                _ => "`loop name (i in a..b) { … }`",
            };
            return Err(self.wrong(at, format!("`{}` has a body, and isn't called as an op: write {instead}", op.name)));
        }
        let mut places = 0;
        for (argument, argument_at) in &used.operands {
            let kind = match argument {
                Argument::DType(_) => Some(AttrKind::DType),
                Argument::Type(_) => Some(AttrKind::Type),
                _ => None,
            };
            match kind {
                Some(kind) if op.attrs.iter().any(|spec| spec.kind == kind) => {}
                Some(_) => {
                    let message = format!("`{}` takes no dtype or type; its operands are values", op.name);
                    return Err(self.wrong(*argument_at, message));
                }
                None => {
                    places += 1;
                    self.operand(argument, *argument_at)?;
                }
            }
        }
        for (place, (name, argument, argument_at)) in used.named.iter().enumerate() {
            if used.named[..place].iter().any(|(other, ..)| other.text == name.text) {
                return Err(self.wrong(name.at, format!("`{}` is given twice", name.text)));
            }
            if let Some(spec) = op.attr(&name.text) {
                self.attribute(op, name, spec.kind, argument, *argument_at)?;
            } else if op.inputs.iter().any(|input| input.name == name.text) {
                self.operand(argument, *argument_at)?;
            } else {
                return Err(self.wrong(name.at, unknown_attribute(op, &name.text)));
            }
        }
        let by_name: Vec<&str> = used.named.iter().map(|(name, ..)| name.text.as_str()).collect();
        let fits = count_operands(op, places, &by_name)
            .and_then(|()| skipped(op, used))
            .and_then(|()| count_results(op, used.targets.len(), "write `>> name` after it, or `>> _`"));
        fits.map_err(|(part, message)| self.wrong(part_at(used, part), message))?;
        let positional: Vec<AttrKind> = used
            .operands
            .iter()
            .filter_map(|(argument, _)| match argument {
                Argument::DType(_) => Some(AttrKind::DType),
                Argument::Type(_) => Some(AttrKind::Type),
                _ => None,
            })
            .collect();
        let missing = op.attrs.iter().find(|spec| {
            spec.default == Default::Required
                && !used.named.iter().any(|(name, ..)| name.text == spec.name)
                && !positional.contains(&spec.kind)
        });
        if let Some(spec) = missing {
            let message = format!("`{0}` wants the attribute `{1}`: `{1}=` {2}", op.name, spec.name, wanted(spec.kind));
            return Err(self.wrong(at, message));
        }
        self.operand_dtypes(op, used)?;
        for target in used.targets.iter().flatten() {
            self.target(target)?;
        }
        for (place, target) in used.targets.iter().enumerate() {
            if let Some(target) = target
                && used.targets[..place].iter().flatten().any(|other| other.text == target.text)
            {
                return Err(self.wrong(target.at, format!("two results of `{}` go to `{}`", op.name, target.text)));
            }
        }
        Ok(())
    }

    /// The value of an attribute, as far as it can be told here.
    fn attribute(&self, op: &OpDef, name: &Name, kind: AttrKind, argument: &Argument, at: At) -> Result<(), DslError> {
        let given = match argument {
            Argument::Literal(literal) if literal_attr(literal, kind).is_none() => describe(literal),
            Argument::List(literals) if list_attr(literals, kind).is_none() => {
                let wrong = literals.iter().find(|literal| list_attr(std::slice::from_ref(*literal), kind).is_none());
                match wrong {
                    Some(literal) if list_attr(&[], kind).is_some() => format!("a list with {}", describe(literal)),
                    _ => "a list".to_owned(),
                }
            }
            Argument::Integers(_) if kind != AttrKind::Ints => "a list of integers".to_owned(),
            Argument::Integers(integers) => return integers.iter().try_for_each(|integer| self.dim(integer)),
            Argument::DType(dtype) if !matches!(kind, AttrKind::DType | AttrKind::Type) => dtype.to_string(),
            Argument::Type(_) if kind != AttrKind::Type => "a type".to_owned(),
            Argument::Tensor(..) if kind != AttrKind::Tensor => "a tensor".to_owned(),
            Argument::Skipped => "`_`".to_owned(),
            Argument::Entry(table, _) => format!("`{}[…]`", table.text),
            Argument::Name(constant) => {
                let runtime = match self.names.get(constant.text.as_str()) {
                    Some(What::Declared(found)) => found.memory != Memory::Constant || !found.indices.is_empty(),
                    Some(What::Assigned(_)) => true,
                    None => self.loops.contains(&constant.text.as_str()),
                };
                if !runtime {
                    return Ok(());
                }
                let message = format!(
                    "the attribute `{}` of `{}` must be known before a step, and `{}` isn't: it wants a literal, a constant, an \
                     entry of the package's metadata or a size",
                    name.text, op.name, constant.text
                );
                return Err(self.wrong(constant.at, message));
            }
            _ => return Ok(()),
        };
        let message = format!("the attribute `{}` of `{}` wants {}, not {given}", name.text, op.name, wanted(kind));
        Err(self.wrong(at, message))
    }

    /// Something that can be an operand.
    pub(super) fn operand(&self, argument: &Argument, at: At) -> Result<(), DslError> {
        match argument {
            Argument::Name(name) => {
                if self.loops.contains(&name.text.as_str()) {
                    return Ok(());
                }
                match self.variable(name)? {
                    What::Declared(found) if found.is_parameter_table() => {
                        let message = format!("`{0}` is a table of parameters: name an entry, `{0}[…]`", name.text);
                        Err(self.wrong(name.at, message))
                    }
                    What::Declared(found) if found.is_place() && found.table => {
                        let message =
                            format!("`{0}` is a table, and is read with `cache.read {0}[…] >> …;` first", name.text);
                        Err(self.wrong(name.at, message))
                    }
                    _ => Ok(()),
                }
            }
            Argument::Entry(name, indices) => {
                match self.variable(name)? {
                    What::Declared(found) if found.is_parameter_table() => {
                        if indices.len() != found.indices.len() {
                            let plural = if found.indices.len() == 1 { "index" } else { "indices" };
                            let message =
                                format!("`{}` has {} {plural}, not {}", name.text, found.indices.len(), indices.len());
                            return Err(self.wrong(name.at, message));
                        }
                    }
                    What::Declared(found) if found.is_place() => {
                        let message = format!("`{0}` is read with `cache.read {0}[…] >> …;` first", name.text);
                        return Err(self.wrong(name.at, message));
                    }
                    _ => {
                        let message = format!(
                            "`{}` is no table, and takes no indices; `op gather` and `op slice` take parts of a tensor",
                            name.text
                        );
                        return Err(self.wrong(name.at, message));
                    }
                }
                indices.iter().try_for_each(|index| self.integer(index))
            }
            Argument::Integers(integers) => integers.iter().try_for_each(|integer| self.integer(integer)),
            Argument::DType(_) | Argument::Type(_) => Err(self.wrong(at, "a dtype or a type is no value")),
            _ => Ok(()),
        }
    }
}
