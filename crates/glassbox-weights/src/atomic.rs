//! Files that appear whole or not at all: written under another name in the same folder, then renamed.
//!
//! A process that is killed on the way leaves the target as it was, and at most a file whose name begins with
//! `.glassbox-`.

use std::fs::{File, Permissions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::WeightsError;

/// A file on its way to `target`.
pub(crate) struct AtomicFile {
    target: PathBuf,
    file: BufWriter<NamedTempFile>,
    position: u64,
}

impl AtomicFile {
    /// Begins a file that will be at `target`.
    pub(crate) fn create(target: &Path) -> Result<AtomicFile, WeightsError> {
        let folder = folder_of(target);
        let mut builder = tempfile::Builder::new();
        builder.prefix(".glassbox-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As for any new file, the system takes away what its mask says.
            builder.permissions(Permissions::from_mode(0o666));
        }
        let file =
            builder.tempfile_in(folder).map_err(WeightsError::io("no file can be made in the target's folder"))?;
        Ok(AtomicFile { target: target.to_owned(), file: BufWriter::with_capacity(1 << 20, file), position: 0 })
    }

    /// Where the next bytes go.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), WeightsError> {
        self.file.write_all(bytes).map_err(WeightsError::io("the file can't be written"))?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    /// Appends zeros up to a multiple of `alignment`.
    pub(crate) fn pad(&mut self, alignment: u64) -> Result<(), WeightsError> {
        let missing = self.position.next_multiple_of(alignment) - self.position;
        self.write(&[0; 64][..missing.min(64) as usize])
    }

    /// Goes to another place of the file.
    pub(crate) fn seek(&mut self, position: u64) -> Result<(), WeightsError> {
        self.file.seek(SeekFrom::Start(position)).map_err(WeightsError::io("the file can't be written"))?;
        self.position = position;
        Ok(())
    }

    /// Ends the file at `length`, has it on the disk, and gives it its name.
    pub(crate) fn finish(self, length: u64) -> Result<(), WeightsError> {
        let action = "the file can't be finished";
        let file = self.file.into_inner().map_err(|error| WeightsError::io(action)(error.into_error()))?;
        file.as_file().set_len(length).map_err(WeightsError::io(action))?;
        file.as_file().sync_all().map_err(WeightsError::io(action))?;
        file.persist(&self.target).map_err(|error| WeightsError::io("the file can't be renamed")(error.error))?;
        #[cfg(unix)]
        File::open(folder_of(&self.target))
            .and_then(|folder| folder.sync_all())
            .map_err(WeightsError::io("the folder can't be synchronised"))?;
        Ok(())
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
