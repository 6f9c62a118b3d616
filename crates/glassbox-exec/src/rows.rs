//! The rows of a session: sequences that it goes on with side by side, and what it remembers of each.
//!
//! A graph has rows where the first axis of every state grows; so have all graphs of language models. A row of a state is
//! what it remembers of one sequence, whatever its neighbours do, so rows are chosen, doubled, dropped and added in all states
//! at once. Everything here does it for all of them, or says why not before it begins.
//!
//! ```
//! use glassbox_exec::{KernelError, Session, rows};
//!
//! /// Two sequences of a batch of three are over; the other goes on in two ways, and a new one begins.
//! fn next_batch(session: &mut dyn Session) -> Result<(), KernelError> {
//!     rows::select(session, &[1, 1])?;
//!     rows::append(session)
//! }
//! ```

use crate::error::KernelError;
use crate::runtime::Session;

/// Everything forgotten, and `count` rows that begin.
///
/// # Errors
///
/// Where a state of the graph has no rows, or none at the start; or a run is under way.
pub fn begin(session: &mut dyn Session, count: usize) -> Result<(), KernelError> {
    session.states_mut().reset()?;
    select(session, &vec![0; count])
}

/// The rows `rows` of every state, in this order; a row may come more than once, and those that aren't named are dropped.
///
/// # Errors
///
/// Where a state of the graph has no rows, or no such row; or a run is under way.
pub fn select(session: &mut dyn Session, rows: &[usize]) -> Result<(), KernelError> {
    let names = states(session)?;
    let most = rows.iter().copied().max();
    for name in &names {
        let count = session.states().extents(name)?.first().copied().unwrap_or_default();
        if let Some(row) = most.filter(|row| *row >= count) {
            return Err(KernelError::invalid("state", format!("`{name}` has {count} rows, and no row {row}")));
        }
    }
    names.iter().try_for_each(|name| session.states_mut().select_rows(name, rows))
}

/// One row more, that begins.
///
/// # Errors
///
/// Where a state of the graph has no rows; or a run is under way.
pub fn append(session: &mut dyn Session) -> Result<(), KernelError> {
    states(session)?.iter().try_for_each(|name| session.states_mut().append_row(name))
}

/// The names of the states, all of which have rows.
fn states(session: &dyn Session) -> Result<Vec<String>, KernelError> {
    let name = |state: &glassbox_ir::State| match state.grows(0) {
        true => Ok(state.name.clone()),
        false => {
            Err(KernelError::invalid("state", format!("`{}` is {}, and its rows are fixed", state.name, state.ty)))
        }
    };
    session.graph().states().iter().map(name).collect()
}
