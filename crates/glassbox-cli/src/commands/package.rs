//! What `glassbox inspect` says of files of weights.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use glassbox_tensor::ParamSource;
use glassbox_weights::Package;
use serde_json::json;

use crate::view::{self, DIM, NAME};

/// The longest that the value of a metadata key is shown.
const LONGEST: usize = 100;

/// The package that a path is; none where it is a model as a graph, or no file.
pub(super) fn open(path: &Path) -> Result<Option<Package>> {
    let graph = path.extension().is_some_and(|ending| ["onnx", "gb", "json"].iter().any(|known| ending == *known));
    if !path.exists() || (graph && path.is_file()) {
        return Ok(None);
    }
    match glassbox_weights::open(path) {
        Err(error) if error.is_unrecognized() => Ok(None),
        package => Ok(Some(package?)),
    }
}

/// Prints what is in a package.
pub(super) fn inspect(path: &Path, package: &Package, as_json: bool, all: bool) -> Result<()> {
    if as_json {
        say!("{}", serde_json::to_string_pretty(&document(package))?)?;
        return Ok(());
    }
    let (elements, dtypes) = totals(package);
    say!("{NAME}{}{NAME:#}", path.display())?;
    say!("format      {}, {}", package.format(), size(package.file_bytes()))?;
    let names: Vec<_> = package.files().map(|file| file.display().to_string()).collect();
    if names.len() > 1 {
        say!("files       {}", names.join(", "))?;
    }
    say!("parameters  {}, {elements} elements", package.params().len())?;
    for (dtype, (count, bytes)) in dtypes {
        say!("{count:>10}  {dtype}, {}", size(bytes))?;
    }
    for (key, value) in package.metadata().iter() {
        let mut text = value.to_string();
        if !all && text.chars().count() > LONGEST {
            text = text.chars().take(LONGEST).chain(['…']).collect();
        }
        say!("{DIM}{key} = {text}{DIM:#}")?;
    }
    let blobs: Vec<&str> = package.blobs().collect();
    if !blobs.is_empty() {
        say!("blobs       {}", blobs.join(", "))?;
    }
    for state in package.states() {
        say!("state       {NAME}{}{NAME:#}: {} {:?}", state.name, state.dtype, state.dims)?;
    }
    for param in package.params() {
        say!("{DIM}{}{DIM:#}  {NAME}{}{NAME:#}: {}{:?}", param.id, param.name, param.dtype, param.shape)?;
    }
    Ok(())
}

/// How many elements there are, and how many parameters and bytes of each dtype.
fn totals(package: &Package) -> (usize, BTreeMap<String, (usize, u64)>) {
    let mut elements = 0usize;
    let mut dtypes: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for param in package.params() {
        elements = elements.saturating_add(param.shape.iter().product());
        let row = dtypes.entry(param.dtype.to_string()).or_default();
        *row = (row.0 + 1, row.1 + package.stored_bytes(&param.name).unwrap_or(0) as u64);
    }
    (elements, dtypes)
}

fn document(package: &Package) -> serde_json::Value {
    let (elements, _) = totals(package);
    let param = |param: &glassbox_tensor::ParamInfo| {
        json!({
            "name": param.name, "dtype": param.dtype.name(), "shape": param.shape, "id": param.id.to_string(),
            "bytes": package.stored_bytes(&param.name),
        })
    };
    json!({
        "format": package.format().to_string(),
        "bytes": package.file_bytes(),
        "files": package.files().map(|file| file.display().to_string()).collect::<Vec<_>>(),
        "elements": elements,
        "metadata": package.metadata().iter().map(|(key, value)| (key.to_owned(), value.to_string())).collect::<BTreeMap<_, _>>(),
        "blobs": package.blobs().collect::<Vec<_>>(),
        "params": package.params().iter().map(param).collect::<Vec<_>>(),
    })
}

fn size(bytes: u64) -> String {
    view::bytes(usize::try_from(bytes).unwrap_or(usize::MAX))
}
