//! What an executor sees of a run: it keeps the trace, asks breakpoints, calls watches, remembers the latest value
//! of every variable.
//!
//! All of it belongs to one [`Ledger`], which the executor has.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use glassbox_exec::{Event, RunError, Value};
use glassbox_tensor::Tensor;

use super::error::SimError;
use super::symbols::{Source, Statement, SymbolTable, Variable};
use super::trace::{TraceEvent, TraceLog, TraceOutput};
use super::values::Fetched;
use crate::error::RuntimeError;

/// Who is told of every statement.
pub(super) type Sink = Arc<Mutex<dyn FnMut(&TraceEvent) + Send>>;

/// What is to be told of statements.
#[derive(Clone)]
pub(super) struct Settings {
    /// Statistics of what they give.
    pub(super) statistics: bool,
    /// Their times.
    pub(super) timer: bool,
    /// How many events are kept, where any are.
    pub(super) bound: usize,
    pub(super) sink: Option<Sink>,
}

impl Settings {
    /// Whether events are kept.
    fn keeps(&self) -> bool {
        self.statistics || self.timer
    }

    /// Whether every statement is to be told of.
    pub(super) fn tells_all(&self) -> bool {
        self.keeps() || self.sink.is_some()
    }
}

/// A breakpoint.
struct Break {
    /// By the index of the node.
    matching: Vec<bool>,
    ask: Box<dyn FnMut(&View) -> bool + Send>,
}

type Tell = dyn FnMut(&TraceEvent, &Value) + Send;

/// Somebody who is told of every write of a variable.
struct Watch {
    variable: Variable,
    tell: Box<Tell>,
}

/// How far a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// To the end of the next statement.
    Statement,
    /// To a breakpoint.
    Break,
}

/// See the [module](self).
pub(super) struct Ledger {
    pub(super) log: TraceLog,
    settings: Settings,
    breaks: Vec<Break>,
    watches: Vec<Watch>,
    latest: Latest,
    /// Whether the latest values are remembered.
    remembers: bool,
    /// The nodes that helped the statement which is next to end: their statement and when they began.
    helped: Option<(Helped, Instant)>,
    epoch: Instant,
}

/// The statement that a node helps.
type Helped = (Option<Arc<str>>, Option<u32>, Arc<str>);

/// The latest value of every variable, in the step that is under way.
#[derive(Default)]
struct Latest(Vec<Option<Value>>);

impl Latest {
    fn set(&mut self, variable: Variable, value: Value) {
        if let Some(place) = self.0.get_mut(variable) {
            *place = Some(value);
        }
    }
}

impl Ledger {
    pub(super) fn new(settings: Settings) -> Ledger {
        Ledger {
            log: TraceLog::new(settings.bound),
            settings,
            breaks: Vec::new(),
            watches: Vec::new(),
            latest: Latest::default(),
            remembers: false,
            helped: None,
            epoch: Instant::now(),
        }
    }

    pub(super) fn break_at(&mut self, matching: Vec<bool>, ask: Box<dyn FnMut(&View) -> bool + Send>) {
        self.breaks.push(Break { matching, ask });
    }

    pub(super) fn watch(&mut self, variable: Variable, tell: Box<Tell>) {
        self.watches.push(Watch { variable, tell });
    }

    pub(super) fn has_breaks(&self) -> bool {
        !self.breaks.is_empty()
    }

    /// Whether a run must be seen at all.
    pub(super) fn looks(&self) -> bool {
        self.settings.tells_all() || !self.watches.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.breaks.clear();
        self.watches.clear();
    }

    /// A step begins. Its values are remembered where it may pause.
    pub(super) fn begin(&mut self, program: &SymbolTable, inputs: &[Value], pauses: bool) {
        self.remembers = pauses;
        self.helped = None;
        if pauses {
            self.latest = Latest(vec![None; program.variables.len()]);
            for (input, value) in program.inputs.iter().zip(inputs) {
                self.latest.set(input.variable, value.clone());
            }
        }
    }

    /// A step has ended.
    pub(super) fn end(&mut self) {
        self.latest = Latest::default();
    }

    /// The latest value of a variable, in a step that is under way.
    pub(super) fn latest(&self, program: &SymbolTable, name: &str) -> Result<Value, SimError> {
        let variable = program.variable(name);
        let value = variable.and_then(|variable| self.latest.0.get(variable)?.clone());
        value.ok_or_else(|| match variable {
            Some(_) => SimError::NoValue { name: name.to_owned(), why: "the step hasn't come to it".to_owned() },
            None => {
                let known = program.variables.iter().map(|name| &**name).filter(|name| !name.starts_with('#'));
                SimError::unknown("", "variable", name, known)
            }
        })
    }

