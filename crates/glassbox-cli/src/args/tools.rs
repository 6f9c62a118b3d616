//! What the commands that make models of models take: `convert`, `extract`, `set`, `reduce`, `stats`.

use std::path::PathBuf;

use clap::Args;

use super::ModelAndInputs;

#[derive(Args)]
pub(crate) struct Convert {
    /// What to convert: a folder or a file of weights (safetensors, GGUF, PyTorch, .oinf), an ONNX file, a graph as text
    /// (.gb) or JSON
    pub(crate) source: String,
    /// What to write; the ending says what: weights (.oinf, .safetensors), a graph as text (.gb) or JSON (.json), with the
    /// weights of a checkpoint beside it (.oinf), or the same ONNX model (.onnx)
    pub(crate) target: PathBuf,
    /// What matrices become: q8_0, q4_0, q4_k, i8, bf16, f16 or f32 (.oinf and .safetensors)
    #[arg(long, value_name = "DTYPE")]
    pub(crate) quantize: Option<glassbox_weights::Target>,
    /// Change the metadata: a key that is there keeps its type; KEY:TYPE=VALUE adds one, of u8 to i64, f32, f64, bool,
    /// string, or a list such as [string] (not for .onnx)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Replace a file that exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct Extract {
    /// An ONNX file, a graph as text (.gb) or JSON, a checkpoint of a language model, or one that comes with Glassbox
    pub(crate) model: String,
    /// A value that the piece begins with [default: the inputs of the model]
    #[arg(long, value_name = "VALUE")]
    pub(crate) from: Vec<String>,
    /// A value that the piece ends with [default: the outputs of the model]
    #[arg(long, value_name = "VALUE")]
    pub(crate) to: Vec<String>,
    /// What to write: .onnx (of an ONNX file), .gb or .json, with parameters beside it (.oinf)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace a file that exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct Set {
    /// An ONNX file, a graph as text (.gb) or JSON, or one that comes with Glassbox
    pub(crate) model: String,
    /// A change: of an attribute (`softmax_3.axis=1`, `conv1.pads=[1,1,1,1]`), or of the op (`relu1.op=Tanh`). The node is
    /// named by its name or by a value that it gives; without a VALUE the attribute is taken away
    #[arg(required = true, value_name = "NODE.ATTRIBUTE=VALUE")]
    pub(crate) changes: Vec<String>,
    /// What to write: .onnx of an ONNX file; else .gb or .json
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace a file that exists, and write an ONNX model even if Glassbox refuses it
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct Reduce {
    #[command(flatten)]
    pub(crate) model: ModelAndInputs,
    /// The command that fails: exits with something else than 0, and shall do so for the piece. `{}` is put in for the file
    /// of a piece, `{inputs}` for a .npz with its inputs. It is run by `sh`; what it prints is dropped
    #[arg(long, value_name = "COMMAND")]
    pub(crate) until: String,
    /// Where to write the piece; its inputs are written beside it, as .npz [default: reduced.onnx or reduced.gb]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The longest that the command may run; a piece for which it runs longer isn't taken
    #[arg(long, default_value_t = 60.0, value_name = "SECONDS")]
    pub(crate) timeout: f64,
    /// Replace a file that exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct Stats {
    /// An ONNX file, a graph as text (.gb) or JSON, a checkpoint of a language model, or one that comes with Glassbox
    pub(crate) model: String,
    /// The size of a symbolic dim
    #[arg(short, long = "dim", value_name = "NAME=SIZE")]
    pub(crate) dims: Vec<String>,
    /// How many parts of the names of layers are told apart
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) depth: usize,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
