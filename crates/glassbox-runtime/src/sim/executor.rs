//! Running a program step by step: what goes in, what comes out, and what is kept in between.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use glassbox_ir::Graph;
use glassbox_reference::Value;
use glassbox_tensor::ParamSource;

use super::device::Engine;
use super::error::SimError;
use super::inputs::Pending;
use super::ledger::{Ledger, Settings, Until};
use super::program::Program;
use super::stepper::{self, Job, Outcome, Paused, Reached, Seeing};
use super::trace::TraceEvent;
use super::values::Inserted;
use crate::error::RuntimeError;

/// Runs one program, with states of its own.
///
/// A value that is inserted stays until a step has run with it; each step needs all inputs anew. After an error the
/// states are what they were before the step, bit for bit, and what was inserted stays inserted.
///
/// A step that may pause runs on a thread of its own. While it is under way the program's variables can be
/// fetched as they are then; what would change the executor's states is refused.
pub struct Executor {
    pub(super) program: Arc<Program>,
    /// What executors of the same simulator are made of.
    origin: Arc<dyn Engine>,
    pub(super) params: Arc<dyn ParamSource>,
    pub(super) settings: Settings,
    inputs: Pending,
    pub(super) outputs: Option<Vec<Value>>,
    /// What the last step that ran was given.
    pub(super) given: Vec<Value>,
    steps: u64,
    pub(super) run: Run,
}

/// Where the engine of an executor is.
pub(super) enum Run {
    /// Here, between two steps.
    Idle(Box<dyn Engine>, Box<Ledger>),
    /// In the thread of a step that is paused.
    Paused(Paused),
    /// With the step that runs right now; or nowhere, where its thread is gone.
    Away,
}

/// How far a step has come.
#[derive(Clone, Debug, PartialEq)]
pub enum StepOutcome {
    /// It pauses.
    Paused {
        /// The statement that has been run last.
        at: Box<TraceEvent>,
    },
    /// It has run to its end.
    Done,
}

impl StepOutcome {
    /// The statement after which the step pauses.
    pub fn paused(self) -> Option<TraceEvent> {
        match self {
            StepOutcome::Paused { at } => Some(*at),
            StepOutcome::Done => None,
        }
    }
}

pub(super) fn lost() -> RuntimeError {
    RuntimeError::Internal("the thread of a step is gone, and the executor's states with it".to_owned())
}

impl Executor {
    pub(super) fn new(
        origin: Arc<dyn Engine>,
        program: Arc<Program>,
        params: Arc<dyn ParamSource>,
        settings: Settings,
    ) -> Result<Executor, RuntimeError> {
        let (engine, ledger) = (origin.fork()?, Box::new(Ledger::new(settings.clone())));
        let (inputs, run) = (Pending::new(program.inputs.len()), Run::Idle(engine, ledger));
        Ok(Executor { program, origin, params, settings, inputs, outputs: None, given: Vec::new(), steps: 0, run })
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        self.origin.graph()
    }

    /// How many steps have run to their end.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether a step is under way: it has paused, and not ended.
    pub fn is_under_way(&self) -> bool {
        matches!(self.run, Run::Paused(_))
    }

    pub(super) fn idle(&mut self, what: &str) -> Result<(&mut dyn Engine, &mut Ledger), RuntimeError> {
        match &mut self.run {
            Run::Idle(engine, ledger) => Ok((engine.as_mut(), ledger)),
            Run::Paused(_) => Err(under_way(what)),
            Run::Away => Err(lost()),
        }
    }

    pub(super) fn ledger(&self) -> Result<&Ledger, RuntimeError> {
        match &self.run {
            Run::Idle(_, ledger) => Ok(ledger),
            Run::Paused(paused) => Ok(&paused.ledger),
            Run::Away => Err(lost()),
        }
    }

    pub(super) fn ledger_mut(&mut self) -> Result<&mut Ledger, RuntimeError> {
        match &mut self.run {
            Run::Idle(_, ledger) => Ok(ledger),
            Run::Paused(paused) => Ok(&mut paused.ledger),
            Run::Away => Err(lost()),
        }
    }

    /// Inserts the value of an input for the next step.
    pub fn insert(&mut self, name: &str, value: impl Into<Inserted>) -> Result<(), RuntimeError> {
        self.idle("nothing can be inserted")?;
        let program = &self.program;
        match program.inputs.iter().position(|input| *input.name == *name) {
            Some(place) => Ok(self.inputs.insert(program, place, value.into())?),
            None => Err(program.not_an_input(self.graph(), name).into()),
        }
    }

    /// Nothing is inserted any more.
    pub(super) fn forget_inputs(&mut self) {
        self.inputs = Pending::new(self.program.inputs.len());
    }

    /// Runs a step to its end or, where there are breakpoints, until one of them pauses it.
    pub fn run_step(&mut self) -> Result<StepOutcome, RuntimeError> {
        self.idle("another can't begin")?;
        self.begin(Until::Break)
    }

