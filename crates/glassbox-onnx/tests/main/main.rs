//! The tests of the importer, in one binary: encodings, files, names, functions, bodies, versions.

mod bodies;
mod encodings;
mod external;
mod functions;
mod graphs;
mod names;
mod network_versions;
mod protos;
mod versions;
