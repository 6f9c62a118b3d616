//! From the objects of a pickle to parameters: which dict is the state dict, what its tensors are called, and
//! where in the file they are.
//!
//! A root dict with tensors in it is the state dict. One without has it under `state_dict`,
//! `model_state_dict` or `model`, if one of them has tensors. Otherwise all tensors are taken, named by the
//! keys on the way to them, joined with dots. Numbers and texts in the root dict become metadata.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use glassbox_tensor::{ParamInfo, layout};

use super::node::{Heap, Id, Node, TensorView};
use crate::error::WeightsError;
use crate::mapped::MappedFile;
use crate::metadata::MetadataValue;
use crate::package::{Entry, Parts, Place};

/// Where a state dict is kept inside another dict.
const KEYS: &[&str] = &["state_dict", "model_state_dict", "model"];
/// Dicts and lists in each other go no deeper.
const DEEPEST: usize = 16;
/// Views that repeat elements may make so many bytes of a file, or
const VIEWED_ALLOWANCE: u64 = 64 << 20;
/// this many times the file, whichever is more.
const VIEWED_RATIO: u64 = 8;

/// Adds the tensors below `root`. `range` tells where in the file the storage of a key is; its second
/// argument is where the tensor is described.
pub(super) fn collect(
    heap: &Heap,
    root: Id,
    file: &Arc<MappedFile>,
    parts: &mut Parts,
    range: impl Fn(&str, u64) -> Result<Range<usize>, WeightsError>,
) -> Result<(), WeightsError> {
    let mut walk = Walk { heap, found: Vec::new(), visits: 0 };
    let has_tensors = |id: Id| match heap.get(id) {
        Node::Dict(pairs) => pairs.iter().any(|(_, value)| matches!(heap.get(*value), Node::Tensor(_))),
        _ => false,
    };
    let mut start = root;
    if let (Node::Dict(pairs), false) = (heap.get(root), has_tensors(root)) {
        let under = |key: &str| pairs.iter().find(|(name, value)| heap.text(*name) == Some(key) && has_tensors(*value));
        if let Some((_, value)) = KEYS.iter().find_map(|key| under(key)) {
            start = *value;
        }
    }
    if let Node::Dict(pairs) = heap.get(root) {
        let texts = pairs.iter().filter_map(|(key, value)| Some((heap.text(*key)?.to_owned(), scalar(heap, *value)?)));
        parts.metadata.extend(texts);
    }
    walk.visit(start, String::new(), 0)?;
    if walk.found.is_empty() {
        return Err(WeightsError::structure(0, "the pickle", format!("there is no tensor in {}", heap.kind(root))));
    }
    let mut storages: HashMap<&str, Range<usize>> = HashMap::new();
    let mut viewed = 0u64;
    let most = VIEWED_ALLOWANCE.max(file.len().saturating_mul(VIEWED_RATIO));
    for (name, view) in walk.found {
        let key = view.storage.key.as_str();
        let range = match storages.get(key) {
            Some(range) => range.clone(),
            None => {
                let range = range(key, view.at)?;
                storages.insert(key, range.clone());
                range
            }
        };
        let entry = entry(file, name, view, range)?;
        let bits = entry.info.dtype.bits().unwrap_or(8) as u64;
        let count = layout::element_count(&entry.info.shape).unwrap_or(0) as u64;
        viewed = viewed.saturating_add(count.saturating_mul(bits) / 8);
        if viewed > most {
            let rule = format!("with it the tensors take more than {most} bytes, out of proportion to the file");
            return Err(WeightsError::structure(view.at, format!("tensor {:?}", entry.info.name), rule));
        }
        parts.entries.push(entry);
    }
    Ok(())
}

fn scalar(heap: &Heap, id: Id) -> Option<MetadataValue> {
    match heap.get(id) {
        Node::Bool(value) => Some(MetadataValue::Bool(*value)),
        Node::Int(value) => i64::try_from(*value).ok().map(MetadataValue::I64),
        Node::Float(value) => Some(MetadataValue::F64(*value)),
        Node::Text(text) => Some(MetadataValue::String(text.clone())),
        _ => None,
    }
}

