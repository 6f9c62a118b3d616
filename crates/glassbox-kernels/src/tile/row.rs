//! From row to row: the addresses at which a row of every operand begins.

use super::compile::{MAX_LOADS, MAX_STORES};
use super::interpret::Piece;
use super::space::{Bound, MAX_RANK, Space};

/// Where the row begins that is gone over, in every source and every destination. What changes from row to row isn't worth
/// being compiled for every level.
pub(super) struct Row {
    pub(super) index: [usize; MAX_RANK],
    pub(super) sources: [*mut u8; MAX_LOADS],
    pub(super) destinations: [*mut u8; MAX_STORES],
}

impl Row {
    #[inline(never)]
    pub(super) fn first(piece: &Piece) -> Row {
        let mut row = Row {
            index: piece.space.index(piece.rows.start),
            sources: [std::ptr::null_mut(); MAX_LOADS],
            destinations: [std::ptr::null_mut(); MAX_STORES],
        };
        row.find(piece);
        row
    }

    fn find(&mut self, piece: &Piece) {
        for (number, pointer) in self.sources.iter_mut().enumerate().take(piece.sources.len()) {
            *pointer = piece.source(number).at(&self.index, 0);
        }
        for (pointer, destination) in self.destinations.iter_mut().zip(piece.destinations) {
            *pointer = destination.at(&self.index, 0);
        }
    }

    /// Goes so many rows on.
    #[inline(never)]
    pub(super) fn advance(&mut self, piece: &Piece, rows: usize) {
        if piece.space.rows.len() > 1 {
            (0..rows).for_each(|_| piece.space.next(&mut self.index));
            self.find(piece);
            return;
        }
        self.index[0] += rows;
        let on = |pointer: &mut *mut u8, bound: &Bound| {
            *pointer = pointer.wrapping_offset(bound.distance(rows, bound.row_strides.first().copied().unwrap_or(0)));
        };
        for (number, pointer) in self.sources.iter_mut().enumerate().take(piece.sources.len()) {
            on(pointer, piece.source(number));
        }
        for (pointer, destination) in self.destinations.iter_mut().zip(piece.destinations) {
            on(pointer, destination);
        }
    }
}

impl Space<'_> {
    /// The indices of a row.
    fn index(&self, row: usize) -> [usize; MAX_RANK] {
        let (mut index, mut rest) = ([0; MAX_RANK], row);
        for (index, size) in index.iter_mut().zip(self.rows).rev() {
            *index = rest % size;
            rest /= size;
        }
        index
    }

    /// The indices of the next row.
    #[inline(never)]
    pub(super) fn next(&self, index: &mut [usize; MAX_RANK]) {
        for (index, size) in index.iter_mut().zip(self.rows).rev() {
            *index += 1;
            if *index < *size {
                return;
            }
            *index = 0;
        }
    }
}
