//! `glassbox convert`: weights from one format to another, and into other dtypes.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use glassbox_weights::open;
use glassbox_weights::{Converted, Options, Output, Progress, convert};

use crate::args::Convert;
use crate::progress;
use crate::view::{self, NAME};

/// Converts, and says what became of the parameters.
pub(crate) fn main(arguments: &Convert, quiet: bool) -> Result<bool> {
    let package = open(&arguments.source)?;
    let Some(output) = Output::of(&arguments.target) else {
        bail!(
            "{}: name the target .oinf or .safetensors, so that it's clear which is meant",
            arguments.target.display()
        )
    };
    if arguments.target.exists() && !arguments.force {
        bail!("{}: it exists; --force replaces it", arguments.target.display());
    }
    let options = Options { output, quantize: arguments.quantize };
    let bar = progress::bar(0, quiet);
    let show = |progress: Progress| {
        bar.set_length(progress.total_bytes >> 10);
        bar.set_position(progress.done_bytes >> 10);
        bar.set_message(progress.name.to_owned());
    };
    let converted = convert(&package, &arguments.target, options, show)?;
    bar.finish_and_clear();
    if !quiet {
        report(&converted);
    }
    let bytes = std::fs::metadata(&arguments.target).with_context(|| arguments.target.display().to_string())?.len();
    say!("{NAME}{}{NAME:#}: {} parameters, {}", arguments.target.display(), converted.params.len(), size(bytes))?;
    Ok(true)
}

fn report(converted: &Converted) {
    let mut kinds: BTreeMap<(String, String), (usize, u64)> = BTreeMap::new();
    for param in &converted.params {
        let row = kinds.entry((param.from.to_string(), param.to.to_string())).or_default();
        *row = (row.0 + 1, row.1 + param.bytes);
    }
    for ((from, to), (count, bytes)) in kinds {
        let change = if from == to { format!("{from}, as it was") } else { format!("{from} -> {to}") };
        note!("{count:>6} parameters {change}: {}", size(bytes));
    }
    let mut kept: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in converted.params.iter().filter_map(|param| param.kept) {
        *kept.entry(reason).or_default() += 1;
    }
    for (reason, count) in kept {
        note!("{count:>6} parameters stayed: {reason}");
    }
    for dropped in &converted.dropped {
        note!("note: the target can't hold {dropped}");
    }
}

fn size(bytes: u64) -> String {
    view::bytes(usize::try_from(bytes).unwrap_or(usize::MAX))
}
