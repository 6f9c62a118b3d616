//! The reference as a runtime: what it prepares, and the sessions in which that runs.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use glassbox_exec::checks::{check_images, check_inputs, check_params, check_state};
use glassbox_exec::{
    Executable, KernelError, Options, Policy, Progress, Report, RunContext, RunError, Runtime, Session, StateStore,
    Value,
};
use glassbox_ir::{Graph, State};
use glassbox_tensor::{ParamSource, Tensor};

use crate::compute::Compute;
use crate::execution::Execution;
use crate::kernels::concat::concatenate;
use crate::program::{Decompositions, PlannedGraph};
use crate::states::{States, Transaction, initial};

/// The reference interpreter.
///
/// ```
/// use std::sync::Arc;
/// use glassbox_exec::{Options, RunContext, Runtime};
/// use glassbox_ir::text::{ParseOptions, parse};
/// use glassbox_reference::Reference;
/// use glassbox_tensor::{NoParams, Tensor};
///
/// let source = "graph \"double\" { input %x: f32[N] %y = add(%x, %x) : f32[N] output %y }";
/// let graph = Arc::new(parse(source, &ParseOptions::default())?);
/// let executable = Reference.prepare(graph, Arc::new(NoParams), &Options::default())?;
/// let x = Tensor::from_vec(&[2], vec![1.5f32, -2.0])?;
/// let outputs = executable.session()?.run(&[x.into()], RunContext::new())?;
/// assert_eq!(outputs[0].as_tensor().unwrap().to_vec::<f32>()?, [3.0, -4.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

/// A graph that the reference can run, and all that doesn't change from run to run.
pub(crate) struct Prepared {
    pub(crate) program: Arc<PlannedGraph>,
    pub(crate) params: Arc<dyn ParamSource>,
    pub(crate) options: Options,
    /// The states as they are at the start.
    pub(crate) initial: States,
    pub(crate) decompositions: Decompositions,
    /// What computes nodes in the place of the reference's kernels.
    pub(crate) compute: Option<Arc<dyn Compute>>,
}

impl Runtime for Reference {
    fn name(&self) -> &str {
        "reference"
    }

    fn prepare(
        &self,
        graph: Arc<Graph>,
        params: Arc<dyn ParamSource>,
        options: &Options,
    ) -> Result<Arc<dyn Executable>, RunError> {
        check_params(&graph, params.as_ref())?;
        check_images(&graph, options)?;
        if options.policy.as_ref().is_some_and(|policy| **policy != Policy::default()) {
            let why = "the reference computes what the graph says, and takes none; another backend does";
            return Err(RunError::Policy(why.to_owned()));
        }
        prepare(graph, params, options, None)
    }
}

/// A graph that was checked, ready to run.
pub(crate) fn prepare(
    graph: Arc<Graph>,
    params: Arc<dyn ParamSource>,
    options: &Options,
    compute: Option<Arc<dyn Compute>>,
) -> Result<Arc<dyn Executable>, RunError> {
    let initial = States::initial(&graph, options.precision)?;
    let (program, options) = (Arc::new(PlannedGraph::new(graph)), options.clone());
    let prepared = Prepared { program, params, options, initial, decompositions: Decompositions::default(), compute };
    Ok(Arc::new(ReferenceExecutable(Arc::new(prepared))))
}

struct ReferenceExecutable(Arc<Prepared>);

impl Executable for ReferenceExecutable {
    fn graph(&self) -> &Arc<Graph> {
        &self.0.program.graph
    }

    fn session(&self) -> Result<Box<dyn Session>, RunError> {
        let states = self.0.initial.clone();
        Ok(Box::new(ReferenceSession { prepared: self.0.clone(), phase: Phase::Idle(states) }))
    }

    fn report(&self) -> Report {
        Report { runtime: Reference.name().to_owned(), ..Report::default() }
    }
}

struct ReferenceSession {
    prepared: Arc<Prepared>,
    phase: Phase,
}

/// Where the states of a session are.
enum Phase {
    /// Here, between two runs.
    Idle(States),
    /// With the run that is under way.
    UnderWay(Box<Execution>),
}

impl ReferenceSession {
    /// Ends the run that is under way, if there is one, and has the states as they were before it.
    fn give_up(&mut self) {
        if let Phase::UnderWay(execution) = &mut self.phase {
            let states = execution.take_states().rollback();
            self.phase = Phase::Idle(states);
        }
    }

    fn held(&self) -> &States {
        match &self.phase {
            Phase::Idle(states) => states,
            Phase::UnderWay(execution) => execution.states.all(),
        }
    }

    /// The declaration of a state, and the states where they may be changed.
    fn state_mut(&mut self, name: &str) -> Result<(&State, &mut States), KernelError> {
        let Phase::Idle(states) = &mut self.phase else {
            return Err(KernelError::invalid("state", format!("`{name}` can't be changed while a run is under way")));
        };
        Ok((find(&self.prepared.program.graph, name)?, states))
    }
}

fn find<'g>(graph: &'g Graph, name: &str) -> Result<&'g State, KernelError> {
    graph.state(name).ok_or_else(|| {
        let names: Vec<&str> = graph.states().iter().map(|state| state.name.as_str()).collect();
        KernelError::invalid("state", format!("no state is named `{name}`; there are {names:?}"))
    })
}

impl Session for ReferenceSession {
    fn graph(&self) -> &Arc<Graph> {
        &self.prepared.program.graph
    }

