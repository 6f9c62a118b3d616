//! `glassbox verify`: whether a file of weights is whole.

use anyhow::Result;

use crate::args::Verify;
use crate::progress;
use crate::{out, view};

/// Checks structure and, where the format keeps hashes, contents.
pub(crate) fn main(arguments: &Verify, quiet: bool) -> Result<bool> {
    let bar = progress::bar(0, quiet);
    let verified = glassbox_weights::verify(&arguments.file, |done, total| {
        bar.set_length(total >> 10);
        bar.set_position(done >> 10);
    })?;
    bar.finish_and_clear();
    let contents = match verified.contents {
        true => "every byte is as it was written",
        false => "the structure is sound; the format keeps no hashes, so contents can't be checked",
    };
    let bytes = view::bytes(usize::try_from(verified.bytes).unwrap_or(usize::MAX));
    let told = format!("sound: {}, {} parameters, {bytes}; {contents}", verified.format, verified.params);
    out::paragraph(&told, 2)?;
    Ok(true)
}
