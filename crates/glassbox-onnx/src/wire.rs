//! What decoding a message will take, found out before it is done.
//!
//! In the file an empty message is two bytes; decoded it is a struct of hundreds. A file of nothing but
//! empty messages would so take a hundred times its size. [`check`] walks over the fields of a message
//! without decoding them, adds up the structs, list elements and copied texts that the decoder will make,
//! and refuses what is out of proportion to the bytes. The data of tensors is passed over, not read,
//! except for lists of numbers of varying length.
//!
//! What is malformed is left to the decoder, which stops at the same place and can say more.

use crate::proto::*;

/// So much may be decoded whatever the size of the file.
const ALLOWANCE: usize = 32 << 20;
/// Beyond it, so much for each byte of the file. Real models, whose nodes and values have names, take
/// less than half of it.
const RATIO: usize = 20;

/// The messages of the format that have others in them, or lists.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    ValueInfo,
    Tensor,
    SparseTensor,
    Type,
    TensorType,
    ElementType,
    MapType,
    Shape,
    Dimension,
    Function,
    Sequence,
    Optional,
    Map,
    /// A message of texts and numbers only.
    Leaf,
}

/// What a field holds.
enum Field {
    /// A message, and the size of its struct.
    Message(Kind, usize),
    /// Text or bytes.
    Text,
    /// Numbers of varying length, many in one field or one.
    Numbers,
    /// What takes as much memory as bytes, or isn't declared.
    Flat,
}

/// Refuses bytes that take more memory than their number explains.
pub(crate) fn check(bytes: &[u8], kind: Kind) -> Result<(), String> {
    let most = ALLOWANCE.saturating_add(bytes.len().saturating_mul(RATIO));
    let mut walk = Walk { size: 0, most };
    walk.message(bytes, kind, 0);
    if walk.size <= most {
        return Ok(());
    }
    Err(format!(
        "decoded, its {} bytes take more than {most} bytes, out of proportion; it holds masses of empty messages",
        bytes.len()
    ))
}

/// The decoder refuses messages nested deeper.
const MAX_NESTING: usize = 100;

struct Walk {
    size: usize,
    most: usize,
}

impl Walk {
    /// Walks over a message; `None` where it is malformed, or more than enough is counted.
    fn message(&mut self, mut rest: &[u8], kind: Kind, depth: usize) -> Option<()> {
        while !rest.is_empty() {
            let key = varint(&mut rest)?;
            let field = field(kind, key >> 3);
            match key & 7 {
                0 => {
                    varint(&mut rest)?;
                    self.add(8)?;
                }
                1 => rest = rest.get(8..)?,
                2 => {
                    let length = usize::try_from(varint(&mut rest)?).ok()?;
                    let (content, after) = rest.split_at_checked(length)?;
                    rest = after;
                    self.content(content, field, depth)?;
                }
                5 => rest = rest.get(4..)?,
                // Groups are passed over by the decoder; what is in them counts here too, which does no harm.
                3 | 4 => {}
                _ => return None,
            }
        }
        Some(())
    }

    fn content(&mut self, content: &[u8], field: Field, depth: usize) -> Option<()> {
        match field {
            Field::Message(kind, size) if depth < MAX_NESTING => {
                self.add(size)?;
                self.message(content, kind, depth + 1)
            }
            Field::Message(..) => None,
            Field::Text => self.add(size_of::<bytes::Bytes>().saturating_add(content.len())),
            Field::Numbers => {
                let count = content.iter().filter(|byte| **byte < 0x80).count();
                self.add(count.saturating_mul(8))
            }
            Field::Flat => Some(()),
        }
    }

    fn add(&mut self, size: usize) -> Option<()> {
        self.size = self.size.saturating_add(size);
        (self.size <= self.most).then_some(())
    }
}

