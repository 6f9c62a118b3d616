//! Rows: sequences that a step goes on with side by side, each with as many new tokens as it has.
//!
//! In come tokens `[B, T]` and how many of each row are there; the rest are padding. A layer works on all alike. What may
//! not hang on padding asks [`Rows`] which tokens are there: the places that attention goes by, what a recurrent layer
//! remembers, the experts of a mixture, the last logits.

use glassbox_ir::{Dim, Expr, attrs, ops};
use glassbox_tensor::{Tensor, TensorError};

use crate::layers::{count_to, extent};

/// The input of tokens, `i64[B, T]`.
pub const TOKENS: &str = "tokens";
/// The input that says how many of each row's tokens are there, `i64[B]`.
pub const LENGTHS: &str = "lengths";

/// The tokens that a step is given.
#[derive(Clone, Copy)]
pub struct New<'b> {
    /// Those of each row, in its first places: i64[B, T].
    pub tokens: Expr<'b>,
    /// How many each row has: i64[B]. More than T is as T, less than 0 as 0.
    pub lengths: Expr<'b>,
}

/// The rows of a step.
#[derive(Clone, Copy)]
pub struct Rows<'b> {
    tokens: Expr<'b>,
    lengths: Expr<'b>,
    there: Expr<'b>,
}

impl<'b> Rows<'b> {
    /// The rows of these tokens.
    pub(crate) fn of(new: New<'b>) -> Rows<'b> {
        let New { tokens, lengths } = new;
        let f = tokens.owner();
        let all = extent(tokens, 1);
        let lengths = lengths.maximum(f.int(0)).minimum(all);
        let there = count_to(all).less(lengths.unsqueeze(&[1]));
        Rows { tokens, lengths, there }
    }

    /// How many rows there are.
    pub fn count(&self) -> Dim {
        self.tokens.dims().and_then(|dims| dims.first().cloned()).unwrap_or(Dim::Unknown)
    }

    /// The tokens, i64[B, T].
    pub fn tokens(&self) -> Expr<'b> {
        self.tokens
    }

    /// How many tokens each row has, from 0 to T: i64[B].
    pub fn lengths(&self) -> Expr<'b> {
        self.lengths
    }

    /// Which tokens are there: bool[B, T]; the others are padding.
    pub fn there(&self) -> Expr<'b> {
        self.there
    }

    /// What x [B, T, n] is after each row's last token: [B, 1, n]. Of a row without tokens it is that of some padding.
    pub fn last(&self, x: Expr<'b>) -> Expr<'b> {
        pick(x, self.lengths - self.tokens.owner().int(1))
    }
}

/// Of each row of x [B, T, n] the place that i64[B] says: [B, 1, n]. Places below 0 count from the end.
pub(crate) fn pick<'b>(x: Expr<'b>, places: Expr<'b>) -> Expr<'b> {
    let places = places.unsqueeze(&[1, 2]);
    x.owner().op(&ops::gather_nd::OP, &[x, places], attrs! { batch_dims: 1 })
}

/// The inputs of a step for these rows: `tokens`, with zeros after the end of rows that are shorter than the longest, and
/// `lengths`.
///
/// # Errors
///
/// Where there is no memory for them.
///
/// ```
/// let [tokens, lengths] = glassbox_models::batch(&[&[7, 8, 9][..], &[], &[4]])?;
/// assert_eq!(tokens.to_vec::<i64>()?, [7, 8, 9, 0, 0, 0, 4, 0, 0]);
/// assert_eq!((tokens.shape(), lengths.to_vec::<i64>()?), (&[3, 3][..], vec![3, 0, 1]));
/// # Ok::<(), glassbox_tensor::TensorError>(())
/// ```
pub fn batch(rows: &[&[i64]]) -> Result<[Tensor; 2], TensorError> {
    let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let mut tokens = Vec::with_capacity(rows.len() * longest);
    for row in rows {
        tokens.extend_from_slice(row);
        tokens.resize(tokens.len() + longest - row.len(), 0);
    }
    let lengths = rows.iter().map(|row| row.len() as i64).collect();
    Ok([Tensor::from_vec(&[rows.len(), longest], tokens)?, Tensor::from_vec(&[rows.len()], lengths)?])
}
