//! Programs whose last step fails: the message names the file, the line and the block, and states are as they were.
//!
//! Each file of `tests/failing` begins with `// fails: ` and the exact message, then with what the package has (as in
//! [`crate::wrong`]) and with the inputs of each step, in the order of their declarations: `// step: f32[2] 1 2; i64 3`. All
//! steps but the last succeed. With `BLESS=1` the messages are written into the files: read the difference.

use std::path::Path;

use glassbox_dsl::Program;
use glassbox_tensor::{Class, DType, Overflow, Tensor};

use crate::model::{Model, Run};
use crate::wrong::add;

/// A tensor: `f32[2, 2] 1 2 3 4`, or with one value for all elements.
fn tensor(text: &str) -> Tensor {
    let cut = text.find(']').map_or_else(|| text.find(' ').unwrap(), |place| place + 1);
    let (ty, values) = text.split_at(cut);
    let (dtype, dims) = ty.split_once('[').unwrap_or((ty, "]"));
    let dims = dims.trim_end_matches(']').split(", ").filter(|dim| !dim.is_empty());
    let shape: Vec<usize> = dims.map(|dim| dim.parse().unwrap()).collect();
    let count = shape.iter().product();
    let mut words: Vec<&str> = values.split_whitespace().collect();
    if words.len() == 1 {
        words = vec![words[0]; count];
    }
    let dtype: DType = dtype.parse().unwrap();
    match dtype.class() {
        Class::Bool => Tensor::from_vec(&shape, words.iter().map(|word| *word == "true").collect()).unwrap(),
        Class::Float => {
            let values: Vec<f64> = words.iter().map(|word| word.parse().unwrap()).collect();
            Tensor::store(dtype, &shape, values, Overflow::Wrap).unwrap()
        }
        _ => {
            let values: Vec<i64> = words.iter().map(|word| word.parse().unwrap()).collect();
            Tensor::store(dtype, &shape, values, Overflow::Wrap).unwrap()
        }
    }
}

/// Every state, bit by bit.
fn states(run: &Run, program: &Program) -> Vec<(String, Vec<usize>, Vec<u8>)> {
    use glassbox_dsl::program::Memory;
    let persistent = program.declarations.iter().filter(|found| found.memory == Memory::Persistent);
    let held = persistent.map(|found| {
        let state = run.state(&found.name.text);
        (found.name.text.clone(), state.shape().to_vec(), state.to_bytes().unwrap())
    });
    held.collect()
}

#[test]
fn steps_that_fail_say_where_and_leave_states_as_they_were() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/failing");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 25, "{} files", files.len());
    let mut differing = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_str().unwrap();
        let (first, rest) = text.split_once('\n').unwrap();
        let wanted = first.strip_prefix("// fails: ").unwrap();
        let model = text.lines().filter_map(|line| line.strip_prefix("// package: ")).fold(Model::new(), add);
        let program = Program::parse(file, &text).unwrap_or_else(|error| panic!("{error}"));
        let mut run = model.try_session(&program).unwrap_or_else(|error| panic!("{file}: {error}"));
        let steps: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("// step:")).collect();
        let (last, before) = steps.split_last().unwrap();
        let inputs = |step: &str| -> Vec<Tensor> {
            step.split(';').map(str::trim).filter(|input| !input.is_empty()).map(tensor).collect()
        };
        for step in before {
            run.try_step(&inputs(step)).unwrap_or_else(|error| panic!("{file}: {error}"));
        }
        let held = states(&run, &program);
        let got = run.try_step(&inputs(last)).err().unwrap_or_else(|| "nothing".to_owned());
        assert_eq!(states(&run, &program), held, "{file}: a state has changed");
        if got == wanted {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, format!("// fails: {}\n{rest}", got.replace('\n', " "))).unwrap();
        } else {
            differing.push(format!("{file}\n  wanted {wanted}\n  got    {got}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
