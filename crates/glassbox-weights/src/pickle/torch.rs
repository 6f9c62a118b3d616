//! The functions and classes that a checkpoint of tensors may name, and what each makes of its arguments.
//! This list is all there is: a name that isn't here is refused.

use glassbox_tensor::DType;

use super::node::{Heap, Id, Node, Storage, TensorView};

/// A function or class that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// `collections.OrderedDict()`.
    OrderedDict,
    /// `torch.Size(dims)`.
    Size,
    /// `torch._utils._rebuild_tensor(storage, offset, shape, strides)`, and `_v2` with two more arguments.
    RebuildTensor,
    /// `_rebuild_tensor_v3`: as v2, then a dtype.
    RebuildTensorV3,
    /// `torch._utils._rebuild_parameter(tensor, …)`.
    RebuildParameter,
    /// A class of storages, such as `torch.FloatStorage`; `None` for one of bytes.
    Storage(Option<DType>),
    /// A dtype, such as `torch.float32`.
    Dtype(DType),
}

/// What a name stands for.
pub(super) fn known(module: &str, name: &str) -> Option<Known> {
    Some(match (module, name) {
        ("collections", "OrderedDict") => Known::OrderedDict,
        ("torch", "Size") => Known::Size,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Known::RebuildTensor,
        ("torch._utils", "_rebuild_tensor_v3") => Known::RebuildTensorV3,
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Known::RebuildParameter,
        ("torch.storage", "UntypedStorage") => Known::Storage(None),
        ("torch", _) => match name.strip_suffix("Storage") {
            Some("Untyped") => Known::Storage(None),
            Some(class) => Known::Storage(Some(storage_dtype(class)?)),
            None => Known::Dtype(dtype(name)?),
        },
        _ => return None,
    })
}

fn storage_dtype(class: &str) -> Option<DType> {
    Some(match class {
        "Double" => DType::F64,
        "Float" => DType::F32,
        "Half" => DType::F16,
        "BFloat16" => DType::BF16,
        "Long" => DType::I64,
        "Int" => DType::I32,
        "Short" => DType::I16,
        "Char" => DType::I8,
        "Byte" => DType::U8,
        "Bool" => DType::Bool,
        _ => return None,
    })
}

fn dtype(name: &str) -> Option<DType> {
    Some(match name {
        "float64" | "double" => DType::F64,
        "float32" | "float" => DType::F32,
        "float16" | "half" => DType::F16,
        "bfloat16" => DType::BF16,
        "float8_e4m3fn" => DType::F8E4M3FN,
        "float8_e4m3fnuz" => DType::F8E4M3FNUZ,
        "float8_e5m2" => DType::F8E5M2,
        "float8_e5m2fnuz" => DType::F8E5M2FNUZ,
        "float8_e8m0fnu" => DType::F8E8M0,
        "int64" | "long" => DType::I64,
        "int32" | "int" => DType::I32,
        "int16" | "short" => DType::I16,
        "int8" => DType::I8,
        "uint64" => DType::U64,
        "uint32" => DType::U32,
        "uint16" => DType::U16,
        "uint8" => DType::U8,
        "bool" => DType::Bool,
        _ => return None,
    })
}

/// What `known(*arguments)` is, or the rule that the arguments break. `at` is where the call is.
pub(super) fn call(heap: &Heap, known: Known, arguments: &[Id], at: u64) -> Result<Node, String> {
    match known {
        Known::OrderedDict if arguments.is_empty() => Ok(Node::Dict(Vec::new())),
        Known::OrderedDict => Err("an OrderedDict is made without arguments, and filled after".to_owned()),
        Known::Size => match arguments.first().map(|id| heap.get(*id)) {
            Some(Node::Tuple(dims) | Node::List(dims)) => Ok(Node::Tuple(dims.clone())),
            _ => Err("torch.Size is made of a tuple".to_owned()),
        },
        Known::RebuildTensor => tensor(heap, arguments, None, at),
        Known::RebuildTensorV3 => match arguments.get(6).map(|id| heap.get(*id)) {
            Some(Node::Known(Known::Dtype(dtype))) => tensor(heap, arguments, Some(*dtype), at),
            _ => Err("_rebuild_tensor_v3 has a dtype as its seventh argument".to_owned()),
        },
        Known::RebuildParameter => match arguments.first().map(|id| heap.get(*id)) {
            Some(Node::Tensor(view)) => Ok(Node::Tensor(view.clone())),
            _ => Err("a parameter is made of a tensor".to_owned()),
        },
        Known::Storage(_) | Known::Dtype(_) => Err("storages and dtypes can't be called".to_owned()),
    }
}

fn tensor(heap: &Heap, arguments: &[Id], dtype: Option<DType>, at: u64) -> Result<Node, String> {
    let rule = || "a tensor is made of a storage, an offset, dims and as many strides, all at least 0".to_owned();
    let [storage, offset, shape, strides, ..] = arguments else { return Err(rule()) };
    let Node::Storage(storage) = heap.get(*storage) else { return Err(rule()) };
    let view = TensorView {
        storage: (**storage).clone(),
        dtype: dtype
            .or(storage.dtype)
            .ok_or_else(|| "the storage has no dtype, and the tensor gives none".to_owned())?,
        offset: heap.count(*offset).ok_or_else(rule)?,
        shape: heap.counts(*shape).ok_or_else(rule)?,
        strides: heap.counts(*strides).ok_or_else(rule)?,
        at,
    };
    if view.shape.len() != view.strides.len() {
        return Err(rule());
    }
    Ok(Node::Tensor(Box::new(view)))
}

/// The storage that a persistent id names: `("storage", class, key, device, count)`, and in older files a
/// sixth part that is `None` or `(key, first, count)` for a part of the storage.
pub(super) fn persistent(heap: &Heap, id: Id) -> Result<Node, String> {
    let rule = || "a persistent id must be (\"storage\", class, key, device, count)".to_owned();
    let Node::Tuple(parts) = heap.get(id) else { return Err(rule()) };
    let [kind, class, key, _, count, rest @ ..] = parts.as_slice() else { return Err(rule()) };
    let Node::Known(Known::Storage(dtype)) = heap.get(*class) else { return Err(rule()) };
    if heap.text(*kind) != Some("storage") {
        return Err(rule());
    }
    let first = match rest.first().map(|id| heap.get(*id)) {
        None | Some(Node::None) => 0,
        Some(Node::Tuple(view)) => view.get(1).and_then(|first| heap.count(*first)).ok_or_else(rule)?,
        Some(_) => return Err(rule()),
    };
    Ok(Node::Storage(Box::new(Storage {
        key: heap.text(*key).ok_or_else(rule)?.to_owned(),
        dtype: *dtype,
        count: heap.count(*count).ok_or_else(rule)?,
        first,
    })))
}
