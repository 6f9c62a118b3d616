//! Runtimes, what they prepare, and the sessions in which it runs.

use std::sync::Arc;
use std::time::Instant;

use glassbox_ir::Graph;
use glassbox_tensor::ParamSource;

use crate::cancel::{Cancel, Interruption};
use crate::error::RunError;
use crate::host::Host;
use crate::observer::Observer;
use crate::options::Options;
use crate::report::Report;
use crate::states::StateStore;
use crate::value::Value;

/// Something that runs graphs.
pub trait Runtime: Send + Sync {
    /// The name, as the command line has it.
    fn name(&self) -> &str;

    /// Makes a graph ready to run; its `parameter` nodes read from `params`.
    ///
    /// # Errors
    ///
    /// Where a parameter isn't in `params` as the graph says, or the graph is one that can't be run.
    fn prepare(
        &self,
        graph: Arc<Graph>,
        params: Arc<dyn ParamSource>,
        options: &Options,
    ) -> Result<Arc<dyn Executable>, RunError>;
}

/// A graph that is ready to run. What doesn't change from run to run is in it, and shared by its sessions.
pub trait Executable: Send + Sync {
    /// The graph, as it was given.
    fn graph(&self) -> &Arc<Graph>;

    /// A session, with its states as at the start.
    ///
    /// # Errors
    ///
    /// Where there is no memory for the states.
    fn session(&self) -> Result<Box<dyn Session>, RunError>;

    /// What became of the graph.
    fn report(&self) -> Report;
}

/// A graph that runs, again and again, and what it keeps in between.
///
/// A run is begun by [`Session::start`] and goes on by [`Session::resume`], to its end or until its observer pauses
/// it; [`Session::run`] is both. After an error the states are what they were before the run, bit for bit.
pub trait Session: Send {
    /// The graph.
    fn graph(&self) -> &Arc<Graph>;

    /// Begins a run.
    ///
    /// # Errors
    ///
    /// Where the inputs aren't what the graph takes, or another run is under way.
    fn start(&mut self, inputs: &[Value]) -> Result<(), RunError>;

    /// Goes on with the run that was begun. The context may be another one each time.
    ///
    /// # Errors
    ///
    /// Where a node fails, a limit is reached, or the run is given up by its context; the run is over then, and the
    /// states are what they were before it. Also where no run is under way.
    fn resume(&mut self, context: RunContext) -> Result<Progress, RunError>;

    /// Whether a run was begun that hasn't ended.
    fn is_under_way(&self) -> bool;

    /// Gives up the run that is under way, if there is one: the states are what they were before it.
    fn cancel(&mut self);

    /// What it keeps.
    fn states(&self) -> &dyn StateStore;

    /// What it keeps, to be changed.
    fn states_mut(&mut self) -> &mut dyn StateStore;

    /// Another session whose states hold the same. What they hold is shared until one of the two writes it.
    ///
    /// # Errors
    ///
    /// Where a run is under way.
    fn fork(&self) -> Result<Box<dyn Session>, RunError>;

    /// Runs the graph once: the outputs, in order. An observer can't pause it.
    ///
    /// # Errors
    ///
    /// Those of [`Session::start`] and [`Session::resume`].
    fn run(&mut self, inputs: &[Value], mut context: RunContext) -> Result<Vec<Value>, RunError> {
        self.start(inputs)?;
        loop {
            if let Progress::Done(outputs) = self.resume(context.reborrow())? {
                return Ok(outputs);
            }
        }
    }
}

/// How far a run has come.
#[derive(Debug)]
pub enum Progress {
    /// Its observer has paused it.
    Paused,
    /// It has ended, with these outputs.
    Done(Vec<Value>),
}

/// What is around a run: its observer, its host, and when it is given up. The default has no observer and no host, and
/// lets the run go on to its end.
///
/// ```
/// use std::time::{Duration, Instant};
/// use glassbox_exec::{Cancel, RunContext};
/// let cancel = Cancel::new();
/// let context = RunContext::new().cancelled_by(&cancel).before(Instant::now() + Duration::from_secs(5));
/// assert_eq!(context.interruption(), None);
/// cancel.cancel();
/// assert!(context.interruption().is_some());
/// ```
#[derive(Default)]
pub struct RunContext<'a> {
    /// Who sees each node as it is run.
    pub observer: Option<&'a mut dyn Observer>,
    /// Whose functions `host` nodes call.
    pub host: Option<&'a mut dyn Host>,
    /// Who may give the run up. It is asked before every node and inside of long kernels.
    pub cancel: Option<Cancel>,
    /// When the run is given up.
    pub deadline: Option<Instant>,
}

impl<'a> RunContext<'a> {
    /// Nobody watches, there is no host, and the run goes on to its end.
    pub fn new() -> RunContext<'a> {
        RunContext::default()
    }

    /// Seen by `observer`.
    pub fn observed<'b>(self, observer: &'b mut dyn Observer) -> RunContext<'b>
    where
        'a: 'b,
    {
        RunContext { observer: Some(observer), ..self.shortened() }
    }

    /// With the functions of `host`.
    pub fn hosted<'b>(self, host: &'b mut dyn Host) -> RunContext<'b>
    where
        'a: 'b,
    {
        RunContext { host: Some(host), ..self.shortened() }
    }

    /// The same context, for a shorter life.
    fn shortened<'b>(mut self) -> RunContext<'b>
    where
        'a: 'b,
    {
        RunContext {
            observer: match self.observer.take() {
                Some(observer) => Some(observer),
                None => None,
            },
            host: match self.host.take() {
                Some(host) => Some(host),
                None => None,
            },
            cancel: self.cancel.take(),
            deadline: self.deadline,
        }
    }

    /// Given up when `cancel` asks for it.
    pub fn cancelled_by(self, cancel: &Cancel) -> RunContext<'a> {
        RunContext { cancel: Some(cancel.clone()), ..self }
    }

    /// Given up at `deadline`.
    pub fn before(self, deadline: Instant) -> RunContext<'a> {
        RunContext { deadline: Some(deadline), ..self }
    }

    /// The same context, for a part of its life.
    pub fn reborrow(&mut self) -> RunContext<'_> {
        RunContext {
            observer: match &mut self.observer {
                Some(observer) => Some(&mut **observer),
                None => None,
            },
            host: match &mut self.host {
                Some(host) => Some(&mut **host),
                None => None,
            },
            cancel: self.cancel.clone(),
            deadline: self.deadline,
        }
    }

    /// Why the run is to be given up now, if it is.
    pub fn interruption(&self) -> Option<Interruption> {
        if self.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
            return Some(Interruption::Cancelled);
        }
        self.deadline.filter(|deadline| Instant::now() >= *deadline).map(|_| Interruption::Deadline)
    }
}
