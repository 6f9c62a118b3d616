//! Rows of other lengths side by side: each gives what it gives alone, and what torch gave.

use glassbox_exec::{Options as RunOptions, Session, rows};
use glassbox_ir::{Assumptions, Dim, Type, specialise, verify};
use glassbox_models::{Options, build};
use glassbox_tensor::DType;

use crate::checkpoint::{ALL, Checkpoint, farthest, session, step, step_rows};

/// How far logits may be from torch's, and from those of a row alone: padding among the keys has sums taken in other
/// groups.
const TOLERANCE: f32 = 2e-5;

/// Where each of three rows stands after each of four steps, of a prompt of `length` tokens. In the first step all
/// have tokens, in the second one has none, in the third one alone has; the last is a token for each.
fn plan(name: &str, length: usize) -> Vec<[usize; 3]> {
    let half = length / 2;
    match name {
        // Frequencies change when a sequence grows beyond 8 tokens: a row has to begin with more, or stay below.
        "phi3_longrope_long" => vec![[9, 9, 3], [9, 10, 4], [length - 1, 10, 4], [length, 11, 5]],
        _ => vec![[1, half, 3], [2, half, half + 1], [length - 1, half, half + 1], [length, half + 1, half + 2]],
    }
}

/// What was computed for each row, one logit after the other.
struct Run<'a> {
    tokens: &'a [i64],
    ends: Vec<usize>,
    logits: Vec<Vec<f32>>,
}

