//! A side whose values somebody else has computed and stored.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use glassbox_exec::Value;

use super::{Key, Values};
use crate::error::CheckError;
use crate::skeleton::{Skeleton, of_names};

/// Reads one value.
pub type Load = Box<dyn Fn() -> std::io::Result<Value>>;

/// A value that is stored.
pub struct Entry {
    /// What it is called.
    pub name: String,
    /// The turns of the loops around it.
    pub turns: Vec<u64>,
    /// Reads it.
    pub load: Load,
}

/// Values that are read when they are asked for. They can be taken again and again.
pub struct Stored {
    entries: HashMap<Key, (String, Load)>,
}

impl Stored {
    /// The values, with the skeleton of the model that gave them, or one of their names.
    ///
    /// Of several values with one name and the same turns the last counts, as in a run that gives a value again.
    pub fn new(entries: Vec<Entry>, skeleton: Option<Arc<Skeleton>>) -> (Stored, Arc<Skeleton>) {
        let skeleton = skeleton.unwrap_or_else(|| {
            let mut seen = HashSet::new();
            let names = entries.iter().map(|entry| entry.name.clone()).filter(|name| seen.insert(name.clone()));
            Arc::new(of_names(names))
        });
        let names = skeleton.names();
        let place = |entry: Entry| {
            let value = *names.get(entry.name.as_str())?;
            Some((Key { value, turns: entry.turns }, (entry.name, entry.load)))
        };
        let entries = entries.into_iter().filter_map(place).collect();
        drop(names);
        (Stored { entries }, skeleton)
    }
}

impl Values for Stored {
    fn take(&mut self, key: &Key) -> Result<Option<Value>, CheckError> {
        let Some((name, load)) = self.entries.get(key) else { return Ok(None) };
        let value = load().map_err(|source| CheckError::File { file: format!("the value `{name}`"), source })?;
        Ok(Some(value))
    }

    fn want(&mut self, _: HashSet<usize>) {}

    fn restart(&mut self) -> Result<(), CheckError> {
        Ok(())
    }
}
