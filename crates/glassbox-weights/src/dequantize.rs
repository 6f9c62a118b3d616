//! Parameters as f32, whatever they are stored as.

use std::sync::Arc;

use glassbox_tensor::{DType, Overflow, ParamError, ParamId, ParamInfo, ParamSource, Tensor};

use crate::error::WeightsError;
use crate::mapped::id_of;
use crate::package::{Package, Quantisation, missing};

/// A parameter as f32: floats cast, blocks decoded, integers with scales scaled.
pub(crate) fn load_f32(package: &Package, name: &str) -> Result<Tensor, WeightsError> {
    let wrong = |error| WeightsError::Tensor { name: name.to_owned(), error };
    let tensor = package.tensor(name)?;
    match (package.quantisation(name), tensor.dtype()) {
        (Some(quantisation), _) => scaled(package, name, &tensor, quantisation),
        (None, DType::Block(_)) => tensor.dequantize_blocks().map_err(wrong),
        (None, _) => tensor.cast(DType::F32, Overflow::Wrap).map_err(wrong),
    }
}

/// `(integer - zero point) * scale`, in f64 and rounded once.
fn scaled(package: &Package, name: &str, codes: &Tensor, how: &Quantisation) -> Result<Tensor, WeightsError> {
    let wrong = |error| WeightsError::Tensor { name: name.to_owned(), error };
    let load = |part: &str| package.tensor(part)?.load::<f64>().map(|values| values.into_owned()).map_err(wrong);
    let scales = load(&how.scales)?;
    let zero_points = how.zero_points.as_deref().map(load).transpose()?.unwrap_or_else(|| vec![0.0]);
    let shape = codes.shape();
    // How far apart neighbours along the axis are, and how many there are.
    let (inner, count) = match how.axis {
        Some(axis) => (shape[axis + 1..].iter().product::<usize>().max(1), shape[axis].max(1)),
        None => (1, 1),
    };
    let of = |values: &[f64], at: usize| match values {
        [one] => *one,
        all => all.get(at / inner % count).copied().unwrap_or(f64::NAN),
    };
    let dense = codes.contiguous().map_err(wrong)?;
    Tensor::try_build(DType::F32, shape, Overflow::Wrap, |start, out: &mut [f64]| {
        dense.load_range(start, out)?;
        for (index, value) in out.iter_mut().enumerate() {
            *value = (*value - of(&zero_points, start + index)) * of(&scales, start + index);
        }
        Ok(())
    })
    .map_err(wrong)
}

/// A package in which all that is quantised looks like f32: blocks and integers with scales are turned into it
/// when they are loaded. The rest is as it is. Scales and zero points stay visible under their names.
pub struct Dequantized {
    package: Arc<Package>,
    infos: Vec<ParamInfo>,
}

impl Dequantized {
    /// The view of a package.
    pub fn new(package: Arc<Package>) -> Dequantized {
        let one = |info: &ParamInfo| match is_quantised(&package, info) {
            // Other data than the stored, and so another id that follows from it.
            true => ParamInfo { dtype: DType::F32, id: derived(&package, info), ..info.clone() },
            false => info.clone(),
        };
        let infos = package.params().iter().map(one).collect();
        Dequantized { package, infos }
    }
}

fn is_quantised(package: &Package, info: &ParamInfo) -> bool {
    matches!(info.dtype, DType::Block(_)) || package.quantisation(&info.name).is_some()
}

/// An id of what a parameter is as f32: of its own id, and of those of its scales.
fn derived(package: &Package, info: &ParamInfo) -> ParamId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"f32 of ");
    hasher.update(&info.id.0.to_be_bytes());
    if let Some(quantisation) = package.quantisation(&info.name) {
        hasher.update(&(quantisation.axis.map_or(u64::MAX, |axis| axis as u64)).to_le_bytes());
        for part in [Some(&quantisation.scales), quantisation.zero_points.as_ref()].into_iter().flatten() {
            hasher.update(&package.find(part).map_or(0, |info| info.id.0).to_be_bytes());
        }
    }
    id_of(&hasher.finalize())
}

impl ParamSource for Dequantized {
    fn params(&self) -> &[ParamInfo] {
        &self.infos
    }

    fn find(&self, name: &str) -> Option<&ParamInfo> {
        self.package.index(name).map(|at| &self.infos[at])
    }

    fn load(&self, name: &str) -> Result<Tensor, ParamError> {
        let info = self.package.find(name).ok_or_else(|| missing(&*self.package, name))?;
        if !is_quantised(&self.package, info) {
            return self.package.load(name);
        }
        let unreadable = |error: WeightsError| ParamError::Unreadable { name: name.to_owned(), error: Box::new(error) };
        load_f32(&self.package, name).map_err(unreadable)
    }
}
