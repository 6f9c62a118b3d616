//! The tensors of a GGUF file as parameters under the names that families ask for.

use std::collections::HashMap;
use std::sync::Arc;

use glassbox_tensor::{ParamError, ParamId, ParamInfo, ParamSource, Tensor};

use super::architectures::Architecture;
use super::error::GgufError;

/// Where a parameter comes from.
struct Origin {
    /// The name of its tensor in the file.
    tensor: String,
    /// Its place along the first axis of a tensor that holds many.
    index: Option<usize>,
}

/// A view of a file's tensors: renamed parameters, and those that are slices of stacked ones. Nothing is read
/// before it is loaded, and what is loaded shares the file's bytes.
pub(super) struct Renamed {
    source: Arc<dyn ParamSource>,
    infos: Vec<ParamInfo>,
    origins: Vec<Origin>,
    by_name: HashMap<String, usize>,
}

impl Renamed {
    /// The parameters of a model of `architecture` with `experts` experts. An error if the file has a tensor
    /// that the architecture isn't known to have.
    pub(super) fn new(
        source: Arc<dyn ParamSource>,
        architecture: &Architecture,
        experts: i64,
    ) -> Result<Renamed, GgufError> {
        let mut view =
            Renamed { source: source.clone(), infos: Vec::new(), origins: Vec::new(), by_name: HashMap::new() };
        for info in source.params() {
            if architecture.reads.contains(&info.name.as_str()) {
                continue;
            }
            if let Some(name) = architecture.parameter(&info.name) {
                view.add(
                    name,
                    info.dtype,
                    info.shape.clone(),
                    info.id,
                    Origin { tensor: info.name.clone(), index: None },
                );
            } else if let Some((place, name)) = architecture.stacked(&info.name) {
                view.unstack(info, experts, |expert| format!("{place}.{expert}.{name}.weight"))?;
            } else {
                let rule = format!("what it means for the architecture {:?} isn't known", architecture.name);
                return Err(GgufError::UnsupportedTensor { name: info.name.clone(), rule });
            }
        }
        Ok(view)
    }

    /// Adds the slices of a tensor [experts, rows, columns].
    fn unstack(&mut self, info: &ParamInfo, experts: i64, name: impl Fn(usize) -> String) -> Result<(), GgufError> {
        let wrong = |rule: String| GgufError::Tensor { name: info.name.clone(), rule };
        let [count, rows, columns] = info.shape[..] else {
            return Err(wrong(format!("its dims are {:?}, and it must have three", info.shape)));
        };
        if i64::try_from(count) != Ok(experts) {
            return Err(wrong(format!("its dims are {:?}, and the metadata says {experts} experts", info.shape)));
        }
        // Of an empty tensor there could be any number of slices.
        if rows == 0 || columns == 0 {
            return Err(wrong(format!("its dims are {:?}: it is empty", info.shape)));
        }
        for expert in 0..count {
            let origin = Origin { tensor: info.name.clone(), index: Some(expert) };
            self.add(name(expert), info.dtype, vec![rows, columns], slice_id(info.id, expert), origin);
        }
        Ok(())
    }

    fn add(&mut self, name: String, dtype: glassbox_tensor::DType, shape: Vec<usize>, id: ParamId, origin: Origin) {
        self.by_name.insert(name.clone(), self.infos.len());
        self.infos.push(ParamInfo { name, dtype, shape, id });
        self.origins.push(origin);
    }
}

/// The id of the slice `index` of a parameter, which follows from the parameter's.
fn slice_id(id: ParamId, index: usize) -> ParamId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"slice of ");
    hasher.update(&id.0.to_be_bytes());
    hasher.update(&(index as u64).to_be_bytes());
    let mut first = [0; 16];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    ParamId(u128::from_be_bytes(first))
}

impl ParamSource for Renamed {
    fn params(&self) -> &[ParamInfo] {
        &self.infos
    }

    fn find(&self, name: &str) -> Option<&ParamInfo> {
        self.by_name.get(name).map(|at| &self.infos[*at])
    }

    fn load(&self, name: &str) -> Result<Tensor, ParamError> {
        let Some(at) = self.by_name.get(name) else {
            return Err(ParamError::Missing { name: name.to_owned(), near: None });
        };
        let Origin { tensor, index } = &self.origins[*at];
        let whole = self.source.load(tensor)?;
        let Some(index) = *index else { return Ok(whole) };
        let slice = whole.slice_axis(0, index, 1, 1).and_then(|slice| slice.squeeze_axis(0));
        slice.map_err(|error| ParamError::Unreadable { name: name.to_owned(), error: Box::new(error) })
    }
}
