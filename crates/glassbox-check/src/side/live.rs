//! A side that is run: its values are had as they are computed.

use std::collections::HashSet;
use std::sync::Arc;

use glassbox_exec::{Event, Executable, Flow, Nodes, Observer, Progress, RunContext, RunError, Session, Value, Wants};

use super::spill::Waiting;
use super::{Key, Values};
use crate::error::CheckError;
use crate::skeleton::Skeleton;

/// A run that goes on as far as somebody asks for its values.
pub struct Live {
    name: String,
    executable: Arc<dyn Executable>,
    skeleton: Arc<Skeleton>,
    inputs: Vec<Value>,
    nodes: Nodes,
    session: Option<Box<dyn Session>>,
    wanted: HashSet<usize>,
    /// The values that no node computes and that were told of nevertheless.
    told: HashSet<usize>,
    /// What nobody will ask for, of what is wanted.
    ignored: HashSet<Key>,
    waiting: Waiting,
    outcome: Option<Result<(), String>>,
}

impl Live {
    /// A run of an executable on these inputs, under a name for messages.
    pub fn new(name: &str, executable: Arc<dyn Executable>, skeleton: Arc<Skeleton>, inputs: Vec<Value>) -> Live {
        Live {
            name: name.to_owned(),
            executable,
            skeleton,
            inputs,
            nodes: Nodes::Given,
            session: None,
            wanted: HashSet::new(),
            told: HashSet::new(),
            ignored: HashSet::new(),
            waiting: Waiting::default(),
            outcome: None,
        }
    }

    /// The same run, told of by these nodes.
    #[must_use]
    pub fn told_of(self, nodes: Nodes) -> Live {
        Live { nodes, ..self }
    }

    /// Has these not kept, though they are wanted in other turns or were before.
    pub(crate) fn ignore(&mut self, keys: HashSet<Key>) {
        self.ignored = keys;
    }

    /// Goes on to the next value that is wanted before somebody asks for it. Whether there is more to do: not at the end,
    /// nor when so many bytes wait.
    pub(crate) fn run_ahead(&mut self, most: usize) -> Result<bool, CheckError> {
        if self.outcome.is_some() || self.waiting.bytes() >= most {
            return Ok(false);
        }
        self.go_on()?;
        Ok(true)
    }

    /// Goes on until a node gives something that is wanted, or to the end.
    fn go_on(&mut self) -> Result<(), CheckError> {
        let failed = |name: &str, source| CheckError::Run { side: name.to_owned(), source: Box::new(source) };
        let session = match &mut self.session {
            Some(session) => session,
            none => {
                let session = self.executable.session().map_err(|source| failed(&self.name, source))?;
                let session = none.insert(session);
                session.start(&self.inputs).map_err(|source| failed(&self.name, source))?;
                session
            }
        };
        let (wanted, ignored) = (&self.wanted, &mut self.ignored);
        let mut watcher = Watcher { skeleton: &self.skeleton, nodes: self.nodes, wanted, ignored, seen: Vec::new() };
        let progress = session.resume(RunContext::new().observed(&mut watcher));
        for (key, value) in watcher.seen {
            if self.skeleton.producer(key.value).is_none() {
                self.told.insert(key.value);
            }
            self.waiting.put(key, value)?;
        }
        match progress {
            Ok(Progress::Paused) => {}
            Ok(Progress::Done(outputs)) => {
                self.outcome = Some(Ok(()));
                self.keep_given(outputs)?;
            }
            // What was computed before can be compared nevertheless.
            Err(source) => self.outcome = Some(Err(source.to_string())),
        }
        Ok(())
    }

    /// Keeps those outputs that no node computes, so that nothing was told of them.
    fn keep_given(&mut self, outputs: Vec<Value>) -> Result<(), CheckError> {
        for (id, value) in self.executable.graph().outputs().iter().zip(outputs) {
            let Some(place) = self.skeleton.of_value.get(id.index()).copied().flatten() else { continue };
            let given = self.skeleton.producer(place).is_none() && self.wanted.contains(&place);
            if given && self.told.insert(place) {
                self.waiting.put(Key { value: place, turns: Vec::new() }, value)?;
            }
        }
        Ok(())
    }
}

impl Values for Live {
    fn take(&mut self, key: &Key) -> Result<Option<Value>, CheckError> {
        loop {
            if let Some(value) = self.waiting.take(key)? {
                return Ok(Some(value));
            }
            if self.outcome.is_some() {
                return Ok(None);
            }
            self.go_on()?;
        }
    }

    fn want(&mut self, values: HashSet<usize>) {
        self.wanted = values;
    }

    fn stopped(&self) -> Option<&str> {
        match &self.outcome {
            Some(Err(message)) => Some(message),
            _ => None,
        }
    }

    fn restart(&mut self) -> Result<(), CheckError> {
        (self.session, self.outcome, self.waiting) = (None, None, Waiting::default());
        self.told.clear();
        Ok(())
    }
}

/// Keeps what is wanted, and pauses where it has something.
struct Watcher<'a> {
    skeleton: &'a Skeleton,
    nodes: Nodes,
    wanted: &'a HashSet<usize>,
    ignored: &'a mut HashSet<Key>,
    seen: Vec<(Key, Value)>,
}

impl Observer for Watcher<'_> {
    fn observe(&mut self, event: &Event) -> Result<Flow, RunError> {
        let before = self.seen.len();
        for (place, id) in event.node().results.iter().enumerate() {
            let Some(value) = self.skeleton.of_value.get(id.index()).copied().flatten() else { continue };
            if self.wanted.contains(&value) && event.has_result(place) {
                let key = Key { value, turns: event.turns() };
                if !self.ignored.remove(&key) {
                    self.seen.push((key, event.result(place)?));
                }
            }
        }
        Ok(if self.seen.len() > before { Flow::Pause } else { Flow::Continue })
    }

    fn wants(&self) -> Wants {
        Wants { times: false, nodes: self.nodes, ..Wants::default() }
    }
}
