//! The values of GGUF's metadata as bytes. `.oinf` stores the same types under the same numbers.

use crate::cursor::Cursor;
use crate::error::WeightsError;
use crate::metadata::{Array, MetadataValue, with_elements};

/// Lists nest no deeper.
const DEEPEST: usize = 8;

/// The value of type `kind` at the cursor.
pub(crate) fn value(cursor: &mut Cursor, kind: u32) -> Result<MetadataValue, WeightsError> {
    Ok(match kind {
        0 => MetadataValue::U8(cursor.u8()?),
        1 => MetadataValue::I8(cursor.i8()?),
        2 => MetadataValue::U16(cursor.u16()?),
        3 => MetadataValue::I16(cursor.i16()?),
        4 => MetadataValue::U32(cursor.u32()?),
        5 => MetadataValue::I32(cursor.i32()?),
        6 => MetadataValue::F32(cursor.f32()?),
        7 => MetadataValue::Bool(bool(cursor)?),
        8 => MetadataValue::String(text(cursor)?),
        9 => MetadataValue::Array(array(cursor, 0)?),
        10 => MetadataValue::U64(cursor.u64()?),
        11 => MetadataValue::I64(cursor.i64()?),
        12 => MetadataValue::F64(cursor.f64()?),
        other => return Err(cursor.wrong(format!("{other} is no type of a value"))),
    })
}

fn bool(cursor: &mut Cursor) -> Result<bool, WeightsError> {
    match cursor.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(cursor.wrong(format!("a bool is 0 or 1, not {other}"))),
    }
}

fn text(cursor: &mut Cursor) -> Result<String, WeightsError> {
    let length = cursor.u64()?;
    cursor.text(length).map(str::to_owned)
}

fn array(cursor: &mut Cursor, depth: usize) -> Result<Array, WeightsError> {
    if depth == DEEPEST {
        return Err(cursor.wrong(format!("lists in lists are more than {DEEPEST} deep")));
    }
    let (kind, count) = (cursor.u32()?, cursor.u64()?);
    fn all<'a, T>(
        cursor: &mut Cursor<'a>,
        count: u64,
        least: usize,
        mut one: impl FnMut(&mut Cursor<'a>) -> Result<T, WeightsError>,
    ) -> Result<Vec<T>, WeightsError> {
        let mut values = cursor.room(count, least)?;
        for _ in 0..count {
            values.push(one(cursor)?);
        }
        Ok(values)
    }
    Ok(match kind {
        0 => Array::U8(all(cursor, count, 1, Cursor::u8)?),
        1 => Array::I8(all(cursor, count, 1, Cursor::i8)?),
        2 => Array::U16(all(cursor, count, 2, Cursor::u16)?),
        3 => Array::I16(all(cursor, count, 2, Cursor::i16)?),
        4 => Array::U32(all(cursor, count, 4, Cursor::u32)?),
        5 => Array::I32(all(cursor, count, 4, Cursor::i32)?),
        6 => Array::F32(all(cursor, count, 4, Cursor::f32)?),
        7 => Array::Bool(all(cursor, count, 1, bool)?),
        8 => Array::String(all(cursor, count, 8, text)?),
        9 => Array::Array(all(cursor, count, 12, |cursor| array(cursor, depth + 1))?),
        10 => Array::U64(all(cursor, count, 8, Cursor::u64)?),
        11 => Array::I64(all(cursor, count, 8, Cursor::i64)?),
        12 => Array::F64(all(cursor, count, 8, Cursor::f64)?),
        other => return Err(cursor.wrong(format!("{other} is no type of a list's elements"))),
    })
}

/// The number of a value's type; `None` for a tensor, which GGUF doesn't have.
pub(crate) fn kind(value: &MetadataValue) -> Option<u32> {
    Some(match value {
        MetadataValue::U8(_) => 0,
        MetadataValue::I8(_) => 1,
        MetadataValue::U16(_) => 2,
        MetadataValue::I16(_) => 3,
        MetadataValue::U32(_) => 4,
        MetadataValue::I32(_) => 5,
        MetadataValue::F32(_) => 6,
        MetadataValue::Bool(_) => 7,
        MetadataValue::String(_) => 8,
        MetadataValue::Array(_) => 9,
        MetadataValue::U64(_) => 10,
        MetadataValue::I64(_) => 11,
        MetadataValue::F64(_) => 12,
        MetadataValue::Tensor(_) => return None,
    })
}

/// Appends a value, without its type. A tensor appends nothing.
pub(crate) fn encode(value: &MetadataValue, out: &mut Vec<u8>) {
    match value {
        MetadataValue::U8(value) => value.put(out),
        MetadataValue::I8(value) => value.put(out),
        MetadataValue::U16(value) => value.put(out),
        MetadataValue::I16(value) => value.put(out),
        MetadataValue::U32(value) => value.put(out),
        MetadataValue::I32(value) => value.put(out),
        MetadataValue::F32(value) => value.put(out),
        MetadataValue::Bool(value) => value.put(out),
        MetadataValue::String(text) => text.put(out),
        MetadataValue::Array(array) => array.put(out),
        MetadataValue::U64(value) => value.put(out),
        MetadataValue::I64(value) => value.put(out),
        MetadataValue::F64(value) => value.put(out),
        MetadataValue::Tensor(_) => {}
    }
}

/// Something that is appended to bytes.
trait Put {
    fn put(&self, out: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Put for $number {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }
        })*
    };
}
numbers!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

impl Put for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Put for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }
}

/// Appends a text with its length.
pub(crate) fn put_text(text: &str, out: &mut Vec<u8>) {
    (text.len() as u64).put(out);
    out.extend(text.as_bytes());
}

impl Put for Array {
    fn put(&self, out: &mut Vec<u8>) {
        let kind: u32 = match self {
            Array::U8(_) => 0,
            Array::I8(_) => 1,
            Array::U16(_) => 2,
            Array::I16(_) => 3,
            Array::U32(_) => 4,
            Array::I32(_) => 5,
            Array::F32(_) => 6,
            Array::Bool(_) => 7,
            Array::String(_) => 8,
            Array::Array(_) => 9,
            Array::U64(_) => 10,
            Array::I64(_) => 11,
            Array::F64(_) => 12,
        };
        kind.put(out);
        (self.len() as u64).put(out);
        with_elements!(self, values => values.iter().for_each(|value| value.put(out)));
    }
}
