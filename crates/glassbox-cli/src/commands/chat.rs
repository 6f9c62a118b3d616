//! `glassbox chat`: a conversation with a language model.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Context, Result, bail};
use glassbox_runtime::{ChatTemplate, Extras, Message, Model, Piece, Prompt};

use crate::args::Chat;
use crate::language::{self, Streaming};
use crate::standard_input;
use crate::view::NAME;

/// Reads a line, writes an answer, until the input ends or the line is `/exit`.
pub(crate) fn main(arguments: &Chat, quiet: bool) -> Result<bool> {
    let model = language::open(&arguments.model)?;
    let template = template(arguments, &model)?;
    let mut generator = language::generator(&model, &arguments.model)?;
    let sampling = language::sampling(&arguments.sampling, &generator)?;
    let mut messages: Vec<Message> = arguments.system.iter().map(|text| Message::new("system", text)).collect();
    let asking = std::io::stdin().is_terminal() && !quiet;
    if asking {
        note!("{NAME}/exit ends, /forget begins anew{NAME:#}");
    }
    standard_input::take("the conversation")?;
    let mut lines = std::io::stdin().lock().split(b'\n');
    loop {
        if asking {
            prompt();
        }
        let Some(line) = lines.next() else { return Ok(true) };
        let bytes = line.context("the standard input")?;
        let line = String::from_utf8_lossy(&bytes);
        if matches!(line, std::borrow::Cow::Owned(_)) {
            // A line that was pasted wrong is no reason to lose a conversation.
            note!("note: the line isn't UTF-8; what can't be read of it is \u{FFFD}");
        }
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
        say!()?;
        if arguments.stats {
            note!("{}", language::stats_line(&answer.stats));
        }
        messages.push(Message::new("assistant", &answer.text));
    }
}

/// How the conversation is spelled for the model: as `--template` says, else as the model itself does.
fn template(arguments: &Chat, model: &Model) -> Result<ChatTemplate> {
    if let Some(path) = &arguments.template {
        let place = || path.display().to_string();
        let text =
            std::fs::read_to_string(path).with_context(|| format!("{}: the file can't be read", path.display()))?;
        return ChatTemplate::new(vec![("default".to_owned(), text)], Default::default()).with_context(place);
    }
    let Some(template) = model.chat_template() else {
        bail!(
            "{0}: it has no chat template, which says how a conversation is spelled: it was made to write on from a text, as \
             `glassbox generate \"Once upon a time\" -m {0}` does; --template FILE gives one (Jinja)",
            model.name()
        )
    };
    Ok(template.clone())
}

/// Asks for a line.
fn prompt() {
    // A terminal that can't be written to has nobody who waits for this.
    let mut terminal = anstream::stderr().lock();
    let _ = write!(terminal, "{NAME}>{NAME:#} ").and_then(|()| terminal.flush());
}
