//! The older surface: a session that is handed a program and its inputs at every step.
//!
//! It keeps an executor for each graph, so that states live from step to step. Which executor belongs to a program
//! is told by the graph that it is lowered to: the same one, or one of the same contents.

use std::sync::Arc;

use glassbox_dsl::{Lower, Output};
use glassbox_exec::Value;
use glassbox_ir::Graph;
use glassbox_tensor::Tensor;

use super::device::Device;
use super::executor::{Executor, StepOutcome};
use super::ledger::fetched;
use super::package::ModelPackage;
use super::values::{Fetched, Inserted};
use super::{Simulator, error::SimError};
use crate::error::RuntimeError;

/// Where a [`SimSession`] runs.
pub type SimBackend = Device;

/// Runs programs against one package. See the [module](super).
///
/// ```
/// use glassbox_runtime::dsl::Program;
/// use glassbox_runtime::{Device, Inputs, ModelPackage, SimSession};
/// let program = Program::parse("example", "dynamic { x: f32[2]; } block entry { assign y: f32[2]; op neg(x) >> y; }")?;
/// let mut session = SimSession::new(&ModelPackage::empty(), Device::Reference)?;
/// let result = session.run_step(&program, Inputs::new().with("x", vec![1.0f32, 2.0]))?;
/// assert_eq!(result.fetch_as::<Vec<f32>>("y")?, [-1.0, -2.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SimSession {
    model: ModelPackage,
    backend: SimBackend,
    executors: Vec<(Arc<Graph>, Executor)>,
}

/// The inputs of one step, by name; [`inputs!`](crate::inputs) makes them.
#[derive(Clone, Debug, Default)]
pub struct Inputs(Vec<(String, Inserted)>);

impl Inputs {
    /// None yet.
    pub fn new() -> Inputs {
        Inputs::default()
    }

    /// These, and one more.
    pub fn with(mut self, name: &str, value: impl Into<Inserted>) -> Inputs {
        self.0.push((name.to_owned(), value.into()));
        self
    }
}

impl SimSession {
    /// A session without any state yet.
    ///
    /// # Errors
    ///
    /// So far none: nothing is prepared before the first step.
    pub fn new(model: &ModelPackage, backend: SimBackend) -> Result<SimSession, RuntimeError> {
        Ok(SimSession { model: model.clone(), backend, executors: Vec::new() })
    }

    /// The executor of a program: that of the steps before, or a new one.
    ///
    /// # Errors
    ///
    /// Where the program has a mistake, the package lacks what it names, or the graph can't be prepared.
    pub fn executor(&mut self, program: &(impl Lower + ?Sized)) -> Result<&mut Executor, RuntimeError> {
        let graph = program.lower(&self.model)?;
        let same = |held: &Arc<Graph>| Arc::ptr_eq(held, &graph) || held.same_as(&graph).is_ok();
        let place = match self.executors.iter().position(|(held, _)| same(held)) {
            Some(place) => place,
            None => {
                let simulator =
                    Simulator::of_graph(&graph, self.model.params(), self.backend, glassbox_backends::options())?;
                self.executors.push((graph, simulator.make_executor()?));
                self.executors.len() - 1
            }
        };
        let executor = self.executors.get_mut(place).map(|(_, executor)| executor);
        executor.ok_or_else(|| RuntimeError::Internal("an executor isn't there".to_owned()))
    }

    /// Runs one step of a program. What an earlier step of it left in persistent variables is there.
    ///
    /// # Errors
    ///
    /// As [`SimSession::executor`], [`Executor::insert`] and [`Executor::run_step`].
    pub fn run_step(&mut self, program: &(impl Lower + ?Sized), inputs: Inputs) -> Result<StepResult, RuntimeError> {
        let executor = self.executor(program)?;
        executor.forget_inputs();
        for (name, value) in inputs.0 {
            executor.insert(&name, value)?;
        }
        match executor.run_step()? {
            StepOutcome::Done => Ok(StepResult { values: executor.results()? }),
            StepOutcome::Paused { at } => {
                let rule = format!("the step pauses at a breakpoint, `{}`; go on with its executor", at.node);
                Err(SimError::UnderWay(rule).into())
            }
        }
    }
}

/// What a step gave: its outputs, and what persistent variables held after it.
#[derive(Clone, Debug)]
pub struct StepResult {
    values: Vec<(String, Value)>,
}

impl StepResult {
    /// The tensor of an output.
    ///
    /// # Errors
    ///
    /// Where the step gave no such output, or it is no tensor.
    pub fn fetch(&self, output: impl OutputName) -> Result<Tensor, RuntimeError> {
        self.fetch_as(output)
    }

    /// An output as any type that it can be had as.
    ///
    /// # Errors
    ///
    /// Where the step gave no such output, or it can't be had as `T`.
    pub fn fetch_as<T: Fetched>(&self, output: impl OutputName) -> Result<T, RuntimeError> {
        let name = output.output_name();
        match self.values.iter().find(|(known, _)| known == name) {
            Some((_, value)) => fetched(name, value),
            None => {
                let known = self.values.iter().map(|(name, _)| name.as_str());
                Err(SimError::unknown("", "output", name, known).into())
            }
        }
    }
}

/// What names an output: the handle that a program gives, or a text.
pub trait OutputName {
    /// The name.
    fn output_name(&self) -> &str;
}

impl OutputName for Output {
    fn output_name(&self) -> &str {
        self.name()
    }
}

impl OutputName for str {
    fn output_name(&self) -> &str {
        self
    }
}

impl OutputName for String {
    fn output_name(&self) -> &str {
        self
    }
}

impl<T: OutputName + ?Sized> OutputName for &T {
    fn output_name(&self) -> &str {
        (**self).output_name()
    }
}
