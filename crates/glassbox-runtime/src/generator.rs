//! Writing text.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use glassbox_exec::{RunContext, Runtime, Session};
use glassbox_ir::Graph;
use glassbox_models::layers::rotary::RECOMPUTE_BEYOND;
use glassbox_tensor::{ParamSource, Tensor};
use glassbox_text::Tokenizer;

use crate::error::RuntimeError;
use crate::memory::Memory;
use crate::sampling::{Choice, Constraint, Sampling};
use crate::writer::{Piece, Writer};

/// What a text goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// A text, with what the tokenizer puts around one (a token for its beginning).
    Text(String),
    /// A text that says all itself: from a chat template.
    Rendered(String),
    /// Tokens.
    Tokens(Vec<u32>),
}

/// What is to be written. The default is greedy, until the text ends or the context is full.
#[derive(Default)]
pub struct Request {
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// The most tokens to write.
    pub max_tokens: Option<usize>,
    /// Texts at which writing stops; they are not part of what is written.
    pub stop: Vec<String>,
    /// Tokens that end a text are written like any other.
    pub ignore_end: bool,
    /// Says which tokens may come next.
    pub constraint: Option<Box<dyn Constraint>>,
}

/// Why writing stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finish {
    /// The model ended the text.
    End,
    /// This stop text came.
    Stop(String),
    /// As many tokens were written as asked for.
    Length,
    /// The context is full.
    Context,
    /// The grammar is complete.
    Grammar,
    /// The callback that is told each token asked to stop.
    Cancelled,
}

/// What was written.
#[derive(Clone, Debug)]
pub struct Generation {
    /// The text.
    pub text: String,
    /// The tokens, the one that ended the text included.
    pub tokens: Vec<u32>,
    /// How probable each was.
    pub choices: Vec<Choice>,
    /// Why writing stopped.
    pub finish: Finish,
    /// How long it took.
    pub stats: Stats,
}

/// How long writing took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The tokens of the prompt.
    pub prompt_tokens: usize,
    /// Those of them that were still remembered, and not read again.
    pub reused_tokens: usize,
    /// The tokens written.
    pub written_tokens: usize,
    /// From the beginning until the first token was chosen.
    pub first_token: Duration,
    /// All of it.
    pub total: Duration,
}

impl Stats {
    /// Tokens a second after the first, where more than one was written.
    pub fn tokens_per_second(&self) -> Option<f64> {
        let rest = self.total.saturating_sub(self.first_token).as_secs_f64();
        (self.written_tokens > 1 && rest > 0.0).then(|| (self.written_tokens - 1) as f64 / rest)
    }
}

/// A model that writes. It remembers what it has read: a prompt that begins as the last one did, or as
/// what was written then, is read from where it differs.
pub struct TextGenerator {
    session: Box<dyn Session>,
    tokenizer: Tokenizer,
    memory: Memory,
    context: usize,
    /// A sequence that grows beyond so many tokens has to be read anew: the model computes its
    /// positions in another way then.
    recompute_beyond: Option<usize>,
}

impl TextGenerator {
    pub(crate) fn new(
        runtime: &dyn Runtime,
        graph: Graph,
        params: Arc<dyn ParamSource>,
        tokenizer: Tokenizer,
    ) -> Result<TextGenerator, RuntimeError> {
        let capacity = graph.states().iter().filter_map(|state| state.capacity).min();
        let context = capacity.map_or(usize::MAX, |capacity| usize::try_from(capacity).unwrap_or(usize::MAX));
        let beyond = graph.metadata.iter().find(|(key, _)| key == RECOMPUTE_BEYOND);
        let recompute_beyond = match beyond.map(|(_, value)| value.parse()) {
            Some(Ok(tokens)) => Some(tokens),
            Some(Err(_)) => return Err(RuntimeError::Internal(format!("`{RECOMPUTE_BEYOND}` is no number"))),
            None => None,
        };
        let session = runtime.prepare(Arc::new(graph), params, &glassbox_backends::options())?.session()?;
        Ok(TextGenerator { session, tokenizer, memory: Memory::default(), context, recompute_beyond })
    }

