//! Which backend tests run on, so that one suite is every backend's.

use std::sync::Arc;

use glassbox_exec::{Options, RunError, Runtime, Session};
use glassbox_ir::Graph;
use glassbox_tensor::{NoParams, ParamSource};

use crate::{UnknownBackend, find, reference};

/// The variable of the environment that names the backend that tests run on.
pub const VARIABLE: &str = "GLASSBOX_TEST_BACKEND";

/// The backend that [`VARIABLE`] names; without it the reference.
///
/// # Errors
///
/// Where it names none.
pub fn runtime() -> Result<Arc<dyn Runtime>, UnknownBackend> {
    std::env::var(VARIABLE).map_or_else(|_| Ok(reference()), |name| find(&name))
}

/// A session on it of a graph without parameters.
///
/// # Errors
///
/// Those of [`Runtime::prepare`]; also where [`VARIABLE`] names no backend.
///
/// ```
/// use glassbox_backends::testing::session;
/// use glassbox_exec::{Options, RunContext};
/// use glassbox_ir::text::{ParseOptions, parse};
/// use glassbox_tensor::Tensor;
/// let graph = parse("graph \"g\" { input %x: f32[N] %y = neg(%x) output %y }", &ParseOptions::default())?;
/// let mut session = session(graph, &Options::default())?;
/// let outputs = session.run(&[Tensor::from_vec(&[1], vec![2.0f32])?.into()], RunContext::new())?;
/// assert_eq!(outputs[0].as_tensor().unwrap().to_vec::<f32>()?, [-2.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn session(graph: impl Into<Arc<Graph>>, options: &Options) -> Result<Box<dyn Session>, RunError> {
    session_with(graph, Arc::new(NoParams), options)
}

/// A session on it of a graph whose parameters are in `params`.
///
/// # Errors
///
/// Those of [`Runtime::prepare`]; also where [`VARIABLE`] names no backend.
pub fn session_with(
    graph: impl Into<Arc<Graph>>,
    params: Arc<dyn ParamSource>,
    options: &Options,
) -> Result<Box<dyn Session>, RunError> {
    let runtime = runtime().map_err(|error| RunError::Inputs(error.to_string()))?;
    runtime.prepare(graph.into(), params, options)?.session()
}
