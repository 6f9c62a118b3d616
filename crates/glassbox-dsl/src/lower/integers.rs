//! Integer expressions: known when the program is lowered, or computed in each step.

use glassbox_ir::{Attrs, Dim, Type, ValueId, attrs, ops};
use glassbox_tensor::{DType, Tensor};

use super::sizes::input_axis;
use super::{Lowerer, Package, Result};
use crate::error::DslError;
use crate::program::*;

/// An integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Integer {
    /// Known now.
    Known(i64),
    /// Known in a step: a scalar of i64.
    Value(ValueId),
}

impl Lowerer<'_> {
    /// The value of an integer expression.
    pub(super) fn integer(&mut self, expr: &IntExpr) -> Result<Integer> {
        match expr {
            IntExpr::Int(value) => Ok(Integer::Known(*value)),
            IntExpr::Unknown => Err(self.wrong("`?` is no integer")),
            IntExpr::Name(name) => self.integer_named(name),
            IntExpr::Neg(inner) => {
                let inner = self.integer(inner)?;
                self.combine(Binary::Sub, Integer::Known(0), inner)
            }
            IntExpr::Binary(op, left, right) => {
                let (left, right) = (self.integer(left)?, self.integer(right)?);
                self.combine(*op, left, right)
            }
        }
    }

    fn integer_named(&mut self, name: &Name) -> Result<Integer> {
        if let Some((_, index)) = self.loops.iter().rev().find(|(known, _)| *known == name.text) {
            return Ok(*index);
        }
        if let Some(value) = self.sizes.constant(&name.text) {
            return Ok(Integer::Known(value));
        }
        if let Some(place) = self.index.get(name.text.as_str()).copied() {
            let ty = &self.variables[place].ty;
            if !ty.dtype.is_integer() || ty.rank() != Some(0) {
                let message = format!(
                    "`{}` is {ty}, and can't stand in an integer expression: it wants an integer scalar",
                    name.text
                );
                return Err(DslError::at(self.place(), name.at, message));
            }
            self.helper("index");
            let value = self.value_of(place)?;
            return Ok(Integer::Value(self.as_i64(value)?));
        }
        match self.sizes.get(&name.text).cloned() {
            Some(Dim::Int(value)) => Ok(Integer::Known(value)),
            Some(_) => self.free_size(name).map(Integer::Value),
            None => {
                let message = format!(
                    "`{}` can't stand in an integer expression: it is no integer scalar and no size",
                    name.text
                );
                Err(DslError::at(self.place(), name.at, message))
            }
        }
    }

    fn as_i64(&mut self, value: ValueId) -> Result<ValueId> {
        if self.type_of(value).dtype() == DType::I64 {
            return Ok(value);
        }
        self.node(&ops::cast::OP, &[value], attrs! { to: DType::I64 })
    }

    /// The value of a size that each step takes from an input.
    fn free_size(&mut self, name: &Name) -> Result<ValueId> {
        let key = format!("size {}", name.text);
        if let Some(value) = self.hoisted.get(&key) {
            return Ok(*value);
        }
        let Some((input, axis)) = input_axis(self.program, &name.text) else {
            if self.package == Package::Assumed {
                return Ok(self.assumed(&format!("size {}", name.text), Type::scalar(DType::I64)));
            }
            let message = self.sizes.nothing_says(self.program, self.model, &name.text);
            return Err(DslError::at(self.place(), name.at, message));
        };
        let input = self.builder.graph().find_value(input).ok_or_else(|| self.wrong("the input isn't declared yet"))?;
        self.helper("size");
        let attrs = attrs! { start: axis as i64, end: axis as i64 + 1 };
        let made = self.builder.in_body(|builder| {
            let extent = builder.node(&ops::shape::OP, &[Some(input)], attrs, 1)?[0];
            let axes = builder.constant(Tensor::scalar(0i64).reshape(&[1]).unwrap_or_else(|_| Tensor::scalar(0i64)));
            builder.node(&ops::squeeze::OP, &[Some(extent), Some(axes)], Attrs::new(), 1)
        });
        let value = made.map_err(|error| self.wrong(super::build_message(&error)))?[0];
        self.hoisted.insert(key, value);
        Ok(value)
    }

    /// Two integers together.
    pub(super) fn combine(&mut self, op: Binary, left: Integer, right: Integer) -> Result<Integer> {
        if let (Integer::Known(a), Integer::Known(b)) = (left, right) {
            return self.fold(op, a, b).map(Integer::Known);
        }
        if matches!((op, right), (Binary::Div | Binary::Mod, Integer::Known(0))) {
            return Err(self.wrong("an integer expression divides by zero, which has no value"));
        }
        match (op, left, right) {
            (Binary::Add, Integer::Known(0), other) | (Binary::Add | Binary::Sub, other, Integer::Known(0)) => {
                return Ok(other);
            }
            _ => {}
        }
        let (a, b) = (self.integer_value(left), self.integer_value(right));
        self.helper("index");
        let value = match op {
            Binary::Add => self.node(&ops::add::OP, &[a, b], Attrs::new())?,
            Binary::Sub => self.node(&ops::sub::OP, &[a, b], Attrs::new())?,
            Binary::Mul => self.node(&ops::mul::OP, &[a, b], Attrs::new())?,
            Binary::Mod => self.node(&ops::mod_::OP, &[a, b], Attrs::new())?,
            Binary::Min => self.node(&ops::min::OP, &[a, b], Attrs::new())?,
            Binary::Max => self.node(&ops::max::OP, &[a, b], Attrs::new())?,
            Binary::Div => {
                // Without the remainder the quotient is exact, so it doesn't matter how `div` rounds.
                let rest = self.node(&ops::mod_::OP, &[a, b], Attrs::new())?;
                let exact = self.node(&ops::sub::OP, &[a, rest], Attrs::new())?;
                self.node(&ops::div::OP, &[exact, b], Attrs::new())?
            }
        };
        Ok(Integer::Value(value))
    }

    fn fold(&self, op: Binary, a: i64, b: i64) -> Result<i64> {
        if b == 0 && matches!(op, Binary::Div | Binary::Mod) {
            return Err(self.wrong("an integer expression divides by zero, which has no value"));
        }
        // As the ops do it: what leaves i64 wraps.
        let rest = || {
            let rest = a.wrapping_rem(b);
            if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
        };
        Ok(match op {
            Binary::Add => a.wrapping_add(b),
            Binary::Sub => a.wrapping_sub(b),
            Binary::Mul => a.wrapping_mul(b),
            Binary::Div => a.wrapping_sub(rest()).wrapping_div(b),
            Binary::Mod => rest(),
            Binary::Min => a.min(b),
            Binary::Max => a.max(b),
        })
    }

    /// An integer as a scalar of i64.
    pub(super) fn integer_value(&mut self, integer: Integer) -> ValueId {
        match integer {
            Integer::Value(value) => value,
            Integer::Known(value) => {
                self.helper("index");
                self.builder.constant(Tensor::scalar(value))
            }
        }
    }

    /// Integers as a vector of i64.
    pub(super) fn integer_vector(&mut self, integers: &[Integer]) -> Result<ValueId> {
        let known: Option<Vec<i64>> = integers
            .iter()
            .map(|integer| match integer {
                Integer::Known(value) => Some(*value),
                Integer::Value(_) => None,
            })
            .collect();
        self.helper("index");
        if let Some(values) = known {
            return self.vector(values);
        }
        let axes = self.vector(vec![0])?;
        let mut parts = Vec::new();
        for integer in integers {
            let value = self.integer_value(*integer);
            parts.push(self.node(&ops::unsqueeze::OP, &[value, axes], Attrs::new())?);
        }
        if let [one] = parts[..] { Ok(one) } else { self.node(&ops::concat::OP, &parts, attrs! { axis: 0i64 }) }
    }

    /// A constant vector of i64.
    pub(super) fn vector(&mut self, values: Vec<i64>) -> Result<ValueId> {
        let tensor = Tensor::from_vec(&[values.len()], values).map_err(|error| self.wrong(error.to_string()))?;
        Ok(self.builder.constant(tensor))
    }
}
