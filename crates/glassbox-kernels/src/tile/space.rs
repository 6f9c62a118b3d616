//! Where a program's numbers lie: spaces, sources and destinations, and their checks.

use half::{bf16, f16};

use super::program::Format;

/// The most outer dims that a [`Space`] may have.
pub const MAX_RANK: usize = 8;

/// The elements that a program goes over: every combination of indices of the outer dims is a row, of so many columns.
/// Neighbouring dims that are contiguous in all operands are better collapsed, those of an elementwise program into the
/// columns.
#[derive(Clone, Copy, Debug)]
pub struct Space<'a> {
    /// Sizes of the outer dims, [`MAX_RANK`] at most; no dims are one row.
    pub rows: &'a [usize],
    /// How many elements a row has.
    pub columns: usize,
}

impl Space<'_> {
    /// How many rows there are.
    ///
    /// # Panics
    /// Where their number or that of the elements overflows.
    pub fn row_count(&self) -> usize {
        let rows = self.rows.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
        let rows = rows.filter(|rows| rows.checked_mul(self.columns).is_some());
        assert!(rows.is_some(), "more elements than a usize counts");
        rows.unwrap_or(0)
    }
}

/// Numbers to read.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "named as their formats")]
pub enum Data<'a> {
    F32(&'a [f32]),
    F16(&'a [f16]),
    Bf16(&'a [bf16]),
    F64(&'a [f64]),
    Bool(&'a [u8]),
    U8(&'a [u8]),
    I8(&'a [i8]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    /// What the destination of this number holds before the run, at the place that is then written.
    Destination(usize),
}

/// Numbers to write.
#[derive(Debug)]
#[allow(missing_docs, reason = "named as their formats")]
pub enum DataMut<'a> {
    F32(&'a mut [f32]),
    F16(&'a mut [f16]),
    Bf16(&'a mut [bf16]),
    F64(&'a mut [f64]),
    Bool(&'a mut [u8]),
}

/// What a load reads: the element of a row and a column is at `offset` + Σ index · `row_strides` + column ·
/// `column_stride`. A stride of 0 repeats.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The numbers.
    pub data: Data<'a>,
    /// Where the first element is.
    pub offset: usize,
    /// One stride for each outer dim.
    pub row_strides: &'a [isize],
    /// From column to column.
    pub column_stride: isize,
}

impl<'a> Source<'a> {
    /// What the destination of this number holds before the run: a program that works in place.
    pub fn destination(number: usize) -> Source<'a> {
        Source { data: Data::Destination(number), offset: 0, row_strides: &[], column_stride: 0 }
    }
}

/// Where a store writes; no two elements may be at one place.
#[derive(Debug)]
pub struct Destination<'a> {
    /// The numbers.
    pub data: DataMut<'a>,
    /// Where the first element is.
    pub offset: usize,
    /// One stride for each outer dim.
    pub row_strides: &'a [isize],
    /// From column to column.
    pub column_stride: isize,
}

/// A source or a destination that was checked, as a pointer: every element of the space is within what it points into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound<'a> {
    pub(super) format: Format,
    /// The element of the first row and column.
    pub(super) first: *mut u8,
    pub(super) row_strides: &'a [isize],
    pub(super) column_stride: isize,
    /// The destination of which this source is the content before the run.
    pub(super) in_place: Option<usize>,
}

// SAFETY: what a Bound points to is read or written by the pieces of a run, whose destinations don't overlap, while the
// run borrows it.
unsafe impl Send for Bound<'_> {}
// SAFETY: as above.
unsafe impl Sync for Bound<'_> {}

impl<'a> Bound<'a> {
    /// Nothing.
    pub(super) const NOTHING: Bound<'static> =
        Bound { format: Format::F32, first: std::ptr::null_mut(), row_strides: &[], column_stride: 0, in_place: None };

    /// # Panics
    /// Where an element of the space is outside of what is borrowed.
    pub(super) fn source(source: &Source<'a>, space: &Space, destinations: &[Bound<'a>]) -> Bound<'a> {
        let (format, pointer, length) = match source.data {
            Data::F32(data) => (Format::F32, data.as_ptr().cast::<u8>(), data.len()),
            Data::F16(data) => (Format::F16, data.as_ptr().cast(), data.len()),
            Data::Bf16(data) => (Format::Bf16, data.as_ptr().cast(), data.len()),
            Data::F64(data) => (Format::F64, data.as_ptr().cast(), data.len()),
            Data::Bool(data) => (Format::Bool, data.as_ptr(), data.len()),
            Data::U8(data) => (Format::U8, data.as_ptr(), data.len()),
            Data::I8(data) => (Format::I8, data.as_ptr().cast(), data.len()),
            Data::I32(data) => (Format::I32, data.as_ptr().cast(), data.len()),
            Data::I64(data) => (Format::I64, data.as_ptr().cast(), data.len()),
            Data::Destination(number) => {
                assert!(number < destinations.len(), "a source names a destination that isn't there");
                return Bound { in_place: Some(number), ..destinations[number] };
            }
        };
        let mut bound = Bound {
            format,
            first: pointer.cast_mut(),
            row_strides: source.row_strides,
            column_stride: source.column_stride,
            in_place: None,
        };
        bound.begin_at(source.offset, length, space);
        bound
    }

    /// # Panics
    /// Where an element of the space is outside of what is borrowed, or two are at one place.
    pub(super) fn destination(destination: &mut Destination<'a>, space: &Space) -> Bound<'a> {
        let (format, first, length) = match &mut destination.data {
            DataMut::F32(data) => (Format::F32, data.as_mut_ptr().cast::<u8>(), data.len()),
            DataMut::F16(data) => (Format::F16, data.as_mut_ptr().cast(), data.len()),
            DataMut::Bf16(data) => (Format::Bf16, data.as_mut_ptr().cast(), data.len()),
            DataMut::F64(data) => (Format::F64, data.as_mut_ptr().cast(), data.len()),
            DataMut::Bool(data) => (Format::Bool, data.as_mut_ptr(), data.len()),
        };
        let (row_strides, column_stride) = (destination.row_strides, destination.column_stride);
        let mut bound = Bound { format, first, row_strides, column_stride, in_place: None };
        bound.begin_at(destination.offset, length, space);
        assert!(bound.is_injective(space), "two elements are written to one place");
        bound
    }

    fn begin_at(&mut self, offset: usize, length: usize, space: &Space) {
        assert!(self.row_strides.len() == space.rows.len(), "as many strides as outer dims");
        if space.row_count() == 0 || space.columns == 0 {
            return;
        }
        // The lowest and the highest place of any element; i128 has room for sums of products of sizes and strides.
        let (mut lowest, mut highest) = (offset as i128, offset as i128);
        for (size, stride) in self.dims(space) {
            let reach = (size as i128 - 1) * stride as i128;
            lowest += reach.min(0);
            highest += reach.max(0);
        }
        assert!(lowest >= 0 && highest < length as i128, "elements from {lowest} to {highest} of {length}");
        // SAFETY: offset is between the lowest and the highest place, which are within what `first` points into.
        self.first = unsafe { self.first.add(offset * self.format.size()) };
    }

    fn dims(&self, space: &Space) -> impl Iterator<Item = (usize, isize)> {
        let rows = space.rows.iter().copied().zip(self.row_strides.iter().copied());
        rows.chain([(space.columns, self.column_stride)])
    }

    /// Whether every dim steps over all that the dims of smaller steps reach.
    fn is_injective(&self, space: &Space) -> bool {
        space.row_count() == 0
            || space.columns == 0
            || self.dims(space).enumerate().filter(|(_, (size, _))| *size > 1).all(|(place, (_, stride))| {
                let smaller = self.dims(space).enumerate().filter(|(other, (_, other_stride))| {
                    *other != place && other_stride.unsigned_abs() <= stride.unsigned_abs()
                });
                let reach: u128 =
                    smaller.map(|(_, (size, other))| (size as u128 - 1) * other.unsigned_abs() as u128).sum();
                stride.unsigned_abs() as u128 > reach
            })
    }

    /// Whether every element is the same one.
    pub(super) fn is_one(&self, space: &Space) -> bool {
        self.dims(space).all(|(size, stride)| size <= 1 || stride == 0)
    }

    /// Whether element follows on element, row on row.
    pub(super) fn is_dense(&self, space: &Space) -> bool {
        let mut expected = space.columns as isize;
        let rows = space.rows.iter().zip(self.row_strides).rev().all(|(size, stride)| {
            let follows = *size <= 1 || *stride == expected;
            expected *= *size as isize;
            follows
        });
        rows && (self.column_stride == 1 || space.columns <= 1)
    }

    /// The element of a row and a column. That of other indices may be anywhere: the pointer is only read or written where
    /// the element is within what `first` belongs to.
    #[inline(always)]
    pub(super) fn at(&self, row: &[usize; MAX_RANK], column: usize) -> *mut u8 {
        let mut place = (column as isize).wrapping_mul(self.column_stride);
        for (stride, index) in self.row_strides.iter().zip(row) {
            place = place.wrapping_add((*index as isize).wrapping_mul(*stride));
        }
        self.first.wrapping_offset(place.wrapping_mul(self.format.size() as isize))
    }
}
