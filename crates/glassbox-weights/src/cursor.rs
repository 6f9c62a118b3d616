//! Reading little-endian fields one after the other, with errors that say where the bytes end.

use crate::error::WeightsError;

/// A place in some bytes, and the way on from there.
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where in the file the bytes begin.
    base: u64,
    /// What is being read, for errors.
    what: &'static str,
}

macro_rules! numbers {
    ($($name:ident),*) => {
        $(
            pub(crate) fn $name(&mut self) -> Result<$name, WeightsError> {
                self.array().map($name::from_le_bytes)
            }
        )*
    };
}

impl<'a> Cursor<'a> {
    /// A cursor at the beginning of `bytes`, which are at `base` in the file.
    pub(crate) fn new(bytes: &'a [u8], base: u64, what: &'static str) -> Cursor<'a> {
        Cursor { bytes, at: 0, base, what }
    }

    numbers!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

    /// Says from here on what is being read.
    pub(crate) fn reading(&mut self, what: &'static str) {
        self.what = what;
    }

    /// Where in the file the cursor stands.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// How far from the beginning of the bytes the cursor stands.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Goes back to a position where the cursor stood.
    pub(crate) fn back_to(&mut self, position: usize) {
        self.at = position.min(self.at);
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: u64) -> Result<&'a [u8], WeightsError> {
        let left = &self.bytes[self.at..];
        let found = usize::try_from(count).ok().and_then(|count| left.get(..count));
        let found =
            found.ok_or_else(|| self.wrong(format!("{count} bytes are wanted, but only {} follow", left.len())))?;
        self.at += found.len();
        Ok(found)
    }

    /// The next bytes, as many as the array has.
    pub(crate) fn array<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], WeightsError> {
        let mut array = [0; COUNT];
        array.copy_from_slice(self.take(COUNT as u64)?);
        Ok(array)
    }

    /// A text of `length` bytes of UTF-8.
    pub(crate) fn text(&mut self, length: u64) -> Result<&'a str, WeightsError> {
        let at = self.offset();
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|error| {
            let rule = format!("a text must be UTF-8, but isn't after {} bytes", error.valid_up_to());
            WeightsError::structure(at, self.what, rule)
        })
    }

    /// Room for `count` values that take at least `least` bytes each, of which there can't be more than fit.
    pub(crate) fn room<T>(&self, count: u64, least: usize) -> Result<Vec<T>, WeightsError> {
        let most = self.left() / least.max(1);
        match usize::try_from(count) {
            Ok(count) if count <= most => Ok(Vec::with_capacity(count)),
            _ => Err(self.wrong(format!("{count} entries are announced, but at most {most} fit in what follows"))),
        }
    }

    /// The error that what is being read breaks a rule here.
    pub(crate) fn wrong(&self, rule: impl Into<String>) -> WeightsError {
        WeightsError::structure(self.offset(), self.what, rule)
    }
}
