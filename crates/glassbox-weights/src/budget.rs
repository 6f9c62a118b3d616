//! Weights within a budget: of a package larger than it, only what was used last stays in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use glassbox_tensor::{ParamError, ParamInfo, ParamSource, Tensor};

use crate::error::WeightsError;
use crate::package::{Package, missing};

/// A package whose mapped data is kept within a budget.
///
/// It counts what is loaded. When the sum exceeds the budget, the pages of the parameters that were loaded
/// longest ago are given back to the system. Tensors over them stay valid: what is touched again is read
/// again, so results never depend on the budget. What is copied out of tensors isn't counted, and a tensor
/// that is read long after it was loaded may have its pages in memory uncounted: load, use, drop.
///
/// ```
/// use std::sync::Arc;
/// use glassbox_tensor::ParamSource;
/// use glassbox_weights::{Budgeted, open};
/// let package = Arc::new(open("../../models/stories-gpt2/model.oinf".as_ref())?);
/// let name = package.params()[0].name.clone();
/// let budgeted = Budgeted::new(package.clone(), 1 << 20);
/// assert!(budgeted.load(&name)?.bit_eq(&package.load(&name)?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Budgeted {
    package: Arc<Package>,
    budget: u64,
    used: Mutex<Used>,
}

/// Which bytes of which file: parameters that share them are counted once.
type Range = (usize, usize, usize);

#[derive(Default)]
struct Used {
    /// The sum of all that is counted.
    bytes: u64,
    /// When each range was loaded last.
    times: HashMap<Range, u64>,
    /// The ranges by that time.
    order: BTreeMap<u64, Range>,
    now: u64,
}

impl Budgeted {
    /// A package with at most `budget` bytes of its data in memory.
    pub fn new(package: Arc<Package>, budget: u64) -> Budgeted {
        Budgeted { package, budget, used: Mutex::default() }
    }

    /// The bytes that are counted as in memory now.
    pub fn used(&self) -> u64 {
        self.lock().bytes
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Used> {
        // The counts are whole between any two statements that can panic: there are none.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a parameter as used now, and gives back what has to go for it.
    fn touch(&self, name: &str) -> Result<(), WeightsError> {
        let Some(place) = self.package.place(name) else { return Ok(()) };
        let bytes = place.len as u64;
        if bytes > self.budget {
            let rule =
                format!("it takes {bytes} bytes, more than the whole budget of {}; raise the budget", self.budget);
            return Err(WeightsError::Parameter { name: name.to_owned(), rule });
        }
        let files = self.package.mapped_files();
        let file = files.iter().position(|file| Arc::ptr_eq(file, &place.file)).unwrap_or(0);
        let range = (file, place.offset, place.len);
        let mut used = self.lock();
        used.now += 1;
        let now = used.now;
        match used.times.insert(range, now) {
            Some(before) => drop(used.order.remove(&before)),
            None => used.bytes += bytes,
        }
        used.order.insert(now, range);
        while used.bytes > self.budget {
            let Some((_, (file, offset, len))) = used.order.pop_first() else { break };
            used.times.remove(&(file, offset, len));
            used.bytes -= len as u64;
            files[file].release(offset, len);
        }
        Ok(())
    }
}

impl ParamSource for Budgeted {
    fn params(&self) -> &[ParamInfo] {
        self.package.params()
    }

    fn find(&self, name: &str) -> Option<&ParamInfo> {
        self.package.find(name)
    }

    fn load(&self, name: &str) -> Result<Tensor, ParamError> {
        if self.package.find(name).is_none() {
            return Err(missing(&*self.package, name));
        }
        let unreadable = |error: WeightsError| ParamError::Unreadable { name: name.to_owned(), error: Box::new(error) };
        self.touch(name).map_err(unreadable)?;
        self.package.load(name)
    }
}
