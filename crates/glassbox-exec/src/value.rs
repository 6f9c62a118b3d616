//! The values that a run computes with.

use glassbox_ir::text::ExampleValue;
use glassbox_ir::{Dim, Type};
use glassbox_tensor::Tensor;

/// A value at run time. Cloning shares the data.
///
/// ```
/// use glassbox_exec::Value;
/// use glassbox_tensor::Tensor;
/// let value = Value::from(Tensor::from_vec(&[2], vec![1.0f32, f32::NAN])?);
/// assert_eq!(value.ty().to_string(), "f32[2]");
/// assert!(value.bit_eq(&value.clone()));
/// # Ok::<(), glassbox_tensor::TensorError>(())
/// ```
#[derive(Clone, Debug)]
pub enum Value {
    /// A tensor.
    Tensor(Tensor),
    /// A list of values of type `element`.
    Sequence {
        /// The type of the elements, which an empty list has too.
        element: Type,
        /// The elements.
        items: Vec<Value>,
    },
    /// A value or nothing, of type `element`.
    Optional {
        /// The type of the value that may be there.
        element: Type,
        /// The value, if it is there.
        item: Option<Box<Value>>,
    },
}

impl Value {
    /// The tensor, where it is one.
    ///
    /// ```
    /// use glassbox_exec::Value;
    /// use glassbox_ir::Type;
    /// use glassbox_tensor::{DType, Tensor};
    /// let value = Value::from(Tensor::from_vec(&[2], vec![1.0f32, 2.0])?);
    /// assert_eq!(value.as_tensor().map(Tensor::shape), Some(&[2][..]));
    /// let nothing = Value::Optional { element: Type::tensor(DType::F32, ["N"]), item: None };
    /// assert!(nothing.as_tensor().is_none());
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn as_tensor(&self) -> Option<&Tensor> {
        match self {
            Value::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// The type that says all of it: every dim of a tensor is an integer.
    pub fn ty(&self) -> Type {
        match self {
            Value::Tensor(tensor) => Type::tensor(tensor.dtype(), tensor.shape().iter().map(|size| Dim::from(*size))),
            Value::Sequence { element, .. } => Type::sequence(element.clone()),
            Value::Optional { element, .. } => Type::optional(element.clone()),
        }
    }

    /// The bytes that its tensors hold.
    ///
    /// ```
    /// use glassbox_exec::Value;
    /// use glassbox_tensor::{DType, Tensor};
    /// assert_eq!(Value::from(Tensor::zeros(DType::F16, &[3])?).byte_len(), 6);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn byte_len(&self) -> usize {
        match self {
            Value::Tensor(tensor) => tensor.byte_len().unwrap_or(0),
            Value::Sequence { items, .. } => items.iter().map(Value::byte_len).sum(),
            Value::Optional { item, .. } => item.as_ref().map_or(0, |item| item.byte_len()),
        }
    }

    /// Whether two values are the same: of one kind, and every tensor in them to the bit.
    ///
    /// ```
    /// use glassbox_exec::Value;
    /// use glassbox_tensor::Tensor;
    /// let value = |x: f32| Tensor::from_vec(&[1], vec![x]).map(Value::from);
    /// assert!(!value(0.0)?.bit_eq(&value(-0.0)?));
    /// assert!(value(f32::NAN)?.bit_eq(&value(f32::NAN)?));
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn bit_eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Tensor(a), Value::Tensor(b)) => a.bit_eq(b),
            (Value::Sequence { items: a, .. }, Value::Sequence { items: b, .. }) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.bit_eq(b))
            }
            (Value::Optional { item: a, .. }, Value::Optional { item: b, .. }) => match (a, b) {
                (Some(a), Some(b)) => a.bit_eq(b),
                (a, b) => a.is_none() && b.is_none(),
            },
            _ => false,
        }
    }

    /// The value with every tensor in it mapped.
    ///
    /// # Errors
    ///
    /// The first that `map` returns.
    ///
    /// ```
    /// use glassbox_exec::Value;
    /// use glassbox_tensor::{DType, Overflow, Tensor};
    /// let value = Value::from(Tensor::from_vec(&[2], vec![1.0f32, 2.0])?);
    /// let wide = value.map(&|tensor| tensor.cast(DType::F64, Overflow::Wrap))?;
    /// assert_eq!(wide.ty().to_string(), "f64[2]");
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn map<E>(&self, map: &dyn Fn(&Tensor) -> Result<Tensor, E>) -> Result<Value, E> {
        Ok(match self {
            Value::Tensor(tensor) => Value::Tensor(map(tensor)?),
            Value::Sequence { element, items } => Value::Sequence {
                element: element.clone(),
                items: items.iter().map(|item| item.map(map)).collect::<Result<_, E>>()?,
            },
            Value::Optional { element, item } => Value::Optional {
                element: element.clone(),
                item: item.as_ref().map(|item| item.map(map).map(Box::new)).transpose()?,
            },
        })
    }
}

impl From<&ExampleValue> for Value {
    fn from(example: &ExampleValue) -> Value {
        match example {
            ExampleValue::Tensor(tensor) => tensor.clone().into(),
            ExampleValue::Sequence { element, values } => {
                Value::Sequence { element: element.clone(), items: values.iter().map(Value::from).collect() }
            }
            ExampleValue::Optional { element, value } => {
                let item = value.as_ref().map(|value| Box::new(Value::from(value.as_ref())));
                Value::Optional { element: element.clone(), item }
            }
        }
    }
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Value {
        Value::Tensor(tensor)
    }
}