/// The next number of varying length; none where the bytes end in it.
pub(crate) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for place in 0..10 {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// What the field `tag` of a message holds. The tags are those of [`proto`](crate::proto).
fn field(kind: Kind, tag: u64) -> Field {
    const fn message<M>(kind: Kind) -> Field {
        Field::Message(kind, size_of::<M>())
    }
    match (kind, tag) {
        (Kind::Model, 7) | (Kind::Attribute, 6 | 11) => message::<GraphProto>(Kind::Graph),
        (Kind::Model, 8) | (Kind::Function, 9) => message::<OperatorSetIdProto>(Kind::Leaf),
        (Kind::Model, 14) | (Kind::Tensor, 13) => message::<StringStringEntryProto>(Kind::Leaf),
        (Kind::Model, 25) => message::<FunctionProto>(Kind::Function),
        (Kind::Graph, 1) | (Kind::Function, 7) => message::<NodeProto>(Kind::Node),
        (Kind::Graph, 5) | (Kind::Attribute, 5 | 10) | (Kind::SparseTensor, 1 | 2) => {
            message::<TensorProto>(Kind::Tensor)
        }
        (Kind::Graph, 11..=13) => message::<ValueInfoProto>(Kind::ValueInfo),
        (Kind::Graph, 15) | (Kind::Attribute, 22 | 23) => message::<SparseTensorProto>(Kind::SparseTensor),
        (Kind::Node, 5) | (Kind::Function, 11) => message::<AttributeProto>(Kind::Attribute),
        (Kind::Attribute, 14 | 15) | (Kind::ValueInfo, 2) | (Kind::ElementType, 1) | (Kind::MapType, 2) => {
            message::<TypeProto>(Kind::Type)
        }
        (Kind::Type, 1 | 8) => message::<TensorTypeProto>(Kind::TensorType),
        (Kind::Type, 4 | 9) => message::<ElementTypeProto>(Kind::ElementType),
        (Kind::Type, 5) => message::<MapTypeProto>(Kind::MapType),
        (Kind::Type, 7) => message::<OpaqueTypeProto>(Kind::Leaf),
        (Kind::TensorType, 2) => message::<TensorShapeProto>(Kind::Shape),
        (Kind::Shape, 1) => message::<DimensionProto>(Kind::Dimension),
        (Kind::Sequence, 3) | (Kind::Optional, 3) => message::<TensorProto>(Kind::Tensor),
        (Kind::Sequence, 4) | (Kind::Optional, 4) => message::<SparseTensorProto>(Kind::SparseTensor),
        (Kind::Sequence, 5) | (Kind::Optional, 5) => message::<SequenceProto>(Kind::Sequence),
        (Kind::Sequence, 6) | (Kind::Optional, 6) => message::<MapProto>(Kind::Map),
        (Kind::Sequence, 7) | (Kind::Optional, 7) => message::<OptionalProto>(Kind::Optional),
        (Kind::Map, 5) => message::<SequenceProto>(Kind::Sequence),
        (Kind::Map, 3) | (Kind::Attribute, 8) | (Kind::Tensor, 1 | 5 | 7 | 11) | (Kind::SparseTensor, 3) => {
            Field::Numbers
        }
        // The raw data of a tensor shares the file's bytes; floats are as long decoded as in the file.
        (Kind::Tensor, 4 | 9 | 10) | (Kind::Attribute, 7) => Field::Flat,
        _ => Field::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_messages_are_counted_and_real_ones_pass() {
        let nodes = |count: usize| {
            let mut bytes = vec![0x3a];
            let mut length = 2 * count;
            while length >= 0x80 {
                bytes.push(length as u8 | 0x80);
                length >>= 7;
            }
            bytes.push(length as u8);
            bytes.extend([0x0a, 0x00].repeat(count));
            bytes
        };
        assert!(check(&nodes(1000), Kind::Model).is_ok(), "a thousand empty nodes are few");
        assert!(check(&nodes(1 << 20), Kind::Model).is_err(), "a million empty nodes are 200 MB");
        assert!(check(&[0xff; 100], Kind::Model).is_ok(), "what is malformed is left to the decoder");
    }
}
