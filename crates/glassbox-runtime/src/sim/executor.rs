//! Running a program step by step: what goes in, what comes out, and what is kept in between.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use glassbox_exec::{Event, Executable, Flow, Observer, Progress, RunContext, RunError, Session, Value, Wants};
use glassbox_ir::Graph;
use glassbox_tensor::ParamSource;

use super::error::SimError;
use super::inputs::Pending;
use super::ledger::{Ledger, Settings, Until};
use super::symbols::SymbolTable;
use super::trace::TraceEvent;
use super::values::Inserted;
use crate::error::RuntimeError;

/// Runs one program, with states of its own.
///
/// A value that is inserted stays until a step has run with it; each step needs all inputs anew. After an error the
/// states are what they were before the step, bit for bit, and what was inserted stays inserted.
///
/// While a step is paused the program's variables can be fetched as they are then; what would change the executor's
/// states is refused.
///
/// ```
/// use glassbox_ir::text::{ParseOptions, parse};
/// use glassbox_runtime::{Device, ModelPackage, Simulator};
/// let text = "graph \"g\" { input %x: f32[2] %y = neg(%x) %z = exp(%y) output %z }";
/// let graph = parse(text, &ParseOptions::default())?;
/// let mut executor = Simulator::new(&ModelPackage::empty(), &graph, Device::Reference)?.make_executor()?;
/// executor.insert("x", vec![0.0f32, 0.0])?;
/// let at = executor.step()?.paused().expect("the first of two statements");
/// assert_eq!((&*at.op, executor.fetch::<Vec<f32>>("y")?), ("neg", vec![-0.0, -0.0]));
/// executor.resume()?;
/// assert_eq!(executor.fetch::<Vec<f32>>("z")?, [1.0, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Executor {
    pub(super) program: Arc<SymbolTable>,
    pub(super) session: Box<dyn Session>,
    pub(super) ledger: Ledger,
    pub(super) params: Arc<dyn ParamSource>,
    pub(super) settings: Settings,
    inputs: Pending,
    pub(super) outputs: Option<Vec<Value>>,
    /// What the last step that ran was given, or the one that is under way is.
    pub(super) given: Vec<Value>,
    /// What the step before the one that is under way was given.
    given_before: Vec<Value>,
    steps: u64,
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

impl Executor {
    pub(super) fn new(
        executable: &dyn Executable,
        program: Arc<SymbolTable>,
        params: Arc<dyn ParamSource>,
        settings: Settings,
    ) -> Result<Executor, RuntimeError> {
        let (session, ledger) = (executable.session()?, Ledger::new(settings.clone()));
        let inputs = Pending::new(program.inputs.len());
        let (given, given_before) = (Vec::new(), Vec::new());
        Ok(Executor {
            program,
            session,
            ledger,
            params,
            settings,
            inputs,
            outputs: None,
            given,
            given_before,
            steps: 0,
        })
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        self.session.graph()
    }

    /// How many steps have run to their end.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether a step is under way: it has paused, and not ended.
    pub fn is_under_way(&self) -> bool {
        self.session.is_under_way()
    }

    /// An error where a step is under way, so that `what` can't be done.
    pub(super) fn check_idle(&self, what: &str) -> Result<(), RuntimeError> {
        if !self.is_under_way() {
            return Ok(());
        }
        let rule = format!("a step is under way, so {what}: let it end with `resume`, or give it up with `stop`");
        Err(SimError::UnderWay(rule).into())
    }

    /// Inserts the value of an input for the next step.
    ///
    /// # Errors
    ///
    /// Where the program has no such input, the value isn't of its type, or a step is under way.
    pub fn insert(&mut self, name: &str, value: impl Into<Inserted>) -> Result<(), RuntimeError> {
        self.check_idle("nothing can be inserted")?;
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
    ///
    /// # Errors
    ///
    /// Where an input is missing, a step is under way already, or a statement fails; states are then as before the step.
    pub fn run_step(&mut self) -> Result<StepOutcome, RuntimeError> {
        self.check_idle("another can't begin")?;
        self.begin(Until::Break)
    }

    /// Runs one statement: the first of a step, or the next of the step that is under way.
    ///
    /// # Errors
    ///
    /// Where an input is missing or a statement fails; states are then as before the step.
    pub fn step(&mut self) -> Result<StepOutcome, RuntimeError> {
        if self.is_under_way() { self.go_on(Some(Until::Statement)) } else { self.begin(Until::Statement) }
    }

    /// The statements of a step one by one, each as it is run: of the step that is under way, or of a new one. Dropped
    /// before its end, it leaves the step under way.
    pub fn iterate(&mut self) -> Statements<'_> {
        Statements { executor: self, ended: false }
    }

