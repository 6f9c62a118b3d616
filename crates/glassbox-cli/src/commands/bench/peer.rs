//! Other engines: programs that load a model once, and run it when they are told to through a pipe.
//!
//! A program is started with the path of a request, says in one line of JSON that it is ready, and answers each line that it
//! reads with a line: `values` with the files of its outputs, `run N` with the times of N runs. It ends with its input.
//! What it prints otherwise goes to a file, whose end is shown where it fails. `docs/performance.md` describes the lines.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use glassbox_exec::Value;
use glassbox_ir::text::nearest;
use glassbox_tensor::Tensor;
use serde_json::{Value as Json, json};

use super::ours::{Ours, Work};
use super::rounds::Side;
use crate::args::Bench;
use crate::python::{self, last_lines};
use crate::{arrays, out};

/// An engine that can be timed beside ours.
struct Engine {
    name: &'static str,
    /// Whether a Python runs it; else the program of `bench-peers` does.
    python: bool,
    /// Whether what it runs is an ONNX file.
    onnx: bool,
}

/// Every engine that can be named.
const ENGINES: &[Engine] = &[
    Engine { name: "onnxruntime", python: true, onnx: true },
    Engine { name: "openvino", python: true, onnx: true },
    Engine { name: "openvino-bf16", python: true, onnx: true },
    Engine { name: "llama.cpp", python: true, onnx: false },
    Engine { name: "ctranslate2", python: true, onnx: false },
    Engine { name: "ctranslate2-int8", python: true, onnx: false },
    Engine { name: "rten", python: false, onnx: true },
    Engine { name: "tract", python: false, onnx: true },
    Engine { name: "candle", python: false, onnx: true },
];

/// The program that a Python runs.
const PROGRAM: (&str, &str) = ("bench_peer.py", include_str!("../../../python/bench_peer.py"));
/// The program of `bench-peers`, where none is named.
const PEERS: &str = "glassbox-bench-peers";

/// What an engine says when it is ready.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    /// Versions of what it is made of, by name.
    pub(super) versions: Json,
    /// How it was set, in a line.
    pub(super) settings: String,
    /// Seconds from the file to what runs.
    pub(super) load: f64,
}

/// Another engine, which has loaded the model.
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) ready: Ready,
    /// The most bytes that were resident when it answered last.
    pub(super) peak: Option<u64>,
    engine: &'static Engine,
    program: PathBuf,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<std::io::Result<String>>,
    timeout: Duration,
    folder: tempfile::TempDir,
}

impl Peer {
    /// Starts what `--against` names, with our model or its own file, and waits until it has loaded that.
    pub(super) fn start(arguments: &Bench, named: &str, ours: &Ours) -> Result<Peer> {
        let (name, file) = match named.split_once(':') {
            Some((name, file)) => (name, Some(PathBuf::from(file))),
            None => (named, None),
        };
        let engine = find(name)?;
        let file = match file {
            Some(file) if file.exists() => file,
            Some(file) => bail!("--against {named}: there is no file {}", file.display()),
            None => own_file(engine, ours, arguments)?,
        };
        let folder = tempfile::Builder::new().prefix("glassbox-bench").tempdir().context("a folder for the values")?;
        let mut request = json!({
            "engine": name,
            "model": std::path::absolute(&file)?,
            "threads": glassbox_tensor::threads(),
            "output": folder.path(),
            "work": ours.work.name(),
        });
        match &ours.work {
            Work::Run => request["inputs"] = inputs(engine, &file, ours, folder.path())?,
            Work::Prefill(tokens) => request["tokens"] = json!(tokens),
            Work::Decode { past, next, .. } => {
                request["tokens"] = json!(past);
                request["next"] = json!(next);
            }
        }
        let asked = folder.path().join("request.json");
        std::fs::write(&asked, request.to_string()).with_context(|| asked.display().to_string())?;
        let (program, mut child) = spawn(arguments, engine, &asked, folder.path())?;
        let input = child.stdin.take();
        let lines = lines_of(&mut child)?;
        let timeout = Duration::from_secs(arguments.timeout);
        let ready = Ready { versions: Json::Null, settings: String::new(), load: f64::NAN };
        let (name, peak) = (name.to_owned(), None);
        let mut peer = Peer { name, ready, peak, engine, program, child, input, lines, timeout, folder };
        let said = peer.answer("ready")?;
        peer.ready = Ready {
            versions: said["versions"].clone(),
            settings: said["settings"].as_str().unwrap_or_default().to_owned(),
            load: said["load_s"].as_f64().unwrap_or(f64::NAN),
        };
        Ok(peer)
    }

