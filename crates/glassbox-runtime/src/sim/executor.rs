//! Running a program step by step: what goes in, what comes out, and what is kept in between.

use std::fs::File;
use std::io::BufWriter;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::Arc;

use glassbox_ir::{Attr, AttrView, Graph};
use glassbox_reference::Value;
use glassbox_tensor::{ParamSource, Tensor};

use super::chrome::ChromeWriter;
use super::device::Engine;
use super::error::SimError;
use super::inputs::Pending;
use super::ledger::{Ledger, Settings, Until, View, fetched};
use super::program::Program;
use super::states;
use super::stepper::{self, Job, Outcome, Paused, Reached, Seeing};
use super::trace::{self, TraceEvent};
use super::values::{Fetched, Inserted};
use crate::error::RuntimeError;

/// Runs one program, with states of its own.
///
/// A value that is inserted stays until a step has run with it; each step needs all inputs anew. After an error the
/// states are what they were before the step, bit for bit, and what was inserted stays inserted.
///
/// A step that may pause runs on a thread of its own. While it is under way the program's variables can be
/// fetched as they are then; what would change the executor's states is refused.
pub struct Executor {
    program: Arc<Program>,
    /// What executors of the same simulator are made of.
    origin: Arc<dyn Engine>,
    params: Arc<dyn ParamSource>,
    settings: Settings,
    inputs: Pending,
    outputs: Option<Vec<Value>>,
    steps: u64,
    run: Run,
}

