//! The values of GGUF's metadata. `.oinf` stores the same types under the same numbers.

use crate::cursor::Cursor;
use crate::error::WeightsError;
use crate::metadata::{Array, Value};

/// Lists nest no deeper.
const DEEPEST: usize = 8;

/// The value of type `kind` at the cursor.
pub(crate) fn value(cursor: &mut Cursor, kind: u32) -> Result<Value, WeightsError> {
    Ok(match kind {
        0 => Value::U8(cursor.u8()?),
        1 => Value::I8(cursor.i8()?),
        2 => Value::U16(cursor.u16()?),
        3 => Value::I16(cursor.i16()?),
        4 => Value::U32(cursor.u32()?),
        5 => Value::I32(cursor.i32()?),
        6 => Value::F32(cursor.f32()?),
        7 => Value::Bool(bool(cursor)?),
        8 => Value::String(text(cursor)?),
        9 => Value::Array(array(cursor, 0)?),
        10 => Value::U64(cursor.u64()?),
        11 => Value::I64(cursor.i64()?),
        12 => Value::F64(cursor.f64()?),
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
