//! Functions of the program that runs a graph, for its `host` nodes.

use thiserror::Error;

use crate::value::Value;

/// Why a function of the host can't give its value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct HostError(pub String);

/// The program that runs a graph.
///
/// ```
/// use glassbox_exec::{Host, HostError, NoHost, Value};
///
/// struct Echo;
///
/// impl Host for Echo {
///     fn call(&mut self, function: &str, operands: &[Value]) -> Result<Value, HostError> {
///         match (function, operands) {
///             ("echo", [value]) => Ok(value.clone()),
///             _ => NoHost.call(function, operands),
///         }
///     }
/// }
///
/// assert!(Echo.call("sing", &[]).unwrap_err().to_string().contains("no function `sing`"));
/// ```
pub trait Host {
    /// What the function `function` gives for the operands of a `host` node.
    ///
    /// # Errors
    ///
    /// Where the host doesn't have the function, which the error says, or the function fails.
    fn call(&mut self, function: &str, operands: &[Value]) -> Result<Value, HostError>;
}

/// A host without functions.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl Host for NoHost {
    fn call(&mut self, function: &str, _: &[Value]) -> Result<Value, HostError> {
        Err(HostError(format!("the program that runs this graph has no function `{function}`")))
    }
}
