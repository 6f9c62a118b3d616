//! Checking a run as it goes: every value, also those inside of composites.

use glassbox_exec::{Event, Flow, Observer, RunError, Value, Wants};

/// An observer that stops a run at the first value that isn't of the type that the graph says, or that holds a NaN,
/// and passes everything on to another observer.
pub struct Eager<'a> {
    next: &'a mut dyn Observer,
    wrong: Option<String>,
}

impl<'a> Eager<'a> {
    /// Checks what `next` observes.
    pub fn new(next: &'a mut dyn Observer) -> Eager<'a> {
        Eager { next, wrong: None }
    }

    /// What was wrong, where the run was stopped for it.
    pub fn wrong(self) -> Option<String> {
        self.wrong
    }

    fn check(&self, event: &Event, results: &[Value]) -> Result<(), String> {
        let node = event.node();
        for (id, value) in node.results.iter().zip(results) {
            let (declared, found) = (&event.graph.value(*id).ty, value.ty());
            let place = || {
                let around: Vec<String> = event.path.iter().map(|frame| frame.label()).collect();
                format!("{} `{}` in [{}]", node.op.name, event.label(), around.join(", "))
            };
            if !declared.admits(&found) {
                return Err(format!("{} gave {found}, the graph says {declared}", place()));
            }
            let Value::Tensor(tensor) = value else { continue };
            if !tensor.dtype().is_float() {
                continue;
            }
            let nan = tensor.load::<f64>().ok().and_then(|values| values.iter().position(|value| value.is_nan()));
            if let Some(element) = nan {
                return Err(format!("{} gave {found} with a NaN, first at element {element}", place()));
            }
        }
        Ok(())
    }
}

impl Observer for Eager<'_> {
    fn observe(&mut self, event: &Event) -> Result<Flow, RunError> {
        if let Err(wrong) = self.check(event, &event.results()?) {
            self.wrong = Some(wrong);
            return Ok(Flow::Stop);
        }
        self.next.observe(event)
    }

    fn wants(&self) -> Wants {
        Wants::ALL
    }
}
