//! `glassbox conformance`: the official ONNX backend tests.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use glassbox_compiler::Parts;
use glassbox_testkit::conformance::{self, Exported, Failure, Form, Outcome};
use glassbox_testkit::{cache, status};

use crate::args::Conformance;
use crate::files;
use crate::progress;
use crate::view::{ERROR, GOOD};

/// Runs the tests and prints those that don't pass. Whether all pass, or as many as asked for.
pub(crate) fn main(arguments: &Conformance, quiet: bool) -> Result<bool> {
    let folder = arguments.cases.clone().unwrap_or_else(|| cache::folder().join("conformance"));
    let mut cases = conformance::cases(&folder)?;
    if let Some(filter) = &arguments.filter {
        let filter = regex::Regex::new(filter).context("--filter")?;
        cases.retain(|case| filter.is_match(&case.about.name));
        if cases.is_empty() {
            bail!(
                "--filter {filter}: no test matches; names are such as `test_add` and `test_reduce_sum_keepdims_random`"
            );
        }
    }
    let runtime = arguments.runs.runtime()?;
    let form = match arguments.exported {
        Some(opset) => {
            let (simplified, folder) = (arguments.simplified, arguments.save.clone());
            let parts = if arguments.composites { Parts::Calls } else { Parts::Inline };
            Form::Exported(Exported { opset, simplified, parts, folder })
        }
        None => Form::Imported,
    };
    if let Some(folder) = &arguments.save {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let started = Instant::now();
    let bar = progress::bar(cases.len(), quiet);
    // A panic in a case is told as its outcome.
    std::panic::set_hook(Box::new(|_| {}));
    let outcomes = conformance::run(&cases, runtime.as_ref(), &form, &|done| bar.set_position(done as u64));
    let _ = std::panic::take_hook();
    bar.finish_and_clear();
    let failed: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.failure.is_some()).collect();
    let unsaid = |outcome: &&&Outcome| matches!(outcome.failure, Some(Failure::Unsaid(_)));
    // What an old opset has no words for is many; only who asks for some of them wants to know of each.
    let told = failed.iter().filter(|outcome| arguments.filter.is_some() || !unsaid(outcome));
    for outcome in told {
        if let Some(failure) = &outcome.failure {
            say!("{ERROR}FAILED{ERROR:#} {}: {failure}", outcome.name)?;
        }
    }
    let (passed, wordless) = (outcomes.len() - failed.len(), failed.iter().filter(unsaid).count());
    let beyond = match (arguments.exported, wordless) {
        (Some(opset), count) if count > 0 => format!(", {count} can't be said in opset {opset}"),
        _ => String::new(),
    };
    say!(
        "{GOOD}{passed} passed{GOOD:#}{beyond}, {} failed of {} in {:.1} s",
        failed.len() - wordless,
        outcomes.len(),
        started.elapsed().as_secs_f64()
    )?;
    if !quiet {
        slowest(&outcomes);
    }
    if let Some(file) = &arguments.report {
        let json = file.extension().is_some_and(|ending| ending == "json");
        let report =
            if json { serde_json::to_string_pretty(&outcomes)? } else { status::page(&outcomes, runtime.name()) };
        files::write(file, report)?;
    }
    Ok(match arguments.at_least {
        Some(least) => passed >= least,
        None => failed.is_empty(),
    })
}

/// The tests that took longest, where they took long.
fn slowest(outcomes: &[Outcome]) {
    let mut slow: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.time.as_secs_f64() > 2.0).collect();
    slow.sort_by_key(|outcome| std::cmp::Reverse(outcome.time));
    for outcome in slow.iter().take(5) {
        note!("slow: {} took {:.1} s", outcome.name, outcome.time.as_secs_f64());
    }
}
