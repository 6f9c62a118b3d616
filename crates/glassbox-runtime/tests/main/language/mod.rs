//! The `graph!` language, held against what others compute.

mod differential;
