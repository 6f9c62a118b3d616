//! `cargo xtask test`: all that must hold, as named suites.
//!
//! In: names of suites, or none for all of them. Out: what the suites print, then a list of them with their times, the
//! tests that didn't run and why, and a last line `N passed, M failed`. A suite that fails doesn't keep the next ones
//! from running. With `GLASSBOX_NO_SKIP=1`, which CI sets, a test that says `skipped: why` fails its suite, but for
//! those that [`ON_DEMAND`] names and those of instructions that the processor lacks.

mod elsewhere;
pub(crate) mod hunts;
mod lines;
mod python;
mod suites;

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use lines::Skipped;
pub(crate) use suites::names;
use suites::{SUITES, Suite};

/// Tests that run only where somebody has made what they need, and what that is. CI doesn't ask for them.
const ON_DEMAND: &[(&str, &str)] =
    &[("full_size::gpt2_124m", "half a gigabyte that scripts/families/make.py --full-gpt2 takes minutes to make")];

/// What the suites of one run know of each other.
#[derive(Default)]
pub(crate) struct Context {
    /// Whether the test data is there: asked for once.
    data: Option<Result<(), String>>,
    /// The tests that didn't run.
    skipped: Vec<Skipped>,
}

impl Context {
    /// Makes the test data, if no suite before has.
    pub(crate) fn data(&mut self) -> Result<()> {
        let made = self.data.get_or_insert_with(|| crate::tools::setup().map_err(|error| format!("{error:#}")));
        match made {
            Ok(()) => Ok(()),
            Err(error) => bail!("there is no test data: {error}"),
        }
    }

    /// Takes note of tests that didn't run; where none may be skipped that is an error.
    pub(crate) fn note_skipped(&mut self, skipped: Vec<Skipped>) -> Result<()> {
        let refused = refused(&skipped, no_skip());
        self.skipped.extend(skipped);
        if refused.is_empty() { Ok(()) } else { bail!("tests were skipped: {}", refused.join(", ")) }
    }
}

/// Whether a skipped test is a failure.
pub(crate) fn no_skip() -> bool {
    std::env::var_os("GLASSBOX_NO_SKIP").is_some_and(|value| !value.is_empty() && value != "0")
}

/// The skipped tests that may not be.
fn refused(skipped: &[Skipped], no_skip: bool) -> Vec<String> {
    let on_demand = |one: &Skipped| ON_DEMAND.iter().any(|(name, _)| *name == one.test);
    let may_not = |one: &&Skipped| no_skip && !on_demand(one) && !is_of_processor(one);
    skipped.iter().filter(may_not).map(|one| one.test.clone()).collect()
}

/// Whether instructions are missing, which nobody can install: `no avx512 here`. The portable twins of the kernels are tested
/// everywhere.
fn is_of_processor(one: &Skipped) -> bool {
    one.why.starts_with("no ") && one.why.ends_with(" here")
}

/// How a suite went.
struct Outcome {
    name: &'static str,
    time: Duration,
    error: Option<String>,
}

/// Runs the suites of these names in the order of the table, all where there are none.
pub(crate) fn main(chosen: &[String]) -> ExitCode {
    let mut context = Context::default();
    let mut outcomes = Vec::new();
    for suite in SUITES.iter().filter(|suite| chosen.is_empty() || chosen.iter().any(|name| name == suite.name)) {
        outcomes.push(run(suite, &mut context));
    }
    println!("{}", summary(&outcomes, &context.skipped));
    if outcomes.iter().all(|outcome| outcome.error.is_none()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(suite: &Suite, context: &mut Context) -> Outcome {
    println!("══ {}: {}", suite.name, suite.what);
    let started = Instant::now();
    let error = (suite.run)(context).err().map(|error| format!("{error:#}"));
    if let Some(error) = &error {
        println!("══ {} failed: {error}", suite.name);
    }
    Outcome { name: suite.name, time: started.elapsed(), error }
}

/// The last lines of a run.
fn summary(outcomes: &[Outcome], skipped: &[Skipped]) -> String {
    let mut lines = vec!["══ suites".to_owned()];
    for outcome in outcomes {
        let how = if outcome.error.is_none() { "ok    " } else { "FAILED" };
        lines.push(format!("{how} {:12} {:8.1} s", outcome.name, outcome.time.as_secs_f64()));
        // Of an error of many lines the first says what failed.
        let first = outcome.error.iter().filter_map(|error| error.lines().next());
        lines.extend(first.map(|line| format!("       {line}")));
    }
    // A test says it for each of its cases, and runs in more than one suite.
    let mut told = HashSet::new();
    for one in skipped.iter().filter(|one| told.insert((&one.test, &one.why))) {
        let why = ON_DEMAND.iter().find(|(name, _)| *name == one.test).map_or("", |(_, why)| why);
        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
        lines.push(format!("skipped {}: {}{why}", one.test, one.why));
    }
    let failed = outcomes.iter().filter(|outcome| outcome.error.is_some()).count();
    lines.push(format!("{} passed, {failed} failed", outcomes.len() - failed));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(test: &str) -> Skipped {
        Skipped { test: test.to_owned(), why: "no data".to_owned() }
    }

    #[test]
    fn the_summary_lists_every_suite_and_ends_with_a_count() {
        let outcome = |name, error: Option<&str>| Outcome {
            name,
            time: Duration::from_millis(1500),
            error: error.map(str::to_owned),
        };
        let outcomes = [
            outcome("tidy", Some("not tidy:\na.rs")),
            outcome("tests", None),
            outcome("peers", Some("magika differs")),
        ];
        let text = summary(&outcomes, &[skipped("a::b"), skipped("a::b")]);
        let wanted = "══ suites\nFAILED tidy              1.5 s\n       not tidy:\nok     tests             1.5 s\n\
                      FAILED peers             1.5 s\n       magika differs\nskipped a::b: no data\n1 passed, 2 failed";
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_skipped_test_is_refused_where_none_may_be_but_for_those_on_demand() {
        let all = [skipped("a::b"), skipped("full_size::gpt2_124m")];
        assert_eq!(refused(&all, true), ["a::b"]);
        assert_eq!(refused(&all, false), [""; 0]);
        let of_processor = Skipped { test: "c".to_owned(), why: "no avx512 here".to_owned() };
        assert_eq!(refused(&[of_processor], true), [""; 0]);
    }

    #[test]
    fn a_suite_after_one_that_failed_runs_and_data_is_asked_for_once() {
        let mut context = Context { data: Some(Err("no network".to_owned())), ..Context::default() };
        let needs = Suite { name: "needs", what: "needs data", run: |context| context.data() };
        let fine = Suite { name: "fine", what: "needs nothing", run: |_| Ok(()) };
        let outcomes = [run(&needs, &mut context), run(&fine, &mut context)];
        assert_eq!(outcomes[0].error.as_deref(), Some("there is no test data: no network"));
        assert!(outcomes[1].error.is_none());
    }

    #[test]
    fn names_of_suites_are_unique() {
        let mut names = names();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SUITES.len());
    }
}
