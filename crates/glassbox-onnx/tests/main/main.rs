//! The tests of the importer, in one binary: encodings, files, names, functions, bodies, versions, ops of other
//! domains, and the page of all ops.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bodies;
mod edit;
mod encodings;
mod external;
mod functions;
mod graphs;
mod microsoft;
mod names;
mod network_versions;
mod protos;
mod table;
mod versions;
