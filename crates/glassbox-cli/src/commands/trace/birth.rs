//! Where NaN and infinities are born: in a node that gives one though none of its operands holds one.
//!
//! Operands are looked at only where a result is odd. What can't be had again, for its memory was used for something else,
//! is remembered from when it was given. A node with bodies, or a composite whose inside is seen too, gives on what was
//! born in there.

use std::collections::HashMap;
use std::sync::Arc;

use glassbox_exec::{Event, Value};
use glassbox_ir::{Graph, NodeId, ValueId};
use glassbox_runtime::Statistics;

/// Which of the odd numbers a value holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Odd {
    pub(super) nan: bool,
    pub(super) inf: bool,
}

impl Odd {
    /// What a value holds, whose statistics are these where it is a tensor.
    pub(super) fn of(value: &Value, statistics: Option<Statistics>) -> Odd {
        match value {
            Value::Tensor(_) => statistics.map_or(Odd::default(), |s| Odd { nan: s.nan > 0, inf: s.inf > 0 }),
            Value::Sequence { items, .. } => items.iter().map(Odd::of_value).fold(Odd::default(), Odd::or),
            Value::Optional { item, .. } => item.as_ref().map_or(Odd::default(), |item| Odd::of_value(item)),
        }
    }

    fn of_value(value: &Value) -> Odd {
        Odd::of(value, value.as_tensor().and_then(Statistics::of))
    }

    /// What is in either.
    pub(super) fn or(self, other: Odd) -> Odd {
        Odd { nan: self.nan || other.nan, inf: self.inf || other.inf }
    }

    /// What is here and not in `other`.
    fn without(self, other: Odd) -> Odd {
        Odd { nan: self.nan && !other.nan, inf: self.inf && !other.inf }
    }

    /// The words for it.
    pub(super) fn words(self) -> &'static [&'static str] {
        match (self.nan, self.inf) {
            (true, true) => &["nan", "inf"],
            (true, false) => &["nan"],
            (false, true) => &["inf"],
            (false, false) => &[],
        }
    }
}

/// A graph, and a node of it.
type NodeKey = (usize, NodeId);

/// What values hold, and where NaN and infinities came from first.
#[derive(Default)]
pub(super) struct Births {
    /// The values that hold something odd.
    holds: HashMap<(usize, ValueId), Odd>,
    /// What was seen inside of a node that has bodies, or of a composite: it wasn't born in the node itself.
    inside: HashMap<NodeKey, Odd>,
    /// What brought the first NaN along, and how many more were born.
    nan: Option<(String, usize)>,
    inf: Option<(String, usize)>,
}

impl Births {
    /// An input of the model has this value.
    pub(super) fn input(&mut self, graph: &Arc<Graph>, id: ValueId, value: &Value) {
        let holds = Odd::of_value(value);
        self.remember(graph, id, holds);
        self.tell(holds, || format!("`{}`, which is given", graph.value_label(id)));
    }

    /// A node gave a result that holds this: what of it was born there.
    pub(super) fn result(&mut self, event: &Event, id: ValueId, holds: Odd) -> Odd {
        let node = event.node();
        self.remember(event.graph, id, holds);
        if node.op.name == "constant" {
            // The model's own infinities; a NaN is nobody's wish.
            let brought = Odd { inf: false, ..holds };
            self.tell(brought, || format!("`{}`, a constant", event.graph.value_label(id)));
            return brought;
        }
        if holds == Odd::default() {
            return holds;
        }
        for frame in event.path {
            let seen = self.inside.entry((place(&frame.graph), frame.node)).or_default();
            *seen = seen.or(holds);
        }
        let mut before = self.inside.remove(&(place(event.graph), event.node)).unwrap_or_default();
        for (operand, id) in node.operands.iter().enumerate() {
            let Some(id) = id else { continue };
            before = before.or(match event.operand(operand) {
                Ok(value) => value.as_ref().map_or(Odd::default(), Odd::of_value),
                Err(_) => self.holds.get(&(place(event.graph), *id)).copied().unwrap_or_default(),
            });
        }
        // What nodes in bodies read from outside; a kernel is a call whose body isn't seen.
        let bodies = node.regions.iter().flat_map(|region| &event.graph.region(*region).nodes);
        for id in bodies.flat_map(|inner| event.graph.node(*inner).operands.iter().flatten()) {
            before = before.or(self.holds.get(&(place(event.graph), *id)).copied().unwrap_or_default());
        }
        let born = holds.without(before);
        self.tell(born, || {
            format!("`{}`, which {} `{}` gives", event.graph.value_label(id), node.op.name, event.label())
        });
        born
    }

    fn remember(&mut self, graph: &Arc<Graph>, id: ValueId, holds: Odd) {
        if holds == Odd::default() {
            self.holds.remove(&(place(graph), id));
        } else {
            self.holds.insert((place(graph), id), holds);
        }
    }

    fn tell(&mut self, odd: Odd, source: impl Fn() -> String) {
        for (is, first) in [(odd.nan, &mut self.nan), (odd.inf, &mut self.inf)] {
            match first {
                _ if !is => {}
                Some((_, more)) => *more += 1,
                None => *first = Some((source(), 0)),
            }
        }
    }

    /// A line for each kind that there is: where the first came from.
    pub(super) fn told(&self) -> Vec<String> {
        let line = |kind: &str, first: &Option<(String, usize)>| {
            let (source, more) = first.as_ref()?;
            let more = match more {
                0 => String::new(),
                1 => "; another is born later".to_owned(),
                more => format!("; {more} others are born later"),
            };
            Some(format!("the first {kind} is in {source}{more}"))
        };
        [line("NaN", &self.nan), line("infinity", &self.inf)].into_iter().flatten().collect()
    }
}

/// What tells graphs apart: that of a decomposition is another than the session's.
fn place(graph: &Arc<Graph>) -> usize {
    Arc::as_ptr(graph) as usize
}
