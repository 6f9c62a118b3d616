//! The tests of the importer, in one binary: encodings, files, names, functions, bodies, versions, ops of other
//! domains, and the page of all ops.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bodies;
mod defaults;
mod edit;
mod encodings;
mod external;
mod foreign;
mod functions;
mod graphs;
mod maps;
mod microsoft;
mod names;
mod network_versions;
mod never_run;
mod order;
mod protos;
mod table;
mod tolerated;
mod versions;
