//! Values that a Python computes that has onnxruntime or torch: every one inside the model, taken by our own programs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use glassbox_check::Model;
use glassbox_exec::Value;
use glassbox_ir::Graph;
use glassbox_onnx::maps::MapInput;
use glassbox_tensor::Tensor;
use serde_json::{Map, Value as Json, json};

use crate::args::Check;
use crate::arrays;
use crate::python::{self, last_lines};

/// What is computed elsewhere, and the files of the program that does it, the first of which is run.
struct Program {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
}

const ONNXRUNTIME: Program = Program {
    name: "onnxruntime",
    files: &[
        ("onnxruntime_values.py", include_str!("../../../../glassbox-check/python/onnxruntime_values.py")),
        ("onnx_taps.py", include_str!("../../../../glassbox-check/python/onnx_taps.py")),
        ("onnx_lifting.py", include_str!("../../../../glassbox-check/python/onnx_lifting.py")),
        ("onnx_functions.py", include_str!("../../../../glassbox-check/python/onnx_functions.py")),
    ],
};

const TORCH: Program = Program {
    name: "torch",
    files: &[("torch_values.py", include_str!("../../../../glassbox-check/python/torch_values.py"))],
};

/// A folder of values that is gone when this is.
pub(super) struct Taken {
    folder: tempfile::TempDir,
}

impl Taken {
    /// Where `index.json` is.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().join("values")
    }
}

/// The values inside an ONNX file, as onnxruntime computes them without its optimisations; the inputs have these names
/// there, or are parts of these maps. Our own run goes on meanwhile.
pub(super) fn onnxruntime(
    arguments: &Check,
    file: &Path,
    ours: &Model,
    names: &[String],
    maps: &[MapInput],
) -> Result<Taken> {
    let folder = tempfile::Builder::new().prefix("glassbox-check").tempdir().context("a folder for the values")?;
    let given = folder.path().join("inputs.npz");
    let mut composed = write_npz(&given, &ours.graph, &ours.inputs, names)?;
    composed.extend(maps.iter().map(|map| (map.name.clone(), json!({ "map": [map.keys, map.values] }))));
    let request = json!({
        "model": std::path::absolute(file)?, "inputs": given, "composed": composed, "output": folder.path().join("values"),
        "wanted": null, "optimize": "none", "threads": glassbox_tensor::threads(), "one_file": true,
    });
    run(&ONNXRUNTIME, arguments, folder.path(), &request, &|| ours.run_ahead().unwrap_or(false))?;
    Ok(Taken { folder })
}

/// What every module of a checkpoint gives in torch, by transformers.
pub(super) fn torch(arguments: &Check, checkpoint: &Path, ours: &Model) -> Result<Taken> {
    let folder = tempfile::Builder::new().prefix("glassbox-check").tempdir().context("a folder for the values")?;
    let given = folder.path().join("inputs.npz");
    let graph = &ours.graph;
    let names: Vec<String> = graph.inputs().iter().map(|id| graph.value_label(*id)).collect();
    if let Some(name) = write_npz(&given, graph, &ours.inputs, &names)?.keys().next() {
        bail!("input `{name}` is a list or an optional, and no module of torch takes one");
    }
    let request = json!({
        "checkpoint": std::path::absolute(checkpoint)?, "inputs": given, "output": folder.path().join("values"),
        "wanted": null, "dtype": "f32", "threads": glassbox_tensor::threads(),
    });
    run(&TORCH, arguments, folder.path(), &request, &|| ours.run_ahead().unwrap_or(false))?;
    Ok(Taken { folder })
}

/// Writes the inputs of a run, by the names that the other side has for them. What those consist of that are no tensors: the
/// name of an array, or `{"sequence": […]}`, `{"optional": …}`.
fn write_npz(path: &Path, graph: &Graph, inputs: &[Value], names: &[String]) -> Result<Map<String, Json>> {
    let place = || path.display().to_string();
    if names.len() != inputs.len() {
        let labels: Vec<String> = graph.inputs().iter().map(|id| graph.value_label(*id)).collect();
        bail!("the other side takes {}, and there is a value for each of {}", names.join(", "), labels.join(", "));
    }
    let (mut arrays, mut composed) = (Vec::new(), Map::new());
    for (value, name) in inputs.iter().zip(names) {
        let form = form(name, value, &mut arrays);
        if !form.is_string() {
            composed.insert(name.clone(), form);
        }
    }
    let mut archive = zip::ZipWriter::new(File::create(path).with_context(place)?);
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored).large_file(true);
    let scratch = path.with_extension("npy");
    for (name, tensor) in arrays {
        arrays::write_npy(&scratch, tensor)?;
        archive.start_file(format!("{name}.npy"), stored).with_context(place)?;
        std::io::copy(&mut File::open(&scratch).with_context(place)?, &mut archive).with_context(place)?;
    }
    archive.finish().with_context(place)?;
    Ok(composed)
}

/// What a value consists of; adds its tensors under names that begin with its own.
fn form<'a>(name: &str, value: &'a Value, arrays: &mut Vec<(String, &'a Tensor)>) -> Json {
    match value {
        Value::Tensor(tensor) => {
            arrays.push((name.to_owned(), tensor));
            json!(name)
        }
        Value::Sequence { items, .. } => {
            let parts = items.iter().enumerate().map(|(place, item)| form(&format!("{name}/{place}"), item, arrays));
            json!({ "sequence": parts.collect::<Vec<_>>() })
        }
        Value::Optional { item, .. } => {
            let part = item.as_ref().map(|item| form(&format!("{name}/it"), item, arrays));
            json!({ "optional": part })
        }
    }
}

/// Runs a program to its end. Meanwhile `work` is done, piece by piece, as long as it says that there is more.
fn run(program: &Program, arguments: &Check, folder: &Path, request: &Json, work: &dyn Fn() -> bool) -> Result<()> {
    for (name, text) in program.files {
        std::fs::write(folder.join(name), text).with_context(|| folder.display().to_string())?;
    }
    let asked = folder.join("request.json");
    std::fs::write(&asked, request.to_string()).with_context(|| asked.display().to_string())?;
    let messages = folder.join("messages.txt");
    let stderr = File::create(&messages).with_context(|| messages.display().to_string())?;
    let python = python::interpreter(arguments.python.as_deref());
    let first = program.files.first().map_or("", |(name, _)| *name);
    let mut command = Command::new(&python);
    command.arg(folder.join(first)).arg(&asked).stdin(Stdio::null()).stdout(stderr.try_clone()?).stderr(stderr);
    // What modules leave behind when they are imported is gone with the folder.
    command.env("TMPDIR", folder);
    if program.name == ONNXRUNTIME.name {
        command.env("XDG_CACHE_HOME", folder);
    }
    let mut child = command.spawn().with_context(|| python::cannot_start(&python))?;
    let limit = Duration::from_secs(arguments.timeout);
    let Some(status) = wait(&mut child, limit, work)? else {
        bail!(
            "{} has not ended after {} s, and was stopped; --timeout gives it longer\n{}",
            program.name,
            limit.as_secs(),
            last_lines(&messages)
        );
    };
    if status.success() {
        return Ok(());
    }
    Err(python::failure(program.name, &python, status, &last_lines(&messages)))
}

/// Waits for the end of a program; `None` where it was stopped since its time was up.
fn wait(child: &mut Child, limit: Duration, work: &dyn Fn() -> bool) -> Result<Option<ExitStatus>> {
    let end = Instant::now().checked_add(limit);
    let mut more = true;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        more = more && work();
        if !more {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
