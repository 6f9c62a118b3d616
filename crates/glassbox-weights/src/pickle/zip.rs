//! The directory of a zip archive: which entries there are, and where their bytes begin.
//!
//! Only what a checkpoint needs is read: the directory at the end, and the short header in front of an entry
//! that is used. Libraries for archives read entries through copies, and search whole files for signatures;
//! here tensors are mapped where they lie, which works because they are stored without compression.

use std::collections::HashMap;
use std::ops::Range;

use crate::cursor::Cursor;
use crate::error::WeightsError;

pub(crate) const MAGIC: &[u8] = b"PK\x03\x04";

const END: [u8; 4] = *b"PK\x05\x06";
const END_SIZE: usize = 22;
const LONGEST_COMMENT: usize = 0xffff;
const LOCATOR: [u8; 4] = *b"PK\x06\x07";
const LOCATOR_SIZE: usize = 20;
const END_64: [u8; 4] = *b"PK\x06\x06";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
/// What the short fields hold when the long ones count.
const LONG: u32 = u32::MAX;

/// An entry of the directory.
pub(super) struct Record {
    name: String,
    flags: u16,
    method: u16,
    size: u64,
    header: u64,
}

/// The directory of an archive.
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    records: Vec<Record>,
    by_name: HashMap<String, usize>,
}

impl<'a> Archive<'a> {
    /// Reads the directory.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Archive<'a>, WeightsError> {
        let (start, size, count) = directory(bytes)?;
        let whole = usize::try_from(start).ok().zip(usize::try_from(size).ok());
        let range = whole.and_then(|(start, size)| bytes.get(start..start.checked_add(size)?));
        let range = range.ok_or_else(|| {
            let rule = format!("its {size} bytes at {start} are outside the file, which has {}", bytes.len());
            WeightsError::structure(start, "the directory of the archive", rule)
        })?;
        let mut cursor = Cursor::new(range, start, "the directory of the archive");
        let mut records: Vec<Record> = cursor.room(count, 46)?;
        let mut by_name = HashMap::with_capacity(records.capacity());
        for _ in 0..count {
            let at = cursor.offset();
            let record = record(&mut cursor)?;
            if by_name.insert(record.name.clone(), records.len()).is_some() {
                let rule = format!("there are two entries {:?}", record.name);
                return Err(WeightsError::structure(at, "the directory of the archive", rule));
            }
            records.push(record);
        }
        Ok(Archive { bytes, records, by_name })
    }

    /// The entry of a name.
    pub(super) fn find(&self, name: &str) -> Option<&Record> {
        self.by_name.get(name).map(|at| &self.records[*at])
    }

    /// The entry with the pickle, and what its name has before `data.pkl`.
    pub(super) fn pickle(&self) -> Result<(&str, &Record), WeightsError> {
        let found = self.records.iter().filter_map(|record| {
            let prefix = record.name.strip_suffix("data.pkl")?;
            (prefix.is_empty() || prefix.ends_with('/')).then_some((prefix, record))
        });
        found.min_by_key(|(prefix, _)| prefix.len()).ok_or_else(|| WeightsError::Unrecognized {
            what: "it is a zip archive without a data.pkl; PyTorch checkpoints have one".to_owned(),
        })
    }

    /// Where in the file the bytes of an entry are.
    pub(super) fn stored(&self, record: &Record) -> Result<Range<usize>, WeightsError> {
        let place = || format!("the entry {:?}", record.name);
        let wrong = |rule: &str| WeightsError::structure(record.header, place(), rule);
        if record.flags & 1 != 0 {
            return Err(WeightsError::unsupported(record.header, place(), "an encrypted entry"));
        }
        if record.method != 0 {
            let what = format!("compression (method {}); save it again with torch.save,", record.method);
            return Err(WeightsError::unsupported(record.header, place(), what));
        }
        let outside = || wrong("it is outside the file");
        let start =
            usize::try_from(record.header).ok().filter(|start| *start <= self.bytes.len()).ok_or_else(outside)?;
        let mut cursor = Cursor::new(&self.bytes[start..], record.header, "the header of an entry");
        if cursor.array::<4>()? != *MAGIC {
            return Err(wrong("its header doesn't begin with the signature of one"));
        }
        cursor.take(22)?;
        let (name, extra) = (cursor.u16()?, cursor.u16()?);
        if cursor.take(name.into())? != record.name.as_bytes() {
            return Err(wrong("its header has another name than the directory"));
        }
        cursor.take(extra.into())?;
        let start = start + cursor.position();
        let end = usize::try_from(record.size).ok().and_then(|size| start.checked_add(size));
        let end = end.filter(|end| *end <= self.bytes.len()).ok_or_else(outside)?;
        Ok(start..end)
    }
}

