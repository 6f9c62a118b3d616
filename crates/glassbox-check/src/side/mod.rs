//! The two sides of a check, as places where values can be had one after the other.

mod live;
mod spill;
mod stored;

use std::collections::HashSet;

pub use live::Live;
pub use stored::{Entry, Load, Stored};

use glassbox_exec::Value;

use crate::error::CheckError;

/// One value of a run: which value of the skeleton, and in which turns of the loops around it, the outermost first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The place in the skeleton.
    pub value: usize,
    /// The turns. Bodies that run once have none.
    pub turns: Vec<u64>,
}

/// Where the values of one side can be had. Each can be had once, and those that nobody will ask for aren't kept.
pub trait Values {
    /// A value; `None` where the run doesn't come by it.
    ///
    /// # Errors
    ///
    /// Where the run fails before it has come to the value, or the value can't be read.
    fn take(&mut self, key: &Key) -> Result<Option<Value>, CheckError>;

    /// Says which values will be asked for. Before the first is taken.
    fn want(&mut self, values: HashSet<usize>);

    /// Why there are no more values, where a run ended before its end.
    fn stopped(&self) -> Option<&str> {
        None
    }

    /// Begins again.
    ///
    /// # Errors
    ///
    /// Where the side can't be begun again.
    fn restart(&mut self) -> Result<(), CheckError>;
}
