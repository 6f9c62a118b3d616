//! What a kernel is given and what it gives.

use glassbox_exec::{ImageDecoder, KernelError, Value};
use glassbox_ir::{AttrView, OpDef, Type};
use glassbox_tensor::{DType, Tensor};

/// The results of a kernel.
pub type Outcome = Result<Vec<Value>, KernelError>;

/// One use of a primitive, with its operands.
///
/// The op's inference has accepted the operands: as many as declared, of the declared dtypes, with
/// every constraint on dtypes, dims and known contents holding.
pub struct Call<'a> {
    /// The op.
    pub op: &'static OpDef,
    /// The attributes.
    pub attr: AttrView<'a>,
    /// The operands; `None` where an optional one is left out.
    pub inputs: &'a [Option<&'a Value>],
    /// The types that inference gives the results: the dtypes that the results must have.
    pub types: &'a [Type],
    /// The seed for what the op draws at random; it differs from call to call of a run.
    pub seed: u64,
    /// What reads pictures, where something is registered.
    pub images: Option<&'a ImageDecoder>,
}

impl<'a> Call<'a> {
    /// Whether the operand in place `index` is given.
    pub fn has(&self, index: usize) -> bool {
        matches!(self.inputs.get(index), Some(Some(_)))
    }

    /// An operand of any kind.
    ///
    /// # Errors
    ///
    /// Where the operand is missing.
    pub fn value(&self, index: usize) -> Result<&'a Value, KernelError> {
        let value = self.inputs.get(index).copied().flatten();
        value.ok_or_else(|| KernelError::Internal(format!("operand {index} of `{}` is missing", self.op.name)))
    }

    /// A tensor operand.
    ///
    /// # Errors
    ///
    /// Where the operand is missing or no tensor.
    pub fn tensor(&self, index: usize) -> Result<&'a Tensor, KernelError> {
        let tensor = self.value(index)?.as_tensor();
        tensor.ok_or_else(|| KernelError::Internal(format!("operand {index} of `{}` is no tensor", self.op.name)))
    }

    /// A tensor operand that may be left out.
    ///
    /// # Errors
    ///
    /// Where the operand is there and no tensor.
    pub fn opt_tensor(&self, index: usize) -> Result<Option<&'a Tensor>, KernelError> {
        if self.has(index) { self.tensor(index).map(Some) } else { Ok(None) }
    }

    /// The integers in an operand, in order.
    ///
    /// # Errors
    ///
    /// Where the operand is missing, no tensor, or can't be read.
    pub fn ints(&self, index: usize) -> Result<Vec<i64>, KernelError> {
        Ok(self.tensor(index)?.load::<i64>()?.into_owned())
    }

    /// The dtype that the result in place `index` must have.
    pub fn dtype(&self, index: usize) -> DType {
        self.types[index].dtype()
    }

    /// The sizes of the result in place `index`, where inference knows them.
    pub fn opt_sizes(&self, index: usize) -> Option<Vec<usize>> {
        self.types.get(index)?.as_tensor()?.shape.sizes()
    }

    /// The sizes of the result in place `index`, for ops whose operands always tell them.
    ///
    /// # Errors
    ///
    /// Where a size isn't a number.
    pub fn sizes(&self, index: usize) -> Result<Vec<usize>, KernelError> {
        self.opt_sizes(index).ok_or_else(|| {
            KernelError::Internal(format!("inference of `{}` left the sizes of result {index} open", self.op.name))
        })
    }

    /// The error of an operand that breaks `rule`.
    pub fn invalid(&self, rule: &'static str, message: impl Into<String>) -> KernelError {
        KernelError::invalid(rule, message)
    }
}

/// The outcome of a kernel with one result.
pub(crate) fn one(tensor: Tensor) -> Outcome {
    Ok(vec![tensor.into()])
}
