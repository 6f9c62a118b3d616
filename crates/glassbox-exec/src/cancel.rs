//! Giving up a run that is under way.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A wish to give up a run, which may be expressed on any thread. Clones express the same wish.
///
/// ```
/// use glassbox_exec::Cancel;
/// let cancel = Cancel::new();
/// let other = cancel.clone();
/// std::thread::spawn(move || other.cancel()).join().unwrap();
/// assert!(cancel.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A wish that isn't expressed yet.
    pub fn new() -> Cancel {
        Cancel::default()
    }

    /// Asks for the runs that were given this to be given up: before their next node, or inside of a long kernel.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether that was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a run was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interruption {
    /// Its [`Cancel`] asked for it.
    Cancelled,
    /// Its deadline has passed.
    Deadline,
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Interruption::Cancelled => "the run was cancelled",
            Interruption::Deadline => "the deadline of the run has passed",
        })
    }
}
