//! Messages of the file format as lists of their fields, with the bytes of each as they are in the file.
//!
//! What is edited is taken apart only as far as it changes; every other field, those that no version of the format that is
//! known here declares among them, keeps its bytes. Nothing is copied: a field is a part of the mapped file.

use bytes::Bytes;
use prost::Message;

use crate::error::OnnxError;

/// The wire type of a field that says how many bytes it has.
const LENGTH_DELIMITED: u64 = 2;

/// One field of a message.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// The number of the field.
    pub(super) tag: u64,
    /// Text, bytes or a message; of a number, nothing.
    pub(super) content: Bytes,
    /// The whole field, with its number.
    pub(super) raw: Bytes,
}

/// The fields of a message, in order.
pub(super) fn fields(message: &Bytes) -> Result<Vec<Field>, OnnxError> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < message.len() {
        let field = field(message, at).ok_or_else(|| OnnxError::Protobuf {
            message: "message",
            reason: format!("the field at byte {at} of {} is malformed, or a group", message.len()),
        })?;
        at += field.raw.len();
        found.push(field);
    }
    Ok(found)
}

/// The field that begins at `start`.
fn field(message: &Bytes, start: usize) -> Option<Field> {
    let mut at = start;
    let key = varint(message, &mut at)?;
    let mut content = Bytes::new();
    match key & 7 {
        0 => {
            varint(message, &mut at)?;
        }
        1 => at = at.checked_add(8)?,
        LENGTH_DELIMITED => {
            let length = usize::try_from(varint(message, &mut at)?).ok()?;
            let end = at.checked_add(length).filter(|end| *end <= message.len())?;
            content = message.slice(at..end);
            at = end;
        }
        5 => at = at.checked_add(4)?,
        _ => return None,
    }
    (at <= message.len()).then(|| Field { tag: key >> 3, content, raw: message.slice(start..at) })
}

fn varint(message: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for place in 0..10 {
        let byte = *message.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// The content of the fields with one number, as one: what is given in parts belongs together.
pub(super) fn merged(fields: &[Field], tag: u64) -> Bytes {
    let mut parts = fields.iter().filter(|field| field.tag == tag).map(|field| &field.content);
    match (parts.next(), parts.next()) {
        (None, _) => Bytes::new(),
        (Some(one), None) => one.clone(),
        (Some(_), Some(_)) => {
            let all: Vec<&Bytes> = fields.iter().filter(|field| field.tag == tag).map(|field| &field.content).collect();
            all.into_iter().flatten().copied().collect()
        }
    }
}

/// Bytes in parts, most of which are parts of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Rope {
    parts: Vec<Bytes>,
    len: usize,
}

impl Rope {
    /// Appends bytes.
    pub(super) fn push(&mut self, part: Bytes) {
        self.len += part.len();
        self.parts.push(part);
    }

    /// Appends a field that is text, bytes or a message.
    pub(super) fn push_field(&mut self, tag: u64, content: impl Into<Rope>) {
        let content = content.into();
        let mut head = Vec::new();
        put_varint(tag << 3 | LENGTH_DELIMITED, &mut head);
        put_varint(content.len as u64, &mut head);
        self.push(head.into());
        self.len += content.len;
        self.parts.extend(content.parts);
    }

    /// Appends a field that is a message.
    pub(super) fn push_message(&mut self, tag: u64, message: &impl Message) {
        self.push_field(tag, Bytes::from(message.encode_to_vec()));
    }

    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The parts, in order.
    pub(super) fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    /// A copy in one part.
    pub(super) fn to_bytes(&self) -> Bytes {
        let mut all = Vec::with_capacity(self.len);
        self.parts.iter().for_each(|part| all.extend_from_slice(part));
        all.into()
    }
}

impl From<Bytes> for Rope {
    fn from(part: Bytes) -> Rope {
        Rope { len: part.len(), parts: vec![part] }
    }
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{NodeProto, TensorProto};

    #[test]
    fn fields_put_together_again_are_the_same_bytes() {
        let node = NodeProto { input: vec!["a".into(), "b".into()], name: Some("n".into()), ..NodeProto::default() };
        let tensor = TensorProto {
            dims: vec![2, 300],
            data_type: Some(1),
            float_data: vec![1.0; 600],
            ..TensorProto::default()
        };
        for bytes in
            [node.encode_to_vec(), tensor.encode_to_vec(), vec![0x0d, 1, 2, 3, 4, 0x11, 1, 2, 3, 4, 5, 6, 7, 8]]
        {
            let bytes = Bytes::from(bytes);
            let mut again = Rope::default();
            fields(&bytes).unwrap().into_iter().for_each(|field| again.push(field.raw));
            assert_eq!(again.to_bytes(), bytes);
            for end in 0..bytes.len() {
                // A part is either whole fields or refused.
                let part = bytes.slice(..end);
                if let Ok(fields) = fields(&part) {
                    assert_eq!(fields.iter().map(|field| field.raw.len()).sum::<usize>(), end);
                }
            }
        }
    }

    #[test]
    fn a_message_reads_back_from_its_parts() {
        let mut rope = Rope::default();
        rope.push_field(3, Bytes::from_static(b"relu"));
        rope.push_field(1, Bytes::from(vec![b'x'; 300]));
        let node = NodeProto::decode(rope.to_bytes()).unwrap();
        assert_eq!((node.name.as_deref(), node.input[0].len(), rope.len()), (Some("relu"), 300, rope.to_bytes().len()));
        assert_eq!(merged(&fields(&rope.to_bytes()).unwrap(), 3), "relu");
    }
}