    /// A node has given its results: the event to pause at, if the run is to pause.
    pub(super) fn see(
        &mut self,
        program: &SymbolTable,
        step: u64,
        event: &Event,
        until: Option<Until>,
    ) -> Result<Option<TraceEvent>, RunError> {
        let node = event.node.index();
        let Some(statement) = program.nodes.get(node) else { return Ok(None) };
        if self.remembers {
            self.remember(program, statement, event)?;
        }
        if !statement.ends {
            if !statement.follows {
                self.help(statement, event.started);
            }
            return Ok(None);
        }
        let began = self.began(statement, event.started);
        let asked = self.breaks.iter().any(|at| at.matching.get(node).copied().unwrap_or(false));
        let written = |variable| statement.writes.iter().find(|(written, _)| *written == variable);
        let watched = self.watches.iter().any(|watch| written(watch.variable).is_some());
        let stops = until == Some(Until::Statement);
        if !(self.settings.tells_all() || asked || watched || stops) {
            return Ok(None);
        }
        let told = self.describe(statement, step, event, began)?;
        if let Some(sink) = &self.settings.sink {
            // The lock is poisoned where an earlier call panicked, which that call has reported.
            let mut sink = sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            sink(&told);
        }
        for watch in &mut self.watches {
            let Some((variable, source)) = written(watch.variable) else { continue };
            let value = match source {
                Source::Result(place) => event.result(*place)?,
                Source::State => event.state(&program.variables[*variable])?.into(),
            };
            (watch.tell)(&told, &value);
        }
        let pauses = stops | (asked && self.ask(program, &told, event));
        match (self.settings.keeps(), pauses) {
            (true, true) => self.log.push(told.clone()),
            (true, false) => {
                self.log.push(told);
                return Ok(None);
            }
            (false, _) => {}
        }
        Ok(pauses.then_some(told))
    }

    /// Asks every breakpoint that matches whether to pause.
    fn ask(&mut self, program: &SymbolTable, told: &TraceEvent, event: &Event) -> bool {
        let mut breaks = std::mem::take(&mut self.breaks);
        let node = event.node.index();
        let view = View { event: told, ledger: self, program, run: event };
        let mut pauses = false;
        for at in breaks.iter_mut().filter(|at| at.matching.get(node).copied().unwrap_or(false)) {
            pauses |= (at.ask)(&view);
        }
        self.breaks = breaks;
        pauses
    }

    fn remember(&mut self, program: &SymbolTable, statement: &Statement, event: &Event) -> Result<(), RunError> {
        for (place, variable) in statement.variables.iter().enumerate() {
            if let Some(variable) = variable {
                self.latest.set(*variable, event.result(place)?);
            }
        }
        // The number of its turn is the first parameter of a loop's body, which no node gives.
        for (node, frame) in statement.around.iter().zip(event.path) {
            let (Some(turn), "loop") = (frame.turn, frame.op()) else { continue };
            let body = event.graph.node(*node).regions.first().map(|body| event.graph.region(*body));
            let number = body.and_then(|body| body.parameters.first().copied());
            if let Some(variable) = number.and_then(|number| program.variable_of(number)) {
                self.latest.set(variable, Tensor::scalar(turn as i64).into());
            }
        }
        Ok(())
    }

    fn help(&mut self, statement: &Statement, started: Instant) {
        let key = || (statement.file.clone(), statement.line, statement.block.clone());
        match &mut self.helped {
            Some((helped, first)) if *helped == key() => *first = started.min(*first),
            helped => *helped = Some((key(), started)),
        }
    }

    /// When the statement began that ends now: with the first node that helped it.
    fn began(&mut self, statement: &Statement, started: Instant) -> Instant {
        match self.helped.take() {
            Some(((file, line, block), first))
                if (&file, line, &block) == (&statement.file, statement.line, &statement.block) =>
            {
                first.min(started)
            }
            _ => started,
        }
    }

    fn describe(
        &mut self,
        statement: &Statement,
        step: u64,
        event: &Event,
        began: Instant,
    ) -> Result<TraceEvent, RunError> {
        let statistics = self.settings.statistics;
        let look = || {
            let results = statement.results.iter().enumerate();
            results.map(|(place, name)| Ok(TraceOutput::of(name, &event.result(place)?, statistics))).collect()
        };
        let node = event.node.index();
        let outputs = if statement.fixed { self.log.outputs_of_fixed(node, look)? } else { look()? };
        let end = event.started + event.time;
        let timed = |time: Duration| self.settings.timer.then(|| (time.as_nanos() as f64) / 1e3);
        Ok(TraceEvent {
            step,
            block: statement.block.clone(),
            node: statement.label.clone(),
            op: statement.op.clone(),
            file: statement.file.clone(),
            line: statement.line,
            turns: event.turns(),
            depth: event.path.len(),
            inputs: statement.inputs.clone(),
            outputs,
            began: timed(began.saturating_duration_since(self.epoch)),
            micros: timed(end.saturating_duration_since(began)),
        })
    }
}

/// A statement that has just been run, and the values of variables as they are then.
pub struct View<'a> {
    event: &'a TraceEvent,
    ledger: &'a Ledger,
    program: &'a SymbolTable,
    run: &'a Event<'a>,
}

impl View<'_> {
    /// The statement.
    pub fn event(&self) -> &TraceEvent {
        self.event
    }

    /// The turn of the innermost loop around it, counted from zero.
    pub fn turn(&self) -> Option<u64> {
        self.event.turns.last().copied()
    }

    /// The latest value of a variable.
    ///
    /// # Errors
    ///
    /// Where there is no such variable, it has no value yet, or it can't be had as `T`.
    pub fn fetch<T: Fetched>(&self, name: &str) -> Result<T, RuntimeError> {
        if self.run.graph.states().iter().any(|state| state.name == name) {
            return fetched(name, &self.run.state(name)?.into());
        }
        fetched(name, &self.ledger.latest(self.program, name)?)
    }
}

/// A value as it is asked for.
pub(super) fn fetched<T: Fetched>(name: &str, value: &Value) -> Result<T, RuntimeError> {
    let wrong = |advice| SimError::Fetch { name: name.to_owned(), ty: value.ty().to_string(), advice };
    T::from_value(value).map_err(|advice| wrong(advice).into())
}
