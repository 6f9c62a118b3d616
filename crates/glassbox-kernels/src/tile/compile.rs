//! From a program to what is executed: checks, phases, and room for values.
//!
//! A program is cut into phases at its row reductions: what needs the result of a reduction of one phase belongs to a
//! later one. Within a phase a row is gone over tile by tile. A value that a later phase reads is kept for the whole row;
//! every other one needs room for a tile, which is taken again after its last reader.

use std::fmt::{self, Display, Formatter};

use super::program::{Format, Operand, Operation, Program};

/// The most loads that a program may have.
pub const MAX_LOADS: usize = 16;
/// The most stores that a program may have.
pub const MAX_STORES: usize = 8;
/// The most loads, steps and different constants together.
pub const MAX_VALUES: usize = 256;

/// Why a [`Program`] can't be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgramError {
    /// A step hasn't as many operands as its operation takes.
    Arity {
        /// Which step.
        step: usize,
        /// How many operands it has.
        found: usize,
        /// How many its operation takes.
        expected: usize,
    },
    /// A step reads a load that isn't there, itself, or a step after it.
    Operand {
        /// Which step.
        step: usize,
        /// Which of its operands.
        operand: usize,
    },
    /// A store writes a constant or something that isn't there.
    Store {
        /// Which store.
        store: usize,
    },
    /// A store has a format that can only be loaded.
    StoreFormat {
        /// Which store.
        store: usize,
        /// Its format.
        format: Format,
    },
    /// There are more loads, stores or values than [`MAX_LOADS`], [`MAX_STORES`] and [`MAX_VALUES`].
    TooLarge {
        /// How many loads.
        loads: usize,
        /// How many loads, steps and constants.
        values: usize,
        /// How many stores.
        stores: usize,
    },
}

impl Display for ProgramError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            ProgramError::Arity { step, found, expected } => {
                write!(f, "step s{step} has {found} operands where its operation takes {expected}")
            }
            ProgramError::Operand { step, operand } => {
                write!(f, "operand {operand} of step s{step} is neither a load nor a step before it")
            }
            ProgramError::Store { store } => write!(f, "store {store} writes neither a load nor a step"),
            ProgramError::StoreFormat { store, format } => write!(f, "store {store} has the format {format}"),
            ProgramError::TooLarge { loads, values, stores } => write!(
                f,
                "{loads} loads, {values} values and {stores} stores, where {MAX_LOADS}, {MAX_VALUES} and {MAX_STORES} \
                 are possible"
            ),
        }
    }
}

impl std::error::Error for ProgramError {}

/// The number of a value: the loads come first, then the steps, then the constants.
pub(super) type Value = u16;

/// Room for a value of many columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// For a tile.
    Tile(usize),
    /// For a row.
    Row(usize),
}

/// What is done with a tile, or once for a row where its operands are the same for all columns.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// A load is made readable, in the room for a tile of this number where it can't be read where it lies.
    Load { load: Value, slot: u16 },
    /// A step is computed.
    Step {
        operation: Operation,
        result: Value,
        operands: [Value; 3],
        /// The store that may take the result where it is computed.
        store: Option<u8>,
    },
    /// A tile goes into a reduction.
    Reduce { operation: Operation, result: Value, operand: Value },
}

impl Action {
    /// The values that it reads; a load's memory isn't one.
    pub(super) fn operands(&self) -> &[Value] {
        match self {
            Action::Load { .. } => &[],
            Action::Step { operation, operands, .. } => &operands[..operation.arity()],
            Action::Reduce { operand, .. } => std::slice::from_ref(operand),
        }
    }
}

/// What is done in one go over a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Phase {
    pub(super) actions: Vec<Action>,
    /// What earlier phases kept of the row and this one reads.
    pub(super) kept: Vec<Value>,
}

/// A program that is ready to run.
///
/// ```
/// use glassbox_kernels::tile::{Compiled, Data, DataMut, Destination, Format, Operation, Program, Source, Space};
/// let mut program = Program::default();
/// let (x, bias) = (program.load(Format::F32), program.load(Format::F32));
/// let sum = program.step(Operation::Add, &[x, bias]);
/// program.store(sum, Format::F32);
/// let compiled = Compiled::new(&program)?;
///
/// let (numbers, bias, mut sums) = ([1.0, 2.0, 3.0, 4.0], [10.0, 20.0], [0.0; 4]);
/// let loads = [
///     Source { data: Data::F32(&numbers), offset: 0, row_strides: &[2], column_stride: 1 },
///     Source { data: Data::F32(&bias), offset: 0, row_strides: &[0], column_stride: 1 },
/// ];
/// let store = Destination { data: DataMut::F32(&mut sums), offset: 0, row_strides: &[2], column_stride: 1 };
/// compiled.run(Space { rows: &[2], columns: 2 }, &loads, &mut [store]);
/// assert_eq!(sums, [11.0, 22.0, 13.0, 24.0]);
/// # Ok::<(), glassbox_kernels::tile::ProgramError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Compiled {
    pub(super) program: Program,
    pub(super) phases: Vec<Phase>,
    /// Of every value, room for many columns; constants and reductions need none.
    pub(super) slots: Vec<Slot>,
    pub(super) tile_slots: usize,
    pub(super) row_slots: usize,
    /// Every different constant, as many times as a vector has lanes.
    pub(super) constants: Vec<Lanes>,
    pub(super) stores: Vec<Value>,
    /// For each load, the place after its last reader in the last phase; 0 where it has none there.
    pub(super) last_reads: Vec<usize>,
    /// What an element takes, an addition being 1.
    pub(super) cost: usize,
}

