//! What can go wrong between a program, the values that are given to it and those that are asked of it.

use std::fmt;

use glassbox_ir::text::nearest;
use thiserror::Error;

/// What can go wrong with a program that is run step by step.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SimError {
    /// A name that nothing has.
    #[error("{place}there is no {kind} named `{name}`{hint}")]
    Unknown {
        /// Where it was looked for: a package, with a colon after it; empty for the program.
        place: String,
        /// What was looked for.
        kind: &'static str,
        /// The name.
        name: String,
        /// What may be meant, or what there is.
        hint: String,
    },
    /// Something has the name, but no value can be inserted for it.
    #[error("`{name}` can't be inserted: {why}")]
    NotAnInput {
        /// The name.
        name: String,
        /// What it is, and what to do.
        why: String,
    },
    /// A value that isn't of the type that is declared.
    #[error("`{name}` is declared {declared}, and can't be {given}: {fits}")]
    Misfit {
        /// The input or the persistent variable.
        name: String,
        /// Its type.
        declared: String,
        /// What was given.
        given: String,
        /// What would fit.
        fits: String,
    },
    /// Inputs without a value when a step begins.
    #[error("the step can't begin: {} no value: {}{}", verb(missing), missing.join(", "), inserted_note(inserted))]
    Missing {
        /// The inputs, with their types.
        missing: Vec<String>,
        /// The inputs that have a value.
        inserted: Vec<String>,
    },
    /// A name that has no value where it is asked for.
    #[error("`{name}` has no value: {why}")]
    NoValue {
        /// The name.
        name: String,
        /// Why, and what to do.
        why: String,
    },
    /// A value that can't be had as the type that is asked for.
    #[error("`{name}` is {ty}: {advice}")]
    Fetch {
        /// The name.
        name: String,
        /// The type of the value.
        ty: String,
        /// Why not, and what to fetch it as.
        advice: String,
    },
    /// A value of the package's metadata that isn't what is asked for.
    #[error("{package}: the metadata {key:?} is {found}, {rule}")]
    Metadata {
        /// The package.
        package: String,
        /// The name in the metadata.
        key: String,
        /// The value, with its type.
        found: String,
        /// Why it isn't that.
        rule: String,
    },
    /// Something that can't be done in the middle of a step, or only there.
    #[error("{0}")]
    UnderWay(String),
    /// A file of states that isn't of this program.
    #[error("{path}: {rule}")]
    States {
        /// The file.
        path: String,
        /// What is wrong.
        rule: String,
    },
    /// A trace without what is asked for.
    #[error("{0}")]
    Trace(String),
    /// Bounds or dims of which no tensor can be made.
    #[error("{0}")]
    Random(String),
}

fn verb(missing: &[String]) -> &'static str {
    if missing.len() == 1 { "an input has" } else { "inputs have" }
}

fn inserted_note(inserted: &[String]) -> String {
    match inserted {
        [] => "; nothing was inserted, and inputs are fresh at every step".to_owned(),
        _ => format!("; inserted {} {}", if inserted.len() == 1 { "was" } else { "were" }, List(inserted)),
    }
}

impl SimError {
    /// The error of a name that nothing has, with the one of `known` that is like it, or else all of them.
    pub(super) fn unknown<'n>(
        place: impl Into<String>,
        kind: &'static str,
        name: &str,
        known: impl Iterator<Item = &'n str>,
    ) -> SimError {
        let known: Vec<&str> = known.collect();
        // Of names of one letter all are alike.
        let near =
            nearest(name, known.iter().copied()).filter(|near| name.len() > 1 || near.eq_ignore_ascii_case(name));
        let hint = match (near, known.as_slice()) {
            (Some(near), _) => format!("; did you mean `{near}`?"),
            (None, []) => "; there is none at all".to_owned(),
            (None, [only]) => format!("; there is `{only}`"),
            (None, known) => format!("; there are {}", List(known)),
        };
        SimError::Unknown { place: place.into(), kind, name: name.to_owned(), hint }
    }
}

/// Names in quotes, not too many of them.
pub(super) struct List<'a, T>(pub(super) &'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 12;
        for (place, name) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}`{name}`", if place > 0 { ", " } else { "" })?;
        }
        match self.0.len().checked_sub(SHOWN) {
            Some(more) if more > 0 => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}
