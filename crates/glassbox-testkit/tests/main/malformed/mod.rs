//! Two hundred malformed models, and the clear error that each of them gives.
//!
//! A case is a model and the parts of the message that must be there: the node, tensor or value, and the
//! rule. The error comes from reading, from importing or, where only the run can see it, from running.

mod bodies;
mod bytes;
mod external;
mod functions;
mod names;
mod nodes;
mod shapes;
mod tensors;
mod types;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ::bytes::Bytes;
use glassbox_exec::{Limits, Options, RunContext, Value};
use glassbox_ir::{Dim, Type};
use glassbox_onnx::proto::{ModelProto, NodeProto};
use glassbox_onnx::{ImportOptions, import, parse};
use glassbox_tensor::Tensor;
use prost::Message;

/// How many cases there must be.
const WANTED: usize = 200;
/// How long one case may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a case is tried that took longer: the machine may have been busy with something else.
const TRIES: usize = 5;

/// A malformed model.
struct Case {
    /// The family and what is wrong.
    name: String,
    /// The file.
    bytes: Vec<u8>,
    /// Where its external data is looked for.
    folder: Option<PathBuf>,
    /// What the message says.
    says: Vec<String>,
}

/// The cases so far.
#[derive(Default)]
pub(crate) struct Cases {
    cases: Vec<Case>,
    folder: Option<PathBuf>,
}

impl Cases {
    fn add(&mut self, name: &str, model: ModelProto, says: &[&str]) {
        self.add_bytes(name, model.encode_to_vec(), says);
    }

    fn add_bytes(&mut self, name: &str, bytes: Vec<u8>, says: &[&str]) {
        let says = says.iter().map(|part| (*part).to_owned()).collect();
        self.cases.push(Case { name: name.to_owned(), bytes, folder: self.folder.clone(), says });
    }
}

#[test]
fn every_malformed_model_gives_a_clear_error() {
    let mut cases = Cases::default();
    bytes::add(&mut cases);
    tensors::add(&mut cases);
    types::add(&mut cases);
    names::add(&mut cases);
    nodes::add(&mut cases);
    shapes::add(&mut cases);
    bodies::add(&mut cases);
    functions::add(&mut cases);
    let folder = external::Folder::new();
    cases.folder = Some(folder.model.clone());
    external::add(&mut cases, &folder);
    let cases = cases.cases;
    assert!(cases.len() >= WANTED, "there are {} cases only", cases.len());
    let names: HashSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    let contents: HashSet<&[u8]> = cases.iter().map(|case| case.bytes.as_slice()).collect();
    assert_eq!(names.len(), cases.len(), "two cases have the same name");
    assert_eq!(contents.len(), cases.len(), "two cases are the same model");
    let mut wrong = Vec::new();
    for case in &cases {
        let (message, time) = outcome(case);
        let slow = || (1..TRIES).all(|_| outcome(case).1 > PATIENCE);
        let too_slow = time > PATIENCE && slow();
        println!("{}: {message}", case.name);
        let missing: Vec<&String> = case.says.iter().filter(|part| !message.contains(part.as_str())).collect();
        if !missing.is_empty() || message.contains("internal error") {
            wrong.push(format!("{}\n    says       {message}\n    but not    {missing:?}", case.name));
        }
        if too_slow {
            wrong.push(format!("{} takes {time:?}", case.name));
        }
    }
    println!("{} malformed models", cases.len());
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// What a case says, and how long that takes.
fn outcome(case: &Case) -> (String, Duration) {
    let started = Instant::now();
    let message = match catch_unwind(AssertUnwindSafe(|| first_error(&case.bytes, case.folder.as_deref()))) {
        Ok(Err(message)) => message,
        Ok(Ok(())) => "it runs".to_owned(),
        Err(_) => "it panics".to_owned(),
    };
    (message, started.elapsed())
}

/// Reads, imports and runs a model, with zeros for its inputs and 1 for dims that aren't known.
fn first_error(bytes: &[u8], folder: Option<&Path>) -> Result<(), String> {
    let model = parse(Bytes::copy_from_slice(bytes), folder).map_err(|error| error.to_string())?;
    let graph = import(&model, &ImportOptions::default()).map_err(|error| error.to_string())?.graph;
    let inputs = graph.inputs().iter().map(|input| zeros(&graph.value(*input).ty)).collect::<Result<Vec<_>, _>>()?;
    let options = Options { limits: Limits { bytes: 64 << 20, turns: 100 }, ..Options::default() };
    let mut session = glassbox_backends::testing::session(graph, &options).map_err(|error| error.to_string())?;
    session.run(&inputs, RunContext::new()).map(drop).map_err(|error| error.to_string())
}

fn zeros(ty: &Type) -> Result<Value, String> {
    Ok(match ty {
        Type::Tensor(tensor) => {
            let dims = tensor.dims().unwrap_or_default();
            let sizes: Vec<usize> = dims.iter().map(Dim::as_size).map(|size| size.unwrap_or(1)).collect();
            Value::Tensor(
                Tensor::zeros(tensor.dtype, &sizes).map_err(|error| format!("no input can be made: {error}"))?,
            )
        }
        Type::Sequence(element) => Value::Sequence { element: element.as_ref().clone(), items: Vec::new() },
        Type::Optional(element) => Value::Optional { element: element.as_ref().clone(), item: None },
    })
}

/// A node with a name.
fn named(name: &str, node: NodeProto) -> NodeProto {
    NodeProto { name: Some(name.to_owned()), ..node }
}
