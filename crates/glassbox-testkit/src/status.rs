//! The status page of the official ONNX tests: made from outcomes, never typed.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::conformance::Outcome;

/// The page, as Markdown: totals by kind, each op with its tests, each test that doesn't pass with its reason.
pub fn page(outcomes: &[Outcome], backend: &str) -> String {
    let mut page = String::new();
    let passed = outcomes.iter().filter(|outcome| outcome.failure.is_none()).count();
    let _ = writeln!(page, "# ONNX conformance of the {backend} backend\n");
    let _ = writeln!(
        page,
        "Made by `glassbox conformance --report FILE`; don't edit. The cases are those of `onnx` 1.23.2."
    );
    let _ =
        writeln!(page, "Strict comparison: dtype and shape equal, NaN equal only to NaN, infinities by sign, integers");
    let _ = writeln!(
        page,
        "exact, floats within the tolerance that the test declares; where that fails, outputs of bf16 within"
    );
    let _ = writeln!(page, "the one that the official runner has for them, 2^-6 relative. Tests of earlier releases:");
    let _ = writeln!(page, "[onnx-earlier.md](onnx-earlier.md).\n");
    let beyond: Vec<&Outcome> =
        outcomes.iter().filter(|outcome| outcome.failure.is_none() && outcome.beyond_declared.is_some()).collect();
    let strictly = passed - beyond.len();
    let _ = writeln!(page, "**{passed} of {} pass**, {strictly} of them within what they declare.\n", outcomes.len());
    page.push_str("| kind | tests | passed |\n| --- | ---: | ---: |\n");
    table(&mut page, tally(outcomes, |outcome| vec![outcome.kind.clone()]));
    page.push_str("\n## By op\n\nA test counts for every op in the graph of its model.\n\n");
    page.push_str("| op | tests | passed |\n| --- | ---: | ---: |\n");
    table(&mut page, tally(outcomes, |outcome| outcome.ops.clone()));
    if !beyond.is_empty() {
        page.push_str("\n## Tests that pass by the runner's tolerance for bf16 only\n\n");
    }
    for outcome in beyond {
        let _ = writeln!(page, "- `{}`: {}", outcome.name, outcome.beyond_declared.as_deref().unwrap_or_default());
    }
    page.push_str("\n## Tests that don't pass\n\n");
    for outcome in outcomes {
        if let Some(failure) = &outcome.failure {
            let reason = failure.to_string().replace('\n', " ");
            let _ = writeln!(page, "- `{}`: {reason}", outcome.name);
        }
    }
    if passed == outcomes.len() {
        page.push_str("None.\n");
    }
    page
}

/// How many tests there are and how many pass, by key.
fn tally(outcomes: &[Outcome], keys: impl Fn(&Outcome) -> Vec<String>) -> BTreeMap<String, (usize, usize)> {
    let mut tally = BTreeMap::new();
    for outcome in outcomes {
        for key in keys(outcome) {
            let (tests, passed) = tally.entry(key).or_insert((0, 0));
            *tests += 1;
            *passed += usize::from(outcome.failure.is_none());
        }
    }
    tally
}

fn table(page: &mut String, tally: BTreeMap<String, (usize, usize)>) {
    for (key, (tests, passed)) in tally {
        let _ = writeln!(page, "| {key} | {tests} | {passed} |");
    }
}
