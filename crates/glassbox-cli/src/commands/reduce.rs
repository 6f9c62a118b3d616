//! `glassbox reduce`: the smallest piece of a model, and the smallest inputs, for which a command still fails.
//!
//! A candidate is a set of nodes. What they read and don't give themselves are its inputs, whose data is what the whole model
//! has there; what they give and nobody in the set reads are its outputs. A candidate is taken where the command fails for
//! it: exits with something else than 0. First the end of the model goes, then its beginning, each by bisection; then runs
//! of nodes, from long to single ones, until no single node can go; then sizes of symbolic dims.
//!
//! A candidate can't be had, and isn't taken, where one of its inputs is a value that NumPy's files don't hold, or where
//! the backend can't compute it. A command that doesn't end in time isn't one that fails. SIGINT ends the search with
//! the best piece so far.

mod subject;
mod trial;
mod values;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;

use crate::args::Reduce;
use crate::progress;
use crate::targets;

use subject::{Subject, Unit};
use trial::{Trial, Verdict};
use values::Values;

/// Whether the user has asked to stop.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// Searches, and writes the smallest piece.
pub(crate) fn main(arguments: &Reduce, quiet: bool) -> Result<bool> {
    let subject = Subject::open(&arguments.model.model)?;
    let default = PathBuf::from(format!("reduced.{}", subject.ending()));
    let output = arguments.output.clone().unwrap_or(default);
    let sources = [PathBuf::from(&arguments.model.model)];
    subject.check(&arguments.model.model, &output, arguments.force)?;
    let trial = Trial::new(&arguments.until, arguments.timeout)?;
    let inputs = output.with_extension("npz");
    if trial.wants_inputs {
        targets::check(&inputs, &sources, arguments.force)?;
    }
    ctrlc::set_handler(|| STOPPED.store(true, Ordering::Relaxed)).context("the handler of SIGINT can't be set")?;
    let values = if trial.wants_inputs { Some(Values::new(&arguments.model, &subject, quiet)?) } else { None };
    let mut search = Search::new(&subject, trial, values, progress::spinner("reducing", quiet))?;
    search.run()?;
    search.bar.finish_and_clear();
    let written = search.write(&output, &inputs)?;
    if !quiet {
        let all = search.units.len();
        let stopped = if is_stopped() { "stopped: " } else { "" };
        note!("{stopped}{} of {all} nodes are left, after {} tries", search.kept.len(), search.tries);
        search.told.iter().for_each(|told| note!("{told}"));
    }
    targets::tell(&written, quiet);
    Ok(true)
}

fn is_stopped() -> bool {
    STOPPED.load(Ordering::Relaxed)
}

/// The search.
struct Search<'s> {
    subject: &'s Subject,
    units: Vec<Unit>,
    outputs: HashSet<String>,
    trial: Trial,
    values: Option<Values<'s>>,
    folder: tempfile::TempDir,
    bar: ProgressBar,
    /// The nodes of the smallest piece so far, in order.
    kept: Vec<usize>,
    tries: usize,
    /// What became of sizes, in words.
    told: Vec<String>,
}