/// One number for every lane of any vector.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Lanes(pub(super) [f32; crate::simd::MAX_LANES]);

impl Compiled {
    /// Checks a program and plans it.
    ///
    /// # Errors
    /// [`ProgramError`], where the program isn't one.
    pub fn new(program: &Program) -> Result<Compiled, ProgramError> {
        check(program)?;
        let (numbers, constants) = number_constants(program);
        if program.loads.len() > MAX_LOADS || numbers > MAX_VALUES || program.stores.len() > MAX_STORES {
            let (loads, stores) = (program.loads.len(), program.stores.len());
            return Err(ProgramError::TooLarge { loads, values: numbers, stores });
        }
        Ok(Planner::new(program, constants).plan(numbers))
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    pub(super) fn value_count(&self) -> usize {
        self.slots.len()
    }

    /// Whether a store writes a load as it is.
    pub(super) fn is_stored(&self, load: usize) -> bool {
        self.stores.contains(&(load as Value))
    }

    /// Of every value, whether it is the same for all columns, where that is known of the loads.
    pub(super) fn uniform(&self, load_is_uniform: impl Fn(usize) -> bool) -> Uniform {
        let mut uniform = Uniform::default();
        let (loads, steps) = (self.program.loads.len(), self.program.steps.len());
        (0..loads).filter(|load| load_is_uniform(*load)).for_each(|load| uniform.set(load));
        (loads + steps..self.value_count()).for_each(|constant| uniform.set(constant));
        for action in self.phases.iter().flat_map(|phase| &phase.actions) {
            match action {
                Action::Load { .. } => {}
                Action::Step { result, .. } => {
                    if action.operands().iter().all(|operand| uniform.get(*operand)) {
                        uniform.set(usize::from(*result));
                    }
                }
                Action::Reduce { result, .. } => uniform.set(usize::from(*result)),
            }
        }
        uniform
    }
}

/// A set of values.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Uniform([u64; MAX_VALUES / 64]);

impl Uniform {
    fn set(&mut self, value: usize) {
        self.0[value / 64] |= 1 << (value % 64);
    }

    #[inline(always)]
    pub(super) fn get(&self, value: Value) -> bool {
        self.0[usize::from(value) / 64] >> (value % 64) & 1 == 1
    }
}

fn check(program: &Program) -> Result<(), ProgramError> {
    for (step, found) in program.steps.iter().enumerate() {
        let (expected, found_arity) = (found.operation.arity(), found.operands.len());
        if expected != found_arity {
            return Err(ProgramError::Arity { step, found: found_arity, expected });
        }
        let there = |operand: &Operand| match operand {
            Operand::Load(load) => *load < program.loads.len(),
            Operand::Step(before) => *before < step,
            Operand::Constant(_) => true,
        };
        if let Some(operand) = found.operands.iter().position(|operand| !there(operand)) {
            return Err(ProgramError::Operand { step, operand });
        }
    }
    for (store, found) in program.stores.iter().enumerate() {
        let there = match found.value {
            Operand::Load(load) => load < program.loads.len(),
            Operand::Step(step) => step < program.steps.len(),
            Operand::Constant(_) => false,
        };
        if !there {
            return Err(ProgramError::Store { store });
        }
        if !found.format.is_stored() {
            return Err(ProgramError::StoreFormat { store, format: found.format });
        }
    }
    Ok(())
}

/// How many values there are, and the bits of every different constant.
fn number_constants(program: &Program) -> (usize, Vec<u32>) {
    let mut constants = Vec::new();
    for operand in program.steps.iter().flat_map(|step| &step.operands) {
        if let Operand::Constant(constant) = operand
            && !constants.contains(&constant.to_bits())
        {
            constants.push(constant.to_bits());
        }
    }
    (program.loads.len() + program.steps.len() + constants.len(), constants)
}

struct Planner<'a> {
    program: &'a Program,
    constants: Vec<u32>,
    /// Of each step, the phase in which it is computed.
    phases: Vec<usize>,
    last: usize,
}

