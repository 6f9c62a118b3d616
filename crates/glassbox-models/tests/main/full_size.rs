//! GPT-2 at its full size, 124M parameters, with random weights: half a gigabyte that isn't in the repository.
//!
//! `python scripts/families/make.py --full-gpt2 DIRECTORY` makes it, and `GLASSBOX_FULL_GPT2=DIRECTORY` says
//! where it is.

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::parity::check;

#[test]
fn gpt2_124m() {
    let Some(folder) = std::env::var_os("GLASSBOX_FULL_GPT2") else {
        println!(
            "skipped: GLASSBOX_FULL_GPT2 doesn't name the folder that scripts/families/make.py --full-gpt2 writes"
        );
        return;
    };
    check("gpt2_124m", &Checkpoint::open_in(Path::new(&folder), "config.json"), None);
}
