//! What loaded models do, on those that come with Glassbox and on tiny checkpoints.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod context;
mod errors;
mod export;
mod grammar;
mod graphs;
mod language;
mod sim;
mod stories;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glassbox_exec::Runtime;
use glassbox_runtime::{Device, Generation, LoadOptions, Model, Piece, Prompt, Request, TextGenerator, load_model};

/// The backend that the tests run on.
fn runtime() -> Arc<dyn Runtime> {
    glassbox_backends::testing::runtime().unwrap_or_else(|error| panic!("{error}"))
}

/// The device that the tests' programs run on.
fn device() -> Device {
    let name = std::env::var(glassbox_backends::testing::VARIABLE).unwrap_or_else(|_| "reference".to_owned());
    name.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the root").to_owned()
}

fn model(name: &str, options: LoadOptions) -> Model {
    let path = root().join("models").join(name).join("model.oinf");
    load_model(&path, options).unwrap_or_else(|error| panic!("{error}"))
}

fn generator(model: &Model) -> TextGenerator {
    model.as_text_generator(runtime().as_ref()).unwrap_or_else(|error| panic!("{error}")).expect("it has a tokenizer")
}

/// The model that tells stories.
fn stories() -> TextGenerator {
    generator(&model("stories-gpt2", LoadOptions::default()))
}

fn most(tokens: usize) -> Request {
    Request { max_tokens: Some(tokens), ..Request::default() }
}

/// Writes on from a text; what is told piece by piece is the whole text.
fn write(generator: &mut TextGenerator, prompt: &str, request: Request) -> Generation {
    let mut told = String::new();
    let mut on_piece = |piece: &Piece| {
        told.push_str(piece.text);
        ControlFlow::Continue(())
    };
    let generation = generator.write(&Prompt::Text(prompt.to_owned()), request, &mut on_piece);
    let generation = generation.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(told, generation.text);
    generation
}
