//! A [`Report`](crate::report::Report) as a person or a program reads it: on a terminal, as JSON, and as a page that can
//! be sent around.
//!
//! In: the report, and nothing else, so that a report can be shown again and elsewhere. Out: text. What all views share is
//! beside them: the words for kinds and causes, numbers and names that fit a place, the choice of rows, and one scale from a
//! difference to a colour ([`Heat`]). Names come from files: control characters are made visible everywhere, and
//! each view escapes what its language would read.
//!
//! ```
//! use glassbox_check::report::{Report, Verdict};
//! use glassbox_check::view::{self, TextOptions};
//!
//! let report = Report { model: "a.onnx".into(), against: "b.onnx".into(), ..Report::default() };
//! let text = view::text(&report, &TextOptions::default());
//! assert!(text.starts_with("✓ agrees: 0 values compared"));
//! assert_eq!(view::json(&report)["agrees"], true);
//! assert!(view::html(&report).starts_with("<!DOCTYPE html>"));
//! ```

pub(crate) mod fit;
mod heat;
mod histogram;
mod html;
mod json;
mod rows;
pub(crate) mod sheet;
mod svg;
mod text;
mod words;

pub use heat::Heat;
pub use html::html;
pub use json::json;
pub use svg::svg;
pub use text::{TextOptions, text};