    /// Runs once: how many seconds that took, and the outputs by name.
    pub(super) fn values(&mut self) -> Result<(f64, Vec<(String, Tensor)>)> {
        self.tell("values")?;
        let said = self.answer("values")?;
        let mut values = Vec::new();
        for entry in said["values"].as_array().into_iter().flatten() {
            let text = |key: &str| entry[key].as_str().with_context(|| format!("{}: a value has a {key}", self.name));
            values.push((text("name")?.to_owned(), arrays::read_npy(&self.folder.path().join(text("file")?))?));
        }
        Ok((said["seconds"].as_f64().unwrap_or(f64::NAN), values))
    }

    fn tell(&mut self, line: &str) -> Result<()> {
        let written = self.input.as_mut().map(|input| writeln!(input, "{line}").and_then(|()| input.flush()));
        match written {
            Some(Ok(())) => Ok(()),
            _ => Err(self.ended()),
        }
    }

    /// The next line, which has this field.
    fn answer(&mut self, field: &str) -> Result<Json> {
        let line = match self.lines.recv_timeout(self.timeout) {
            Ok(line) => line.with_context(|| self.name.clone())?,
            Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
            Err(RecvTimeoutError::Timeout) => bail!(
                "{} has not answered for {} s, and was stopped; --timeout gives it longer\n{}",
                self.name,
                self.timeout.as_secs(),
                last_lines(&self.folder.path().join(MESSAGES))
            ),
        };
        let said: Json = serde_json::from_str(&line).with_context(|| format!("{}: it says {line:?}", self.name))?;
        if said.get(field).is_none() {
            bail!("{}: it says {line:?}, which has no `{field}`", self.name);
        }
        self.peak = said["peak_bytes"].as_u64().or(self.peak);
        Ok(said)
    }

    /// The error of a program that has ended.
    fn ended(&mut self) -> anyhow::Error {
        self.input = None;
        let last = last_lines(&self.folder.path().join(MESSAGES));
        match self.child.wait() {
            Ok(status) if self.engine.python => python::failure(&self.name, &self.program, status, &last),
            Ok(status) => anyhow!("{} failed: {status}\n{last}", self.name),
            Err(error) => anyhow!("{}: {error}\n{last}", self.name),
        }
    }
}

