//! What can be wrong with a text, and where.

use thiserror::Error;

use crate::error::BuildError;

/// Why a text can't be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{line}:{column}: {problem}")]
pub struct ParseError {
    /// The line, from one.
    pub line: usize,
    /// The column, from one, in characters.
    pub column: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong at some place of a text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// Something else was to stand here.
    #[error("found {found}, expected {expected}")]
    Expected {
        /// What stands here.
        found: String,
        /// What may stand here.
        expected: String,
    },
    /// A name that nothing has.
    #[error("there is no {what} `{name}`{hint}")]
    Unknown {
        /// What was looked for: an op, an attribute, a value.
        what: &'static str,
        /// The name.
        name: String,
        /// What may be meant, or why it isn't there; empty if nobody can say.
        hint: String,
    },
    /// A name that is given twice.
    #[error("{what} `{name}` is already defined; names are unique in a graph")]
    Duplicate {
        /// What has the name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A literal that is no value of its dtype, a tensor whose dims don't fit its elements, and the like.
    #[error("{0}")]
    Invalid(String),
    /// More than the reader takes.
    #[error("{what} is beyond the limit of {limit}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        limit: usize,
    },
    /// A written type that isn't what inference says.
    #[error("the type of `{value}` is written {written}, but inference says {inferred}")]
    Type {
        /// The value.
        value: String,
        /// The type in the text.
        written: String,
        /// The type that the op gives.
        inferred: String,
    },
    /// The data of a tensor is neither in the text nor known to the resolver.
    #[error(
        "the data of a tensor ({hash:032x}) is left out of this text; print the graph with its data, as \
         `glassbox inspect MODEL --graph --data` does"
    )]
    MissingData {
        /// What identifies it.
        hash: u128,
    },
    /// The text is well formed, but the graph breaks a rule.
    #[error(transparent)]
    Rule(#[from] BuildError),
}

/// The line and column, from one, of the byte at `offset`.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[start..].chars().count() + 1)
}

impl ParseError {
    /// The error of a problem at the byte `offset` of `text`.
    pub(super) fn at(text: &str, offset: usize, problem: Problem) -> ParseError {
        let (line, column) = place(text, offset);
        ParseError { line, column, problem }
    }
}

/// The name of `names` that is most like `name`, where one is like it.
pub fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    const LONGEST: usize = 64;
    if name.len() > LONGEST {
        return None;
    }
    let limit = 1 + name.chars().count() / 4;
    let distances = names.map(|candidate| (edit_distance(name, candidate), candidate));
    distances.filter(|(distance, _)| *distance <= limit).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// How many characters must be added, removed, replaced or swapped with their neighbours to get from `a` to `b`.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // The rows of the table for the last two characters of `a`, and the one that is filled.
    let (mut before, mut last, mut row) =
        (vec![0; b.len() + 1], (0..=b.len()).collect::<Vec<_>>(), vec![0; b.len() + 1]);
    for (i, x) in a.iter().enumerate() {
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            row[j + 1] = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        let names = ["softmax", "sqrt", "squeeze"];
        assert_eq!(nearest("sofmax", names.into_iter()), Some("softmax"));
        assert_eq!(nearest("sqr", names.into_iter()), Some("sqrt"));
        assert_eq!(nearest("attention", names.into_iter()), None);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!((edit_distance("ab", "ba"), edit_distance("ca", "abc")), (1, 3));
        assert_eq!(nearest("rleu", ["elu", "relu", "celu"].into_iter()), Some("relu"));
    }
}
