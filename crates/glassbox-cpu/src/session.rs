//! Sessions: the compiled graph where nobody watches, the graph as it was given, node by node, where somebody does.
//!
//! An observer is told of every node of the graph that was given, and may put other values in their places. So a run that
//! is observed goes over that graph, each node computed by a kernel of its own, unless the observer [wants](Nodes) to see
//! what the compiled graph computes. What a session keeps moves along.

use std::sync::Arc;

use glassbox_exec::checks::check_inputs;
use glassbox_exec::{KernelError, Nodes, Progress, RunContext, RunError, Session, StateStore, Value, Wants};
use glassbox_ir::Graph;
use glassbox_tensor::Tensor;

use crate::executable::Prepared;
use crate::survivors::Telling;

/// See the [module](self).
pub(crate) struct CpuSession {
    prepared: Arc<Prepared>,
    /// The session that holds the states.
    inner: Box<dyn Session>,
    way: Way,
    /// The inputs of a run that was begun, until it is known who watches.
    waiting: Option<Vec<Value>>,
}

/// Which graph a session runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// What it was compiled to.
    Compiled,
    /// What was given.
    NodeByNode,
}

impl CpuSession {
    pub(crate) fn new(prepared: Arc<Prepared>) -> Result<CpuSession, RunError> {
        let inner = prepared.executable(Way::Compiled)?.session()?;
        Ok(CpuSession { prepared, inner, way: Way::Compiled, waiting: None })
    }

    /// Has the states in a session that goes this way.
    fn turn_to(&mut self, way: Way) -> Result<(), RunError> {
        if self.way == way {
            return Ok(());
        }
        let mut other = self.prepared.executable(way)?.session()?;
        for state in self.prepared.source.states() {
            let moved = self.inner.states().read(&state.name);
            let moved = moved.and_then(|held| other.states_mut().write(&state.name, held));
            moved.map_err(|error| RunError::Inputs(error.to_string()))?;
        }
        (self.inner, self.way) = (other, way);
        Ok(())
    }

    fn idle(&mut self) -> Result<&mut dyn StateStore, KernelError> {
        match self.waiting {
            None => Ok(self.inner.states_mut()),
            Some(_) => Err(KernelError::invalid("state", "states can't be changed while a run is under way")),
        }
    }
}

impl Session for CpuSession {
    fn graph(&self) -> &Arc<Graph> {
        &self.prepared.source
    }

    fn start(&mut self, inputs: &[Value]) -> Result<(), RunError> {
        if self.is_under_way() {
            return Err(RunError::Session("a run is under way; resume it to its end, or cancel it"));
        }
        let held = |name: &str| self.inner.states().extents(name).ok();
        check_inputs(&self.prepared.source, inputs, &held)?;
        self.waiting = Some(inputs.to_vec());
        Ok(())
    }

    fn resume(&mut self, mut context: RunContext) -> Result<Progress, RunError> {
        let wants = context.observer.as_ref().map(|observer| observer.wants());
        if let Some(inputs) = self.waiting.take() {
            let given = |wants: Wants| wants.replaces || wants.nodes == Nodes::Given;
            self.turn_to(if wants.is_some_and(given) { Way::NodeByNode } else { Way::Compiled })?;
            self.inner.start(&inputs)?;
        }
        let surviving = self.way == Way::Compiled && wants.is_some_and(|wants| wants.nodes == Nodes::Surviving);
        match context.observer.take() {
            Some(observer) if surviving => {
                let mut telling = Telling { survivors: self.prepared.survivors(), observer };
                self.inner.resume(context.observed(&mut telling))
            }
            observer => self.inner.resume(RunContext { observer, ..context }),
        }
    }

    fn is_under_way(&self) -> bool {
        self.waiting.is_some() || self.inner.is_under_way()
    }

    fn cancel(&mut self) {
        self.waiting = None;
        self.inner.cancel();
    }

    fn states(&self) -> &dyn StateStore {
        self
    }

    fn states_mut(&mut self) -> &mut dyn StateStore {
        self
    }

    fn fork(&self) -> Result<Box<dyn Session>, RunError> {
        if self.is_under_way() {
            return Err(RunError::Session("a run is under way; a session can be forked between two runs"));
        }
        let (prepared, inner) = (self.prepared.clone(), self.inner.fork()?);
        Ok(Box::new(CpuSession { prepared, inner, way: self.way, waiting: None }))
    }
}

impl StateStore for CpuSession {
    fn extents(&self, name: &str) -> Result<Vec<usize>, KernelError> {
        self.inner.states().extents(name)
    }

    fn read(&self, name: &str) -> Result<Tensor, KernelError> {
        self.inner.states().read(name)
    }

    fn write(&mut self, name: &str, contents: Tensor) -> Result<(), KernelError> {
        self.idle()?.write(name, contents)
    }

    fn truncate(&mut self, name: &str, axis: usize, extent: usize) -> Result<(), KernelError> {
        self.idle()?.truncate(name, axis, extent)
    }

    fn select_rows(&mut self, name: &str, rows: &[usize]) -> Result<(), KernelError> {
        self.idle()?.select_rows(name, rows)
    }

    fn append_row(&mut self, name: &str) -> Result<(), KernelError> {
        self.idle()?.append_row(name)
    }

    fn reset(&mut self) -> Result<(), KernelError> {
        self.idle()?.reset()
    }
}
