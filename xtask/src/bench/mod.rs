//! `cargo xtask bench`: a fixed set of models, ours beside other engines, taking turns in one run.
//!
//! In: names of rows, or none for all. Out: what `glassbox bench` prints for each, its documents in the cache folder, and with
//! `--write` the table of `docs/performance.md`. `--quick` runs tiny models in the test environment, to see that all of it
//! works: its times say nothing.

mod rows;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use self::rows::{INT8_FILE, Made, ROWS, Row, Work};
use self::table::{About, Entry};
use crate::tools::{PROFILE, cache, root, run, run_command, setup, target};

#[derive(Args)]
pub(crate) struct Bench {
    /// Rows to time; all without one
    #[arg(value_name = "ROW", value_parser = PossibleValuesParser::new(rows::names()))]
    rows: Vec<String>,
    /// The numbers of threads
    #[arg(long, value_delimiter = ',', default_value = "1,2", value_name = "N,…")]
    threads: Vec<u64>,
    /// How many rounds
    #[arg(long, default_value_t = 10)]
    rounds: u32,
    /// The backend that is timed
    #[arg(long, default_value = "cpu")]
    backend: String,
    /// Tiny models, two rounds, one thread, and onnxruntime only: whether it works
    #[arg(long)]
    quick: bool,
    /// Leave out the engines that would have to be built first: llama.cpp, rten, tract, candle
    #[arg(long)]
    no_build: bool,
    /// Write everything that was measured to this file too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the table into docs/performance.md
    #[arg(long, conflicts_with = "quick")]
    write: bool,
}

impl Bench {
    /// What the tests run.
    pub(crate) fn quick() -> Bench {
        let (rows, json, backend) = (Vec::new(), None, "cpu".to_owned());
        Bench { rows, threads: vec![1], rounds: 2, backend, quick: true, no_build: true, json, write: false }
    }

    /// The rows that are asked for.
    fn chosen(&self) -> Vec<&'static Row> {
        let named = |row: &&Row| self.rows.is_empty() || self.rows.iter().any(|name| name == row.name);
        ROWS.iter().filter(named).filter(|row| row.quick || !self.quick).collect()
    }
}

/// What is needed to time.
struct Place {
    glassbox: PathBuf,
    python: PathBuf,
    /// The program that runs engines written in Rust, where it could be built.
    peers: Option<PathBuf>,
    /// Where `models.py` writes.
    models: PathBuf,
    missing: Vec<String>,
}

/// Times, prints, writes.
pub(crate) fn main(arguments: &Bench) -> Result<()> {
    let rows = arguments.chosen();
    if rows.is_empty() {
        bail!("none of these rows is tried with --quick: {}", arguments.rows.join(", "));
    }
    let place = prepare(arguments, &rows)?;
    let results = cache().join(if arguments.quick { "bench-results-quick" } else { "bench-results" });
    std::fs::create_dir_all(&results).with_context(|| results.display().to_string())?;
    let threads = if arguments.quick { &[1][..] } else { &arguments.threads };
    let mut about = About {
        rooflines: Vec::new(),
        commit: printed("git", &["rev-parse", "--short", "HEAD"]).unwrap_or("an unknown commit".to_owned()),
        date: printed("date", &["+%Y-%m-%d"]).unwrap_or_default(),
        command: std::iter::once("cargo xtask bench".to_owned())
            .chain(arguments.rows.clone())
            .chain(arguments.no_build.then(|| "--no-build".to_owned()))
            .collect::<Vec<_>>()
            .join(" "),
        missing: place.missing.clone(),
    };
    if !arguments.quick {
        for count in threads {
            about.rooflines.push(roofline(&place, &results, *count)?);
        }
    }
    let mut entries = Vec::new();
    for row in &rows {
        for count in threads {
            let document = measure(arguments, &place, row, *count, &results).map_err(|error| format!("{error:#}"));
            if let Err(error) = &document {
                println!("{}: {error}", row.name);
            }
            entries.push(Entry { row: row.name.to_owned(), threads: *count, document });
        }
    }
    finish(arguments, &entries, &about)
}

