//! The metadata of one architecture, read key by key: `block_count` is `llama.block_count`.
//!
//! Every key that is asked for is remembered. What the file says beside those isn't understood, and
//! [`Keys::finish`] refuses it: a key that nobody read might change what the model computes.

use std::cell::RefCell;
use std::collections::HashSet;

use glassbox_weights::{Array, Metadata, MetadataValue};

use super::error::GgufError;

/// The largest count that a key may have.
const MOST: i64 = 1 << 32;

/// The metadata of one architecture.
pub(super) struct Keys<'a> {
    metadata: &'a Metadata,
    /// The name of the architecture with a dot after it, which its keys begin with.
    prefix: String,
    read: RefCell<HashSet<String>>,
}

impl<'a> Keys<'a> {
    /// The keys that begin with the name of `architecture`.
    pub(super) fn new(metadata: &'a Metadata, architecture: &str) -> Keys<'a> {
        Keys { metadata, prefix: format!("{architecture}."), read: RefCell::default() }
    }

    fn get(&self, key: &str) -> Option<&'a MetadataValue> {
        let name = format!("{}{key}", self.prefix);
        let value = self.metadata.get(&name);
        self.read.borrow_mut().insert(name);
        value
    }

    /// The error for a key that breaks a rule.
    pub(super) fn wrong(&self, key: &str, rule: impl Into<String>) -> GgufError {
        GgufError::Key { key: format!("{}{key}", self.prefix), rule: rule.into() }
    }

    /// The error for a key that asks for what isn't built.
    pub(super) fn unsupported(&self, key: &str, rule: impl Into<String>) -> GgufError {
        GgufError::UnsupportedKey { key: format!("{}{key}", self.prefix), rule: rule.into() }
    }

    fn mistaken(&self, key: &str, wanted: &str, value: &MetadataValue) -> GgufError {
        self.wrong(key, format!("it must be {wanted}, and is the {} {value}", value.type_name()))
    }

    /// Keys that say nothing about what is computed.
    pub(super) fn ignore(&self, keys: &[&str]) {
        keys.iter().for_each(|key| {
            self.get(key);
        });
    }

    /// A count, where it is there. Of a list, one value for each layer, all must be the same.
    pub(super) fn opt_count(&self, key: &str) -> Result<Option<i64>, GgufError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let count = match value {
            MetadataValue::Array(list) => {
                let Some(counts) = list.integers() else { return Err(self.mistaken(key, "a whole number", value)) };
                let Some(first) = counts.first() else { return Err(self.wrong(key, "the list is empty")) };
                if counts.iter().any(|count| count != first) {
                    return Err(self.unsupported(key, format!("it differs between layers: {value}")));
                }
                *first
            }
            value => value.integer().ok_or_else(|| self.mistaken(key, "a whole number", value))?,
        };
        match (0..=MOST).contains(&count) {
            true => Ok(Some(count)),
            false => Err(self.wrong(key, format!("it must be in 0..={MOST}, and is {count}"))),
        }
    }

    /// A count above 0.
    pub(super) fn size(&self, key: &str) -> Result<i64, GgufError> {
        match self.opt_count(key)? {
            Some(0) => Err(self.wrong(key, "it is 0")),
            Some(size) => Ok(size),
            None => Err(self.wrong(key, "it is missing")),
        }
    }

    /// A finite number, where it is there.
    pub(super) fn opt_number(&self, key: &str) -> Result<Option<f64>, GgufError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = value.number().filter(|number| number.is_finite());
        number.map(Some).ok_or_else(|| self.mistaken(key, "a finite number", value))
    }

    /// A finite number.
    pub(super) fn number(&self, key: &str) -> Result<f64, GgufError> {
        self.opt_number(key)?.ok_or_else(|| self.wrong(key, "it is missing"))
    }

    /// A truth value, where it is there.
    pub(super) fn opt_flag(&self, key: &str) -> Result<Option<bool>, GgufError> {
        match self.get(key) {
            None => Ok(None),
            Some(MetadataValue::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(self.mistaken(key, "a truth value", other)),
        }
    }

    /// A text, where it is there.
    pub(super) fn opt_text(&self, key: &str) -> Result<Option<&'a str>, GgufError> {
        match self.get(key) {
            None => Ok(None),
            Some(MetadataValue::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.mistaken(key, "a text", other)),
        }
    }

    /// Which of `layers` layers a key marks: a list says it for each; a number n marks all but every n-th. The
    /// number 0 marks all.
    pub(super) fn opt_marks(&self, key: &str, layers: i64) -> Result<Option<Vec<bool>>, GgufError> {
        match self.get(key) {
            None => Ok(None),
            Some(MetadataValue::Array(Array::Bool(marks))) if marks.len() as i64 == layers => Ok(Some(marks.clone())),
            Some(MetadataValue::Array(_)) => {
                Err(self.wrong(key, format!("it must have a truth value for each of {layers} layers")))
            }
            Some(value) => match value.integer().filter(|period| (0..=MOST).contains(period)) {
                Some(period) => Ok(Some(but_every(period, layers))),
                None => Err(self.mistaken(key, "a whole number or a list of truth values", value)),
            },
        }
    }

    /// An error if a key says anything but that something is off: `false`, or one of `neutral`.
    pub(super) fn only(&self, key: &str, neutral: &[f64]) -> Result<(), GgufError> {
        match self.get(key) {
            None | Some(MetadataValue::Bool(false)) => Ok(()),
            Some(value) if value.number().is_some_and(|number| neutral.contains(&number)) => Ok(()),
            Some(value) => Err(self.unsupported(key, format!("it is {value}, which isn't built"))),
        }
    }

    /// An error if the file has keys of its architecture that nobody has read.
    pub(super) fn finish(self) -> Result<(), GgufError> {
        let read = self.read.into_inner();
        let unknown = self.metadata.iter().find(|(name, _)| name.starts_with(&self.prefix) && !read.contains(*name));
        match unknown {
            None => Ok(()),
            Some((name, value)) => Err(GgufError::UnsupportedKey {
                key: name.to_owned(),
                rule: format!("it is {value}, and what that means for this architecture isn't known"),
            }),
        }
    }
}

/// All of `layers` layers but every `period`-th; all of them where it is 0.
pub(super) fn but_every(period: i64, layers: i64) -> Vec<bool> {
    (0..layers).map(|layer| period == 0 || layer % period != period - 1).collect()
}