    /// Runs one statement: the first of a step, or the next of the step that is under way.
    pub fn step(&mut self) -> Result<StepOutcome, RuntimeError> {
        if self.is_under_way() { self.go_on(Until::Statement) } else { self.begin(Until::Statement) }
    }

    /// The statements of a step one by one, each as it is run: of the step that is under way, or of a new one. Dropped
    /// before its end, it leaves the step under way.
    pub fn iterate(&mut self) -> Statements<'_> {
        Statements { executor: self, ended: false }
    }

    /// Goes on with the step that is under way, to its end or the next breakpoint.
    pub fn resume(&mut self) -> Result<StepOutcome, RuntimeError> {
        if !self.is_under_way() {
            return Err(SimError::UnderWay("no step is under way; `run_step` begins one".to_owned()).into());
        }
        self.go_on(Until::Break)
    }

    /// Gives the step up that is under way, if there is one: states and inputs are as they were before it.
    pub fn stop(&mut self) -> Result<(), RuntimeError> {
        match std::mem::replace(&mut self.run, Run::Away) {
            Run::Paused(paused) => {
                let job = paused.stop().ok_or_else(lost)?;
                self.inputs.put_back(job.inputs);
                self.rest(job.engine, job.ledger);
                Ok(())
            }
            other => {
                self.run = other;
                Ok(())
            }
        }
    }

    fn begin(&mut self, until: Until) -> Result<StepOutcome, RuntimeError> {
        let inputs = self.inputs.take(&self.program)?;
        let (mut engine, mut ledger) = match std::mem::replace(&mut self.run, Run::Away) {
            Run::Idle(engine, ledger) => (engine, ledger),
            other => {
                self.run = other;
                return Err(lost());
            }
        };
        let step = self.steps;
        let pauses = until == Until::Statement || ledger.has_breaks();
        ledger.begin(&self.program, &inputs, pauses);
        if !pauses {
            let outcome = if ledger.looks() {
                let mut seeing = Seeing { program: &self.program, step, ledger: &mut ledger };
                // What the user wants to be told may panic; the executor is as it was then.
                catch_unwind(AssertUnwindSafe(|| engine.run(&inputs, Some(&mut seeing))))
            } else {
                Ok(engine.run(&inputs, None))
            };
            return self.end(Job { engine, inputs, ledger, step }, outcome);
        }
        let reached = stepper::begin(&self.program, Job { engine, inputs, ledger, step }, until);
        self.reached(reached)
    }

    fn go_on(&mut self, until: Until) -> Result<StepOutcome, RuntimeError> {
        match std::mem::replace(&mut self.run, Run::Away) {
            Run::Paused(paused) => self.reached(paused.go_on(until)),
            other => {
                self.run = other;
                Err(lost())
            }
        }
    }

    fn reached(&mut self, reached: Reached) -> Result<StepOutcome, RuntimeError> {
        match reached {
            Reached::Pause(at, paused) => {
                self.run = Run::Paused(paused);
                Ok(StepOutcome::Paused { at })
            }
            Reached::End(job, outcome) => self.end(job, outcome),
            Reached::Nowhere(job, error) => {
                self.inputs.put_back(job.inputs);
                self.rest(job.engine, job.ledger);
                Err(error)
            }
            Reached::Lost => Err(lost()),
        }
    }

    /// A step has ended, one way or the other.
    fn end(&mut self, job: Job, outcome: Outcome) -> Result<StepOutcome, RuntimeError> {
        self.rest(job.engine, job.ledger);
        match outcome {
            Ok(Ok(outputs)) => {
                self.outputs = Some(outputs);
                self.given = job.inputs;
                self.steps += 1;
                Ok(StepOutcome::Done)
            }
            Ok(Err(error)) => {
                self.inputs.put_back(job.inputs);
                Err(error.into())
            }
            Err(panic) => {
                self.inputs.put_back(job.inputs);
                resume_unwind(panic)
            }
        }
    }

    fn rest(&mut self, engine: Box<dyn Engine>, mut ledger: Box<Ledger>) {
        ledger.end();
        self.run = Run::Idle(engine, ledger);
    }
}

/// A step that is under way ends where it stands; nothing of it stays.
impl Drop for Executor {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = self.stop();
    }
}

fn under_way(what: &str) -> RuntimeError {
    let rule = format!("a step is under way, so {what}: let it end with `resume`, or give it up with `stop`");
    SimError::UnderWay(rule).into()
}

/// The statements of a step, each as it is run. See [`Executor::iterate`].
pub struct Statements<'e> {
    executor: &'e mut Executor,
    ended: bool,
}

impl Statements<'_> {
    /// The executor, to fetch from between two statements.
    pub fn executor(&self) -> &Executor {
        self.executor
    }
}

impl Iterator for Statements<'_> {
    type Item = Result<TraceEvent, RuntimeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.executor.step() {
            Ok(StepOutcome::Paused { at }) => Some(Ok(*at)),
            Ok(StepOutcome::Done) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}
