//! What a conversion will do with each parameter, and doing it.

use std::collections::HashSet;

use glassbox_tensor::{DType, Overflow, ParamInfo, ParamSource, Tensor, parallel_chunks, parallel_map};

use super::{Options, Outcome, Output, SCALES, Target, beyond_safetensors, helpers};
use crate::dequantize::load_f32;
use crate::error::WeightsError;
use crate::oinf::TensorSpec;
use crate::package::{Package, Quantisation};
use crate::safetensors;

/// The largest integer that stands for a number, either way.
const LARGEST: f32 = 127.0;

/// What will be done.
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) dropped: Vec<String>,
}

/// What will be done with a parameter.
pub(super) struct Step {
    pub(super) name: String,
    /// What it takes in the source.
    pub(super) bytes: u64,
    from: DType,
    shape: Vec<usize>,
    action: Action,
    /// Why it stays, where it was to be changed.
    kept: Option<&'static str>,
    /// How it is quantised now, where it stays.
    quantisation: Option<Quantisation>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Keep,
    /// To this dtype, by way of f32 where it is quantised.
    Change(Target),
    /// It is nothing without what it scaled, which is a float now.
    Drop,
}

impl Plan {
    pub(super) fn new(package: &Package, options: Options) -> Result<Plan, WeightsError> {
        let helpers = helpers(package);
        let mut steps = Vec::with_capacity(package.params().len());
        for info in package.params() {
            let step = Step::new(package, info, options.quantize, &helpers);
            if options.output == Output::Safetensors {
                step.fits_safetensors()?;
            }
            if step.action == Action::Change(Target::I8) && package.find(&format!("{}{SCALES}", info.name)).is_some() {
                let rule = format!("its scales would be named {}{SCALES}, which is there already", info.name);
                return Err(WeightsError::Parameter { name: info.name.clone(), rule });
            }
            steps.push(step);
        }
        let dropped = match options.output {
            Output::Oinf => Vec::new(),
            Output::Safetensors => beyond_safetensors(package),
        };
        Ok(Plan { steps, dropped })
    }

    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        let stays = self.steps.iter().filter(|step| step.action != Action::Drop);
        stays
            .map(|step| Outcome {
                name: step.name.clone(),
                from: step.from,
                to: step.to(),
                bytes: step.specs().iter().filter_map(stored_bytes).sum(),
                kept: step.kept,
            })
            .collect()
    }
}

/// The bytes that a tensor takes.
fn stored_bytes(spec: &TensorSpec) -> Option<u64> {
    let count = glassbox_tensor::layout::element_count(&spec.shape)?;
    spec.dtype.byte_len(count).map(|bytes| bytes as u64)
}

/// What a target does with a parameter: nothing, with the reason where there is one.
fn decide(info: &ParamInfo, target: Target, is_quantised: bool) -> Result<(), Option<&'static str>> {
    let is_block = matches!(info.dtype, DType::Block(_));
    let is_float = info.dtype.is_float();
    if info.dtype == target.dtype() && !is_quantised {
        return Err(None);
    }
    if is_block || is_quantised {
        return if target.is_float() { Ok(()) } else { Err(Some("it is quantised already")) };
    }
    match target {
        _ if !is_float => Err(Some("it holds no floats")),
        Target::F32 => Ok(()),
        Target::Bf16 | Target::F16 if info.shape.len() < 2 => Err(Some("it has fewer than two dims")),
        Target::Bf16 | Target::F16 => Ok(()),
        _ if info.shape.len() != 2 => Err(Some("it is no matrix")),
        _ => match target.dtype() {
            DType::Block(format) if !info.shape[1].is_multiple_of(format.block_elements()) => {
                Err(Some("its rows don't end with a block"))
            }
            _ => Ok(()),
        },
    }
}

impl Step {
    fn new(package: &Package, info: &ParamInfo, target: Option<Target>, helpers: &HashSet<&str>) -> Step {
        let quantisation = package.quantisation(&info.name);
        let is_helper = helpers.contains(info.name.as_str());
        let (action, kept) = match target {
            None => (Action::Keep, None),
            Some(target) if is_helper && target.is_float() => (Action::Drop, None),
            Some(_) if is_helper => (Action::Keep, None),
            Some(target) => match decide(info, target, quantisation.is_some()) {
                Ok(()) => (Action::Change(target), None),
                Err(kept) => (Action::Keep, kept),
            },
        };
        Step {
            name: info.name.clone(),
            bytes: package.stored_bytes(&info.name).unwrap_or(0) as u64,
            from: info.dtype,
            shape: info.shape.clone(),
            action,
            kept,
            quantisation: quantisation.cloned().filter(|_| action == Action::Keep),
        }
    }

    fn to(&self) -> DType {
        match self.action {
            Action::Change(target) => target.dtype(),
            Action::Keep | Action::Drop => self.from,
        }
    }

