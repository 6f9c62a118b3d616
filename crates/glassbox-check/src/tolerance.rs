//! How much the result of one node may differ, given the same operands: by its op and by its dtype.
//!
//! The row of an op says how its results are [rounded](Rounding). The figures of each way are in steps of the coarser dtype of both sides, so one rule serves f64 and
//! f16. They are what engines of good standing differ by, and far below what a wrong attribute makes; a result beyond them
//! isn't called wrong for that: it is held against the node in f64 first.
//!
//! Beside that a user may let differences pass ([`Tolerances`]): of all values, of outputs, of names or of ops.

use std::str::FromStr;

use glassbox_exec::fits_pattern;
use glassbox_ir::op::Rounding;
use glassbox_tensor::{DType, Tensor, TensorError};

use crate::distance::{Bounds, coarser, distance, epsilon, smallest};
use crate::error::CheckError;

/// What a node's result may differ by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowed {
    /// By element.
    pub bounds: Bounds,
    /// The root of the mean square, relative to that of the other side.
    pub rms: f64,
}

impl Allowed {
    /// What a result may differ by whose elements have this root of the mean square on the other side, of `steps` nodes
    /// that follow on each other.
    pub fn of(rounding: Rounding, dtype: DType, same_dtype: bool, rms: f64, steps: usize) -> Allowed {
        // Steps of the dtype relative to the element, relative to the typical element, and for the mean square.
        let (relative, floor, square) = match rounding {
            Rounding::Exact if same_dtype => (0.0, 0.0, 0.0),
            Rounding::Exact => (1.0, 0.0, 1.0),
            // Of operands that nearly cancel a step is large beside the result.
            Rounding::Once => (2.0, 2.0, 2.0),
            Rounding::Function => (16.0, 4.0, 8.0),
            Rounding::Sum => (16.0, 64.0, 8.0),
        };
        let (step, steps) = (epsilon(dtype), (steps.max(1) as f64).sqrt());
        let least = if rounding == Rounding::Exact && same_dtype { 0.0 } else { smallest(dtype) };
        let rms = if rms.is_finite() { rms } else { 0.0 };
        let bounds = Bounds { relative: relative * step * steps, absolute: floor * step * steps * rms + least };
        Allowed { bounds, rms: square * step * steps }
    }
}

/// What the user lets pass.
#[derive(Clone, Debug, Default)]
pub struct Tolerances {
    /// Nothing: each bit that differs is a difference.
    pub exact: bool,
    /// The last rule that fits a value says what passes.
    pub rules: Vec<Rule>,
}

/// What is let pass of some values.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Of which.
    pub target: Target,
    /// Relative to the element on the other side.
    pub rtol: f64,
    /// Absolute.
    pub atol: f64,
    /// In steps of the coarser dtype, relative to the element.
    pub ulp: f64,
}

/// Values that a [`Rule`] is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All.
    All,
    /// The outputs, or the one of this name.
    Outputs(Option<String>),
    /// What nodes of this op give, in any case of letters.
    Op(String),
    /// Those whose name fits: `*` stands for any letters.
    Name(String),
}

/// Reads `TARGET=RTOL[,ATOL[,ULP]]`, where the target is `*`, `output`, `output:NAME`, `op:OP` or a name with stars.
///
/// ```
/// use glassbox_check::tolerance::{Rule, Target};
/// let rule: Rule = "op:Softmax=1e-3,1e-6".parse()?;
/// assert_eq!((rule.target, rule.rtol, rule.atol), (Target::Op("Softmax".into()), 1e-3, 1e-6));
/// assert!("decoder/*=much".parse::<Rule>().is_err());
/// # Ok::<(), glassbox_check::CheckError>(())
/// ```
impl FromStr for Rule {
    type Err = CheckError;

