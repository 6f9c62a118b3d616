//! Convolutions and pools against plain loops.

mod direct;
mod plain;
