//! `cargo xtask soak`: random tests with seeds that nobody has tried.
//!
//! CI draws the same cases each time, so that a change that is red is red for its own sake. Here each round has a seed
//! of its own, printed before anything else: 2,000 programs of the `graph!` language against the naive evaluator, and
//! the random tests of every crate. `--seed S` begins with S and so repeats a round; the next rounds count up from it.
//! It ends after the round in which the time is up, or with the first round that fails.

use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::tools::{PROFILE, cache, root, run_command, setup};

/// How many programs a round has: as many as the test wants to see.
const PROGRAMS: &str = "2000";
/// The test that runs the programs of the folder that `GLASSBOX_PROGRAMS` names.
const DIFFERENTIAL: &str = "random_programs_do_what_the_language_reference_says";
/// The crates whose tests draw cases with `proptest`.
const RANDOM: &[&str] = &[
    "glassbox-tensor",
    "glassbox-text",
    "glassbox-ir",
    "glassbox-compiler",
    "glassbox-dsl",
    "glassbox-layout",
    "glassbox-check",
];

/// Goes on for this many minutes, from this seed or a new one.
pub(crate) fn main(minutes: u64, seed: Option<u32>) -> Result<()> {
    let first = seed.unwrap_or_else(new_seed);
    let (started, time) = (Instant::now(), Duration::from_secs(minutes.saturating_mul(60)));
    println!("seed {first}: `cargo xtask soak --minutes 0 --seed {first}` repeats the first round");
    setup()?;
    let mut seed = first;
    loop {
        println!("══ seed {seed}");
        let repeat = || format!("seed {seed} fails; `cargo xtask soak --minutes 0 --seed {seed}` repeats it");
        round(seed).with_context(repeat)?;
        if started.elapsed() >= time {
            println!("seeds {first} to {seed} pass");
            return Ok(());
        }
        seed = seed.wrapping_add(1);
    }
}

/// Everything that draws at random, with one seed.
fn round(seed: u32) -> Result<()> {
    let folder = Folder(std::env::temp_dir().join(format!("glassbox-soak-{}-{seed}", std::process::id())));
    let seed = seed.to_string();
    let mut generate = Command::new(cache().join("venv/bin/python"));
    generate.args(["scripts/language/generate.py", "--count", PROGRAMS, "--seed", &seed]).arg(&folder.0);
    run_command(generate.current_dir(root()))?;
    let mut differential = test(&seed, &["glassbox-runtime"]);
    run_command(differential.env("GLASSBOX_PROGRAMS", &folder.0).args(["--tests", DIFFERENTIAL]))?;
    run_command(&mut test(&seed, RANDOM))
}

fn test(seed: &str, packages: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(["test", "--quiet", "--profile", PROFILE]).current_dir(root()).env("PROPTEST_RNG_SEED", seed);
    command.args(packages.iter().flat_map(|package| ["-p", package]));
    command
}

/// A seed that is another one each time: the standard library draws keys for its hashes from the system.
fn new_seed() -> u32 {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    (hasher.finish() >> 32) as u32
}

/// A folder that is removed at the end, also where a round fails: the seed makes it again.
struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(Path::new(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_drawn() {
        let seeds: std::collections::HashSet<u32> = (0..8).map(|_| new_seed()).collect();
        assert!(seeds.len() > 6, "{seeds:?}");
    }

    /// The crates that declare `proptest` are those that are soaked.
    #[test]
    fn every_crate_with_random_tests_is_soaked() {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(root().join("crates")).expect("the crates") {
            let folder = entry.expect("a folder").path();
            let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
            if manifest.lines().any(|line| line.starts_with("proptest")) {
                found.push(folder.file_name().expect("a name").to_string_lossy().into_owned());
            }
        }
        let mut soaked = RANDOM.to_vec();
        soaked.sort_unstable();
        found.sort();
        assert_eq!(found, soaked);
    }
}