/// Where the engine of an executor is.
enum Run {
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

fn lost() -> RuntimeError {
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
        Ok(Executor { program, origin, params, settings, inputs, outputs: None, steps: 0, run })
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

    fn idle(&mut self, what: &str) -> Result<(&mut dyn Engine, &mut Ledger), RuntimeError> {
        match &mut self.run {
            Run::Idle(engine, ledger) => Ok((engine.as_mut(), ledger)),
            Run::Paused(_) => Err(under_way(what)),
            Run::Away => Err(lost()),
        }
    }

    fn ledger(&self) -> Result<&Ledger, RuntimeError> {
        match &self.run {
            Run::Idle(_, ledger) => Ok(ledger),
            Run::Paused(paused) => Ok(&paused.ledger),
            Run::Away => Err(lost()),
        }
    }

    fn ledger_mut(&mut self) -> Result<&mut Ledger, RuntimeError> {
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

    /// Everything that the last step gave, by name: outputs, and what persistent variables hold.
    pub(super) fn results(&self) -> Result<Vec<(String, Value)>, RuntimeError> {
        let states: Vec<String> = self.graph().states.iter().map(|state| state.name.clone()).collect();
        let outputs = || self.program.outputs.iter().zip(self.outputs.iter().flatten());
        let mut results: Vec<(String, Value)> =
            outputs().map(|((label, _), v)| (label.to_string(), v.clone())).collect();
        // Of versions of one variable the last is its value.
        let versions: Vec<_> = outputs().map(|((_, variable), value)| (*variable, value.clone())).collect();
        results.extend(versions.into_iter().rev().map(|(at, value)| (self.program.variables[at].to_string(), value)));
        for name in states {
            let held = self.state(&name)?;
            results.push((name, held.into()));
        }
        Ok(results)
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
        match stepper::begin(&self.program, Job { engine, inputs, ledger, step }, until) {
            Ok(reached) => self.reached(reached),
            Err((job, error)) => {
                self.inputs.put_back(job.inputs);
                self.rest(job.engine, job.ledger);
                Err(error)
            }
        }
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
            Reached::Lost => Err(lost()),
        }
    }

    /// A step has ended, one way or the other.
    fn end(&mut self, job: Job, outcome: Outcome) -> Result<StepOutcome, RuntimeError> {
        self.rest(job.engine, job.ledger);
        match outcome {
            Ok(Ok(outputs)) => {
                self.outputs = Some(outputs);
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

    /// The value of a variable: after a step as the step left it; in a step that is under way the latest.
    pub fn fetch<T: Fetched>(&self, name: &str) -> Result<T, RuntimeError> {
        fetched(name, &self.value(name)?)
    }

    fn value(&self, name: &str) -> Result<Value, RuntimeError> {
        match &self.run {
            Run::Paused(paused) => match paused.ledger.latest(&self.program, name) {
                Ok(value) => Ok(value),
                Err(error) => self.constant(name).unwrap_or_else(|| Err(error.into())),
            },
            Run::Idle(engine, _) => {
                if let Some(place) = self.program.output(name) {
                    let value = self.outputs.as_ref().and_then(|outputs| outputs.get(place)).cloned();
                    let why = "no step has run to its end yet".to_owned();
                    return value.ok_or_else(|| SimError::NoValue { name: name.to_owned(), why }.into());
                }
                if let Some(state) = engine.state(name) {
                    return Ok(state.into());
                }
                let missing = || Err(self.program.not_fetched(self.graph(), name).into());
                self.constant(name).unwrap_or_else(missing)
            }
            Run::Away => Err(lost()),
        }
    }

    /// A constant or a parameter of the program.
    fn constant(&self, name: &str) -> Option<Result<Value, RuntimeError>> {
        let node = self.graph().node(self.program.constant(name)?);
        let tensor = match node.attrs.get("value") {
            Some(Attr::Tensor(tensor)) => Ok(tensor.clone()),
            _ => self.params.load(AttrView::new(node.op, &node.attrs).str("name")),
        };
        Some(tensor.map(Value::Tensor).map_err(RuntimeError::from))
    }

    /// What a persistent variable holds; in a step that is under way, what it holds by then.
    pub fn state(&self, name: &str) -> Result<Tensor, RuntimeError> {
        let held = match &self.run {
            Run::Idle(engine, _) => engine.state(name),
            Run::Paused(paused) => paused.ledger.states.as_ref().and_then(|states| states.get(name)).cloned(),
            Run::Away => return Err(lost()),
        };
        held.ok_or_else(|| self.no_state(name))
    }

    fn no_state(&self, name: &str) -> RuntimeError {
        let known = self.graph().states.iter().map(|state| state.name.as_str());
        SimError::unknown("", "persistent variable", name, known).into()
    }

    /// Gives a persistent variable other contents.
    pub fn set_state(&mut self, name: &str, value: impl Into<Inserted>) -> Result<(), RuntimeError> {
        let Some(state) = self.graph().states.iter().find(|state| state.name == name) else {
            return Err(self.no_state(name));
        };
        let ty = glassbox_ir::Type::from(state.ty.clone());
        let held = self.state(name)?.dtype();
        let carried = glassbox_ir::TensorType { dtype: held, shape: state.ty.shape.clone() };
        let value = value.into().fit(&carried.into()).map_err(|misfit| SimError::Misfit {
            name: name.to_owned(),
            declared: ty.to_string(),
            given: misfit.given,
            fits: misfit.fits,
        })?;
        let tensor = Tensor::from_value(&value).map_err(RuntimeError::Internal)?;
        let (engine, _) = self.idle("no persistent variable can be set")?;
        engine.set_state(name, tensor)
    }

    /// Every persistent variable as at the start. What was inserted stays inserted.
    pub fn reset(&mut self) -> Result<(), RuntimeError> {
        let (engine, _) = self.idle("persistent variables can't be reset")?;
        engine.reset()?;
        self.outputs = None;
        Ok(())
    }

    /// Writes all persistent variables to a file, `.safetensors` or `.oinf`, which appears whole or not at all.
    pub fn save_states(&mut self, path: impl AsRef<Path>) -> Result<(), RuntimeError> {
        let (engine, _) = self.idle("states can't be saved")?;
        states::save(engine, path.as_ref())
    }

    /// Gives all persistent variables the contents that a file has: the file must have every one of them, of its dtype
    /// and dims, and no other. After an error they are as they were.
    pub fn load_states(&mut self, path: impl AsRef<Path>) -> Result<(), RuntimeError> {
        let (engine, _) = self.idle("states can't be loaded")?;
        states::load(engine, path.as_ref())
    }

    /// Asks `pause` after each statement that stands in the block or the loop `name`, or that writes the variable
    /// `name`; where it says yes, the step pauses. There may be several for one name.
    pub fn break_at(
        &mut self,
        name: &str,
        pause: impl FnMut(&View) -> bool + Send + 'static,
    ) -> Result<(), RuntimeError> {
        let matching = self.program.matching(name)?;
        self.ledger_mut()?.break_at(matching, Box::new(pause));
        Ok(())
    }

    /// Tells `tell` of each write of a variable, with its new value. There may be several for one variable.
    pub fn watch(
        &mut self,
        name: &str,
        tell: impl FnMut(&TraceEvent, &Value) + Send + 'static,
    ) -> Result<(), RuntimeError> {
        let variable = self.program.written(name)?;
        self.ledger_mut()?.watch(variable, Box::new(tell));
        Ok(())
    }

    /// Removes all breakpoints and watches.
    pub fn clear_breaks(&mut self) -> Result<(), RuntimeError> {
        self.ledger_mut()?.clear();
        Ok(())
    }

    /// The events that were collected, oldest first: the last ones, as many as the simulator keeps.
    pub fn trace(&self) -> &[TraceEvent] {
        self.ledger().map(|ledger| ledger.log.events()).unwrap_or_default()
    }

    /// How many events were not kept, because there were too many.
    pub fn trace_left_out(&self) -> u64 {
        self.ledger().map(|ledger| ledger.log.left_out()).unwrap_or_default()
    }

    /// The events that were collected, which aren't kept any longer.
    pub fn take_trace(&mut self) -> Vec<TraceEvent> {
        self.ledger_mut().map(|ledger| ledger.log.take()).unwrap_or_default()
    }

    /// Writes the events that were collected as lines of JSON.
    pub fn write_jsonl(&self, path: impl AsRef<Path>) -> Result<(), RuntimeError> {
        self.traced(self.settings.tells_all(), "`with_trace` or `with_timer`")?;
        let path = path.as_ref();
        let written = File::create(path).and_then(|file| trace::write_jsonl(self.trace(), BufWriter::new(file)));
        written.map_err(|source| unwritten(path, source))
    }

    /// Writes the events that were collected as a trace that chrome://tracing and Perfetto open.
    pub fn write_chrome(&self, path: impl AsRef<Path>) -> Result<(), RuntimeError> {
        self.traced(self.settings.timer, "`with_timer`")?;
        let path = path.as_ref();
        let written = File::create(path).and_then(|file| {
            let mut writer = ChromeWriter::new(BufWriter::new(file))?;
            self.trace().iter().try_for_each(|event| writer.event(event))?;
            writer.finish(self.trace_left_out()).map(drop)
        });
        written.map_err(|source| unwritten(path, source))
    }

    fn traced(&self, so: bool, with: &str) -> Result<(), RuntimeError> {
        let rule = || SimError::Trace(format!("there is nothing to write: make the simulator {with}"));
        if so { Ok(()) } else { Err(rule().into()) }
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

fn unwritten(path: &Path, source: std::io::Error) -> RuntimeError {
    RuntimeError::Unwritten { path: path.display().to_string(), source }
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