/// Prints and writes what was measured; rows that failed are an error in the end.
fn finish(arguments: &Bench, entries: &[Entry], about: &About) -> Result<()> {
    let page = table::page(entries, about);
    println!("{page}");
    if let Some(file) = &arguments.json {
        let of_entry = |entry: &Entry| match &entry.document {
            Ok(document) => json!({ "row": entry.row, "threads": entry.threads, "document": document }),
            Err(error) => json!({ "row": entry.row, "threads": entry.threads, "error": error }),
        };
        let document = json!({
            "format": "glassbox.benchmark",
            "version": 1,
            "commit": about.commit,
            "date": about.date,
            "rooflines": about.rooflines,
            "missing": about.missing,
            "rows": entries.iter().map(of_entry).collect::<Vec<_>>(),
        });
        let text = serde_json::to_string_pretty(&document)?;
        std::fs::write(file, text).with_context(|| file.display().to_string())?;
    }
    if arguments.write {
        write_page(&page)?;
    }
    let wrong = |entry: &&Entry| match &entry.document {
        Err(_) => true,
        // In a test everyone takes part.
        Ok(document) => arguments.quick && document["peers"].as_array().is_none_or(Vec::is_empty),
    };
    let failed: Vec<String> =
        entries.iter().filter(wrong).map(|entry| format!("{} on {}", entry.row, entry.threads)).collect();
    if failed.is_empty() { Ok(()) } else { bail!("these rows weren't timed: {}", failed.join(", ")) }
}

/// Builds and makes what the rows need.
fn prepare(arguments: &Bench, rows: &[&Row]) -> Result<Place> {
    let mut missing = Vec::new();
    if arguments.quick || rows.iter().any(|row| row.made == Made::Peer) {
        setup()?;
    }
    let profile = if arguments.quick { PROFILE } else { "release" };
    run("cargo", &["build", "--quiet", "--profile", profile, "-p", "glassbox-cli"])?;
    let glassbox = target().join(profile).join("glassbox");
    let (environment, models) = if arguments.quick { ("venv", "bench-tiny") } else { ("venv-bench", "bench") };
    let python = cache().join(environment).join("bin/python");
    let mut peers = None;
    if !arguments.quick {
        run("python3", &["scripts/setup.py", "--only", "venv-bench"])?;
        missing.push("torch: its packages bring 6 GB of CUDA along".to_owned());
        if arguments.no_build {
            missing.push("llama.cpp, rten, tract, candle: left out with --no-build".to_owned());
        } else {
            if run_command(Command::new(&python).args(LLAMA_CPP).current_dir(root())).is_err() {
                missing.push("llama.cpp: its package is source only, and can't be built here".to_owned());
            }
            match build_peers() {
                Ok(program) => peers = Some(program),
                Err(error) => missing.push(format!("rten, tract, candle: {error:#}")),
            }
        }
    }
    let models = cache().join(models);
    let mut names: Vec<&str> = rows.iter().filter(|row| row.made == Made::Here).map(|row| row.model).collect();
    names.dedup();
    let mut command = Command::new(&python);
    command.arg("scripts/bench/models.py").arg(&models).args(arguments.quick.then_some("--tiny"));
    run_command(command.arg("--only").args(names).current_dir(root()).env("PYTHONDONTWRITEBYTECODE", "1"))?;
    for row in rows.iter().filter(|row| row.made == Made::Peer && row.file == INT8_FILE) {
        let source = cache().join("peers").join(row.model).join("model.onnx");
        let folder = models.join(row.model);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let target = folder.join(INT8_FILE);
        let mut command = Command::new(&python);
        command.arg("scripts/bench/models.py").arg(&models).arg("--quantise").args([&source, &target]);
        run_command(command.current_dir(root()).env("PYTHONDONTWRITEBYTECODE", "1"))?;
    }
    Ok(Place { glassbox, python, peers, models, missing })
}

/// The engines that are built before they are timed.
const BUILT: &[&str] = &["llama.cpp", "rten", "tract", "candle"];

/// How the package of llama.cpp is built: for the processor at hand, as who wants the best of it does.
const LLAMA_CPP: &[&str] =
    &["-m", "pip", "install", "--quiet", "--no-input", "--requirement", "scripts/bench/llama_requirements.txt"];

/// Builds the program that runs engines written in Rust.
fn build_peers() -> Result<PathBuf> {
    let folder = target().join("bench-peers");
    let mut command = Command::new("cargo");
    command.args(["build", "--quiet", "--release", "--locked", "--manifest-path", "bench-peers/Cargo.toml"]);
    command.arg("--target-dir").arg(&folder).current_dir(root());
    // Its build reads a file of protocol buffers.
    if printed("protoc", &["--version"]).is_some() {
        command.args(["--features", "candle"]);
    }
    run_command(&mut command)?;
    Ok(folder.join("release/glassbox-bench-peers"))
}