impl<'a> Run<'a> {
    fn begin(session: &mut Box<dyn Session>, tokens: &'a [i64], count: usize) -> Run<'a> {
        rows::begin(session.as_mut(), count).expect("every state has rows");
        Run { tokens, ends: vec![0; count], logits: vec![Vec::new(); count] }
    }

    /// One step, after which the rows stand at `ends`; none where no row has a token.
    fn step(&mut self, session: &mut Box<dyn Session>, ends: &[usize]) {
        if self.ends == ends {
            return;
        }
        let new: Vec<&[i64]> = self.ends.iter().zip(ends).map(|(from, to)| &self.tokens[*from..*to]).collect();
        let logits = step_rows(session, &new);
        self.logits.iter_mut().zip(logits).for_each(|(all, more)| all.extend(more));
        self.ends = ends.to_vec();
    }

    /// Every row has the first of these logits.
    fn check(&self, name: &str, expected: &[f32]) {
        for (row, found) in self.logits.iter().enumerate() {
            assert!(!found.is_empty(), "{name}");
            let distance = farthest(found, &expected[..found.len()]);
            assert!(distance <= TOLERANCE, "{name}: row {row} differs by {distance}");
        }
    }
}

#[test]
fn each_row_is_what_it_is_alone_and_what_torch_gave() {
    for name in ALL {
        let checkpoint = Checkpoint::open(name, "config.json");
        let (tokens, expected) = (checkpoint.ints("tokens"), checkpoint.floats("logits"));
        let plan = plan(name, tokens.len());
        let mut session = checkpoint.session();
        let mut together = Run::begin(&mut session, &tokens, 3);
        plan.iter().for_each(|ends| together.step(&mut session, ends));
        for row in 0..3 {
            let mut alone = Run::begin(&mut session, &tokens, 1);
            plan.iter().for_each(|ends| alone.step(&mut session, &ends[row..=row]));
            let distance = farthest(&together.logits[row], &alone.logits[0]);
            assert!(distance <= TOLERANCE, "{name}: row {row} differs by {distance} from what it is alone");
        }
        // What torch gave is of the whole prompt, which for this one has other frequencies than its beginning.
        if *name == "phi3_longrope_long" {
            together.logits.truncate(2);
        }
        together.check(name, &expected);
    }
}

/// The rows of all states are put in another order, one of them twice, one is dropped and one begins.
#[test]
fn rows_are_reordered_dropped_and_added() {
    for name in ALL.iter().filter(|name| **name != "phi3_longrope_long") {
        let checkpoint = Checkpoint::open(name, "config.json");
        let (tokens, expected) = (checkpoint.ints("tokens"), checkpoint.floats("logits"));
        let mut session = checkpoint.session();
        let mut run = Run::begin(&mut session, &tokens, 3);
        run.step(&mut session, &[3, 1, 5]);
        let order = [2, 0, 2];
        rows::select(session.as_mut(), &order).expect("there are such rows");
        rows::append(session.as_mut()).expect("every state has rows");
        run.ends = order.iter().map(|row| run.ends[*row]).chain([0]).collect();
        run.logits = order.iter().map(|row| run.logits[*row].clone()).chain([Vec::new()]).collect();
        run.step(&mut session, &[6, 5, 5, 2]);
        run.step(&mut session, &[7, 6, 6, 4]);
        run.check(name, &expected);
        assert!(rows::select(session.as_mut(), &[0, 4]).is_err(), "{name}: there are rows 0 to 3");
        run.step(&mut session, &[8, 6, 7, 5]);
        run.check(name, &expected);
    }
}

/// A row's numbers don't hang on what stands behind its end, to the bit.
#[test]
fn padding_changes_nothing() {
    for name in ALL {
        let checkpoint = Checkpoint::open(name, "config.json");
        let tokens = checkpoint.ints("tokens");
        let mut found = [7, 40].map(|other| {
            let mut session = checkpoint.session();
            let mut logits = Vec::new();
            rows::begin(session.as_mut(), 2).expect("every state has rows");
            for [short, long] in [[1, 4], [2, 3]] {
                let mut padded = tokens[..short].to_vec();
                padded.resize(long, other);
                let inputs = [
                    glassbox_tensor::Tensor::from_vec(&[2, long], [padded, tokens[..long].to_vec()].concat()),
                    glassbox_tensor::Tensor::from_vec(&[2], vec![short as i64, long as i64]),
                ];
                let inputs = inputs.map(|input| input.expect("sizes fit").into());
                let outputs = session.run(&inputs, glassbox_exec::RunContext::new()).expect("a run");
                let all: Vec<f32> = outputs[0].as_tensor().expect("a tensor").to_vec().expect("f32");
                let vocabulary = all.len() / (2 * long);
                logits.extend_from_slice(&all[..short * vocabulary]);
                logits.extend_from_slice(&all[long * vocabulary..]);
            }
            logits
        });
        assert!(found[0].iter().all(|logit| logit.is_finite()), "{name}");
        let [a, b] = found.each_mut().map(|logits| logits.drain(..).map(f32::to_bits).collect::<Vec<_>>());
        assert!(a == b, "{name}: padding shows in the logits");
    }
}

#[test]
fn the_last_logits_are_those_of_each_row() {
    for name in ALL.iter().filter(|name| **name != "phi3_longrope_long") {
        let checkpoint = Checkpoint::open(name, "config.json");
        let tokens = checkpoint.ints("tokens");
        let options = Options { last_only: true, ..Options::default() };
        let mut last = session(&checkpoint.config, checkpoint.params.clone(), &options);
        rows::begin(last.as_mut(), 3).expect("every state has rows");
        let found = step_rows(&mut last, &[&tokens[..2], &tokens[..5], &tokens[..1]]);
        for (found, count) in found.iter().zip([2, 5, 1]) {
            let all = step(&mut checkpoint.session(), &tokens[..count]);
            let distance = farthest(found, &all[all.len() - found.len()..]);
            assert!(distance <= TOLERANCE, "{name}: {distance}");
        }
    }
}

/// A graph for three rows has the number in its states, and begins with three.
#[test]
fn a_number_of_rows_can_be_fixed() {
    for name in ["gpt2", "rwkv7"] {
        let checkpoint = Checkpoint::open(name, "config.json");
        let (tokens, expected) = (checkpoint.ints("tokens"), checkpoint.floats("logits"));
        let graph = build(&checkpoint.config, checkpoint.params.as_ref(), &Options::default()).expect(name);
        let known = Assumptions::of_states(graph.states());
        assert_eq!(known.range(&Dim::symbol("B")).upper, None, "a capacity says nothing of the number of rows");
        assert_eq!(known.range(&Dim::symbol("K")).upper.is_some(), *name == *"gpt2");
        let three = [Type::tensor(DType::I64, [Dim::Int(3), Dim::symbol("T")]), Type::tensor(DType::I64, [3i64])];
        let special = specialise(&graph, &three).unwrap_or_else(|error| panic!("{name}: {error}"));
        verify(&special).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        let params = checkpoint.params.clone();
        let session = glassbox_backends::testing::session_with(special, params, &RunOptions::default());
        let mut session = session.unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = step_rows(&mut session, &[&tokens[..2], &tokens[..4], &tokens[..1]]);
        for found in found {
            assert!(farthest(&found, &expected[..found.len()]) <= TOLERANCE, "{name}");
        }
    }
}
