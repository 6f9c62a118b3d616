//! Runs of ours in which values of the other side are put in the place of ours.

use glassbox_exec::{Event, Flow, Observer, RunContext, RunError, Session, Value, Wants};

use crate::error::CheckError;

/// What looks at a run and puts values in. An error of its own ends the run.
pub(super) trait Visitor {
    /// A node has given its results; what is put in stands in their place.
    fn see(&mut self, event: &Event, put: &mut Put) -> Result<Flow, CheckError>;

    /// What a node shall give without being run; see [`Observer::supply`].
    fn supply(&mut self, event: &Event) -> Result<Option<Vec<Value>>, CheckError> {
        let _ = event;
        Ok(None)
    }
}

/// What stands in the place of a node's results.
#[derive(Default)]
pub(super) struct Put(Option<Vec<Value>>);

impl Put {
    /// Puts a value in the place of one result.
    pub(super) fn put(&mut self, event: &Event, place: usize, value: Value) -> Result<(), RunError> {
        let results = match &mut self.0 {
            Some(results) => results,
            none => none.insert(event.results()?),
        };
        if let Some(result) = results.get_mut(place) {
            *result = value;
        }
        Ok(())
    }
}

/// Runs a session to its end, or to where the visitor ends it. How the run ended.
pub(super) fn run(
    session: &mut dyn Session,
    inputs: &[Value],
    visitor: &mut dyn Visitor,
) -> Result<Result<Vec<Value>, RunError>, CheckError> {
    let mut watch = Watch { visitor, put: Put::default(), failed: None };
    let ended = session.run(inputs, RunContext::new().observed(&mut watch));
    watch.failed.map_or(Ok(ended), Err)
}

struct Watch<'a> {
    visitor: &'a mut dyn Visitor,
    put: Put,
    failed: Option<CheckError>,
}

impl Watch<'_> {
    /// The error of the visitor is kept; the run gets one of its own kind.
    fn checked<T>(&mut self, found: Result<T, CheckError>) -> Result<T, RunError> {
        found.map_err(|error| {
            let stopped = RunError::Inputs(error.to_string());
            self.failed = Some(error);
            stopped
        })
    }
}

impl Observer for Watch<'_> {
    fn observe(&mut self, event: &Event) -> Result<Flow, RunError> {
        self.put = Put::default();
        let seen = self.visitor.see(event, &mut self.put);
        self.checked(seen)
    }

    fn wants(&self) -> Wants {
        Wants { times: false, replaces: true, ..Wants::default() }
    }

    fn replace(&mut self, _: &Event) -> Result<Option<Vec<Value>>, RunError> {
        Ok(self.put.0.take())
    }

    fn supply(&mut self, event: &Event) -> Result<Option<Vec<Value>>, RunError> {
        let supplied = self.visitor.supply(event);
        self.checked(supplied)
    }
}
