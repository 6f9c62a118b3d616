//! Where two runs of a model part, and which node is at fault.

pub mod report;
pub mod view;
