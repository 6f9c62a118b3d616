//! What is made of reports: text as it shall look, JSON that keeps to its schema, pages that are well formed.

mod diff;
mod fixtures;
mod golden;
mod hostile;
mod page;
mod schema;
