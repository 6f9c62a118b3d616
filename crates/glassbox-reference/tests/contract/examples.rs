//! The example of every op of the table gives what it says, to the bit but for those of a NaN.

use glassbox_ir::ops;
use glassbox_ir::text::{ExampleValue, parse_example};
use glassbox_reference::{Options, Session, Value};
use glassbox_tensor::Tensor;

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
    let inputs: Vec<Value> = example.inputs.iter().map(value).collect();
    let mut session = Session::new(example.graph, Options::default()).map_err(|error| error.to_string())?;
    let results = session.run(&inputs).map_err(|error| error.to_string())?;
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

fn value(example: &ExampleValue) -> Value {
    match example {
        ExampleValue::Tensor(tensor) => tensor.clone().into(),
        ExampleValue::Sequence { element, values } => {
            Value::Sequence { element: element.clone(), items: values.iter().map(value).collect() }
        }
        ExampleValue::Optional { element, value: item } => {
            Value::Optional { element: element.clone(), item: item.as_ref().map(|item| Box::new(value(item))) }
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
