//! Rewrites that the program that runs a model brings along: a pattern is computed as another graph.

use std::sync::{Arc, Mutex, PoisonError};

use glassbox_exec::{Executable, KernelError, Options, RunContext, RunError, Runtime, Session, Value};
use glassbox_ir::{Graph, TensorType};
use glassbox_tensor::{NoParams, Tensor};

use super::CustomKernel;
use crate::Cpu;

/// A graph as the kernel of a pattern, whose inputs and outputs are its own: the right side of a rewrite, of which the pattern
/// is the left.
///
/// It is compiled by itself when it is made, with the kernels that are registered until then, and without a policy. It may
/// hold constants but no states, and what it gives is held to the types of the pattern's results.
///
/// ```
/// use std::sync::Arc;
/// use glassbox_cpu::{Cpu, Override, Replacement, unregister};
/// use glassbox_exec::{Choice, Options, RunContext, Runtime};
/// use glassbox_ir::text::{ParseOptions, parse};
/// use glassbox_tensor::{NoParams, Tensor};
///
/// let graph = |text: &str| parse(text, &ParseOptions::default());
/// // cosh x = (eˣ + e⁻ˣ) / 2
/// let pattern = graph(
///     "graph \"p\" { input %x: f32[N] %m = neg(%x) %a = exp(%x) %b = exp(%m) %s = add(%a, %b)
///      %h = constant() {value = f32[] 0.5} %y = mul(%s, %h) output %y }",
/// )?;
/// let replacement = Replacement::new(graph("graph \"r\" { input %x: f32[N] %y = cosh(%x) output %y }")?)?;
/// let kernel = Arc::new(replacement);
/// Override { name: "as-cosh".to_owned(), pattern, kernel, choice: Choice::Force }.register()?;
///
/// let model = "graph \"m\" { input %x: f32[2] %m = neg(%x) %a = exp(%x) %b = exp(%m) %s = add(%a, %b)
///     %h = constant() {value = f32[] 0.5} %y = mul(%s, %h) output %y }";
/// let executable = Cpu.prepare(Arc::new(graph(model)?), Arc::new(NoParams), &Options::default())?;
/// assert!(executable.report().kernels.iter().any(|kernel| kernel.name == "as-cosh"));
/// let x = Tensor::from_vec(&[2], vec![0.0f32, 1.0])?;
/// let y = executable.session()?.run(&[x.into()], RunContext::new())?;
/// assert_eq!(y[0].as_tensor().unwrap().to_vec::<f32>()?, [1.0, 1.0f32.cosh()]);
/// # unregister("as-cosh");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Replacement {
    executable: Arc<dyn Executable>,
    /// Those that no run has at the moment.
    sessions: Mutex<Vec<Box<dyn Session>>>,
}

impl Replacement {
    /// Compiles the graph.
    ///
    /// # Errors
    ///
    /// It breaks rules, or has parameters or states.
    pub fn new(graph: Graph) -> Result<Replacement, RunError> {
        if !graph.states().is_empty() {
            return Err(RunError::Inputs("a graph that replaces a pattern has no states".to_owned()));
        }
        let executable = Cpu.prepare(Arc::new(graph), Arc::new(NoParams), &Options::default())?;
        Ok(Replacement { executable, sessions: Mutex::default() })
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, Vec<Box<dyn Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CustomKernel for Replacement {
    fn run(&self, inputs: &[Tensor], _: &[TensorType]) -> Result<Vec<Tensor>, KernelError> {
        let in_the_graph = |error: RunError| match error {
            RunError::Node { error, .. } => *error,
            other => KernelError::Internal(other.to_string()),
        };
        let waiting = self.sessions().pop();
        let mut session = waiting.map_or_else(|| self.executable.session(), Ok).map_err(in_the_graph)?;
        let inputs: Vec<Value> = inputs.iter().map(|tensor| tensor.clone().into()).collect();
        let outputs = session.run(&inputs, RunContext::new()).map_err(in_the_graph)?;
        self.sessions().push(session);
        let tensor = |value: Value| {
            value.as_tensor().cloned().ok_or_else(|| KernelError::Internal("a replacement gave no tensor".to_owned()))
        };
        outputs.into_iter().map(tensor).collect()
    }
}
