//! The header of version 3: 128 bytes that say how long everything is, with hashes of themselves and of the
//! tables.

use crate::cursor::Cursor;
use crate::error::WeightsError;

pub(crate) const MAGIC: &[u8; 5] = b"OINF\0";
pub(super) const VERSION: u32 = 3;
/// The length of the header; the tables follow.
pub(super) const HEADER: u64 = 128;
/// How much of the header its own hash covers.
const HASHED: usize = 96;
/// All data begins at multiples of this.
pub(super) const ALIGNMENT: u64 = 64;

/// The fields of the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) file_length: u64,
    pub(super) tables_length: u64,
    pub(super) metadata: u32,
    pub(super) sizes: u32,
    pub(super) tensors: u32,
    pub(super) states: u32,
    pub(super) blobs: u32,
    pub(super) tables_hash: [u8; 32],
}

impl Header {
    /// Where the data begins.
    pub(super) fn data(&self) -> u64 {
        HEADER.saturating_add(self.tables_length).checked_next_multiple_of(ALIGNMENT).unwrap_or(u64::MAX)
    }

    /// The bytes of the header.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER as usize);
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend([0; 7]);
        for number in [self.file_length, self.tables_length, self.data()] {
            out.extend(number.to_le_bytes());
        }
        for count in [self.metadata, self.sizes, self.tensors, self.states, self.blobs, 0] {
            out.extend(count.to_le_bytes());
        }
        out.extend(self.tables_hash);
        let hash = blake3::hash(&out);
        out.extend(hash.as_bytes());
        out
    }

    /// Reads the header at the beginning of a file's bytes.
    pub(super) fn decode(bytes: &[u8]) -> Result<Header, WeightsError> {
        let mut cursor = Cursor::new(bytes, 0, "the header");
        let whole = cursor.take(HEADER)?;
        let (hashed, hash) = whole.split_at(HASHED);
        if blake3::hash(hashed).as_bytes() != hash {
            return Err(WeightsError::damaged(0, "the header", "its hash isn't that of its bytes"));
        }
        let mut cursor = Cursor::new(whole, 0, "the header");
        cursor.take(9)?;
        if cursor.array::<7>()? != [0; 7] {
            return Err(cursor.wrong("bytes 9 to 16 must be zero"));
        }
        let (file_length, tables_length, data) = (cursor.u64()?, cursor.u64()?, cursor.u64()?);
        let header = Header {
            file_length,
            tables_length,
            metadata: cursor.u32()?,
            sizes: cursor.u32()?,
            tensors: cursor.u32()?,
            states: cursor.u32()?,
            blobs: cursor.u32()?,
            tables_hash: {
                if cursor.u32()? != 0 {
                    return Err(cursor.wrong("bytes 60 to 64 must be zero"));
                }
                cursor.array()?
            },
        };
        if header.data() != data {
            return Err(cursor.wrong(format!("the data must begin at {}, not at {data}", header.data())));
        }
        if file_length != bytes.len() as u64 {
            let found = bytes.len();
            return Err(cursor.wrong(format!(
                "the file must have {file_length} bytes, but has {found}; it is cut short or too long"
            )));
        }
        if data > file_length {
            return Err(cursor.wrong(format!("the data begins at {data}, after the end of the file at {file_length}")));
        }
        Ok(header)
    }
}

/// A file of tables without data, with hashes that are right; for fuzzing. The counts are those of metadata, sizes,
/// tensors, states and blobs.
pub(crate) fn wrap_tables(counts: [u32; 5], tables: &[u8]) -> Vec<u8> {
    let [metadata, sizes, tensors, states, blobs] = counts;
    let tables_length = tables.len() as u64;
    let tables_hash = *blake3::hash(tables).as_bytes();
    let mut header = Header { file_length: 0, tables_length, metadata, sizes, tensors, states, blobs, tables_hash };
    header.file_length = header.data();
    let mut bytes = [&header.encode()[..], tables].concat();
    bytes.resize(header.file_length as usize, 0);
    bytes
}
