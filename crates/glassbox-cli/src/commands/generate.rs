//! `glassbox generate`: a language model writes on from a text.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Result, bail};
use glassbox_exec::{Event, Flow, Observer, RunContext, RunError, Wants};
use glassbox_ir::{Graph, json, verify};
use glassbox_runtime::{
    Choice, Eager, Finish, Generation, Grammatical, Piece, Profile, Prompt, Request, TextGenerator,
};
use serde_json::{Value, json};

use crate::args::Generate;
use crate::language::{self, Streaming};
use crate::standard_input::{self, DASH};
use crate::view::NAME;
use crate::{files, out};

/// Writes, and shows each piece of text as soon as it is known. Whether every text that a grammar binds is complete.
pub(crate) fn main(arguments: &Generate, quiet: bool) -> Result<bool> {
    let model = language::open(&arguments.model)?;
    let mut generator = language::generator(&model, &arguments.model)?;
    if let Some(folder) = &arguments.dump_dir {
        dump(generator.graph(), folder)?;
    }
    let prompt = Prompt::Text(text(&arguments.prompt)?);
    let mut sampling = language::sampling(&arguments.sampling, &generator)?;
    sampling.alternatives = arguments.logprobs.unwrap_or(0);
    let grammar = language::grammar(&arguments.grammar)?;
    let grammar = grammar.map(|grammar| Grammatical::new(&grammar, generator.tokenizer())).transpose()?;
    let mut profile = arguments.profile.as_ref().map(|_| Profile::new());
    let mut rows = Vec::new();
    let mut whole = true;
    for sample in 0..arguments.samples {
        let mut sampling = sampling.clone();
        sampling.seed = sampling.seed.wrapping_add(sample);
        let mut request = language::request(sampling, &arguments.stop);
        if let Some(grammar) = &grammar {
            request.constraint = Some(Box::new(grammar.clone()));
        }
        if !arguments.json && arguments.samples > 1 && !quiet {
            note!("{NAME}text {}{NAME:#}", sample + 1);
        }
        let mut streaming = Streaming::default();
        let mut show = |piece: &Piece| match arguments.json {
            true => ControlFlow::Continue(()),
            false => streaming.show(piece),
        };
        if !arguments.json
            && let Prompt::Text(text) = &prompt
        {
            out::text(text)?;
        }
        let generation = match (arguments.eager, &mut profile) {
            (true, Some(profile)) => checked(&mut generator, &prompt, request, &mut show, profile)?,
            (true, None) => checked(&mut generator, &prompt, request, &mut show, &mut Nobody)?,
            (false, Some(profile)) => {
                generator.write_within(&prompt, request, &mut show, RunContext::new().observed(profile))?
            }
            (false, None) => generator.write(&prompt, request, &mut show)?,
        };
        streaming.finish()?;
        let ended = grammar.is_none() || !is_cut_off(&generation.finish);
        whole &= ended;
        if arguments.json {
            rows.push(row(&generation, &generator, arguments.logprobs.is_some()));
            if !ended {
                note!("{}", cut_off(&generation.finish));
            }
            continue;
        }
        say!()?;
        if !ended {
            note!("{}", cut_off(&generation.finish));
        }
        if arguments.stats {
            note!("{}", language::stats_line(&generation.stats));
        }
    }
    if let (Some(profile), Some(path)) = (&profile, &arguments.profile) {
        files::write(path, profile.chrome_trace())?;
        if !quiet {
            eprint_profile(profile);
        }
    }
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&json!({ "texts": rows }))?)?;
    }
    Ok(whole)
}

/// Whether a text ended before its time.
fn is_cut_off(finish: &Finish) -> bool {
    matches!(finish, Finish::Length | Finish::Context)
}

/// That what a grammar asks for isn't all there.
fn cut_off(finish: &Finish) -> &'static str {
    match finish {
        Finish::Context => {
            "note: stopped where the context was full, before the text was complete; --context may raise it"
        }
        _ => "note: stopped at the limit of --max-tokens, before the text was complete; a larger -n lets it end",
    }
}

/// The observer that looks at nothing.
struct Nobody;

impl Observer for Nobody {
    fn observe(&mut self, _: &Event) -> std::result::Result<Flow, RunError> {
        Ok(Flow::Continue)
    }

    fn wants(&self) -> Wants {
        Wants { times: false, values: false, ..Wants::default() }
    }
}

/// Writes with every value checked.
fn checked(
    generator: &mut TextGenerator,
    prompt: &Prompt,
    request: Request,
    show: &mut dyn FnMut(&Piece) -> ControlFlow<()>,
    observer: &mut dyn Observer,
) -> Result<Generation> {
    if let Err(errors) = verify(generator.graph()) {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        bail!("the graph is not sound:\n{}", errors.join("\n"));
    }
    let mut eager = Eager::new(observer);
    let result = generator.write_within(prompt, request, show, RunContext::new().observed(&mut eager));
    match eager.wrong() {
        Some(wrong) => bail!("{wrong}"),
        None => Ok(result?),
    }
}

/// The text of an argument; `-` is what comes in.
pub(super) fn text(argument: &str) -> Result<String> {
    if argument == DASH { standard_input::text("the text") } else { Ok(argument.to_owned()) }
}

/// The graph that runs, as text and as JSON.
fn dump(graph: &Graph, folder: &Path) -> Result<()> {
    files::create_folder(folder)?;
    files::write(&folder.join("1-built.gb"), graph.to_string())?;
    files::write(&folder.join("1-built.json"), json::to_string(graph)?)
}

fn eprint_profile(profile: &Profile) {
    note!("{NAME}time by op{NAME:#}");
    for (name, time, count) in profile.by_op().into_iter().take(12) {
        note!("{:>10.1} ms  {count:>6} x  {name}", time.as_secs_f64() * 1e3);
    }
    note!("{NAME}time by layer{NAME:#}");
    for (name, time, count) in profile.by_layer().into_iter().take(24) {
        note!("{:>10.1} ms  {count:>6} x  {name}", time.as_secs_f64() * 1e3);
    }
}

fn row(generation: &Generation, generator: &TextGenerator, logprobs: bool) -> Value {
    let finish = match &generation.finish {
        Finish::End => json!({ "reason": "end" }),
        Finish::Stop(text) => json!({ "reason": "stop", "text": text }),
        Finish::Length => json!({ "reason": "length" }),
        Finish::Context => json!({ "reason": "context" }),
        Finish::Grammar => json!({ "reason": "grammar" }),
        _ => json!({ "reason": "cancelled" }),
    };
    let stats = &generation.stats;
    let mut row = json!({
        "text": generation.text,
        "tokens": generation.tokens,
        "finish": finish,
        "prompt_tokens": stats.prompt_tokens,
        "reused_tokens": stats.reused_tokens,
        "seconds": stats.total.as_secs_f64(),
        "first_token_seconds": stats.first_token.as_secs_f64(),
        "tokens_per_second": stats.tokens_per_second(),
    });
    if logprobs {
        let token = |(token, logprob): (u32, f64)| json!({ "token": token, "text": generator.tokenizer().token(token), "logprob": logprob });
        let choice = |choice: &Choice| {
            let mut row = token((choice.token, choice.logprob));
            row["top"] = choice.alternatives.iter().copied().map(token).collect();
            row
        };
        row["logprobs"] = generation.choices.iter().map(choice).collect();
    }
    row
}
