//! Runs an ONNX model in another Rust engine, and times it when it is told to.
//!
//! In: the path of a request, then lines on standard input. Out: a line of JSON for each, the first when the model is loaded.
//! The request and the lines are those of `crates/glassbox-cli/python/bench_peer.py`, which says what they mean.

mod array;
#[cfg(feature = "candle")]
mod candle;
mod language;
mod rten;
mod tract;

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use array::{Array, Named};
use language::{last_row, past_of, token_feeds};

/// An input of a model: its name, and its dims, where they are numbers.
type Input = (String, Vec<Option<usize>>);

/// Something that runs ONNX models.
trait Engine {
    /// What it is and how it is set, in a few words.
    fn settings(&self) -> String;

    /// What the model takes.
    fn inputs(&self) -> Result<Vec<Input>>;

    /// Makes what runs on these feeds.
    fn feed(&mut self, feeds: Named) -> Result<()>;

    /// Runs once; the outputs stay where they are.
    fn once(&mut self) -> Result<()>;

    /// The outputs of the last run.
    fn outputs(&self) -> Result<Named>;
}

fn open(engine: &str, model: &Path, threads: usize) -> Result<(Box<dyn Engine>, &'static str)> {
    Ok(match engine {
        "rten" => (Box::new(rten::Rten::open(model, threads)?), "0.27.0"),
        "tract" => (Box::new(tract::Tract::open(model, threads)?), "0.23.9"),
        #[cfg(feature = "candle")]
        "candle" => (Box::new(candle::Candle::open(model)?), "0.11.1"),
        #[cfg(not(feature = "candle"))]
        "candle" => {
            bail!("this program was built without candle: `cargo build --release --features candle` needs protoc")
        }
        other => bail!("{other} is none of rten, tract, candle"),
    })
}

/// Has the engine ready for what is timed.
fn prepare(engine: &mut dyn Engine, request: &Value) -> Result<()> {
    let numbers =
        |key: &str| -> Vec<i64> { request[key].as_array().into_iter().flatten().filter_map(Value::as_i64).collect() };
    let work = request["work"].as_str().context("the request says what is timed")?;
    if work == "run" {
        return engine.feed(inputs_of(request)?);
    }
    let inputs = engine.inputs()?;
    let feeds = token_feeds(&inputs, &numbers("tokens"), &[])?;
    engine.feed(feeds)?;
    if work == "decode" {
        engine.once()?;
        let past = past_of(&inputs, engine.outputs()?)?;
        let next = request["next"].as_i64().context("the request has the next token")?;
        engine.feed(token_feeds(&inputs, &[next], &past)?)?;
    }
    Ok(())
}

/// The arrays of the request.
fn inputs_of(request: &Value) -> Result<Named> {
    let entries = request["inputs"].as_array().context("the request has inputs")?;
    let read = |entry: &Value| {
        let text = |key: &str| entry[key].as_str().with_context(|| format!("an input has a {key}"));
        Ok((text("name")?.to_owned(), Array::read(Path::new(text("file")?))?))
    };
    entries.iter().map(read).collect()
}

/// Runs once: the outputs that are compared, as files.
fn values(engine: &mut dyn Engine, request: &Value) -> Result<Value> {
    let started = Instant::now();
    engine.once()?;
    let seconds = started.elapsed().as_secs_f64();
    let mut outputs = engine.outputs()?;
    if request["work"] != "run" {
        outputs.truncate(1);
        outputs = outputs.into_iter().map(|(name, logits)| Ok((name, last_row(logits)?))).collect::<Result<_>>()?;
    }
    let folder = PathBuf::from(request["output"].as_str().context("the request names a folder")?);
    let mut entries = Vec::new();
    for (place, (name, array)) in outputs.iter().enumerate() {
        let file = format!("output-{place}.npy");
        array.write(&folder.join(&file))?;
        entries.push(json!({ "name": name, "file": file }));
    }
    Ok(json!({ "values": entries, "seconds": seconds }))
}

/// The most bytes that were resident, where the system tells.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

fn answer(mut fields: Value) -> Result<()> {
    fields["peak_bytes"] = json!(peak_bytes());
    let mut out = std::io::stdout().lock();
    writeln!(out, "{fields}")?;
    Ok(out.flush()?)
}

fn serve() -> Result<()> {
    let path = std::env::args().nth(1).context("usage: glassbox-bench-peers REQUEST.json")?;
    let request: Value = serde_json::from_slice(&std::fs::read(&path).context(path)?)?;
    let threads = request["threads"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(1);
    let name = request["engine"].as_str().context("the request names an engine")?.to_owned();
    let model = PathBuf::from(request["model"].as_str().context("the request names a model")?);
    let started = Instant::now();
    let (mut engine, version) = open(&name, &model, threads)?;
    prepare(engine.as_mut(), &request)?;
    let load = started.elapsed().as_secs_f64();
    let settings = engine.settings();
    answer(json!({ "ready": true, "versions": { name: version }, "settings": settings, "load_s": load }))?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["values"] => answer(values(engine.as_mut(), &request)?)?,
            ["run", count] => {
                let mut times = Vec::new();
                for _ in 0..count.parse::<usize>()? {
                    let started = Instant::now();
                    engine.once()?;
                    times.push(started.elapsed().as_secs_f64());
                }
                answer(json!({ "times": times }))?;
            }
            _ => bail!("{line:?} is neither `values` nor `run N`"),
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