impl Side for Peer {
    fn run(&mut self, times: usize) -> Result<Vec<f64>> {
        self.tell(&format!("run {times}"))?;
        let said = self.answer("times")?;
        let times: Option<Vec<f64>> = said["times"].as_array().map(|all| all.iter().filter_map(Json::as_f64).collect());
        times.filter(|times| !times.is_empty()).with_context(|| format!("{}: it gives no times", self.name))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends with its input; one that doesn't, or that is at work, is ended.
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The file of what a program says besides its answers.
const MESSAGES: &str = "messages.txt";

fn find(name: &str) -> Result<&'static Engine> {
    if let Some(engine) = ENGINES.iter().find(|engine| engine.name == name) {
        return Ok(engine);
    }
    let known: Vec<&str> = ENGINES.iter().map(|engine| engine.name).collect();
    let near = nearest(name, known.iter().copied());
    let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
    bail!("--against {name}: it is none of {}{near}", known.join(", "))
}

/// Our model's file, where the engine can run it.
fn own_file(engine: &Engine, ours: &Ours, arguments: &Bench) -> Result<PathBuf> {
    let (name, model) = (engine.name, arguments.model.as_deref().unwrap_or_default());
    let file = match ours.model.onnx() {
        Some(onnx) => onnx.file.clone().filter(|_| engine.onnx),
        None => Some(PathBuf::from(model)).filter(|path| !engine.onnx && path.exists()),
    };
    let kind = if engine.onnx { "no ONNX file" } else { "no checkpoint in a file" };
    file.with_context(|| {
        format!("--against {name}: {model} is {kind}; name the file that it is to run, as {name}:FILE")
    })
}

/// Writes our inputs, under the names that the file has for them: ours, or where they differ, by their places.
fn inputs(engine: &Engine, file: &Path, ours: &Ours, folder: &Path) -> Result<Json> {
    let graph = ours.model.graph()?;
    let labels: Vec<String> = graph.inputs().iter().map(|id| graph.value_label(*id)).collect();
    let mut names = labels.clone();
    if engine.onnx {
        let model = glassbox_onnx::load(file)?;
        // Inputs with an initializer are constants here and there.
        let given = |name: &str| model.graph.initializers.iter().any(|(known, _)| known == name);
        let theirs = model.graph.inputs.iter().map(|input| input.name.clone());
        let theirs: Vec<String> = theirs.filter(|name| !given(name)).collect();
        if !labels.iter().all(|label| theirs.contains(label)) {
            if labels.len() != theirs.len() {
                bail!("{}: it takes {}, and our model {}", file.display(), theirs.join(", "), labels.join(", "));
            }
            names = theirs;
        }
    }
    let mut entries = Vec::new();
    for (place, (name, value)) in names.iter().zip(&ours.inputs).enumerate() {
        let Value::Tensor(tensor) = value else {
            bail!("input `{name}` is {}, which can't be handed to another program", value.ty())
        };
        let path = folder.join(format!("input-{place}.npy"));
        arrays::write_npy(&path, tensor)?;
        entries.push(json!({ "name": name, "file": path }));
    }
    Ok(json!(entries))
}

/// Starts the program of an engine.
fn spawn(arguments: &Bench, engine: &Engine, request: &Path, folder: &Path) -> Result<(PathBuf, Child)> {
    let messages = folder.join(MESSAGES);
    let stderr = File::create(&messages).with_context(|| messages.display().to_string())?;
    let program = match engine.python {
        true => python::interpreter(arguments.python.as_deref()),
        false => arguments.peers.clone().unwrap_or_else(|| PathBuf::from(PEERS)),
    };
    let mut command = Command::new(&program);
    if engine.python {
        let (name, text) = PROGRAM;
        let script = folder.join(name);
        std::fs::write(&script, text).with_context(|| script.display().to_string())?;
        command.arg(script);
    }
    command.arg(request).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
    // What modules leave behind when they are imported is gone with the folder.
    command.env("TMPDIR", folder).env("XDG_CACHE_HOME", folder);
    // Libraries that have no option of their own for it take the number of threads from here.
    let threads = glassbox_tensor::threads().to_string();
    for variable in ["OMP_NUM_THREADS", "RTEN_NUM_THREADS", "RAYON_NUM_THREADS"] {
        command.env(variable, &threads);
    }
    let child = command.spawn().with_context(|| match engine.python {
        true => python::cannot_start(&program),
        false => format!(
            "{} can't be started; name the program that runs {} with --peers (`cargo build --release` in bench-peers \
             of the repository makes it)",
            program.display(),
            engine.name
        ),
    })?;
    Ok((program, child))
}

/// The lines that a program prints, read by a thread of their own, so that they can be waited for.
fn lines_of(child: &mut Child) -> Result<Receiver<std::io::Result<String>>> {
    let output = child.stdout.take().context("its output is a pipe")?;
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    Ok(receiver)
}

/// Tells how an engine was set.
///
/// # Errors
///
/// Where standard output can't be written.
pub(super) fn tell_settings(peer: &Peer) -> Result<()> {
    let versions = peer.ready.versions.as_object().into_iter().flatten();
    let versions: Vec<String> =
        versions.map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default())).collect();
    out::paragraph(&format!("{}: {}; {}", peer.name, versions.join(", "), peer.ready.settings), 2)
}