impl<'s> Search<'s> {
    fn new(subject: &'s Subject, trial: Trial, values: Option<Values<'s>>, bar: ProgressBar) -> Result<Search<'s>> {
        let units = subject.units();
        let folder = tempfile::Builder::new().prefix("glassbox-reduce-").tempdir().context("a temporary folder")?;
        let kept = (0..units.len()).collect();
        let outputs = subject.outputs().into_iter().collect();
        Ok(Search { subject, units, outputs, trial, values, folder, bar, kept, tries: 0, told: Vec::new() })
    }

    fn run(&mut self) -> Result<()> {
        let all = self.kept.clone();
        self.check_whole(&all)?;
        if !self.fails(&all)? {
            if is_stopped() {
                bail!("stopped before the command was tried for the whole model");
            }
            bail!(
                "the command doesn't fail for the whole model ({}), so there is nothing to reduce; it fails where it exits \
                 with something else than 0, within --timeout",
                self.trial.last()
            );
        }
        self.bisect(|kept, count| kept[..count].to_vec())?;
        self.bisect(|kept, count| kept[kept.len() - count..].to_vec())?;
        self.drop_runs()?;
        self.shrink_dims()
    }

    /// The whole model can be made a candidate.
    fn check_whole(&mut self, all: &[usize]) -> Result<()> {
        let (from, to) = self.ends(all);
        let path = self.folder.path().join(format!("whole.{}", self.subject.ending()));
        self.subject.write(&from, &to, &path).context("the whole model can't be written as a piece")?;
        if let Some(values) = &mut self.values
            && !values.write(&from, &self.folder.path().join("whole.npz"))?
        {
            bail!("an input of the model is a value that a .npz file doesn't hold; give the command no {{inputs}}");
        }
        Ok(())
    }

    /// The smallest number of nodes for which `part` of what is kept still fails, where fewer nodes fail less.
    fn bisect(&mut self, part: impl Fn(&[usize], usize) -> Vec<usize>) -> Result<()> {
        let whole = self.kept.clone();
        let (mut low, mut high) = (1, whole.len());
        while low < high && !is_stopped() {
            let middle = low.midpoint(high);
            let candidate = part(&whole, middle);
            if self.fails(&candidate)? {
                self.kept = candidate;
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(())
    }

    /// Leaves out runs of nodes, from long to single ones, until no single node can go.
    fn drop_runs(&mut self) -> Result<()> {
        let mut length = self.kept.len() / 2;
        while length > 0 {
            let (mut start, mut dropped) = (0, false);
            while start < self.kept.len() && self.kept.len() > 1 {
                if is_stopped() {
                    return Ok(());
                }
                let end = (start + length).min(self.kept.len());
                let candidate = [&self.kept[..start], &self.kept[end..]].concat();
                if !candidate.is_empty() && self.fails(&candidate)? {
                    self.kept = candidate;
                    dropped = true;
                } else {
                    start = end;
                }
            }
            // After a node went, others may be able to.
            length = if length == 1 && dropped { 1 } else { length / 2 };
        }
        Ok(())
    }

    /// Makes the sizes of symbolic dims of the model's inputs as small as they may be.
    fn shrink_dims(&mut self) -> Result<()> {
        let Some(values) = &self.values else { return Ok(()) };
        for (symbol, size) in values.sizes()? {
            let mut low = 1;
            let mut high = size;
            while low < high && !is_stopped() {
                // Small sizes are likely, so they are tried first.
                let middle = if low == 1 { 1 } else { low.midpoint(high) };
                if self.fails_with(&symbol, middle)? {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            if high < size {
                self.told.push(format!("{symbol} is {high}, and was {size}"));
            }
        }
        Ok(())
    }

    /// Whether the command fails for the piece with inputs of another size, which are then kept.
    fn fails_with(&mut self, symbol: &str, size: usize) -> Result<bool> {
        let Some(values) = &self.values else { return Ok(false) };
        let Some(smaller) = values.with_size(symbol, size)? else { return Ok(false) };
        let before = self.values.replace(smaller);
        let kept = self.kept.clone();
        let fails = self.fails(&kept)?;
        if !fails {
            self.values = before;
        }
        Ok(fails)
    }

    /// The names of the inputs and outputs of a set of nodes.
    fn ends(&self, candidate: &[usize]) -> (Vec<String>, Vec<String>) {
        let units = || candidate.iter().map(|place| &self.units[*place]);
        let given: HashSet<&str> = units().flat_map(|unit| &unit.gives).map(String::as_str).collect();
        let mut read = HashSet::new();
        let mut from = Vec::new();
        for name in units().flat_map(|unit| &unit.reads) {
            if read.insert(name.as_str()) && !given.contains(name.as_str()) {
                from.push(name.clone());
            }
        }
        let mut to = Vec::new();
        for unit in units() {
            let is_output = |name: &&String| self.outputs.contains(*name);
            let used = unit.gives.iter().any(|name| read.contains(name.as_str()) || self.outputs.contains(name));
            match used {
                true => to.extend(unit.gives.iter().filter(is_output).cloned()),
                false => to.extend(unit.gives.first().cloned()),
            }
        }
        (from, to)
    }

    /// Whether the command fails for a candidate.
    fn fails(&mut self, candidate: &[usize]) -> Result<bool> {
        self.tries += 1;
        self.bar.set_message(format!("{} of {} nodes, try {}", self.kept.len(), self.units.len(), self.tries));
        let model = self.folder.path().join(format!("piece.{}", self.subject.ending()));
        let inputs = self.folder.path().join("piece.npz");
        if !self.make(candidate, &model, &inputs)? {
            return Ok(false);
        }
        Ok(self.trial.run(&model, &inputs)? == Verdict::Fails)
    }

    /// Makes the files of a candidate; whether it can be had.
    fn make(&mut self, candidate: &[usize], model: &Path, inputs: &Path) -> Result<bool> {
        let (from, to) = self.ends(candidate);
        if let Some(values) = &mut self.values
            && !values.write(&from, inputs)?
        {
            return Ok(false);
        }
        Ok(self.subject.write(&from, &to, model).is_ok())
    }

    /// Writes the smallest piece and its inputs.
    fn write(&mut self, output: &Path, inputs: &Path) -> Result<Vec<PathBuf>> {
        let (from, to) = self.ends(&self.kept);
        let mut written = self.subject.write(&from, &to, output)?;
        if let Some(values) = &mut self.values {
            values.write(&from, inputs)?;
            written.push(inputs.to_owned());
        }
        Ok(written)
    }
}
