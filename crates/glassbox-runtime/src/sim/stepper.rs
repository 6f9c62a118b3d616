//! Runs that pause: a run on a thread of its own, which hands control to and fro.
//!
//! The run has the [`Ledger`] while it goes, its owner while it is paused, and whoever hasn't it waits for it. So
//! nothing is shared and nothing is locked. When the owner lets go of a [`Paused`] run, the run ends at the place
//! where it stands, as one that fails does, with the states as they were before.

use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use glassbox_reference::{Event, Observer, RunError, Value};

use super::device::Engine;
use super::ledger::{Ledger, Until};
use super::program::Program;
use super::trace::TraceEvent;
use crate::error::RuntimeError;

/// As much as the first thread of a program has on most systems: the interpreter nests as deep as the graph does.
const STACK: usize = 8 << 20;

/// A run to be made, or that has ended.
pub(super) struct Job {
    pub(super) engine: Box<dyn Engine>,
    pub(super) inputs: Vec<Value>,
    pub(super) ledger: Box<Ledger>,
    pub(super) step: u64,
}

/// What a run gave; the payload of a panic in a function of the user, which goes on in the user's thread.
pub(super) type Outcome = Result<Result<Vec<Value>, RunError>, Box<dyn Any + Send>>;

/// How far a run has come.
pub(super) enum Reached {
    /// A statement after which it pauses.
    Pause(Box<TraceEvent>, Paused),
    /// Its end.
    End(Job, Outcome),
    /// Nothing: there is no thread for it.
    Nowhere(Job, RuntimeError),
    /// Its thread is gone, which can't be.
    Lost,
}

/// A run that is paused.
pub(super) struct Paused {
    pub(super) ledger: Box<Ledger>,
    thread: Thread,
}

type Report = (Box<Ledger>, Box<TraceEvent>);
type Command = (Box<Ledger>, Until);

/// The thread of a run, as its owner sees it.
struct Thread {
    commands: Sender<Command>,
    reports: Receiver<Report>,
    handle: JoinHandle<Option<Ended>>,
}

/// What a thread gives back. The ledger is with the owner where it was paused when it was stopped.
struct Ended {
    engine: Box<dyn Engine>,
    inputs: Vec<Value>,
    ledger: Option<Box<Ledger>>,
    step: u64,
    outcome: Outcome,
}

impl Ended {
    fn job(self, ledger: Option<Box<Ledger>>) -> Option<(Job, Outcome)> {
        let Ended { engine, inputs, step, outcome, .. } = self;
        Some((Job { engine, inputs, ledger: self.ledger.or(ledger)?, step }, outcome))
    }
}

/// Begins a run.
pub(super) fn begin(program: &Arc<Program>, job: Job, until: Until) -> Reached {
    // The job follows when the thread is there, so that it isn't lost where there is none.
    let (jobs, first) = channel::<(Job, Until)>();
    let (commands, orders) = channel();
    let (telling, reports) = channel();
    let program = program.clone();
    let body = move || first.recv().ok().map(|(job, until)| run(&program, job, until, telling, orders));
    let spawned = std::thread::Builder::new().name("glassbox-step".to_owned()).stack_size(STACK).spawn(body);
    let handle = match spawned {
        Ok(handle) => handle,
        Err(error) => {
            let rule = format!("a step that can pause runs on a thread of its own, and none can be had: {error}");
            return Reached::Nowhere(job, RuntimeError::Setting(rule));
        }
    };
    if let Err(unsent) = jobs.send((job, until)) {
        let error = RuntimeError::Internal("the thread of a step ended before it began".to_owned());
        return Reached::Nowhere(unsent.0.0, error);
    }
    wait(Thread { commands, reports, handle })
}

impl Paused {
    /// Goes on.
    pub(super) fn go_on(self, until: Until) -> Reached {
        // A thread that is gone doesn't take it; waiting tells so.
        let _ = self.thread.commands.send((self.ledger, until));
        wait(self.thread)
    }

    /// Ends the run where it stands: the job as it was before.
    pub(super) fn stop(self) -> Option<Job> {
        let Thread { commands, reports, handle } = self.thread;
        drop((commands, reports));
        let (job, _) = handle.join().ok()??.job(Some(self.ledger))?;
        Some(job)
    }
}

/// Waits until the run pauses or ends.
fn wait(thread: Thread) -> Reached {
    if let Ok((ledger, event)) = thread.reports.recv() {
        return Reached::Pause(event, Paused { ledger, thread });
    }
    match thread.handle.join().ok().flatten().and_then(|ended| ended.job(None)) {
        Some((job, outcome)) => Reached::End(job, outcome),
        None => Reached::Lost,
    }
}

/// The run, in its thread.
fn run(program: &Program, job: Job, until: Until, telling: Sender<Report>, orders: Receiver<Command>) -> Ended {
    let Job { mut engine, inputs, ledger, step } = job;
    let mut seeing = Pausing { program, step, until, ledger: Some(ledger), telling, orders };
    // After a panic the engine's states are those before the run, and the ledger is as good as at any pause.
    let outcome = catch_unwind(AssertUnwindSafe(|| engine.run(&inputs, Some(&mut seeing))));
    Ended { engine, inputs, ledger: seeing.ledger, step, outcome }
}

/// Sees a run, and pauses it.
struct Pausing<'p> {
    program: &'p Program,
    step: u64,
    until: Until,
    ledger: Option<Box<Ledger>>,
    telling: Sender<Report>,
    orders: Receiver<Command>,
}

impl Observer for Pausing<'_> {
    fn observe(&mut self, event: &Event) -> ControlFlow<()> {
        let Some(ledger) = &mut self.ledger else { return ControlFlow::Break(()) };
        let Some(told) = ledger.see(self.program, self.step, event, Some(self.until)) else {
            return ControlFlow::Continue(());
        };
        let Some(ledger) = self.ledger.take() else { return ControlFlow::Break(()) };
        if let Err(unsent) = self.telling.send((ledger, Box::new(told))) {
            self.ledger = Some(unsent.0.0);
            return ControlFlow::Break(());
        }
        // Without an order the owner has let go.
        let Ok((mut ledger, until)) = self.orders.recv() else { return ControlFlow::Break(()) };
        ledger.states = None;
        self.ledger = Some(ledger);
        self.until = until;
        ControlFlow::Continue(())
    }
}

/// Sees a run that goes to its end in the thread of who asked for it.
pub(super) struct Seeing<'a> {
    pub(super) program: &'a Program,
    pub(super) step: u64,
    pub(super) ledger: &'a mut Ledger,
}

impl Observer for Seeing<'_> {
    fn observe(&mut self, event: &Event) -> ControlFlow<()> {
        self.ledger.see(self.program, self.step, event, None);
        ControlFlow::Continue(())
    }
}
