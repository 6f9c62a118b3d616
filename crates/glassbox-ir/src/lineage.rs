//! Lineage: what became of the values of a graph in a graph that was made of it.
//!
//! A pass gives one beside its graph, so that whoever runs the new graph can be held against the old one value by value.
//! A value is named by its id, the place in the nesting implied: the bodies of the new graph run as often as those of the
//! old one, so what holds of a value in a body holds in each turn. Lineages of passes that follow on each other compose.
//!
//! Invariant ([`Lineage::check`]): every value of the source that its body reaches has a fate; inputs and outputs are kept.

use thiserror::Error;

use crate::graph::{Graph, ValueId};
use crate::order::Order;
use crate::types::refines;

/// What became of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It is this value, equal to the bit, in every turn.
    Kept(ValueId),
    /// It is computed inside the node that gives this value, if at all, and can't be seen by itself.
    Inside(ValueId),
    /// It was computed when the graph was made, and only what was computed from it is left.
    Folded,
    /// Nobody needs it.
    Dead,
}

/// The fate of every value of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// By the index of the value.
    fates: Vec<Fate>,
}

/// Why a lineage isn't one of two graphs.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the lineage of `{value}`: {what}")]
pub struct LineageError {
    /// The value of the source.
    pub value: String,
    /// What is wrong.
    pub what: String,
}

impl Lineage {
    /// A lineage that says of each value, by its index, what became of it.
    pub fn new(fates: Vec<Fate>) -> Lineage {
        Lineage { fates }
    }

    /// The lineage of a graph that nothing was done to.
    pub fn unchanged(graph: &Graph) -> Lineage {
        Lineage { fates: (0..graph.value_count()).map(|index| Fate::Kept(ValueId(index as u32))).collect() }
    }

    /// What became of a value. Dead, if the source has no such value.
    pub fn of(&self, value: ValueId) -> Fate {
        self.fates.get(value.index()).copied().unwrap_or(Fate::Dead)
    }

    /// Every value of the source, with what became of it.
    pub fn iter(&self) -> impl Iterator<Item = (ValueId, Fate)> {
        self.fates.iter().enumerate().map(|(index, fate)| (ValueId(index as u32), *fate))
    }

    /// This lineage, then `next`, whose source is the graph that this one leads to.
    pub fn then(&self, next: &Lineage) -> Lineage {
        let follow = |fate: &Fate| match *fate {
            Fate::Kept(value) => next.of(value),
            Fate::Inside(value) => match next.of(value) {
                Fate::Kept(value) | Fate::Inside(value) => Fate::Inside(value),
                gone => gone,
            },
            gone => gone,
        };
        Lineage { fates: self.fates.iter().map(follow).collect() }
    }

    /// Whether it is one from `source` to `made`: it speaks of every value that the source's body reaches and of values
    /// that are in `made`; what is kept has the type that it had or a more precise one; inputs and outputs are kept, in
    /// their places.
    ///
    /// # Errors
    ///
    /// The first value of which that doesn't hold.
    pub fn check(&self, source: &Graph, made: &Graph) -> Result<(), LineageError> {
        let wrong = |id: ValueId, what: String| Err(LineageError { value: source.value_label(id), what });
        let mut reached = vec![false; made.value_count()];
        Order::of(made).values.iter().for_each(|id| reached[id.index()] = true);
        for id in Order::of(source).values {
            let Some(fate) = self.fates.get(id.index()) else { return wrong(id, "nothing is said".to_owned()) };
            let (Fate::Kept(there) | Fate::Inside(there)) = fate else { continue };
            if !reached.get(there.index()).is_some_and(|reached| *reached) {
                return wrong(id, format!("it would be in value {}, which isn't in the new graph", there.index()));
            }
            let (old, new) = (&source.value(id).ty, &made.value(*there).ty);
            if matches!(fate, Fate::Kept(_)) && !refines(new, old) {
                return wrong(id, format!("it was {old}, and is {new}, which isn't as precise"));
            }
        }
        let ends = [(source.inputs(), made.inputs(), "input"), (source.outputs(), made.outputs(), "output")];
        for (old, new, what) in ends {
            if old.len() != new.len() {
                let message = format!("there were {} {what}s, and are {}", old.len(), new.len());
                return Err(LineageError { value: source.name.clone(), what: message });
            }
            for (old, new) in old.iter().zip(new) {
                if what == "input" && self.of(*old) != Fate::Kept(*new) {
                    return wrong(*old, format!("the input isn't kept as the input `{}`", made.value_label(*new)));
                }
                if !matches!(self.of(*old), Fate::Kept(_)) {
                    return wrong(*old, "an output isn't kept".to_owned());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{ParseOptions, parse};

    fn graph(text: &str) -> Graph {
        parse(text, &ParseOptions::default()).expect("the text is sound")
    }

    #[test]
    fn lineages_compose() {
        let value = ValueId;
        let first = Lineage::new(vec![Fate::Kept(value(0)), Fate::Inside(value(1)), Fate::Kept(value(1)), Fate::Dead]);
        let second = Lineage::new(vec![Fate::Folded, Fate::Kept(value(5))]);
        let both = first.then(&second);
        assert_eq!(both.fates, [Fate::Folded, Fate::Inside(value(5)), Fate::Kept(value(5)), Fate::Dead]);
        let third = Lineage::new(vec![Fate::Dead; 6]);
        assert!(both.then(&third).fates.iter().all(|fate| matches!(fate, Fate::Dead | Fate::Folded)));
    }

    #[test]
    fn what_is_no_lineage_is_told() {
        let source = graph(r#"graph "g" { input %x: f32[N] %y = neg(%x) %z = abs(%y) output %z }"#);
        let made = graph(r#"graph "g" { input %x: f32[N] %z = abs(%x) output %z }"#);
        let value = ValueId;
        let right = [Fate::Kept(value(0)), Fate::Inside(value(1)), Fate::Kept(value(1))];
        assert_eq!(Lineage::new(right.to_vec()).check(&source, &made), Ok(()));
        assert_eq!(Lineage::unchanged(&source).check(&source, &source), Ok(()));
        for (place, fate, what) in [
            (0, Fate::Dead, "the lineage of `x`: the input isn't kept"),
            (2, Fate::Dead, "the lineage of `z`: an output isn't kept"),
            (1, Fate::Kept(value(7)), "value 7, which isn't in the new graph"),
        ] {
            let mut fates = right.to_vec();
            fates[place] = fate;
            let message = Lineage::new(fates).check(&source, &made).expect_err("it is wrong").to_string();
            assert!(message.contains(what), "{message}");
        }
        assert!(Lineage::new(right[..2].to_vec()).check(&source, &made).is_err());
        let wider = graph(r#"graph "g" { input %x: f32[?] %z = abs(%x) output %z }"#);
        let message = Lineage::new(right.to_vec()).check(&source, &wider).expect_err("it is wrong").to_string();
        assert!(message.contains("it was f32[N], and is f32[?], which isn't as precise"), "{message}");
    }
}
