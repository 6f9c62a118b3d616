//! `glassbox chat`: a conversation with a language model.

use std::io::{BufRead, IsTerminal};

use anstream::{eprint, eprintln, println};
use anyhow::{Context, Result, bail};
use glassbox_runtime::{Extras, Message, Piece, Prompt};

use crate::args::Chat;
use crate::language::{self, Streaming};
use crate::view::NAME;

/// Reads a line, writes an answer, until the input ends or the line is `/exit`.
pub(crate) fn main(arguments: &Chat, quiet: bool) -> Result<bool> {
    let model = language::open(&arguments.model)?;
    let Some(template) = model.chat_template() else {
        bail!("{}: it has no chat template, so it isn't made for conversations; use `generate`", model.name())
    };
    let mut generator = language::generator(&model, &arguments.model)?;
    let sampling = language::sampling(&arguments.sampling, &generator)?;
    let mut messages: Vec<Message> = arguments.system.iter().map(|text| Message::new("system", text)).collect();
    let asking = std::io::stdin().is_terminal() && !quiet;
    if asking {
        eprintln!("{NAME}/exit ends, /forget begins anew{NAME:#}");
    }
    let mut lines = std::io::stdin().lock().lines();
    loop {
        if asking {
            eprint!("{NAME}>{NAME:#} ");
        }
        let Some(line) = lines.next() else { return Ok(true) };
        let line = line.context("the standard input")?;
        match line.trim() {
            "" => continue,
            "/exit" | "/quit" => return Ok(true),
            "/forget" => {
                messages.truncate(usize::from(arguments.system.is_some()));
                generator.forget()?;
                continue;
            }
            text => messages.push(Message::new("user", text)),
        }
        let prompt = Prompt::Rendered(template.render(&messages, true, &Extras::default())?);
        let mut streaming = Streaming::default();
        let mut show = |piece: &Piece| streaming.show(piece);
        let answer = generator.write(&prompt, language::request(sampling.clone(), &arguments.stop), &mut show)?;
        streaming.finish()?;
        println!();
        if arguments.stats {
            eprintln!("{}", language::stats_line(&answer.stats));
        }
        messages.push(Message::new("assistant", &answer.text));
    }
}
