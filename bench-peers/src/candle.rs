//! candle, whose ONNX reader walks the nodes of the file anew in each run; it knows only some of the ops.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use candle_onnx::onnx::ModelProto;
use candle_onnx::onnx::tensor_shape_proto::dimension::Value as Dim;
use candle_onnx::onnx::type_proto::Value as Type;

use crate::array::{Array, Data, Named};
use crate::{Engine, Input};

pub(crate) struct Candle {
    model: ModelProto,
    names: Vec<String>,
    feeds: HashMap<String, Tensor>,
    outputs: HashMap<String, Tensor>,
}

impl Candle {
    pub(crate) fn open(path: &Path) -> Result<Candle> {
        let model = candle_onnx::read_file(path)?;
        let graph = model.graph.as_ref().context("the file has a graph")?;
        let names = graph.output.iter().map(|output| output.name.clone()).collect();
        Ok(Candle { model, names, feeds: HashMap::new(), outputs: HashMap::new() })
    }
}

impl Engine for Candle {
    fn settings(&self) -> String {
        "simple_eval on the processor".to_owned()
    }

    fn inputs(&self) -> Result<Vec<Input>> {
        let graph = self.model.graph.as_ref().context("the file has a graph")?;
        let constant = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
        let mut inputs = Vec::new();
        for input in graph.input.iter().filter(|input| !constant(&input.name)) {
            let Some(Type::TensorType(ty)) = input.r#type.as_ref().and_then(|ty| ty.value.as_ref()) else {
                bail!("input {} is no tensor", input.name)
            };
            let size = |dim: &Option<Dim>| match dim {
                Some(Dim::DimValue(size)) => usize::try_from(*size).ok(),
                _ => None,
            };
            let shape = ty.shape.as_ref().context("an input has a shape")?;
            inputs.push((input.name.clone(), shape.dim.iter().map(|dim| size(&dim.value)).collect()));
        }
        Ok(inputs)
    }

    fn feed(&mut self, feeds: Named) -> Result<()> {
        self.feeds.clear();
        for (name, Array { shape, data }) in feeds {
            let tensor = match data {
                Data::F32(elements) => Tensor::from_vec(elements, shape, &Device::Cpu)?,
                Data::I64(elements) => Tensor::from_vec(elements, shape, &Device::Cpu)?,
                Data::Bool(elements) => {
                    let bytes: Vec<u8> = elements.into_iter().map(u8::from).collect();
                    Tensor::from_vec(bytes, shape, &Device::Cpu)?
                }
            };
            self.feeds.insert(name, tensor);
        }
        Ok(())
    }

    fn once(&mut self) -> Result<()> {
        self.outputs = candle_onnx::simple_eval(&self.model, self.feeds.clone())?;
        Ok(())
    }

    fn outputs(&self) -> Result<Named> {
        let read = |name: &String| {
            let tensor = self.outputs.get(name).with_context(|| format!("there is no output {name}"))?;
            let flat = tensor.flatten_all()?;
            let data = match tensor.dtype() {
                DType::F32 => Data::F32(flat.to_vec1()?),
                DType::I64 => Data::I64(flat.to_vec1()?),
                other => bail!("an output of {other:?} isn't taken"),
            };
            Ok((name.clone(), Array { shape: tensor.dims().to_vec(), data }))
        };
        self.names.iter().map(read).collect()
    }
}
