//! Where the data lies that `scripts/setup.py` makes: official cases and peer models.

use std::path::PathBuf;

/// The cache folder: `$GLASSBOX_CACHE`, else `~/.cache/glassbox`.
pub fn folder() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache").join("glassbox");
    std::env::var_os("GLASSBOX_CACHE").map_or_else(home, PathBuf::from)
}
