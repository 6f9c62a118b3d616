//! Files that commands write: they appear whole or not at all.
//!
//! A file is written under another name in the same folder and renamed when all of it is there, so a run that is killed, or
//! a disk that is full, leaves the old file or none, and at most one whose name begins with `.glassbox-`. What is no plain
//! file (a pipe, a device such as `/dev/full`, a terminal) is written as it stands. Every error names the file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// A file on its way.
pub(crate) struct Whole {
    /// As the user calls it.
    path: PathBuf,
    to: To,
}

enum To {
    /// The file, and the place that it gets in the end.
    Beside(BufWriter<NamedTempFile>, PathBuf),
    /// What is no plain file.
    Direct(BufWriter<File>),
}

impl Whole {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// Where no file can be made in its folder, or what stands there can't be written.
    pub(crate) fn create(path: &Path) -> Result<Whole> {
        let to = open(path).with_context(|| format!("{}: the file can't be written", path.display()))?;
        Ok(Whole { path: path.to_owned(), to })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    ///
    /// Where the rest can't be written, or the file can't get its name.
    pub(crate) fn finish(self) -> Result<()> {
        let done = match self.to {
            To::Direct(mut file) => file.flush(),
            To::Beside(file, target) => persist(file, &target),
        };
        done.with_context(|| format!("{}: the file can't be written", self.path.display()))
    }
}

impl Write for Whole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Beside(file, _) => file.write(bytes),
            To::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Beside(file, _) => file.flush(),
            To::Direct(file) => file.flush(),
        }
    }
}

/// Writes a file.
///
/// # Errors
///
/// Where it can't be written; then what was there before is still there.
pub(crate) fn write(path: &Path, contents: impl AsRef<[u8]>) -> Result<()> {
    let mut file = Whole::create(path)?;
    file.write_all(contents.as_ref()).with_context(|| format!("{}: the file can't be written", path.display()))?;
    file.finish()
}

/// Makes a folder, with those around it.
///
/// # Errors
///
/// Where it can't be made.
pub(crate) fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("{}: the folder can't be made", path.display()))
}

fn open(path: &Path) -> io::Result<To> {
    // A link stays one: what it leads to is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let there = fs::metadata(&target).ok();
    if there.as_ref().is_some_and(|there| !there.is_file()) {
        return Ok(To::Direct(BufWriter::new(File::create(&target)?)));
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".glassbox-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any new file, the system takes away what its mask says.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    // The file that can't be made has a name that the user never gave: the system's own words are enough.
    let file = builder.tempfile_in(folder).map_err(|error| plain(&error))?;
    if let Some(there) = there {
        if there.permissions().readonly() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is there already, and may not be changed"));
        }
        file.as_file().set_permissions(there.permissions())?;
    }
    Ok(To::Beside(BufWriter::new(file), target))
}

fn persist(file: BufWriter<NamedTempFile>, target: &Path) -> io::Result<()> {
    let file = file.into_inner().map_err(|error| error.into_error())?;
    file.persist(target).map(drop).map_err(|error| error.error)
}

/// The error without the path that was put to it.
fn plain(error: &io::Error) -> io::Error {
    let system = std::error::Error::source(error.get_ref().map_or(error as &dyn std::error::Error, |inner| inner));
    match system.and_then(|inner| inner.downcast_ref::<io::Error>()).and_then(io::Error::raw_os_error) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::from(error.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("größe.txt");
        write(&path, "old").unwrap();
        let mut file = Whole::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.flush().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "what isn't finished goes");
        write(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_told_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("full.gb");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let error = format!("{:#}", write(&path, "text").unwrap_err());
        assert!(error.contains("full.gb: the file can't be written: No space left"), "{error}");
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    }

    #[test]
    fn a_folder_that_is_not_there_is_told_without_the_other_name() {
        let folder = tempfile::tempdir().unwrap();
        let error = format!("{:#}", write(&folder.path().join("no/such.txt"), "").unwrap_err());
        assert!(error.contains("such.txt: the file can't be written: ") && !error.contains(".glassbox-"), "{error}");
    }
}
