//! Which keys a query may see, by their places.

use std::ops::Range;

use super::{Attention, Offset};

impl Attention<'_> {
    /// How many keys a row of the batch has.
    pub(super) fn length(&self, batch: usize) -> usize {
        self.lengths.map_or(self.sizes.keys, |lengths| lengths[batch].min(self.sizes.keys))
    }

    /// The keys that a query may see by its position, windows and the length of its row; empty at 0 where none.
    pub(super) fn seen(&self, batch: usize, query: usize) -> Range<usize> {
        let number = |x: usize| i64::try_from(x).unwrap_or(i64::MAX);
        let length = self.length(batch);
        let offset = match self.offset {
            Offset::Keys(offset) => i64::try_from(offset).unwrap_or(if offset < 0 { i64::MIN } else { i64::MAX }),
            Offset::Last => {
                let length = self.lengths.map_or(self.sizes.keys, |lengths| lengths[batch]);
                number(length).saturating_sub(number(self.sizes.queries))
            }
        };
        let position = number(query).saturating_add(offset);
        let up_to = |last: i64| usize::try_from(last.saturating_add(1).max(0)).unwrap_or(usize::MAX);
        let mut end = length;
        if self.causal {
            end = end.min(up_to(position));
        }
        if let Some(right) = self.right {
            end = end.min(up_to(position.saturating_add(number(right))));
        }
        let begin = self.left.map_or(0, |left| position.saturating_sub(number(left)).max(0));
        let begin = usize::try_from(begin).unwrap_or(usize::MAX);
        if begin < end { begin..end } else { 0..0 }
    }
}

/// The smallest range that covers both; an empty one covers nothing.
#[inline(always)]
pub(super) fn union(a: Range<usize>, b: Range<usize>) -> Range<usize> {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b,
        (_, true) => a,
        _ => a.start.min(b.start)..a.end.max(b.end),
    }
}

/// What of a range lies in a block, as places in the block; empty at 0 where nothing.
#[inline(always)]
pub(super) fn within(range: &Range<usize>, block: &Range<usize>) -> Range<usize> {
    let (begin, end) = (range.start.max(block.start), range.end.min(block.end));
    if begin < end { begin - block.start..end - block.start } else { 0..0 }
}
