//! rten. It has no integers of 64 bits: those become 32 bits wide.

use std::path::Path;
use std::sync::Arc;

use ::rten::{DataType, Dimension, Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueType};
use anyhow::{Context, Result, bail};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

use crate::array::{Array, Data, Named};
use crate::{Engine, Input};

pub(crate) struct Rten {
    model: Model,
    pool: Arc<ThreadPool>,
    feeds: Vec<(NodeId, Value)>,
    outputs: Vec<Value>,
}

impl Rten {
    pub(crate) fn open(path: &Path, threads: usize) -> Result<Rten> {
        let mut options = ModelOptions::with_all_ops();
        options.enable_optimization(true).prepack_weights(true);
        let model = options.load_file(path)?;
        let pool = Arc::new(ThreadPool::with_num_threads(threads));
        Ok(Rten { model, pool, feeds: Vec::new(), outputs: Vec::new() })
    }

    fn name(&self, id: NodeId) -> String {
        self.model.node_info(id).and_then(|info| info.name().map(str::to_owned)).unwrap_or_default()
    }
}

impl Engine for Rten {
    fn settings(&self) -> String {
        "optimised, weights prepacked, a pool of its own".to_owned()
    }

    fn inputs(&self) -> Result<Vec<Input>> {
        let dims = |id: NodeId| {
            let shape = self.model.node_info(id).and_then(|info| info.shape()).unwrap_or_default();
            let size = |dim: Dimension| match dim {
                Dimension::Fixed(size) => Some(size),
                Dimension::Symbolic(_) => None,
            };
            shape.into_iter().map(size).collect()
        };
        Ok(self.model.input_ids().iter().map(|id| (self.name(*id), dims(*id))).collect())
    }

    fn feed(&mut self, feeds: Named) -> Result<()> {
        self.feeds.clear();
        for (name, Array { shape, data }) in feeds {
            let id = self.model.node_id(&name)?;
            let value: Value = match data {
                Data::F32(elements) => Tensor::from_data(&shape, elements).into(),
                Data::I64(elements) => {
                    let narrow = elements.into_iter().map(i32::try_from).collect::<Result<Vec<_>, _>>();
                    Tensor::from_data(&shape, narrow.with_context(|| name.clone())?).into()
                }
                Data::Bool(elements) => {
                    Tensor::from_data(&shape, elements.into_iter().map(i32::from).collect::<Vec<_>>()).into()
                }
            };
            self.feeds.push((id, value));
        }
        Ok(())
    }

    fn once(&mut self) -> Result<()> {
        let feeds = self.feeds.iter().map(|(id, value)| (*id, value.as_view().into())).collect();
        let options = RunOptions { thread_pool: Some(self.pool.clone()), ..RunOptions::default() };
        self.outputs = self.model.run(feeds, self.model.output_ids(), Some(options))?;
        Ok(())
    }

    fn outputs(&self) -> Result<Named> {
        let read = |(id, value): (&NodeId, &Value)| {
            let array = match value.dtype() {
                ValueType::Tensor(DataType::Float) => {
                    let tensor = value.as_tensor_view::<f32>().context("a tensor of floats")?;
                    Array { shape: tensor.shape().to_vec(), data: Data::F32(tensor.to_vec()) }
                }
                ValueType::Tensor(DataType::Int32) => {
                    let tensor = value.as_tensor_view::<i32>().context("a tensor of integers")?;
                    let wide = tensor.to_vec().into_iter().map(i64::from).collect();
                    Array { shape: tensor.shape().to_vec(), data: Data::I64(wide) }
                }
                other => bail!("an output of {other:?} isn't taken"),
            };
            Ok((self.name(*id), array))
        };
        self.model.output_ids().iter().zip(&self.outputs).map(read).collect()
    }
}
