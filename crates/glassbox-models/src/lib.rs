//! Families of language models as graphs.
//!
//! [`build`] takes the configuration of a checkpoint and the description of its parameters and gives
//! the graph of one step: tokens in, logits out, with what the model remembers in states; all of them have
//! [rows], which know nothing of each other. Which model it is, a [`Family`] says: its name in configurations and a function that builds the graph from
//! [`layers`]. No data of a parameter is read: the graph names its parameters, and whoever runs it
//! brings them.
//!
//! Checkpoints as transformers saves them have both; of a GGUF file, [`gguf::open`] makes both.
//!
//! Refuses, with a [`ModelError`]: a family that there isn't, a configuration that lacks or contradicts
//! something, a setting that isn't built, and a checkpoint whose parameters don't have the dims that
//! its configuration says.

mod config;
mod error;
pub mod families;
pub mod gguf;
pub mod layers;
mod net;
pub mod rows;

pub use config::Config;
pub use error::ModelError;
pub use families::{Family, find};
pub use net::{Net, Options, build, step};
pub use rows::{New, batch};
