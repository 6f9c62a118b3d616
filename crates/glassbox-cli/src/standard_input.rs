//! Standard input, where an argument is `-`. There is one, so it is read once: a second `-` is an error that names both.

use std::io::Read;
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

/// The argument that asks for it.
pub(crate) const DASH: &str = "-";

/// What standard input was taken for.
static TAKEN: Mutex<Option<String>> = Mutex::new(None);

/// Takes standard input for an argument, which `what` names.
///
/// # Errors
///
/// Where another argument has it already.
pub(crate) fn take(what: &str) -> Result<()> {
    let Ok(mut taken) = TAKEN.lock() else { bail!("standard input can't be read") };
    if let Some(other) = taken.as_deref() {
        bail!("standard input can be read only once: `-` is given for {other} and for {what}");
    }
    *taken = Some(what.to_owned());
    Ok(())
}

/// All of standard input, for an argument that `what` names.
///
/// # Errors
///
/// Where another argument has it already, or it can't be read.
pub(crate) fn bytes(what: &str) -> Result<Vec<u8>> {
    take(what)?;
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).context("standard input can't be read")?;
    Ok(bytes)
}

/// All of standard input as text.
///
/// # Errors
///
/// Where another argument has it already, it can't be read, or it is no UTF-8.
pub(crate) fn text(what: &str) -> Result<String> {
    String::from_utf8(bytes(what)?).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        anyhow::anyhow!("standard input is not UTF-8: the byte at {place} begins no character")
    })
}
