//! Checking a run as it goes: every value, also those inside of composites.

use std::ops::ControlFlow;

use glassbox_reference::{Event, Observer, Value};

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

    fn check(&self, event: &Event) -> Result<(), String> {
        let node = event.graph.node(event.node);
        for (id, value) in node.results.iter().zip(event.results) {
            let (declared, found) = (&event.graph.value(*id).ty, value.ty());
            let place = || {
                let around: Vec<&str> = event.path.iter().map(|frame| frame.node.as_str()).collect();
                format!("{} `{}` in [{}]", node.op.name, event.graph.node_label(event.node), around.join(", "))
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
    fn observe(&mut self, event: &Event) -> ControlFlow<()> {
        if let Err(wrong) = self.check(event) {
            self.wrong = Some(wrong);
            return ControlFlow::Break(());
        }
        self.next.observe(event)
    }

    fn inside_composites(&self) -> bool {
        true
    }
}