/// Where the directory begins, its length, and its number of entries.
fn directory(bytes: &[u8]) -> Result<(u64, u64, u64), WeightsError> {
    let lowest = bytes.len().saturating_sub(END_SIZE + LONGEST_COMMENT);
    let last = bytes.len().checked_sub(END_SIZE);
    let is_end = |at: &usize| bytes[*at..].starts_with(&END) && comment_fits(bytes, *at);
    let Some(at) = last.and_then(|last| (lowest..=last).rev().find(is_end)) else {
        let rule = "there is none; the file is cut short, or no archive";
        return Err(WeightsError::structure(bytes.len() as u64, "the directory of the archive", rule));
    };
    let mut cursor = Cursor::new(&bytes[at..], at as u64, "the end of the archive");
    cursor.take(10)?;
    let (count, size, start) = (cursor.u16()?, cursor.u32()?, cursor.u32()?);
    if count != u16::MAX && size != LONG && start != LONG {
        return Ok((start.into(), size.into(), count.into()));
    }
    let locator = at.checked_sub(LOCATOR_SIZE).filter(|at| bytes[*at..].starts_with(&LOCATOR));
    let Some(locator) = locator else { return Ok((start.into(), size.into(), count.into())) };
    let mut cursor = Cursor::new(&bytes[locator + 8..], locator as u64 + 8, "the long end of the archive");
    let end = cursor.u64()?;
    let part = usize::try_from(end).ok().and_then(|end| bytes.get(end..));
    let part = part.ok_or_else(|| cursor.wrong(format!("it is said to be at {end}, outside the file")))?;
    let mut cursor = Cursor::new(part, end, "the long end of the archive");
    if cursor.array::<4>()? != END_64 {
        return Err(cursor.wrong("it doesn't begin with its signature"));
    }
    cursor.take(28)?;
    let (count, size, start) = (cursor.u64()?, cursor.u64()?, cursor.u64()?);
    Ok((start, size, count))
}

/// Whether a comment of the length that is said at an end of archive fits the file.
fn comment_fits(bytes: &[u8], at: usize) -> bool {
    let length =
        bytes.get(at + 20..at + 22).map_or(0, |length| usize::from(u16::from_le_bytes([length[0], length[1]])));
    at + END_SIZE + length <= bytes.len()
}

fn record(cursor: &mut Cursor) -> Result<Record, WeightsError> {
    if cursor.array::<4>()? != ENTRY {
        return Err(cursor.wrong("an entry doesn't begin with its signature"));
    }
    cursor.take(4)?;
    let (flags, method) = (cursor.u16()?, cursor.u16()?);
    cursor.take(8)?;
    let (packed, size) = (cursor.u32()?, cursor.u32()?);
    let (name, extra, comment) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
    cursor.take(8)?;
    let header = cursor.u32()?;
    let name = cursor.text(name.into())?.to_owned();
    let mut record = Record { name, flags, method, size: size.into(), header: header.into() };
    let at = cursor.offset();
    let extra = cursor.take(extra.into())?;
    let mut fields = Cursor::new(extra, at, "the fields of an entry");
    while fields.left() >= 4 {
        let (tag, length) = (fields.u16()?, fields.u16()?);
        let at = fields.offset();
        let field = fields.take(length.into())?;
        if tag == 1 {
            // Those fields are there, in this order, whose short ones are full.
            let mut long = Cursor::new(field, at, "the long sizes of an entry");
            if size == LONG {
                record.size = long.u64()?;
            }
            if packed == LONG {
                long.u64()?;
            }
            if header == LONG {
                record.header = long.u64()?;
            }
        }
    }
    cursor.take(comment.into())?;
    Ok(record)
}

/// An archive of stored entries, without checksums: what [`Archive`] reads, and no more.
pub(super) fn write(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let header = (bytes.len() as u32).to_le_bytes();
        let (size, length) = ((data.len() as u32).to_le_bytes(), (name.len() as u16).to_le_bytes());
        // Flags, method, time, date, checksum, both sizes, the lengths of the name and of what follows it.
        let common = [&[0; 12][..], &size, &size, &length, &[0; 2]].concat();
        bytes.extend([MAGIC, &[10, 0], &common, name.as_bytes(), data].concat());
        directory.extend([&ENTRY[..], &[10, 0, 10, 0], &common, &[0; 10], &header, name.as_bytes()].concat());
    }
    let (start, size) = ((bytes.len() as u32).to_le_bytes(), (directory.len() as u32).to_le_bytes());
    let count = (entries.len() as u16).to_le_bytes();
    bytes.extend(directory);
    bytes.extend([&END[..], &[0; 4], &count, &count, &size, &start, &[0; 2]].concat());
    bytes
}