    fn start(&mut self, inputs: &[Value]) -> Result<(), RunError> {
        let Phase::Idle(states) = &mut self.phase else {
            return Err(RunError::Session("a run is under way; resume it to its end, or cancel it"));
        };
        let held = |name: &str| states.get(name).ok().map(|held| held.shape().to_vec());
        check_inputs(&self.prepared.program.graph, inputs, &held)?;
        let precision = self.prepared.options.precision;
        let inputs = inputs.iter().map(|value| precision.carry(value)).collect::<Result<Vec<_>, _>>();
        let inputs = inputs.map_err(|error| RunError::Inputs(error.to_string()))?;
        let transaction = Transaction::new(std::mem::take(states));
        self.phase = Phase::UnderWay(Box::new(Execution::new(self.prepared.clone(), transaction, inputs)));
        Ok(())
    }

    fn resume(&mut self, mut context: RunContext) -> Result<Progress, RunError> {
        let Phase::UnderWay(execution) = &mut self.phase else {
            return Err(RunError::Session("no run is under way; start one"));
        };
        // An observer or a host may panic; the states are what they were before the run then.
        let outcome = catch_unwind(AssertUnwindSafe(|| execution.resume(&mut context))).unwrap_or_else(|panic| {
            self.give_up();
            resume_unwind(panic)
        });
        let Phase::UnderWay(execution) = &mut self.phase else { return outcome };
        match outcome {
            Ok(Progress::Done(outputs)) => {
                let states = execution.take_states().commit();
                self.phase = Phase::Idle(states);
                Ok(Progress::Done(outputs))
            }
            Ok(Progress::Paused) => Ok(Progress::Paused),
            Err(error) => {
                self.give_up();
                Err(error)
            }
        }
    }

    fn is_under_way(&self) -> bool {
        matches!(self.phase, Phase::UnderWay(_))
    }

    fn cancel(&mut self) {
        self.give_up();
    }

    fn states(&self) -> &dyn StateStore {
        self
    }

    fn states_mut(&mut self) -> &mut dyn StateStore {
        self
    }

    fn fork(&self) -> Result<Box<dyn Session>, RunError> {
        let Phase::Idle(states) = &self.phase else {
            return Err(RunError::Session("a run is under way; a session can be forked between two runs"));
        };
        let phase = Phase::Idle(states.clone());
        Ok(Box::new(ReferenceSession { prepared: self.prepared.clone(), phase }))
    }
}

impl StateStore for ReferenceSession {
    fn extents(&self, name: &str) -> Result<Vec<usize>, KernelError> {
        find(&self.prepared.program.graph, name)?;
        Ok(self.held().get(name)?.shape().to_vec())
    }

    fn read(&self, name: &str) -> Result<Tensor, KernelError> {
        find(&self.prepared.program.graph, name)?;
        Ok(self.held().get(name)?.clone())
    }

    fn write(&mut self, name: &str, contents: Tensor) -> Result<(), KernelError> {
        let precision = self.prepared.options.precision;
        let (state, states) = self.state_mut(name)?;
        check_state(state, precision, &contents)?;
        states.write(name, contents);
        Ok(())
    }

    fn truncate(&mut self, name: &str, axis: usize, extent: usize) -> Result<(), KernelError> {
        let (_, states) = self.state_mut(name)?;
        let held = states.get(name)?;
        if held.shape().get(axis).is_none_or(|now| *now < extent) {
            let message = format!("`{name}` is {:?}, and can't be cut to {extent} along axis {axis}", held.shape());
            return Err(KernelError::invalid("state", message));
        }
        states.truncate(name, axis, extent)
    }

    fn select_rows(&mut self, name: &str, rows: &[usize]) -> Result<(), KernelError> {
        let (_, states) = self.state_mut(name)?;
        let held = states.get(name)?;
        let count = held.shape().first().copied().unwrap_or_default();
        if let Some(row) = rows.iter().find(|row| **row >= count) {
            return Err(KernelError::invalid("state", format!("`{name}` has {count} rows, and no row {row}")));
        }
        let parts = rows.iter().map(|row| held.slice_axis(0, *row, 1, 1)).collect::<Result<Vec<_>, _>>()?;
        let selected = match parts.is_empty() {
            true => held.slice_axis(0, 0, 0, 1)?,
            false => concatenate(&parts.iter().collect::<Vec<_>>(), 0)?,
        };
        self.write(name, selected)
    }

    fn append_row(&mut self, name: &str) -> Result<(), KernelError> {
        let precision = self.prepared.options.precision;
        let (state, states) = self.state_mut(name)?;
        let held = states.get(name)?;
        let mut sizes = held.shape().to_vec();
        let Some(rows) = sizes.first_mut() else {
            return Err(KernelError::invalid("state", format!("`{name}` is a scalar, and has no rows")));
        };
        *rows = 1;
        // A state that begins with rows begins each of them as its first one; any other with zeros.
        let first = initial(state, precision)?;
        let fits = first.shape().first().is_some_and(|rows| *rows > 0) && first.shape().get(1..) == sizes.get(1..);
        let row = if fits { first.slice_axis(0, 0, 1, 1)? } else { Tensor::zeros(held.dtype(), &sizes)? };
        let longer = concatenate(&[held, &row], 0)?;
        self.write(name, longer)
    }

    fn reset(&mut self) -> Result<(), KernelError> {
        let Phase::Idle(states) = &mut self.phase else {
            return Err(KernelError::invalid("state", "states can't be changed while a run is under way"));
        };
        *states = self.prepared.initial.clone();
        Ok(())
    }
}
