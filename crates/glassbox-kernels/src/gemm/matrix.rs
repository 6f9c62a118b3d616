//! Matrices as they lie in memory: a slice and two strides.

/// A matrix of `rows` × `columns` elements, any of which is `row · row_stride + column · column_stride` further than the
/// first. A transposed matrix is one with its strides exchanged.
///
/// ```
/// use glassbox_kernels::gemm::MatrixRef;
/// let matrix = MatrixRef::new(&[1, 2, 3, 4, 5, 6], 2, 3, 3, 1);
/// assert_eq!(matrix.transposed().rows(), 3);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MatrixRef<'a, T> {
    values: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T: Copy> MatrixRef<'a, T> {
    /// The matrix of these strides.
    ///
    /// # Panics
    /// Where an element lies past the end of `values`.
    pub fn new(values: &'a [T], rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> Self {
        if rows > 0 && columns > 0 {
            let place = |count: usize, stride: usize| (count - 1).checked_mul(stride);
            let last = place(rows, row_stride).zip(place(columns, column_stride)).and_then(|(x, y)| x.checked_add(y));
            let there = values.len();
            assert!(last.is_some_and(|last| last < there), "a matrix of {rows} × {columns} past the end of {there}");
        }
        MatrixRef { values, rows, columns, row_stride, column_stride }
    }

    /// The matrix whose rows lie one after the other.
    ///
    /// # Panics
    /// Where `values` are fewer than `rows · columns`.
    pub fn of_rows(values: &'a [T], rows: usize, columns: usize) -> Self {
        MatrixRef::new(values, rows, columns, columns, 1)
    }

    /// Rows and columns exchanged.
    pub fn transposed(self) -> Self {
        MatrixRef {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Some of its rows.
    ///
    /// # Panics
    /// Where it has fewer.
    pub fn some_rows(self, rows: std::ops::Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        // Without elements nothing is read, and a row may begin behind the end.
        let values = self.values.get(rows.start.saturating_mul(self.row_stride)..).unwrap_or_default();
        MatrixRef { values, rows: rows.len(), ..self }
    }

    /// How many rows.
    pub fn rows(self) -> usize {
        self.rows
    }

    /// How many columns.
    pub fn columns(self) -> usize {
        self.columns
    }

    /// How much further the next row's elements are.
    pub fn row_stride(self) -> usize {
        self.row_stride
    }

    /// How much further the next column's elements are.
    pub fn column_stride(self) -> usize {
        self.column_stride
    }

    /// Where the element lies. Only that of an element of the matrix can be read.
    #[inline(always)]
    pub(super) fn place(self, row: usize, column: usize) -> *const T {
        self.values.as_ptr().wrapping_add(row * self.row_stride + column * self.column_stride)
    }

    /// Where the rows lie, if they do so one after the other, and how many bytes each has.
    pub(super) fn dense_rows(self) -> Option<(*const u8, usize)> {
        let dense = self.column_stride == 1 && self.row_stride == self.columns;
        dense.then(|| (self.values.as_ptr().cast(), self.columns * size_of::<T>()))
    }

    /// The element.
    #[inline(always)]
    pub(super) fn get(self, row: usize, column: usize) -> T {
        debug_assert!(row < self.rows && column < self.columns);
        // SAFETY: `new` has seen that every element lies within the slice, and the callers stay within the matrix.
        unsafe { *self.place(row, column) }
    }

    /// `count` elements of a row from `column` on, where they lie beside each other.
    #[inline(always)]
    pub(super) fn row_part(self, row: usize, column: usize, count: usize) -> Option<&'a [T]> {
        debug_assert!(row < self.rows && column + count <= self.columns);
        (self.column_stride == 1 || count == 1)
            // SAFETY: as in `get`.
            .then(|| unsafe { std::slice::from_raw_parts(self.place(row, column), count) })
    }
}

/// Asserts that a result of `rows` × `columns` fits, and that its rows don't overlap.
pub(super) fn assert_fits<T>(c: &[T], stride: usize, rows: usize, columns: usize) {
    if rows == 0 || columns == 0 {
        return;
    }
    assert!(stride >= columns || rows == 1, "rows of {columns} that are {stride} apart");
    let end = (rows - 1).checked_mul(stride).and_then(|last| last.checked_add(columns));
    let there = c.len();
    assert!(end.is_some_and(|end| end <= there), "a result of {rows} × {columns} past the end of {there}");
}
