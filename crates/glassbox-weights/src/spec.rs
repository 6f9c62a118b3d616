//! What a package may say of the model over its weights: size variables, and states that steps share.

use glassbox_tensor::DType;

/// A size with a name, such as `D = 128`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// The name.
    pub name: String,
    /// The size.
    pub value: u64,
}

/// A tensor that a package names without having its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The name.
    pub name: String,
    /// The dtype.
    pub dtype: DType,
    /// The size of each axis, outermost first.
    pub shape: Vec<usize>,
}

/// A dim of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateDim {
    /// So many.
    Fixed(u64),
    /// As many as the size variable of this name says.
    Named(String),
}

/// What a state is before the first step.
#[derive(Clone, Debug, PartialEq)]
pub enum Initial {
    /// Every element is this number.
    Number(f64),
    /// It is the parameter of this name.
    Param(String),
}

/// A state that a model keeps from step to step, such as a cache of keys.
#[derive(Clone, Debug, PartialEq)]
pub struct StateSpec {
    /// The name.
    pub name: String,
    /// The dtype.
    pub dtype: DType,
    /// The dims; that of the growing axis is its size at first.
    pub dims: Vec<StateDim>,
    /// The axis along which steps append, if they do.
    pub grows: Option<usize>,
    /// The most that the growing axis may reach; `None` is no limit.
    pub capacity: Option<u64>,
    /// The value before the first step.
    pub initial: Initial,
}
