//! The example of every op of the table gives what it says, to the bit but for those of a NaN.

use std::sync::Arc;

use glassbox_exec::{Host, HostError, ImageDecoder, Options, Value};
use glassbox_image::ImageFiles;
use glassbox_ir::ops;
use glassbox_ir::text::{ExampleValue, parse_example};
use glassbox_tensor::{ParamError, ParamId, ParamInfo, ParamSource, Tensor};

use super::Session;

#[test]
fn the_example_of_every_op_gives_what_it_says() {
    let failures: Vec<String> = ops::TABLE
        .iter()
        .filter_map(|op| run(op.example).err().map(|error| format!("{}: {}\n    {error}", op.name, op.example)))
        .collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), ops::TABLE.len(), failures.join("\n"));
}

/// Runs an example; says what is wrong where it does not give what it says.
pub(super) fn run(text: &str) -> Result<(), String> {
    let example = parse_example(text).map_err(|error| error.to_string())?;
    let inputs: Vec<Value> = example.inputs.iter().map(Value::from).collect();
    let options = Options { images: Some(ImageDecoder::new(ImageFiles)), ..Options::default() };
    let session = Session::with(example.graph, Arc::new(One::new(example.parameter)), options);
    let mut session = session.map_err(|error| error.to_string())?;
    let results = session.run_hosted(&inputs, &mut Echo).map_err(|error| error.to_string())?;
    if results.len() != example.expected.len() {
        return Err(format!("{} results, {} expected", results.len(), example.expected.len()));
    }
    for (index, (got, want)) in results.iter().zip(&example.expected).enumerate() {
        if !same(got, want) {
            return Err(format!("result {index} is {got:?}"));
        }
    }
    Ok(())
}

/// A source with the parameter of an example.
pub(super) struct One {
    infos: Vec<ParamInfo>,
    tensor: Option<Tensor>,
}

impl One {
    pub(super) fn new(tensor: Option<Tensor>) -> One {
        let info = |tensor: &Tensor| ParamInfo {
            name: "p".to_owned(),
            dtype: tensor.dtype(),
            shape: tensor.shape().to_vec(),
            id: ParamId(0),
        };
        One { infos: tensor.iter().map(info).collect(), tensor }
    }
}

impl ParamSource for One {
    fn params(&self) -> &[ParamInfo] {
        &self.infos
    }

    fn load(&self, name: &str) -> Result<Tensor, ParamError> {
        let tensor = self.tensor.clone().filter(|_| name == "p");
        tensor.ok_or_else(|| ParamError::Missing { name: name.to_owned(), near: None })
    }
}

/// A host with the function `echo`, which gives its first operand back.
pub(super) struct Echo;

impl Host for Echo {
    fn call(&mut self, function: &str, operands: &[Value]) -> Result<Value, HostError> {
        match (function, operands) {
            ("echo", [first, ..]) => Ok(first.clone()),
            _ => Err(HostError(format!("no function `{function}` of {} operands", operands.len()))),
        }
    }
}

fn same(got: &Value, want: &ExampleValue) -> bool {
    match (got, want) {
        (Value::Tensor(got), ExampleValue::Tensor(want)) => same_bits(got, want),
        (Value::Sequence { items, .. }, ExampleValue::Sequence { values, .. }) => {
            items.len() == values.len() && items.iter().zip(values).all(|(got, want)| same(got, want))
        }
        (Value::Optional { item, .. }, ExampleValue::Optional { value, .. }) => match (item, value) {
            (Some(got), Some(want)) => same(got, want),
            (None, None) => true,
            _ => false,
        },
        _ => false,
    }
}

/// The same bits, but for those of a NaN: which NaN an operation gives depends on the processor.
fn same_bits(got: &Tensor, want: &Tensor) -> bool {
    if got.bit_eq(want) {
        return true;
    }
    if got.dtype() != want.dtype() || got.shape() != want.shape() || !got.dtype().is_float() {
        return false;
    }
    let (Ok(got), Ok(want)) = (got.load::<f64>(), want.load::<f64>()) else { return false };
    got.iter().zip(want.iter()).all(|(got, want)| got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan()))
}
