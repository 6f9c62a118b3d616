//! tract. A plan is made for the sizes of the feeds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;

use crate::array::{Array, Data, Named};
use crate::{Engine, Input};

pub(crate) struct Tract {
    path: PathBuf,
    names: Vec<String>,
    threads: usize,
    plan: Option<Arc<TypedRunnableModel>>,
    feeds: TVec<TValue>,
    outputs: TVec<TValue>,
}

impl Tract {
    pub(crate) fn open(path: &Path, threads: usize) -> Result<Tract> {
        set_default_executor(if threads == 1 { Executor::SingleThread } else { Executor::multithread(threads) });
        let (plan, feeds, outputs) = (None, tvec!(), tvec!());
        Ok(Tract { path: path.to_owned(), names: Vec::new(), threads, plan, feeds, outputs })
    }
}

impl Engine for Tract {
    fn settings(&self) -> String {
        let executor = if self.threads == 1 { "one thread" } else { "a pool for matrix products" };
        format!("optimised for these sizes, {executor}")
    }

    fn inputs(&self) -> Result<Vec<Input>> {
        let model = tract_onnx::onnx().model_for_path(&self.path)?;
        let mut inputs = Vec::new();
        for outlet in model.input_outlets()? {
            let fact = model.outlet_fact(*outlet)?;
            let dims = fact.shape.dims().map(|dim| dim.concretize().and_then(|dim| dim.to_usize().ok())).collect();
            inputs.push((model.node(outlet.node).name.clone(), dims));
        }
        Ok(inputs)
    }

    fn feed(&mut self, feeds: Named) -> Result<()> {
        let mut model = tract_onnx::onnx().model_for_path(&self.path)?;
        let outlets = model.input_outlets()?.to_vec();
        self.feeds.clear();
        for (place, outlet) in outlets.iter().enumerate() {
            let name = model.node(outlet.node).name.clone();
            let (_, array) = feeds.iter().find(|(known, _)| *known == name).with_context(|| name.clone())?;
            let tensor = match &array.data {
                Data::F32(elements) => Tensor::from_shape(&array.shape, elements)?,
                Data::I64(elements) => Tensor::from_shape(&array.shape, elements)?,
                Data::Bool(elements) => Tensor::from_shape(&array.shape, elements)?,
            };
            model.set_input_fact(place, InferenceFact::dt_shape(tensor.datum_type(), &array.shape))?;
            self.feeds.push(tensor.into_tvalue());
        }
        // The file's own sizes of outputs are symbols that nothing binds any more.
        for place in 0..model.output_outlets()?.len() {
            model.set_output_fact(place, InferenceFact::default())?;
        }
        let labels = model.output_outlets()?.iter().map(|outlet| model.outlet_label(*outlet).map(str::to_owned));
        self.names = labels.map(Option::unwrap_or_default).collect();
        self.plan = Some(model.into_optimized()?.into_runnable()?);
        Ok(())
    }

    fn once(&mut self) -> Result<()> {
        let plan = self.plan.as_ref().context("there is a plan")?;
        self.outputs = plan.run(self.feeds.clone())?;
        Ok(())
    }

    fn outputs(&self) -> Result<Named> {
        let read = |(name, value): (&String, &TValue)| {
            let shape = value.shape().to_vec();
            let data = match value.datum_type() {
                DatumType::F32 => Data::F32(value.to_plain_array_view::<f32>()?.iter().copied().collect()),
                DatumType::I64 => Data::I64(value.to_plain_array_view::<i64>()?.iter().copied().collect()),
                other => bail!("an output of {other:?} isn't taken"),
            };
            Ok((name.clone(), Array { shape, data }))
        };
        self.names.iter().zip(&self.outputs).map(read).collect()
    }
}
