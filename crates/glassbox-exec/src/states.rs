//! What a session keeps from run to run, wherever it lives.

use glassbox_tensor::Tensor;

use crate::error::KernelError;

/// The states of a session, by name.
///
/// A backend may keep them on a device: [`StateStore::read`] may copy, everything else need not. While a run is
/// under way they can be read as they are then, and not be changed.
///
/// # Errors
///
/// Every method refuses, with the label `state`, a name that no state has, contents that a state can't hold, and
/// changes while a run is under way. After an error the state is what it was.
pub trait StateStore {
    /// The extents of what a state holds now.
    ///
    /// # Errors
    ///
    /// See the [trait](StateStore).
    fn extents(&self, name: &str) -> Result<Vec<usize>, KernelError>;

    /// What a state holds now.
    ///
    /// # Errors
    ///
    /// See the [trait](StateStore).
    fn read(&self, name: &str) -> Result<Tensor, KernelError>;

    /// Gives a state other contents: of its dtype and dims, within its capacity.
    ///
    /// # Errors
    ///
    /// See the [trait](StateStore).
    fn write(&mut self, name: &str, contents: Tensor) -> Result<(), KernelError>;

    /// Cuts a state to the first `extent` along an axis that grows: a prompt is remembered up to there only.
    ///
    /// # Errors
    ///
    /// See the [trait](StateStore); also where the state is shorter than that.
    fn truncate(&mut self, name: &str, axis: usize, extent: usize) -> Result<(), KernelError>;

    /// The rows `rows` of a state (its first axis), in this order; a row may come more than once: beams are
    /// reordered.
    ///
    /// # Errors
    ///
    /// See the [trait](StateStore); also where there is no such row.
    fn select_rows(&mut self, name: &str, rows: &[usize]) -> Result<(), KernelError>;

    /// One row more of a state, as it is at the start.
    ///
    /// # Errors
    ///
    /// See the [trait](StateStore).
    fn append_row(&mut self, name: &str) -> Result<(), KernelError>;

    /// A state without one of its rows.
    ///
    /// # Errors
    ///
    /// See the [trait](StateStore); also where there is no such row.
    fn drop_row(&mut self, name: &str, row: usize) -> Result<(), KernelError> {
        let rows = self.extents(name)?.first().copied().unwrap_or_default();
        if row >= rows {
            return Err(KernelError::invalid("state", format!("`{name}` has {rows} rows, and no row {row}")));
        }
        let kept: Vec<usize> = (0..rows).filter(|other| *other != row).collect();
        self.select_rows(name, &kept)
    }

    /// Every state as at the start.
    ///
    /// # Errors
    ///
    /// See the [trait](StateStore).
    fn reset(&mut self) -> Result<(), KernelError>;
}
