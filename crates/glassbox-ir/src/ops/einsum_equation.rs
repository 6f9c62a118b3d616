//! The equations of `einsum`: `ij,jk->ik`, `...ii->...i`, `a,b`.
//!
//! An equation is parsed without its operands; [`Equation::labels`] then gives each axis of operands of
//! known ranks its label. What isn't an equation, or names in the result what no operand has, is refused
//! with the label of the constraint.

use super::common::*;

/// What the axes of an operand that are to be treated alike have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    /// An axis of the ellipsis, counted from its last.
    Ellipsis(usize),
    /// A letter.
    Letter(char),
}

/// A part of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Ellipsis,
    Letter(char),
}

/// An equation, its right side filled in where it is left out.
#[derive(Clone, Debug)]
pub(super) struct Equation {
    operands: Vec<Vec<Part>>,
    result: Vec<Part>,
}

impl Equation {
    /// Reads an equation for this many operands.
    pub(super) fn parse(text: &str, operands: usize) -> Result<Equation, Violation> {
        let text: String = text.chars().filter(|letter| *letter != ' ').collect();
        let (left, right) = match text.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (text.as_str(), None),
        };
        let terms = left.split(',').map(parts).collect::<Result<Vec<_>, _>>()?;
        if terms.len() != operands {
            return Err(Violation::new("C2", format!("{text:?} has {} terms for {operands} operands", terms.len())));
        }
        let result = match right {
            Some(right) => parts(right)?,
            None => implied(&terms),
        };
        let wrong = result.iter().enumerate().find(|(place, part)| {
            let unknown = !terms.iter().any(|term| term.contains(part)) && **part != Part::Ellipsis;
            unknown || result[..*place].contains(part)
        });
        match wrong {
            Some((_, part)) => Err(Violation::new(
                "C3",
                format!("{:?} stands twice in the result of {text:?}, or in no operand", part.as_char()),
            )),
            None => Ok(Equation { operands: terms, result }),
        }
    }

    /// The labels of the axes of each operand and of the result; `None` where an ellipsis needs a rank that
    /// isn't known.
    pub(super) fn labels(&self, ranks: &[Option<usize>]) -> Result<Option<Labels>, Violation> {
        let mut widest = 0;
        let mut operands = Vec::with_capacity(ranks.len());
        for (place, (term, rank)) in self.operands.iter().zip(ranks).enumerate() {
            let letters = term.iter().filter(|part| **part != Part::Ellipsis).count();
            let covered = match (term.contains(&Part::Ellipsis), *rank) {
                (true, None) => return Ok(None),
                (true, Some(rank)) if rank >= letters => rank - letters,
                (false, rank) if rank.is_none_or(|rank| rank == letters) => 0,
                (_, rank) => {
                    let rank = rank.unwrap_or_default();
                    let message = format!("the term of operand {place} names {letters} axes, it has {rank}");
                    return Err(Violation::new("C2", message));
                }
            };
            widest = widest.max(covered);
            operands.push(expand(term, covered));
        }
        if widest > 0 && !self.result.contains(&Part::Ellipsis) {
            let message =
                format!("the result has no ellipsis for the {widest} axes that the operands' ellipsis covers");
            return Err(Violation::new("C3", message));
        }
        Ok(Some(Labels { operands, result: expand(&self.result, widest) }))
    }

    /// The rank of the result, where no ellipsis leaves it open.
    pub(super) fn rank(&self) -> Option<usize> {
        (!self.result.contains(&Part::Ellipsis)).then_some(self.result.len())
    }
}

/// The labels of all axes.
#[derive(Clone, Debug)]
pub(super) struct Labels {
    /// Those of each operand.
    pub(super) operands: Vec<Vec<Label>>,
    /// Those of the result, each of which stands once.
    pub(super) result: Vec<Label>,
}

impl Part {
    fn as_char(self) -> char {
        match self {
            Part::Ellipsis => '…',
            Part::Letter(letter) => letter,
        }
    }
}

/// The parts of one term.
fn parts(term: &str) -> Result<Vec<Part>, Violation> {
    let wrong = |what: String| Violation::new("C1", format!("the term {term:?} has {what}"));
    let mut parts = Vec::new();
    let mut rest = term;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("...") {
            if parts.contains(&Part::Ellipsis) {
                return Err(wrong("two ellipses".to_owned()));
            }
            parts.push(Part::Ellipsis);
            rest = after;
        } else if first.is_ascii_alphabetic() {
            parts.push(Part::Letter(first));
            rest = &rest[1..];
        } else {
            return Err(wrong(format!("{first:?}, which is neither a letter nor an ellipsis")));
        }
    }
    Ok(parts)
}

/// The result of an equation without a right side: the ellipsis, and the letters that stand once, sorted.
fn implied(terms: &[Vec<Part>]) -> Vec<Part> {
    let mut all: Vec<Part> = terms.iter().flatten().copied().collect();
    all.sort_unstable();
    let once = |part: &Part| all.iter().filter(|other| *other == part).count() == 1;
    let mut result: Vec<Part> = all.iter().copied().filter(|part| *part == Part::Ellipsis || once(part)).collect();
    result.dedup();
    result
}

/// The labels of a term whose ellipsis covers so many axes.
fn expand(term: &[Part], covered: usize) -> Vec<Label> {
    let mut labels = Vec::new();
    for part in term {
        match part {
            Part::Ellipsis => labels.extend((0..covered).rev().map(Label::Ellipsis)),
            Part::Letter(letter) => labels.push(Label::Letter(*letter)),
        }
    }
    labels
}