    fn fits_safetensors(&self) -> Result<(), WeightsError> {
        let wrong = |rule: String| Err(WeightsError::Parameter { name: self.name.clone(), rule });
        if self.quantisation.is_some() || self.action == Action::Change(Target::I8) {
            return wrong(
                "safetensors can't say which scales it has; convert to .oinf, or to bf16, f16 or f32".to_owned(),
            );
        }
        match safetensors::dtype_name(self.to()) {
            _ if self.action == Action::Drop => Ok(()),
            Some(_) => Ok(()),
            None => wrong(format!("safetensors has no dtype {}; convert to .oinf, or to bf16, f16 or f32", self.to())),
        }
    }

    /// The tensors that it becomes.
    pub(super) fn specs(&self) -> Vec<TensorSpec> {
        let mut spec = TensorSpec {
            name: self.name.clone(),
            dtype: self.to(),
            shape: self.shape.clone(),
            quantisation: self.quantisation.clone(),
        };
        match self.action {
            Action::Drop => Vec::new(),
            Action::Change(Target::I8) => {
                let scales = TensorSpec {
                    name: format!("{}{SCALES}", self.name),
                    dtype: DType::F32,
                    shape: self.shape[..1].to_vec(),
                    quantisation: None,
                };
                spec.quantisation =
                    Some(Quantisation { axis: Some(0), scales: scales.name.clone(), zero_points: None });
                vec![spec, scales]
            }
            _ => vec![spec],
        }
    }

    /// The tensors that it becomes, with their data.
    pub(super) fn run(&self, package: &Package) -> Result<Vec<Tensor>, WeightsError> {
        let wrong = |error| WeightsError::Tensor { name: self.name.clone(), error };
        let target = match self.action {
            Action::Drop => return Ok(Vec::new()),
            Action::Keep => return Ok(vec![package.tensor(&self.name)?]),
            Action::Change(target) => target,
        };
        // Floats go straight to narrower floats: f64 is rounded once.
        let source = match self.from.is_float() {
            true => package.tensor(&self.name)?,
            false => load_f32(package, &self.name)?,
        };
        match (target, target.dtype()) {
            (Target::I8, _) => self.to_i8(&source),
            (_, DType::Block(format)) => Ok(vec![source.quantize_blocks(format).map_err(wrong)?]),
            (_, dtype) => {
                let made = source.cast(dtype, Overflow::Wrap).map_err(wrong)?;
                self.check_range(&source, &made)?;
                Ok(vec![made])
            }
        }
    }

    /// No finite number may have become infinite.
    fn check_range(&self, source: &Tensor, made: &Tensor) -> Result<(), WeightsError> {
        const STEP: usize = 1 << 16;
        let wrong = |error| WeightsError::Tensor { name: self.name.clone(), error };
        let source = source.contiguous().map_err(wrong)?;
        let lost = parallel_map(source.len().div_ceil(STEP), |step| {
            let start = step * STEP;
            let count = STEP.min(source.len() - start);
            let (mut before, mut after) = (vec![0.0f64; count], vec![0.0f64; count]);
            let loaded = source.load_range(start, &mut before).and_then(|()| made.load_range(start, &mut after));
            let lost = before.iter().zip(&after).position(|(before, after)| before.is_finite() && !after.is_finite());
            match (loaded, lost) {
                (Err(error), _) => Some(Err(wrong(error))),
                (Ok(()), lost) => lost.map(|at| Ok((start + at, before[at]))),
            }
        });
        match lost.into_iter().flatten().next() {
            None => Ok(()),
            Some(Err(error)) => Err(error),
            Some(Ok((at, value))) => {
                let dtype = made.dtype();
                let rule = format!("element {at} is {value}, which {dtype} can't hold; choose bf16 or f32");
                Err(WeightsError::Parameter { name: self.name.clone(), rule })
            }
        }
    }

    /// Rows of 8-bit integers, and the scale of each.
    fn to_i8(&self, source: &Tensor) -> Result<Vec<Tensor>, WeightsError> {
        let wrong = |error| WeightsError::Tensor { name: self.name.clone(), error };
        let values = source.load::<f32>().map_err(wrong)?;
        let (rows, columns) = (self.shape[0], self.shape[1].max(1));
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let rule = format!("element {at} is {}, which has no scale; keep it as f32 or bf16", values[at]);
            return Err(WeightsError::Parameter { name: self.name.clone(), rule });
        }
        let scale = |row: &[f32]| {
            let most = row.iter().fold(0.0f32, |most, value| most.max(value.abs()));
            // A row of zeros, or of numbers too small for a scale, is a row of zeros.
            Some(most / LARGEST).filter(|scale| scale.is_normal()).unwrap_or(1.0)
        };
        let row = |row: usize| values.get(row * columns..(row + 1) * columns).unwrap_or_default();
        let scales: Vec<f32> = parallel_map(rows, |index| scale(row(index)));
        let mut codes = vec![0i8; values.len()];
        parallel_chunks(&mut codes, columns, &|index, codes| {
            let scale = scales[index];
            for (code, value) in codes.iter_mut().zip(row(index)) {
                *code = (value / scale).round_ties_even().clamp(-LARGEST, LARGEST) as i8;
            }
        });
        Ok(vec![
            Tensor::from_vec(&self.shape, codes).map_err(wrong)?,
            Tensor::from_vec(&[rows], scales).map_err(wrong)?,
        ])
    }
}