/// The limits of the processor on so many threads.
fn roofline(place: &Place, results: &Path, threads: u64) -> Result<Value> {
    let file = results.join(format!("roofline-{threads}.json"));
    let mut command = Command::new(&place.glassbox);
    command.args(["bench", "--roofline", "--threads", &threads.to_string()]).arg(json_option(&file));
    run_command(command.current_dir(root()))?;
    read(&file)
}

/// Times one row.
fn measure(arguments: &Bench, place: &Place, row: &Row, threads: u64, results: &Path) -> Result<Value> {
    let peers = cache().join("peers");
    let folder = if row.made == Made::Peer { peers.join(row.model) } else { place.models.join(row.model) };
    let model = match (row.made, row.file) {
        (Made::Peer, INT8_FILE) => place.models.join(row.model).join(INT8_FILE),
        _ => folder.join(row.file),
    };
    let file = results.join(format!("{}-{threads}.json", row.name));
    let rounds = if arguments.quick { 2 } else { arguments.rounds };
    let mut command = Command::new(&place.glassbox);
    command.arg("bench").arg(&model).args(["--threads", &threads.to_string(), "--rounds", &rounds.to_string()]);
    command.args(["--backend", &arguments.backend, "--tolerance", row.tolerance]).arg(json_option(&file));
    match row.work {
        Work::Run(inputs) => command.arg("-i").arg(folder.join(inputs)),
        Work::Prefill(tokens) => command.args(["--prefill", tokens]),
        Work::Decode => command.args(["--decode", "8", "--past", "128"]),
    };
    let against: Vec<String> = row
        .against
        .iter()
        .filter(|(name, _)| !arguments.quick || *name == "onnxruntime")
        .filter(|(name, _)| !arguments.no_build || !BUILT.contains(name))
        .map(|(name, file)| match file {
            Some(file) => format!("{name}:{}", folder.join(file).display()),
            None => (*name).to_owned(),
        })
        .collect();
    if !against.is_empty() {
        command.args(["--against", &against.join(",")]);
    }
    command.arg("--python").arg(&place.python);
    if !arguments.quick {
        command.arg("--go-on");
    }
    if let Some(program) = &place.peers {
        command.arg("--peers").arg(program);
    }
    // A file of an earlier run isn't this one's.
    let _ = std::fs::remove_file(&file);
    let ran = run_command(command.current_dir(root()));
    match read(&file) {
        // Where an engine computes something else the answer is no, and the others were timed.
        Ok(document) if ran.is_ok() || !arguments.quick => Ok(document),
        other => ran.and(other.map(|_| Value::Null)),
    }
}

fn json_option(file: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from("--json=");
    option.push(file);
    option
}

fn read(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

/// What a program prints; nothing where it is missing or fails.
fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(root()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The page, and the lines in it between which the table stands.
const PAGE: &str = "docs/performance.md";
const BEGIN: &str = "<!-- what follows is written by cargo xtask bench --write -->";
const END: &str = "<!-- until here -->";

fn write_page(table: &str) -> Result<()> {
    let file = root().join(PAGE);
    let text = std::fs::read_to_string(&file).with_context(|| PAGE.to_owned())?;
    let page = between(&text, table).with_context(|| format!("{PAGE} lacks the lines {BEGIN} and {END}"))?;
    std::fs::write(&file, page).with_context(|| PAGE.to_owned())
}

/// The text with another part between the two lines.
fn between(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", table.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_place_for_the_table() {
        let text = std::fs::read_to_string(root().join(PAGE)).expect("the page");
        let written = between(&text, "| a |").expect("its lines");
        assert!(written.contains(&format!("{BEGIN}\n\n| a |\n\n{END}")));
        assert_eq!(between(&written, "| a |"), Some(written));
        assert_eq!(between("nothing", "| a |"), None);
    }

    #[test]
    fn rows_are_chosen_by_name_and_tiny_ones_for_tests() {
        let chosen = Bench { rows: vec!["silero".to_owned(), "resnet50".to_owned()], ..Bench::quick() };
        assert_eq!(chosen.chosen().iter().map(|row| row.name).collect::<Vec<_>>(), ["silero"]);
        let all = Bench { quick: false, ..Bench::quick() };
        assert_eq!(all.chosen().len(), ROWS.len());
    }
}
