//! One op, evaluated by itself: what a compiler needs to compute constants ahead of time.

use std::sync::Arc;

use glassbox_exec::{Limits, Options, RunContext, RunError, Runtime, Value};
use glassbox_ir::{Attrs, BuildError, GraphBuilder, OpDef, Violation};
use glassbox_tensor::NoParams;

use crate::session::Reference;

/// The results of one use of `op` with these operands, as a run gives them at `Precision::Declared`, to the bit.
///
/// `bytes` is the most that the results may take. A graph is made of the one node and run, so the op may be a composite; it
/// may not have bodies, and a state or a parameter that it names isn't there.
///
/// # Errors
///
/// The operands aren't what the op takes, or break a rule that their contents show; the results would take too much.
///
/// ```
/// use glassbox_ir::{Attrs, ops};
/// use glassbox_reference::evaluate;
/// use glassbox_tensor::Tensor;
///
/// let x = Tensor::from_vec(&[2], vec![1.5f32, -2.0])?.into();
/// let y = evaluate(&ops::abs::OP, &Attrs::new(), &[Some(x)], 1, 1024)?;
/// assert_eq!(y[0].as_tensor().map(|tensor| tensor.to_vec::<f32>()), Some(Ok(vec![1.5, 2.0])));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn evaluate(
    op: &'static OpDef,
    attrs: &Attrs,
    operands: &[Option<Value>],
    outputs: usize,
    bytes: usize,
) -> Result<Vec<Value>, RunError> {
    let failed = |error: BuildError| RunError::Inputs(error.to_string());
    let mut builder = GraphBuilder::new(op.name);
    let mut inputs = Vec::new();
    let mut ids = Vec::with_capacity(operands.len());
    for (place, operand) in operands.iter().enumerate() {
        let shapes = op.input(place).is_some_and(|input| input.shapes);
        ids.push(match operand {
            None => None,
            // What shapes the results is told to inference.
            Some(Value::Tensor(tensor)) if shapes => Some(builder.constant(tensor.clone())),
            Some(value) => {
                inputs.push(value.clone());
                Some(builder.input(&format!("operand{place}"), value.ty()))
            }
        });
    }
    if op.regions > 0 {
        return Err(failed(BuildError::Graph(Violation::new("regions", format!("`{}` has bodies", op.name)))));
    }
    let results = builder.node(op, &ids, attrs.clone(), outputs).map_err(failed)?;
    let graph = builder.finish(results).map_err(failed)?;
    let options = Options { limits: Limits { bytes, turns: 0 }, ..Options::default() };
    let executable = Reference.prepare(Arc::new(graph), Arc::new(NoParams), &options)?;
    executable.session()?.run(&inputs, RunContext::new())
}

#[cfg(test)]
mod tests {
    use glassbox_ir::{attrs, ops};
    use glassbox_tensor::{DType, Tensor};

    use super::*;

    fn ints(values: &[i64]) -> Option<Value> {
        Tensor::from_vec(&[values.len()], values.to_vec()).ok().map(Value::from)
    }

    #[test]
    fn shaping_operands_composites_and_errors() {
        let reshaped = evaluate(&ops::reshape::OP, &Attrs::new(), &[ints(&[1, 2, 3, 4]), ints(&[2, -1])], 1, 1 << 10);
        let reshaped = reshaped.expect("it can be reshaped");
        assert_eq!(reshaped[0].as_tensor().map(|tensor| tensor.shape().to_vec()), Some(vec![2, 2]));
        let x = evaluate(&ops::cast::OP, &attrs! { to: DType::F32 }, &[ints(&[0, 0])], 1, 1 << 10).expect("a cast");
        let soft = evaluate(&ops::softmax::OP, &attrs! { axis: 0 }, &[Some(x[0].clone())], 1, 1 << 10);
        let soft = soft.expect("a composite");
        assert_eq!(soft[0].as_tensor().map(|tensor| tensor.to_vec::<f32>()), Some(Ok(vec![0.5, 0.5])));
        let wrong = evaluate(&ops::reshape::OP, &Attrs::new(), &[ints(&[1, 2, 3]), ints(&[2, 2])], 1, 1 << 10);
        assert!(wrong.is_err_and(|error| error.to_string().contains("C2")));
        let large = evaluate(&ops::expand::OP, &Attrs::new(), &[ints(&[1]), ints(&[1000])], 1, 1 << 10);
        assert!(large.is_err_and(|error| error.to_string().contains("larger than the limit of 1024 bytes")));
    }
}