    fn from_str(text: &str) -> Result<Rule, CheckError> {
        let wrong = |what: &str| {
            let form = "TARGET=RTOL[,ATOL[,ULP]], with the target *, output, output:NAME, op:OP or a name with stars";
            CheckError::Tolerance(format!("the tolerance {text:?} {what}; it is {form}"))
        };
        // Names may hold `=`; numbers don't.
        let (target, numbers) = text.rsplit_once('=').ok_or_else(|| wrong("has no ="))?;
        let target = match target.split_once(':') {
            Some(("op", op)) => Target::Op(op.to_owned()),
            Some(("output", name)) => Target::Outputs(Some(name.to_owned())),
            _ if target == "output" => Target::Outputs(None),
            _ if target == "*" => Target::All,
            _ if target.is_empty() => return Err(wrong("has no target")),
            _ => Target::Name(target.to_owned()),
        };
        let mut figures = [0f64; 3];
        let numbers: Vec<&str> = numbers.split(',').collect();
        if numbers.len() > figures.len() {
            return Err(wrong("has more than three numbers"));
        }
        for (figure, number) in figures.iter_mut().zip(numbers) {
            let read: f64 = number.trim().parse().map_err(|_| wrong("has something that is no number"))?;
            if !(read.is_finite() && read >= 0.0) {
                return Err(wrong("has a number that is negative or not finite"));
            }
            *figure = read;
        }
        let [rtol, atol, ulp] = figures;
        Ok(Rule { target, rtol, atol, ulp })
    }
}

impl Target {
    fn fits(&self, name: &str, op: &str, output: bool) -> bool {
        match self {
            Target::All => true,
            Target::Outputs(None) => output,
            Target::Outputs(Some(wanted)) => output && wanted == name,
            Target::Op(wanted) => wanted.eq_ignore_ascii_case(op),
            Target::Name(pattern) => fits_pattern(pattern, name),
        }
    }
}

impl Tolerances {
    /// The rule for a value: the last that fits it.
    pub fn rule(&self, name: &str, op: &str, output: bool) -> Option<&Rule> {
        self.rules.iter().rev().find(|rule| rule.target.fits(name, op, output))
    }
}

impl Rule {
    /// Whether it lets all of a difference pass. A NaN or infinity on one side never passes.
    ///
    /// # Errors
    ///
    /// Where elements can't be read.
    ///
    /// ```
    /// use glassbox_check::tolerance::Rule;
    /// use glassbox_tensor::Tensor;
    /// let rule: Rule = "*=1e-2".parse()?;
    /// assert!(rule.lets_pass(&Tensor::scalar(1.005f32), &Tensor::scalar(1.0f32))?);
    /// assert!(!rule.lets_pass(&Tensor::scalar(f32::NAN), &Tensor::scalar(1.0f32))?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lets_pass(&self, ours: &Tensor, theirs: &Tensor) -> Result<bool, TensorError> {
        let step = epsilon(coarser(ours.dtype(), theirs.dtype()));
        let bounds = Bounds { relative: self.rtol + self.ulp * step, absolute: self.atol };
        Ok(distance(ours, theirs, &bounds)?.is_some_and(|found| found.outside == 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_lets_pass_what_it_is_for() {
        let rules = ["*=1e-6", "op:softmax=1e-2"].map(|text| text.parse().unwrap()).to_vec();
        let tolerances = Tolerances { exact: false, rules };
        let (a, b) = (Tensor::scalar(1.005f32), Tensor::scalar(1.0f32));
        let softmax = tolerances.rule("y", "Softmax", false).unwrap();
        assert!(softmax.lets_pass(&a, &b).unwrap());
        assert!(!tolerances.rule("y", "Add", false).unwrap().lets_pass(&a, &b).unwrap());
        assert!(!softmax.lets_pass(&Tensor::scalar(f32::NAN), &b).unwrap());
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in ["", "x", "=1", "x=a", "x=1,2,3,4", "x=-1", "x=inf"] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_step_is_allowed_where_something_is_rounded() {
        let exact = Allowed::of(Rounding::Exact, DType::F16, true, 1.0, 1);
        assert!(!exact.bounds.hold(1.0, 1.0 + 2f64.powi(-10)));
        let once = Allowed::of(Rounding::Once, DType::F16, true, 1.0, 1);
        assert!(once.bounds.hold(1.0, 1.0 + 2f64.powi(-10)));
    }
}
