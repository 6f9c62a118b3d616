//! The host of a graph that writes: chooses tokens, turns them into text, knows when it is enough.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use glassbox_exec::{Host, HostError, Value};
use glassbox_tensor::Tensor;
use glassbox_text::{TextError, TextStream, Tokenizer};

use crate::error::RuntimeError;
use crate::generator::{Finish, Request};
use crate::graphs::{CHOOSE, GO_ON};
use crate::sampling::{Choice, Constraint, Sampler};
use crate::stop::{Shown, StopTexts};

/// What is told of each token as it is chosen.
#[derive(Debug)]
pub struct Piece<'a> {
    /// The text that can be shown now: empty while a character or a stop text isn't complete.
    pub text: &'a str,
    /// The token, and how probable it was.
    pub choice: &'a Choice,
}

/// The host of one run.
pub(crate) struct Writer<'a> {
    sampler: Sampler,
    constraint: Option<Box<dyn Constraint>>,
    tokenizer: Tokenizer,
    stream: TextStream,
    stops: StopTexts,
    /// Tokens that end the text.
    ends: Vec<u32>,
    /// Every token so far, those of the prompt included.
    pub(crate) tokens: Vec<u32>,
    pub(crate) choices: Vec<Choice>,
    pub(crate) text: String,
    pub(crate) finish: Option<Finish>,
    pub(crate) first: Option<Duration>,
    /// The error that the graph only knows the words of.
    pub(crate) error: Option<RuntimeError>,
    started: Instant,
    on_piece: &'a mut dyn FnMut(&Piece) -> ControlFlow<()>,
}

/// The stream of a text that goes on from `prompt`: some vocabularies leave out the blank before a text's first
/// word, and the first word written isn't that.
fn stream_after(tokenizer: &Tokenizer, prompt: &[u32]) -> TextStream {
    let mut stream = tokenizer.stream(true);
    let mut shown = false;
    for token in prompt {
        match stream.push(*token) {
            Ok(piece) => shown |= piece.is_some(),
            // The model may have tokens that the tokenizer doesn't know.
            Err(_) => return tokenizer.stream(true),
        }
    }
    // A decoder that shows all only at the end would show the prompt too.
    if shown { stream } else { tokenizer.stream(true) }
}

impl<'a> Writer<'a> {
    /// A writer after `prompt`. Its text goes on from that of the prompt, unless it is an `answer` to it.
    pub(crate) fn new(
        tokenizer: &Tokenizer,
        request: &mut Request,
        prompt: Vec<u32>,
        answer: bool,
        on_piece: &'a mut dyn FnMut(&Piece) -> ControlFlow<()>,
    ) -> Result<Writer<'a>, RuntimeError> {
        let ends = if request.ignore_end { Vec::new() } else { tokenizer.stops().to_vec() };
        Ok(Writer {
            sampler: Sampler::new(request.sampling.clone())?,
            constraint: request.constraint.take(),
            tokenizer: tokenizer.clone(),
            stream: if answer { tokenizer.stream(true) } else { stream_after(tokenizer, &prompt) },
            stops: StopTexts::new(&request.stop),
            ends,
            tokens: prompt,
            choices: Vec::new(),
            text: String::new(),
            finish: None,
            first: None,
            error: None,
            started: Instant::now(),
            on_piece,
        })
    }

    fn choose(&mut self, logits: &Tensor) -> Result<Value, RuntimeError> {
        let logits = logits.load::<f32>()?;
        let choice = self.sampler.choose(&logits, &self.tokens, self.constraint.as_deref_mut())?;
        self.first.get_or_insert_with(|| self.started.elapsed());
        let token = Tensor::from_vec(&[1, 1], vec![i64::from(choice.token)])?;
        self.tokens.push(choice.token);
        self.choices.push(choice);
        Ok(token.into())
    }

    /// Whether to write on after the token that was chosen last.
    fn go_on(&mut self) -> Result<bool, RuntimeError> {
        let Some(choice) = self.choices.last() else { return Ok(true) };
        let token = choice.token;
        let mut text = String::new();
        if self.ends.contains(&token) {
            self.finish = Some(Finish::End);
        } else {
            if let Some(constraint) = &mut self.constraint
                && !constraint.accept(token)?
            {
                self.finish = Some(Finish::Grammar);
            }
            // Models have more rows than their tokenizers have tokens; what has no text shows none.
            let piece = match self.stream.push(token) {
                Err(TextError::UnknownToken { .. }) => String::new(),
                piece => piece?.unwrap_or_default(),
            };
            let special = piece.is_empty().then(|| self.tokenizer.token(token)).flatten();
            if let Some(stop) = special.and_then(|text| self.stops.whole(&text)) {
                // A special token is no text that is shown, but a stop may be its name.
                text = self.stops.finish();
                self.finish = Some(Finish::Stop(stop));
            }
            match self.stops.push(&piece) {
                Shown::Text(shown) => text.push_str(&shown),
                Shown::Stopped { text: shown, stop } => {
                    text = shown;
                    self.finish = Some(Finish::Stop(stop));
                }
            }
        }
        self.text.push_str(&text);
        if (self.on_piece)(&Piece { text: &text, choice }).is_break() {
            self.finish.get_or_insert(Finish::Cancelled);
        }
        Ok(self.finish.is_none())
    }

    /// The text that was still held back, when no more comes.
    pub(crate) fn end(&mut self) -> Result<(), RuntimeError> {
        if matches!(self.finish, Some(Finish::Stop(_))) {
            return Ok(());
        }
        let mut rest = match self.stream.finish().map(|piece| self.stops.push(&piece)) {
            Some(Shown::Text(text)) => text,
            Some(Shown::Stopped { text, stop }) => {
                self.finish = Some(Finish::Stop(stop));
                text
            }
            None => String::new(),
        };
        if !matches!(self.finish, Some(Finish::Stop(_))) {
            rest.push_str(&self.stops.finish());
        }
        if let (false, Some(choice)) = (rest.is_empty(), self.choices.last()) {
            self.text.push_str(&rest);
            let _ = (self.on_piece)(&Piece { text: &rest, choice });
        }
        Ok(())
    }
}

