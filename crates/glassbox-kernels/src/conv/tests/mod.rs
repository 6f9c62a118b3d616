//! Convolutions and pools against plain loops.

mod direct;
mod epilogue;
mod plain;
mod pools;
mod special;
mod winograd;
