//! `glassbox compile`: what the compiler makes of a model, pass by pass.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use glassbox_compiler::passes::PASSES;
use glassbox_compiler::{CompileOptions, Compiled, Outcome, Stage, compile};
use glassbox_ir::text::{PrintOptions, print};
use glassbox_ir::{Fate, Graph, json};
use glassbox_runtime::LoadOptions;
use serde_json::json;

use crate::args::Compile;
use crate::model;
use crate::view::{self, DIM, ERROR, NAME};
use crate::{files, out};

/// Compiles the model, tells what each pass did, and writes what is asked for. Whether every pass could do its work.
pub(crate) fn main(arguments: &Compile, quiet: bool) -> Result<bool> {
    if arguments.list {
        for (place, pass) in PASSES.iter().enumerate() {
            say!("{:>3}  {NAME}{:<16}{NAME:#} {}", place + 1, pass.name, pass.doc)?;
        }
        return Ok(true);
    }
    let model = model::open(&arguments.model, LoadOptions::default())?;
    let mut options = CompileOptions::default();
    options.stop_after = arguments.stop_after.clone();
    options.verify = true;
    let compiled = compile(model.graph()?, &options)?;
    if let Some(folder) = &arguments.dump_dir {
        dump(&compiled, folder)?;
    }
    if let Some(path) = &arguments.output {
        write(compiled.graph(), path)?;
        if !quiet {
            note!("wrote {}", path.display());
        }
    }
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&document(&compiled))?)?;
    } else {
        report(&compiled)?;
    }
    Ok(compiled.stages.iter().all(|stage| stage.outcome == Outcome::Done))
}

fn report(compiled: &Compiled) -> Result<()> {
    let columns = view::columns();
    // Where there is no room beside the numbers, rules stand below them.
    let below = columns.is_some_and(|columns| columns < 60);
    let title = if below { "" } else { "  rules applied" };
    say!("{DIM}{:<16} {:>7} {:>9}{title}{DIM:#}", "pass", "nodes", "ms")?;
    say!("{NAME}{:<16}{NAME:#} {:>7}", "source", compiled.source.walk().len())?;
    for stage in &compiled.stages {
        let (name, nodes, time, rules) = (stage.name, stage.graph.walk().len(), millis(stage.time), applied(stage));
        let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(if below { 4 } else { 36 }).max(1));
        let mut lines = view::wrap(&rules, room).into_iter().filter(|line| !line.is_empty());
        match if below { None } else { lines.next() } {
            Some(first) => say!("{NAME}{name:<16}{NAME:#} {nodes:>7} {time:>9.2}  {first}")?,
            None => say!("{NAME}{name:<16}{NAME:#} {nodes:>7} {time:>9.2}")?,
        }
        for line in lines {
            say!("{:1$}{line}", "", if below { 4 } else { 36 })?;
        }
        if let Outcome::Refused(error) = &stage.outcome {
            say!("  {ERROR}refused:{ERROR:#} {error}")?;
        }
    }
    let [kept, inside, folded, dead] = fates(compiled);
    let told = format!("values of the source: {kept} kept, {inside} inside of others, {folded} folded, {dead} dead");
    out::paragraph(&told, 2)
}

/// The rules that a pass applied, with how often.
fn applied(stage: &Stage) -> String {
    let applied = stage.attempts.iter().filter(|(_, attempts)| attempts.applied > 0);
    applied.map(|(rule, attempts)| format!("{rule} {}×", attempts.applied)).collect::<Vec<_>>().join(", ")
}

/// How many values of the source are kept, computed inside of others, folded, and dead.
fn fates(compiled: &Compiled) -> [usize; 4] {
    let mut counts = [0; 4];
    for (_, fate) in compiled.lineage().iter() {
        match fate {
            Fate::Kept(_) => counts[0] += 1,
            Fate::Inside(_) => counts[1] += 1,
            Fate::Folded => counts[2] += 1,
            Fate::Dead => counts[3] += 1,
        }
    }
    counts
}

fn document(compiled: &Compiled) -> serde_json::Value {
    let stage = |stage: &Stage| {
        let rule = |(rule, attempts): &(&str, glassbox_compiler::Attempts)| json!({ "rule": rule, "applied": attempts.applied, "refused": attempts.refused });
        let refused = match &stage.outcome {
            Outcome::Refused(error) => Some(error.to_string()),
            _ => None,
        };
        json!({
            "pass": stage.name, "nodes": stage.graph.walk().len(), "ms": millis(stage.time), "refused": refused,
            "rules": stage.attempts.iter().map(rule).collect::<Vec<_>>(),
        })
    };
    let [kept, inside, folded, dead] = fates(compiled);
    json!({
        "nodes": compiled.source.walk().len(),
        "stages": compiled.stages.iter().map(stage).collect::<Vec<_>>(),
        "values": { "kept": kept, "inside": inside, "folded": folded, "dead": dead },
    })
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The graph before the first pass and after each, numbered in order.
fn dump(compiled: &Compiled, folder: &Path) -> Result<()> {
    files::create_folder(folder)?;
    let stages = compiled.stages.iter().map(|stage| (stage.name, stage.graph.as_ref()));
    for (place, (name, graph)) in [("source", compiled.source.as_ref())].into_iter().chain(stages).enumerate() {
        write(graph, &folder.join(format!("{place}-{name}.gb")))?;
    }
    Ok(())
}

fn write(graph: &Graph, path: &Path) -> Result<()> {
    let text = match path.extension().and_then(|ending| ending.to_str()) {
        Some("gb") => print(graph, &PrintOptions::with_data()),
        Some("json") => json::to_string(graph)?,
        _ => bail!("{}: a graph is written to a file that ends in .gb or .json", path.display()),
    };
    files::write(path, text)
}
