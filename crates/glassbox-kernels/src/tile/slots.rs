//! Room for the values of a program, by how long each is read.

use super::compile::{Action, Phase, Slot, Value};

/// Room for every value.
pub(super) struct Slots {
    pub(super) of_values: Vec<Slot>,
    pub(super) tiles: usize,
    pub(super) rows: usize,
}

impl Slots {
    pub(super) fn assign(phases: &mut [Phase], values: usize, stores: &[Value]) -> Slots {
        // The phase in which each value is read for the last time; stores are in the last one.
        let mut last_read = vec![None; values];
        let mut made = vec![None; values];
        for (number, phase) in phases.iter().enumerate() {
            for action in &phase.actions {
                if let Action::Step { result, .. } = action {
                    made[usize::from(*result)] = Some(number);
                }
                action.operands().iter().for_each(|operand| last_read[usize::from(*operand)] = Some(number));
            }
        }
        let last = phases.len() - 1;
        stores.iter().for_each(|value| last_read[usize::from(*value)] = Some(last));

        let mut slots = Slots { of_values: vec![Slot::Tile(0); values], tiles: 0, rows: 0 };
        for value in 0..values {
            if let (Some(made), Some(read)) = (made[value], last_read[value])
                && made < read
            {
                slots.of_values[value] = Slot::Row(slots.rows);
                slots.rows += 1;
                phases[made + 1..=read].iter_mut().for_each(|phase| phase.kept.push(value as Value));
            }
        }
        for (number, phase) in phases.iter_mut().enumerate() {
            slots.assign_tiles(phase, stores.iter().filter(|_| number == last));
        }
        slots
    }

    /// Tiles for what is loaded or computed in a phase and read in no later one.
    fn assign_tiles<'a>(&mut self, phase: &mut Phase, stores: impl Iterator<Item = &'a Value>) {
        let mut until = vec![0; self.of_values.len()];
        for (place, action) in phase.actions.iter().enumerate() {
            action.operands().iter().for_each(|operand| until[usize::from(*operand)] = place);
        }
        stores.for_each(|value| until[usize::from(*value)] = usize::MAX);
        let mut free: Vec<usize> = Vec::new();
        let mut held: Vec<(usize, usize)> = Vec::new();
        for (place, action) in phase.actions.iter_mut().enumerate() {
            // The result may take the room of an operand that isn't read again: loops read before they write.
            if !matches!(action, Action::Load { .. }) {
                held.retain(|(value, slot)| {
                    if until[*value] <= place {
                        free.push(*slot);
                    }
                    until[*value] > place
                });
            }
            let mut take = || {
                free.pop().unwrap_or_else(|| {
                    self.tiles += 1;
                    self.tiles - 1
                })
            };
            match action {
                Action::Load { load, slot } => {
                    let taken = take();
                    *slot = taken as u16;
                    held.push((usize::from(*load), taken));
                }
                Action::Step { result, .. } => {
                    let result = usize::from(*result);
                    if matches!(self.of_values[result], Slot::Tile(_)) {
                        let taken = take();
                        self.of_values[result] = Slot::Tile(taken);
                        held.push((result, taken));
                    }
                }
                Action::Reduce { .. } => {}
            }
        }
    }
}
