//! What the commands that make models of models take: `convert`, `extract`, `set`, `reduce`, `stats`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use glassbox_onnx::Weights;
use glassbox_runtime::Functions;

use super::ModelAndInputs;
use super::size::size;

#[derive(Args)]
pub(crate) struct Convert {
    /// What to convert: a folder or a file of weights (safetensors, GGUF, PyTorch, .oinf), an ONNX file, a graph as text
    /// (.gb) or JSON, a program (.gbp)
    pub(crate) source: String,
    /// What to write; the ending says what: weights (.oinf, .safetensors), a graph as text (.gb) or JSON (.json), with the
    /// weights of a checkpoint beside it (.oinf), or an ONNX model (.onnx). An ONNX file becomes the same model unless an
    /// opset, weights or functions are asked for
    pub(crate) target: PathBuf,
    /// What matrices become: q8_0, q4_0, q4_k, i8, bf16, f16 or f32 (.oinf and .safetensors)
    #[arg(long, value_name = "DTYPE")]
    pub(crate) quantize: Option<glassbox_weights::Target>,
    /// Change the metadata: a key that is there keeps its type; KEY:TYPE=VALUE adds one, of u8 to i64, f32, f64, bool,
    /// string, or a list such as [string] (not for .onnx)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    #[command(flatten)]
    pub(crate) onnx: OnnxArguments,
    /// Replace a file that exists
    #[arg(long)]
    pub(crate) force: bool,
}

/// How an ONNX model is written.
#[derive(Args)]
pub(crate) struct OnnxArguments {
    /// The opset of an ONNX model, 7 to 28 [default: that of the source, else 26, or newer where it has to be]
    #[arg(long, value_name = "N")]
    pub(crate) opset: Option<i64>,
    /// Where the weights of an ONNX model are: `inline`, `beside` it in one file, or beside it in files of at most a size,
    /// such as 500MB [default: inline up to 1 GiB]
    #[arg(long, value_name = "PLACE", value_parser = weights)]
    pub(crate) weights: Option<Weights>,
    /// What becomes a function of an ONNX model [default: named]
    #[arg(long, value_name = "WHICH")]
    pub(crate) functions: Option<WhichFunctions>,
}

/// What becomes a function of an ONNX model.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum WhichFunctions {
    /// What was a function before
    Named,
    /// Also the ops that the opset doesn't have and that stand for others
    Composites,
    /// Nothing: all bodies stand where they are called
    None,
}

impl From<WhichFunctions> for Functions {
    fn from(which: WhichFunctions) -> Functions {
        match which {
            WhichFunctions::Named => Functions::Named,
            WhichFunctions::Composites => Functions::Composites,
            WhichFunctions::None => Functions::None,
        }
    }
}

impl OnnxArguments {
    /// Whether anything is asked for.
    pub(crate) fn any(&self) -> bool {
        self.opset.is_some() || self.weights.is_some() || self.functions.is_some()
    }
}

fn weights(text: &str) -> Result<Weights, String> {
    match text {
        "inline" => Ok(Weights::Inline),
        "beside" => Ok(Weights::Beside),
        other => match size(other) {
            Ok(bytes) if bytes > 0 => Ok(Weights::Sharded(bytes)),
            _ => Err("it is `inline`, `beside`, or a size such as 500MB".to_owned()),
        },
    }
}

#[derive(Args)]
pub(crate) struct Simplify {
    /// An ONNX file, a graph as text (.gb) or JSON, a checkpoint of a language model, or one that comes with Glassbox
    pub(crate) source: String,
    /// The ONNX model to write
    pub(crate) target: PathBuf,
    #[command(flatten)]
    pub(crate) onnx: OnnxArguments,
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
    /// What to write: .onnx, or .gb or .json, with parameters beside it (.oinf)
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
    /// What to write: .onnx, .gb or .json
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
