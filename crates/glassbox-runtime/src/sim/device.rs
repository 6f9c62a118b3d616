//! Where programs run: a row of the table of backends, by its name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use glassbox_backends::{BACKENDS, UnknownBackend};
use glassbox_exec::Runtime;

use crate::error::RuntimeError;

/// Where programs run: the name of a backend.
///
/// ```
/// use glassbox_runtime::Device;
/// assert_eq!("reference".parse::<Device>()?, Device::Reference);
/// assert!("referense".parse::<Device>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Device(&'static str);

#[allow(non_upper_case_globals, reason = "programs name devices as variants: `Device::Cpu`")]
impl Device {
    /// The fastest backend that there is for the processor of this machine.
    pub const Cpu: Device = Device("cpu");
    /// The reference, which says what every op means.
    pub const Reference: Device = Device("reference");
}

impl Device {
    /// Every device that there is.
    pub fn all() -> impl Iterator<Item = Device> {
        BACKENDS.iter().map(|backend| Device(backend.name))
    }

    /// The backend.
    ///
    /// # Errors
    ///
    /// Where this program was built without it.
    pub fn runtime(self) -> Result<Arc<dyn Runtime>, RuntimeError> {
        Ok(glassbox_backends::find(self.0)?)
    }
}

impl Default for Device {
    fn default() -> Device {
        Device::Cpu
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl FromStr for Device {
    type Err = UnknownBackend;

    fn from_str(name: &str) -> Result<Device, UnknownBackend> {
        Device::all().find(|device| device.0 == name).ok_or_else(|| UnknownBackend { name: name.to_owned() })
    }
}
