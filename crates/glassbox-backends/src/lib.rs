//! The table of everything that runs a graph. A backend is a row of [`BACKENDS`]; command line, simulator, text
//! generator and test suites look it up by name.
//!
//! **Invariant:** no other crate names a backend's own types, so that a new one appears everywhere by its row.
//!
//! ```
//! use glassbox_backends::{BACKENDS, find, options};
//! assert_eq!(find("reference")?.name(), "reference");
//! assert!(find("referense").err().unwrap().to_string().contains("did you mean `reference`"));
//! assert!(BACKENDS.iter().any(|backend| backend.name == "cpu"));
//! # let _ = options();
//! # Ok::<(), glassbox_backends::UnknownBackend>(())
//! ```
//!
//! Runs a graph in a session that is paused after each node, and cuts what it keeps:
//!
//! ```
//! use std::sync::Arc;
//! use glassbox_exec::{Event, Flow, Observer, Progress, RunContext, RunError};
//! use glassbox_ir::text::{ParseOptions, parse};
//! use glassbox_tensor::{NoParams, Tensor};
//!
//! struct AfterEach;
//! impl Observer for AfterEach {
//!     fn observe(&mut self, _: &Event) -> Result<Flow, RunError> {
//!         Ok(Flow::Pause)
//!     }
//! }
//!
//! let source = "graph \"cache\" { state @k: f32[?] input %x: f32[N]
//!     %y = neg(%x) %all = state_append(%y) {state = \"k\", axis = 0} output %all }";
//! let graph = Arc::new(parse(source, &ParseOptions::default())?);
//! let executable = glassbox_backends::reference().prepare(graph, Arc::new(NoParams), &glassbox_backends::options())?;
//! let mut session = executable.session()?;
//! session.start(&[Tensor::from_vec(&[2], vec![1.0f32, 2.0])?.into()])?;
//! assert!(matches!(session.resume(RunContext::new().observed(&mut AfterEach))?, Progress::Paused));
//! assert_eq!(session.states().extents("k")?, [0]);
//! assert!(matches!(session.resume(RunContext::new())?, Progress::Done(_)));
//! // What was remembered can be cut, and a fork goes its own way from there.
//! session.states_mut().truncate("k", 0, 1)?;
//! let fork = session.fork()?;
//! session.states_mut().reset()?;
//! assert_eq!((session.states().extents("k")?, fork.states().extents("k")?), (vec![0], vec![1]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod testing;
mod toy;

use std::sync::Arc;

use glassbox_exec::{Options, Runtime};
use glassbox_ir::text::nearest;
use thiserror::Error;

/// A row of the table.
pub struct BackendEntry {
    /// The name, as the command line has it.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// Makes it.
    pub make: fn() -> Arc<dyn Runtime>,
}

/// Every backend, the one that is taken where none is named first.
pub const BACKENDS: &[BackendEntry] = &[
    BackendEntry {
        name: "cpu",
        about: "kernels for the processor of this machine; what has none runs on the reference",
        make: || Arc::new(glassbox_cpu::Cpu),
    },
    BackendEntry {
        name: "reference",
        about: "the interpreter that says what every op means",
        make: || Arc::new(glassbox_reference::Reference),
    },
    BackendEntry {
        name: "toy",
        about: "computes nothing itself: every node falls back to the reference, and its report says so",
        make: || Arc::new(toy::Toy),
    },
];

/// No backend has this name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no backend is named `{name}`; there are {}{}", listed(), meant(.name))]
pub struct UnknownBackend {
    /// The name.
    pub name: String,
}

/// The backend that is named `name`.
///
/// # Errors
///
/// Where there is none; the error lists those that there are.
///
/// ```
/// use glassbox_backends::find;
/// assert_eq!(find("toy")?.name(), "toy");
/// let error = find("vulkan").err().unwrap().to_string();
/// assert_eq!(error, "no backend is named `vulkan`; there are `cpu`, `reference`, `toy`");
/// # Ok::<(), glassbox_backends::UnknownBackend>(())
/// ```
pub fn find(name: &str) -> Result<Arc<dyn Runtime>, UnknownBackend> {
    match BACKENDS.iter().find(|backend| backend.name == name) {
        Some(backend) => Ok((backend.make)()),
        None => Err(UnknownBackend { name: name.to_owned() }),
    }
}

/// The reference, which says what is right.
///
/// ```
/// assert_eq!(glassbox_backends::reference().name(), "reference");
/// ```
pub fn reference() -> Arc<dyn Runtime> {
    Arc::new(glassbox_reference::Reference)
}

/// Options with everything registered that this program was built with: image formats, where it has them.
///
/// ```
/// assert_eq!(glassbox_backends::options().images.is_some(), cfg!(feature = "images"));
/// ```
pub fn options() -> Options {
    Options {
        #[cfg(feature = "images")]
        images: Some(glassbox_exec::ImageDecoder::new(glassbox_image::ImageFiles)),
        ..Options::default()
    }
}

fn listed() -> String {
    BACKENDS.iter().map(|backend| format!("`{}`", backend.name)).collect::<Vec<_>>().join(", ")
}

/// What may be meant by a name that nothing has.
fn meant(name: &str) -> String {
    let near = nearest(name, BACKENDS.iter().map(|backend| backend.name));
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own_and_can_be_found() {
        for (place, backend) in BACKENDS.iter().enumerate() {
            assert!(BACKENDS[..place].iter().all(|other| other.name != backend.name), "{}", backend.name);
            assert!(!backend.about.is_empty() && find(backend.name).is_ok(), "{}", backend.name);
        }
    }

    #[test]
    fn what_is_meant_is_near() {
        assert_eq!(meant("toi"), "; did you mean `toy`?");
        assert_eq!(meant("vulkan"), "");
    }
}