impl<'a> Planner<'a> {
    fn new(program: &'a Program, constants: Vec<u32>) -> Planner<'a> {
        let mut planner = Planner { program, constants, phases: vec![0; program.steps.len()], last: 0 };
        for (number, step) in program.steps.iter().enumerate() {
            let phase = step.operands.iter().map(|operand| planner.available(operand)).max().unwrap_or(0);
            planner.phases[number] = phase;
        }
        let available = (0..program.steps.len()).map(|step| planner.available(&Operand::Step(step)));
        planner.last = available.max().unwrap_or(0);
        planner.sink();
        planner
    }

    /// The first phase that can read an operand.
    fn available(&self, operand: &Operand) -> usize {
        match operand {
            Operand::Step(step) => self.phases[*step] + usize::from(self.program.steps[*step].operation.is_reduction()),
            Operand::Load(_) | Operand::Constant(_) => 0,
        }
    }

    /// Moves steps to the first phase that reads them, where that keeps no more values from phase to phase than before:
    /// loads are read again at no cost, so a step of loads and of one other value is better computed later.
    fn sink(&mut self) {
        for step in (0..self.program.steps.len()).rev() {
            let operands = &self.program.steps[step].operands;
            let computed = operands.iter().filter(|operand| matches!(operand, Operand::Step(_))).count();
            if self.program.steps[step].operation.is_reduction() || computed > 1 {
                continue;
            }
            let reads = |(later, other): (usize, &super::program::Step)| {
                other.operands.contains(&Operand::Step(step)).then_some(self.phases[later])
            };
            let readers = self.program.steps.iter().enumerate().filter_map(reads);
            let stored = self.program.stores.iter().any(|store| store.value == Operand::Step(step));
            if let Some(first) = readers.chain(stored.then_some(self.last)).min() {
                self.phases[step] = first;
            }
        }
    }

    fn value(&self, operand: &Operand) -> Value {
        let (loads, steps) = (self.program.loads.len(), self.program.steps.len());
        let number = match operand {
            Operand::Load(load) => *load,
            Operand::Step(step) => loads + step,
            Operand::Constant(constant) => {
                let place = self.constants.iter().position(|bits| *bits == constant.to_bits());
                loads + steps + place.unwrap_or(0)
            }
        };
        number as Value
    }

    fn plan(self, values: usize) -> Compiled {
        let stores: Vec<Value> = self.program.stores.iter().map(|store| self.value(&store.value)).collect();
        let mut phases: Vec<Phase> = (0..=self.last).map(|phase| self.actions(phase, &stores)).collect();
        let last_reads = self.last_reads(&phases[self.last]);
        let slots = Slots::assign(&mut phases, values, &stores);
        let transfers = self.program.loads.len() + self.program.stores.len();
        let cost = transfers + self.program.steps.iter().map(|step| step.operation.cost()).sum::<usize>();
        Compiled {
            program: self.program.clone(),
            phases,
            slots: slots.of_values,
            tile_slots: slots.tiles,
            row_slots: slots.rows,
            constants: self
                .constants
                .iter()
                .map(|bits| Lanes([f32::from_bits(*bits); crate::simd::MAX_LANES]))
                .collect(),
            stores,
            last_reads,
            cost: cost.max(1),
        }
    }

    /// The steps of a phase, each after the loads that it is the first to read.
    fn actions(&self, phase: usize, stores: &[Value]) -> Phase {
        let mut actions = Vec::new();
        let mut loaded = vec![false; self.program.loads.len()];
        let mut load = |actions: &mut Vec<Action>, value: Value| {
            if let Some(loaded) = loaded.get_mut(usize::from(value))
                && !std::mem::replace(loaded, true)
            {
                actions.push(Action::Load { load: value, slot: 0 });
            }
        };
        for (number, step) in self.program.steps.iter().enumerate().filter(|(number, _)| self.phases[*number] == phase)
        {
            let mut operands = [0; 3];
            for (place, operand) in step.operands.iter().enumerate() {
                operands[place] = self.value(operand);
                load(&mut actions, operands[place]);
            }
            let (operation, result) = (step.operation, self.value(&Operand::Step(number)));
            actions.push(if operation.is_reduction() {
                Action::Reduce { operation, result, operand: operands[0] }
            } else {
                let direct =
                    |store: &usize| stores[*store] == result && self.program.stores[*store].format == Format::F32;
                let store = (0..stores.len()).find(direct).filter(|_| phase == self.last).map(|store| store as u8);
                Action::Step { operation, result, operands, store }
            });
        }
        if phase == self.last {
            stores.iter().for_each(|value| load(&mut actions, *value));
        }
        Phase { actions, kept: Vec::new() }
    }

    fn last_reads(&self, phase: &Phase) -> Vec<usize> {
        let mut last_reads = vec![0; self.program.loads.len()];
        let mut read = |value: Value, place: usize| {
            if let Some(last) = last_reads.get_mut(usize::from(value)) {
                *last = place + 1;
            }
        };
        for (place, action) in phase.actions.iter().enumerate() {
            action.operands().iter().for_each(|operand| read(*operand, place));
        }
        let end = phase.actions.len();
        self.program.stores.iter().for_each(|store| read(self.value(&store.value), end));
        last_reads
    }
}

/// Room for every value.
struct Slots {
    of_values: Vec<Slot>,
    tiles: usize,
    rows: usize,
}

impl Slots {
    fn assign(phases: &mut [Phase], values: usize, stores: &[Value]) -> Slots {
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