    /// Goes on with the step that is under way, to its end or the next breakpoint.
    ///
    /// # Errors
    ///
    /// Where no step is under way, or a statement fails; states are then as before the step.
    pub fn resume(&mut self) -> Result<StepOutcome, RuntimeError> {
        if !self.is_under_way() {
            return Err(SimError::UnderWay("no step is under way; `run_step` begins one".to_owned()).into());
        }
        self.go_on(Some(Until::Break))
    }

    /// Gives the step up that is under way, if there is one: states and inputs are as they were before it.
    pub fn stop(&mut self) {
        if self.is_under_way() {
            self.session.cancel();
            self.took_back();
        }
    }

    fn begin(&mut self, until: Until) -> Result<StepOutcome, RuntimeError> {
        let inputs = self.inputs.take(&self.program)?;
        if let Err(error) = self.session.start(&inputs) {
            self.inputs.put_back(inputs);
            return Err(error.into());
        }
        let pauses = until == Until::Statement || self.ledger.has_breaks();
        self.ledger.begin(&self.program, &inputs, pauses);
        self.given_before = std::mem::replace(&mut self.given, inputs);
        self.go_on(pauses.then_some(until))
    }

    /// Goes on with the step that is under way, to its end or until it is to pause.
    fn go_on(&mut self, until: Option<Until>) -> Result<StepOutcome, RuntimeError> {
        let looks = until.is_some() || self.ledger.looks();
        let (program, step, times) = (&*self.program, self.steps, self.settings.timer);
        let mut seeing = Seeing { program, step, until, times, ledger: &mut self.ledger, paused: None };
        let session = &mut self.session;
        // What the user wants to be told may panic; the executor is as it was before the step then.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let context = RunContext::new();
            session.resume(if looks { context.observed(&mut seeing) } else { context })
        }));
        let paused = seeing.paused;
        match outcome {
            Ok(Ok(Progress::Paused)) => {
                let missing = || RuntimeError::Internal("a step paused at no statement".to_owned());
                Ok(StepOutcome::Paused { at: paused.ok_or_else(missing)? })
            }
            Ok(Ok(Progress::Done(outputs))) => {
                self.ledger.end();
                self.outputs = Some(outputs);
                self.steps += 1;
                Ok(StepOutcome::Done)
            }
            Ok(Err(error)) => {
                self.took_back();
                Err(error.into())
            }
            Err(panic) => {
                self.session.cancel();
                self.took_back();
                resume_unwind(panic)
            }
        }
    }

    /// The step that was under way is no more, and its inputs are inserted again.
    fn took_back(&mut self) {
        self.ledger.end();
        let before = std::mem::take(&mut self.given_before);
        self.inputs.put_back(std::mem::replace(&mut self.given, before));
    }
}

/// Sees a step as it goes.
struct Seeing<'a> {
    program: &'a SymbolTable,
    step: u64,
    /// Where it is to pause, if it is.
    until: Option<Until>,
    times: bool,
    ledger: &'a mut Ledger,
    /// The statement at which it paused.
    paused: Option<Box<TraceEvent>>,
}

impl Observer for Seeing<'_> {
    fn observe(&mut self, event: &Event) -> Result<Flow, RunError> {
        let told = self.ledger.see(self.program, self.step, event, self.until)?;
        self.paused = told.map(Box::new);
        Ok(if self.paused.is_some() { Flow::Pause } else { Flow::Continue })
    }

    fn wants(&self) -> Wants {
        Wants { times: self.times, ..Wants::default() }
    }
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