impl Host for Writer<'_> {
    fn call(&mut self, function: &str, operands: &[Value]) -> Result<Value, HostError> {
        let result = match (function, operands) {
            (CHOOSE, [Value::Tensor(logits)]) => self.choose(logits),
            (GO_ON, [Value::Tensor(_)]) => self.go_on().map(|more| Tensor::scalar(more).into()),
            _ => Err(RuntimeError::Internal(format!("no function `{function}` of {} operands", operands.len()))),
        };
        result.map_err(|error| {
            let words = HostError(error.to_string());
            self.error = Some(error);
            words
        })
    }
}

#[cfg(test)]
mod tests {
    use glassbox_tensor::Tensor;

    use super::*;

    /// Writes these tokens after a prompt, as a model that is sure of each would.
    fn written(tokenizer: &Tokenizer, prompt: &[u32], tokens: &[u32], answer: bool) -> String {
        let mut request = Request { ignore_end: true, ..Request::default() };
        let mut on_piece = |_: &Piece| ControlFlow::Continue(());
        let writer = Writer::new(tokenizer, &mut request, prompt.to_vec(), answer, &mut on_piece);
        let mut writer = writer.unwrap_or_else(|error| panic!("{error}"));
        for token in tokens {
            let mut logits = vec![0f32; tokenizer.size()];
            logits[*token as usize] = 1.0;
            let logits = Tensor::from_vec(&[1, 1, logits.len()], logits).expect("sizes fit");
            let chosen = writer.call(CHOOSE, &[logits.into()]).expect("a token");
            writer.call(GO_ON, &[chosen]).expect("a decision");
        }
        writer.end().expect("an end");
        writer.text
    }

    #[test]
    fn text_goes_on_from_the_prompt_with_the_blanks_of_its_words() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../glassbox-models/tests/tokenizers/");
        for name in ["gpt2", "llama3", "qwen", "spm_bpe", "spm_unigram"] {
            let json = std::fs::read(format!("{folder}{name}/tokenizer.json")).expect("a tokenizer");
            let tokenizer = Tokenizer::from_json(&json).unwrap_or_else(|error| panic!("{error}"));
            let text = "Once upon a time there was a café.";
            let tokens = tokenizer.encode(text).expect("tokens");
            let whole = tokenizer.decode(&tokens, true).expect("a text");
            for cut in 1..tokens.len() {
                let (prompt, rest) = tokens.split_at(cut);
                let before = tokenizer.decode(prompt, true).expect("a text");
                if before.ends_with(char::REPLACEMENT_CHARACTER) || before.is_empty() {
                    continue;
                }
                assert_eq!(format!("{before}{}", written(&tokenizer, prompt, rest, false)), whole, "{name} at {cut}");
                let answer = tokenizer.decode(rest, true).expect("a text");
                assert_eq!(written(&tokenizer, prompt, rest, true), answer, "{name} at {cut}");
            }
        }
    }
}
