//! What `glassbox check` takes.

use std::path::PathBuf;

use clap::Args;
use glassbox_check::tolerance::Rule;

use super::ModelAndInputs;

#[derive(Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) model: ModelAndInputs,
    /// What to hold it against: another model (a file or folder, also a program); `precise`, the same graph in f64; a backend, which if it is
    /// the one that runs the model computes on one thread, from which nothing may differ by a bit; `onnxruntime`, with
    /// the same file or with `onnxruntime:FILE`; `torch`; values in a .npz file, in a folder of `trace --save` or in a
    /// file of polygraphy
    #[arg(long, value_name = "MODEL|NAME|VALUES")]
    pub(crate) against: String,
    /// Let differences pass that are relatively smaller, wherever they are
    #[arg(long)]
    pub(crate) rtol: Option<f64>,
    /// Let differences pass that are absolutely smaller, wherever they are
    #[arg(long)]
    pub(crate) atol: Option<f64>,
    /// Let differences of some values pass: TARGET is `output`, `output:NAME`, `op:OP` or a name with stars
    #[arg(long, value_name = "TARGET=RTOL[,ATOL[,ULP]]")]
    pub(crate) tolerance: Vec<Rule>,
    /// Every bit that differs is a difference
    #[arg(long, conflicts_with_all = ["rtol", "atol", "tolerance"])]
    pub(crate) exact: bool,
    /// The Python that has onnxruntime or torch [default: that of $VIRTUAL_ENV, else python3]
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) python: Option<PathBuf>,
    /// How many seconds the other program may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) timeout: u64,
    /// How many values to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,
    /// Show every value
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a page that shows it all
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}