struct Walk<'a> {
    heap: &'a Heap,
    found: Vec<(String, &'a TensorView)>,
    visits: usize,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, id: Id, name: String, depth: usize) -> Result<(), WeightsError> {
        self.visits += 1;
        // An object that is in many places is visited in each: not without end.
        if self.visits > 2 * self.heap.len() || depth > DEEPEST {
            let rule = format!("at {:?} its dicts and lists are too deep in each other, or too often", short(&name));
            return Err(WeightsError::structure(0, "the pickle", rule));
        }
        let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
        let heap = self.heap;
        match heap.get(id) {
            Node::Tensor(view) => {
                let name = if name.is_empty() { "tensor".to_owned() } else { name };
                self.found.push((name, view));
            }
            Node::Dict(pairs) => {
                for (key, value) in pairs {
                    let key = match heap.get(*key) {
                        Node::Text(text) => below(text),
                        Node::Int(number) => below(&number.to_string()),
                        _ => continue,
                    };
                    self.visit(*value, key, depth + 1)?;
                }
            }
            Node::List(items) | Node::Tuple(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.visit(*item, below(&index.to_string()), depth + 1)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn short(name: &str) -> String {
    name.chars().take(120).collect()
}

/// The entry of a tensor whose storage is the bytes `range` of the file.
fn entry(file: &Arc<MappedFile>, name: String, view: &TensorView, range: Range<usize>) -> Result<Entry, WeightsError> {
    let wrong = |rule: String| WeightsError::structure(view.at, format!("tensor {name:?}"), rule);
    let size = view.dtype.byte_len(1).unwrap_or(1);
    let dims = view.shape.iter().map(|dim| usize::try_from(*dim)).collect::<Result<Vec<_>, _>>();
    let dims = dims.map_err(|_| wrong("a dim is larger than memory".to_owned()))?;
    let strides = view.strides.iter().map(|stride| isize::try_from(*stride)).collect::<Result<Vec<_>, _>>();
    let strides = strides.map_err(|_| wrong("a stride is larger than memory".to_owned()))?;
    let count = layout::element_count(&dims).and_then(|count| count.checked_mul(size).map(|_| count));
    let count = count.ok_or_else(|| wrong(format!("{} data of dims {dims:?} has no size", view.dtype)))?;
    let unit = view.storage.dtype.and_then(|dtype| dtype.byte_len(1)).unwrap_or(1);
    let said = view.storage.count.checked_mul(unit as u64);
    if view.storage.first == 0 && said != Some(range.len() as u64) {
        let (key, said) = (&view.storage.key, view.storage.count);
        let rule = format!("its storage {key:?} is said to have {said} elements, but has {} bytes", range.len());
        return Err(wrong(rule));
    }
    // One past the last element that the strides reach, from the storage's first.
    let reach = || -> Option<usize> {
        let mut last = view.storage.first.checked_add(view.offset)?;
        for (dim, stride) in view.shape.iter().zip(&view.strides) {
            last = last.checked_add(dim.checked_sub(1)?.checked_mul(*stride)?)?;
        }
        usize::try_from(last).ok()?.checked_add(1)
    };
    let (start, len) = if count == 0 {
        (range.start, 0)
    } else {
        let first = (view.storage.first + view.offset) as usize;
        let end = reach().and_then(|end| end.checked_mul(size)).filter(|end| *end <= range.len());
        let end = end.ok_or_else(|| {
            let strides = &view.strides;
            wrong(format!(
                "dims {dims:?} with strides {strides:?} from {} leave its storage of {} bytes",
                view.offset,
                range.len()
            ))
        })?;
        (range.start + first * size, end - first * size)
    };
    let place_numbers: Vec<u64> = [start as u64].iter().chain(&view.strides).copied().collect();
    let dense = count == 0 || layout::is_contiguous(&dims, &strides);
    let numbers = if dense { &place_numbers[..1] } else { &place_numbers };
    let id = file.param_id(view.dtype, &dims, numbers);
    Ok(Entry {
        info: ParamInfo { name, dtype: view.dtype, shape: dims, id },
        place: Place { file: Arc::clone(file), offset: start, len, strides: (!dense).then_some(strides) },
        quantisation: None,
    })
}