    /// The graph that it runs.
    pub fn graph(&self) -> &Graph {
        self.session.graph()
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// How many tokens the prompt and what is written may have together.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Forgets what it has read.
    ///
    /// # Errors
    ///
    /// Where the session's states can't be reset.
    pub fn forget(&mut self) -> Result<(), RuntimeError> {
        self.memory = Memory::default();
        Ok(self.session.states_mut().reset()?)
    }

    /// The tokens of a prompt.
    ///
    /// # Errors
    ///
    /// Where the tokenizer can't encode the text.
    pub fn tokens(&self, prompt: &Prompt) -> Result<Vec<u32>, RuntimeError> {
        let tokens = match prompt {
            Prompt::Text(text) => self.tokenizer.encode(text)?,
            Prompt::Rendered(text) => self.tokenizer.encode_plain(text)?,
            Prompt::Tokens(tokens) => tokens.clone(),
        };
        if tokens.is_empty() {
            return Ok(self.tokenizer.bos().or_else(|| self.tokenizer.stops().first().copied()).into_iter().collect());
        }
        Ok(tokens)
    }

    /// Writes on from `prompt`, and tells `on_piece` each token as it is chosen; it may stop the writing.
    ///
    /// # Errors
    ///
    /// Where the prompt is longer than the context, a setting means nothing, or a run of the graph fails.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use glassbox_runtime::{LoadOptions, Prompt, Request, load_model};
    /// let model = load_model("../../models/stories-gpt2/model.oinf".as_ref(), LoadOptions::default())?;
    /// let runtime = glassbox_backends::find("cpu")?;
    /// let mut generator = model.as_text_generator(runtime.as_ref())?.expect("it has a tokenizer");
    /// let prompt = Prompt::Text("Once upon a time".into());
    /// let request = Request { max_tokens: Some(3), ..Request::default() };
    /// let generation = generator.write(&prompt, request, &mut |_| ControlFlow::Continue(()))?;
    /// assert_eq!(generation.tokens.len(), 3);
    /// # Ok::<(), glassbox_runtime::RuntimeError>(())
    /// ```
    pub fn write(
        &mut self,
        prompt: &Prompt,
        request: Request,
        on_piece: &mut dyn FnMut(&Piece) -> ControlFlow<()>,
    ) -> Result<Generation, RuntimeError> {
        self.write_within(prompt, request, on_piece, RunContext::new())
    }

    /// As [`TextGenerator::write`], seen by the observer of `context` and given up when it says so. Its host is not
    /// used: the generator itself is the host of its graph.
    ///
    /// # Errors
    ///
    /// As [`TextGenerator::write`], and where the run is cancelled or its time is up.
    pub fn write_within(
        &mut self,
        prompt: &Prompt,
        mut request: Request,
        on_piece: &mut dyn FnMut(&Piece) -> ControlFlow<()>,
        mut context: RunContext,
    ) -> Result<Generation, RuntimeError> {
        let started = Instant::now();
        let tokens = self.tokens(prompt)?;
        if tokens.is_empty() {
            return Err(RuntimeError::Setting(
                "the prompt has no tokens, and the tokenizer none to begin with".to_owned(),
            ));
        }
        if tokens.len() > self.context {
            return Err(RuntimeError::TooLong { tokens: tokens.len(), context: self.context });
        }
        // The last token written isn't read, so it takes no place.
        let room = self.context - tokens.len() + 1;
        let limit = request.max_tokens.unwrap_or(usize::MAX).min(room);
        if self.recompute_beyond.is_some_and(|most| (self.memory.len() > most) != (tokens.len() > most)) {
            self.forget()?;
        }
        let reused = self.memory.rewind(self.session.as_mut(), &tokens)?;
        let prompt_tokens = tokens.len();
        let answer = matches!(prompt, Prompt::Rendered(_));
        let mut writer = Writer::new(&self.tokenizer, &mut request, tokens, answer, on_piece)?;
        let mut left = limit;
        while left > 0 && writer.finish.is_none() {
            let read = writer.tokens.len();
            let turns = match self.recompute_beyond {
                Some(most) if read <= most => left.min(most - read + 1),
                _ => left,
            };
            self.turns(&mut writer, turns, context.reborrow())?;
            left -= turns;
            if self.recompute_beyond.is_some_and(|most| read <= most && writer.tokens.len() > most) && left > 0 {
                self.forget()?;
            }
        }
        writer.end()?;
        let written = writer.tokens.split_off(prompt_tokens);
        let stats = Stats {
            prompt_tokens,
            reused_tokens: reused,
            written_tokens: written.len(),
            first_token: writer.first.unwrap_or_default(),
            total: started.elapsed(),
        };
        let full = if limit == room { Finish::Context } else { Finish::Length };
        let finish = writer.finish.take().unwrap_or(full);
        Ok(Generation { text: writer.text, tokens: written, choices: writer.choices, finish, stats })
    }

    /// Runs the graph for at most so many tokens, from where the memory ends.
    fn turns(&mut self, writer: &mut Writer, turns: usize, context: RunContext) -> Result<(), RuntimeError> {
        let known = self.memory.len();
        let new: Vec<i64> = writer.tokens[known..].iter().map(|token| i64::from(*token)).collect();
        let limit = i64::try_from(turns).unwrap_or(i64::MAX);
        let inputs = [Tensor::from_vec(&[1, new.len()], new)?.into(), Tensor::scalar(limit).into()];
        if let Err(error) = self.session.run(&inputs, context.hosted(writer)) {
            return Err(writer.error.take().unwrap_or(RuntimeError::Run(error)));
        }
        // The states hold all that was read and written but the last token.
        let last = writer.tokens.len() - 1;
        self.memory.extend(writer.tokens[known..last].iter().copied());
        Ok(())
    }
}
