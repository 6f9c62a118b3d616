//! The official tests of earlier releases of onnx, and why those fail that do.
//!
//! In: the folders that `scripts/models/official_sets.py` makes. Out: `docs/status/onnx-earlier.md`. A test that fails is an
//! error unless [`REASONS`] has it.

use std::fmt::Write;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{folder, script};
use crate::tools::{cache, glassbox, root, run_command};

/// The releases, and how many of their tests pass at least; a change may raise it, never lower it.
const RELEASES: &[(&str, usize)] = &[("1.22.0", 1906), ("1.21.0", 1805)];

/// Tests that fail, and why that is right.
struct Reason {
    /// The release that it is about; all where it is empty.
    release: &'static str,
    /// How the tests' names begin.
    names: &'static [&'static str],
    why: &'static str,
}

const REASONS: &[Reason] = &[
    Reason {
        release: "",
        names: &["test_bernoulli"],
        why: "drawn by a generator that the specification doesn't name, some of them without a seed; tested by how often each value comes",
    },
    Reason {
        release: "",
        names: &["test_dft_inverse"],
        why: "expects the rounding of another transform where the value is 0; tested against f64",
    },
    Reason {
        release: "1.21.0",
        names: &[
            "test_attention_3d_with_past_and_present_qk_matmul_",
            "test_attention_4d_with_past_and_present_qk_matmul_",
            "test_attention_4d_with_qk_matmul_",
        ],
        why: "onnx 1.22 changed the specification of Attention 23: `softcap` comes before the mask is added, and modes 1 and 2 of \
              `qk_matmul_output_mode` changed places; its tests of the same names pass",
    },
    Reason {
        release: "1.21.0",
        names: &["test_adam_multiple"],
        why: "what it expects was computed with `epsilon` 0.01, which the node lacks; 1.22 gives it to the node, and passes",
    },
    Reason {
        release: "1.21.0",
        names: &["test_qlinearmatmul_2D_int8_", "test_qlinearmatmul_3D_int8_"],
        why: "what it expects wraps around where the specification says that it saturates; 1.22 has the same inputs with other outputs, and passes",
    },
];

/// The reason for a test that fails.
fn reason(release: &str, name: &str) -> Option<&'static str> {
    let fits = |reason: &&Reason| {
        (reason.release.is_empty() || reason.release == release)
            && reason.names.iter().any(|begin| name.starts_with(begin))
    };
    REASONS.iter().find(fits).map(|reason| reason.why)
}

/// Makes the sets, runs them, and writes the page.
pub(super) fn main() -> Result<()> {
    let python = cache().join("venv/bin/python");
    run_command(script(&python, "official_sets.py").arg(cache()))?;
    let results = folder().join("results");
    std::fs::create_dir_all(&results)?;
    let mut page = HEAD.to_owned();
    let mut wrong = Vec::new();
    for (release, least) in RELEASES {
        let cases = cache().join(format!("conformance-{release}")).display().to_string();
        let report = results.join(format!("onnx-{release}.json")).display().to_string();
        glassbox(&["conformance", "--cases", &cases, "--at-least", "0", "--report", &report])?;
        let text = std::fs::read_to_string(&report)?;
        let outcomes: Vec<Value> = serde_json::from_str(&text).context("the report")?;
        let (passed, unknown) = section(release, &outcomes, &mut page);
        wrong.extend(unknown.into_iter().map(|name| format!("onnx {release}: {name} fails")));
        if passed < *least {
            wrong.push(format!("onnx {release}: {passed} pass, {least} did"));
        }
    }
    std::fs::write(root().join("docs/status/onnx-earlier.md"), page)?;
    if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("\n")) }
}

const HEAD: &str = "# ONNX conformance: earlier releases\n\n\
Made by `cargo xtask models sets`; don't edit. The node tests of onnx 1.21 and 1.22, which these packages ship as files, with their\n\
other tests, run on the cpu backend and compared as in [onnx.md](onnx.md). A release that is newer corrects tests of those before it:\n\
what is said here of a test that fails was found by holding it against the test of the same name of the next release.\n";

/// Adds a release to the page; how many pass, and which tests fail that no reason is known for.
fn section(release: &str, outcomes: &[Value], page: &mut String) -> (usize, Vec<String>) {
    let failed: Vec<&Value> = outcomes.iter().filter(|outcome| !outcome["failure"].is_null()).collect();
    let passed = outcomes.len() - failed.len();
    let _ = writeln!(page, "\n## onnx {release}\n\n**{passed} of {} pass.**\n", outcomes.len());
    let _ = writeln!(page, "| test | why it doesn't pass |\n| --- | --- |");
    let mut unknown = Vec::new();
    for outcome in failed {
        let name = outcome["name"].as_str().unwrap_or_default();
        let why = reason(release, name);
        if why.is_none() {
            unknown.push(name.to_owned());
        }
        let said = outcome["failure"]["reason"].as_str().unwrap_or_default();
        let why = why.map_or_else(|| format!("**not known**: {}", said.replace(['|', '\n'], " ")), str::to_owned);
        let _ = writeln!(page, "| `{name}` | {why} |");
    }
    (passed, unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_test_that_fails_without_a_reason_is_named() {
        let outcome = |name: &str, fails: bool| {
            let failure = fails.then(|| json!({ "stage": "value", "reason": "1 | 2" }));
            json!({ "name": name, "failure": failure })
        };
        let outcomes = [outcome("test_add", true), outcome("test_abs", false), outcome("test_bernoulli_seed", true)];
        let mut page = String::new();
        let (passed, unknown) = section("1.22.0", &outcomes, &mut page);
        assert_eq!((passed, unknown), (1, vec!["test_add".to_owned()]));
        assert!(page.contains("**1 of 3 pass.**") && page.contains("| `test_add` | **not known**: 1   2 |"), "{page}");
    }

    #[test]
    fn a_reason_of_one_release_is_none_of_another() {
        assert!(reason("1.21.0", "test_adam_multiple").is_some());
        assert!(reason("1.22.0", "test_adam_multiple").is_none());
        assert!(reason("1.22.0", "test_dft_inverse").is_some());
    }
}
