//! Models that are split over several GGUF files: `NAME-00001-of-00003.gguf` and its neighbours.

use std::path::{Path, PathBuf};

use crate::error::WeightsError;
use crate::mapped::MappedFile;
use crate::package::Parts;

/// The part at `path` with all the others that its metadata announces.
pub(crate) fn whole(path: &Path, first: Parts) -> Result<Parts, WeightsError> {
    let Some(count) = first.metadata.integer("split.count").filter(|count| *count > 1) else { return Ok(first) };
    let wrong = |rule: String| WeightsError::structure(0, "split.count", rule);
    let paths = paths(path, count).ok_or_else(|| {
        wrong(format!("the model is in {count} files, and this one isn't named NAME-00001-of-{count:05}.gguf"))
    })?;
    let mut whole: Option<Parts> = None;
    for (index, path) in paths.iter().enumerate() {
        let file = MappedFile::open(path)?;
        let part = super::read(&file).map_err(|error| error.in_file(path))?;
        if part.metadata.integer("split.count") != Some(count)
            || part.metadata.integer("split.no") != Some(index as i64)
        {
            let rule = format!("it must be part {index} of {count}, as the first file says");
            return Err(wrong(rule).in_file(path));
        }
        match &mut whole {
            // The first part has the metadata of the model.
            None => whole = Some(part),
            Some(whole) => {
                whole.entries.extend(part.entries);
                whole.files.extend(part.files);
            }
        }
    }
    Ok(whole.unwrap_or(first))
}

/// The paths of all parts, of which `path` is one.
fn paths(path: &Path, count: i64) -> Option<Vec<PathBuf>> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(&format!("-of-{count:05}.gguf"))?;
    let (stem, number) = stem.rsplit_once('-')?;
    if number.len() != 5 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((1..=count).map(|index| path.with_file_name(format!("{stem}-{index:05}-of-{count:05}.gguf"))).collect())
}
