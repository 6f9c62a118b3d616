//! Where programs run. What an executor needs of a backend is [`Engine`], and [`engine`] is the one place that
//! knows which backend a device has.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use glassbox_ir::Graph;
use glassbox_reference::{Observer, Options, RunError, Session, Value};
use glassbox_tensor::{ParamSource, Tensor};

use super::error::SimError;
use crate::error::RuntimeError;

/// Where programs run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Device {
    /// The best backend that there is for the processor of this machine: today the reference.
    #[default]
    Cpu,
    /// The reference, which says what every op means.
    Reference,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Device::Cpu => "cpu",
            Device::Reference => "reference",
        })
    }
}

impl FromStr for Device {
    type Err = SimError;

    fn from_str(name: &str) -> Result<Device, SimError> {
        match name {
            "cpu" => Ok(Device::Cpu),
            "reference" => Ok(Device::Reference),
            _ => Err(SimError::Device(name.to_owned())),
        }
    }
}

/// A graph that is ready to run on some backend, with its states.
pub(super) trait Engine: Send + Sync {
    /// The graph.
    fn graph(&self) -> &Graph;

    /// Another one that shares graph, plan and parameters, with states as at the start.
    fn fork(&self) -> Result<Box<dyn Engine>, RuntimeError>;

    /// Runs the graph once and shows `observer` every value, if there is one. After an error the states are what they
    /// were before.
    fn run(&mut self, inputs: &[Value], observer: Option<&mut dyn Observer>) -> Result<Vec<Value>, RunError>;

    /// What a state holds.
    fn state(&self, name: &str) -> Option<Tensor>;

    /// Gives a state other contents: of its dtype and dims, within its capacity.
    fn set_state(&mut self, name: &str, contents: Tensor) -> Result<(), RuntimeError>;

    /// Every state as at the start.
    fn reset(&mut self) -> Result<(), RuntimeError>;
}

/// The engine of a device.
pub(super) fn engine(
    device: Device,
    graph: &Graph,
    params: Arc<dyn ParamSource>,
    options: Options,
) -> Result<Box<dyn Engine>, RuntimeError> {
    match device {
        Device::Cpu | Device::Reference => {
            Ok(Box::new(Reference(Session::new(graph.clone(), options)?.with_params(params)?)))
        }
    }
}

/// The reference.
struct Reference(Session);

impl Engine for Reference {
    fn graph(&self) -> &Graph {
        self.0.graph()
    }

    fn fork(&self) -> Result<Box<dyn Engine>, RuntimeError> {
        Ok(Box::new(Reference(self.0.fork())))
    }

    fn run(&mut self, inputs: &[Value], observer: Option<&mut dyn Observer>) -> Result<Vec<Value>, RunError> {
        match observer {
            Some(observer) => self.0.run_observed(inputs, observer),
            None => self.0.run(inputs),
        }
    }

    fn state(&self, name: &str) -> Option<Tensor> {
        self.0.states().get(name).cloned()
    }

    fn set_state(&mut self, name: &str, contents: Tensor) -> Result<(), RuntimeError> {
        Ok(self.0.set_state(name, contents)?)
    }

    fn reset(&mut self) -> Result<(), RuntimeError> {
        Ok(self.0.reset()?)
    }
}
