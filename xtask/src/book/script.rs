//! The commands of a page, with what it says that they print.
//!
//! In: the text of a page. Out: its commands in their order. Two kinds of blocks have commands:
//!
//! - `console`: a line that begins with `$ ` is a command; a line that ends in `\` goes on in the next, and `<< 'END'` takes
//!   the lines up to `END` along. What stands up to the next command is what it prints, on both outputs. `…` is any text
//!   within a line, and any lines where it is alone. A last line `[exit 1]` is the exit code; without it, 0.
//! - `sh`: each line is a command, which must exit with 0. What it prints isn't said. Lines that begin with `cargo ` or
//!   `.ci/` build and test the repository and aren't run here.
//!
//! Refused: a line before the first `$ `, a document within a command that doesn't end, a block that doesn't end.

use anyhow::{Result, bail};

/// A command of a page.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Command {
    /// The line where it stands, from 1.
    pub(super) line: usize,
    /// What a shell is given.
    pub(super) text: String,
    /// What it prints; nothing where the page doesn't say.
    pub(super) prints: Option<Printed>,
}

/// What a page says that a command prints.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Printed {
    /// The line of the page where it begins, from 1.
    pub(super) line: usize,
    pub(super) lines: Vec<String>,
    pub(super) exit: i32,
}

impl Printed {
    /// The lines of the page.
    pub(super) fn written(&self) -> Vec<String> {
        let exit = (self.exit != 0).then(|| format!("[exit {}]", self.exit));
        self.lines.iter().cloned().chain(exit).collect()
    }
}

/// The commands of a page, in their order.
pub(super) fn commands(text: &str) -> Result<Vec<Command>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some((fence, kind)) = opening(lines[at]) else {
            at += 1;
            continue;
        };
        let Some(length) = lines[at + 1..].iter().position(|line| closes(line, fence)) else {
            bail!("{}: the block doesn't end", at + 1);
        };
        let block = &lines[at + 1..at + 1 + length];
        match kind {
            "console" => console(block, at + 2, &mut found)?,
            "sh" => shell(block, at + 2, &mut found),
            _ => {}
        }
        at += length + 2;
    }
    Ok(found)
}

/// The fence that a line begins, and of which language it says that the block is.
fn opening(line: &str) -> Option<(usize, &str)> {
    let fence = line.len() - line.trim_start_matches('`').len();
    let kind = line[fence..].split([' ', ',']).next().unwrap_or_default();
    (fence >= 3).then_some((fence, kind))
}

fn closes(line: &str, fence: usize) -> bool {
    line.trim_end().len() >= fence && line.trim_end().chars().all(|c| c == '`')
}

/// The commands of a block of the kind `console` whose first line is `first`.
fn console(block: &[&str], first: usize, found: &mut Vec<Command>) -> Result<()> {
    let mut at = 0;
    while at < block.len() {
        let line = first + at;
        let Some(start) = block[at].strip_prefix("$ ") else {
            bail!("{line}: a block of commands begins with one: `$ …`");
        };
        let mut text = start.to_owned();
        while text.ends_with('\\') && at + 1 < block.len() {
            at += 1;
            text = format!("{text}\n{}", block[at]);
        }
        at += 1;
        if let Some(end) = document_end(&text) {
            let Some(length) = block[at..].iter().position(|line| *line == end) else {
                bail!("{line}: the text up to {end} doesn't end");
            };
            for part in &block[at..=at + length] {
                text = format!("{text}\n{part}");
            }
            at += length + 1;
        }
        let begins = first + at;
        let length = block[at..].iter().position(|line| line.starts_with("$ ")).unwrap_or(block.len() - at);
        let printed = printed(&block[at..at + length], begins);
        at += length;
        found.push(Command { line, text, prints: Some(printed) });
    }
    Ok(())
}

/// The word that ends the document that a command takes along.
fn document_end(text: &str) -> Option<String> {
    let word: String = text.split_once("<< '")?.1.chars().take_while(|c| c.is_ascii_alphabetic()).collect();
    (!word.is_empty()).then_some(word)
}

fn printed(lines: &[&str], line: usize) -> Printed {
    let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let code = lines.last().and_then(|last| last.strip_prefix("[exit ")?.strip_suffix(']')?.parse().ok());
    if code.is_some() {
        lines.pop();
    }
    Printed { line, lines, exit: code.unwrap_or(0) }
}

/// The commands of a block of the kind `sh`.
fn shell(block: &[&str], first: usize, found: &mut Vec<Command>) {
    let mut text = String::new();
    let mut begins = first;
    for (number, line) in block.iter().enumerate() {
        if text.is_empty() {
            begins = first + number;
        } else {
            text.push('\n');
        }
        text.push_str(line);
        if line.ends_with('\\') {
            continue;
        }
        let command = std::mem::take(&mut text);
        let is_one = !command.trim().is_empty() && !command.starts_with('#');
        if is_one && !command.starts_with("cargo ") && !command.starts_with(".ci/") {
            found.push(Command { line: begins, text: command, prints: None });
        }
    }
}

/// A page whose commands print something else, by the place of each among the page's commands.
pub(super) fn rewritten(text: &str, changes: &[(Printed, Printed)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // From the end, so that the lines before stay where they are.
    for (old, new) in changes.iter().rev() {
        let first = old.line - 1;
        lines.splice(first..first + old.written().len(), new.written());
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# A page

```console
$ glassbox run \\
    x
a
…
$ cat > f << 'END'
$ b
END
$ false # no
[exit 1]
```

```sh
cargo build
glassbox inspect x     # what it is
# a remark
```

```rust
$ no
```
";

    fn command(line: usize, text: &str, prints: Option<(usize, &[&str], i32)>) -> Command {
        let prints = prints.map(|(line, lines, exit)| Printed {
            line,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            exit,
        });
        Command { line, text: text.to_owned(), prints }
    }

    #[test]
    fn commands_are_found_with_what_they_print() {
        let wanted = [
            command(4, "glassbox run \\\n    x", Some((6, &["a", "…"], 0))),
            command(8, "cat > f << 'END'\n$ b\nEND", Some((11, &[], 0))),
            command(11, "false # no", Some((12, &[], 1))),
            command(17, "glassbox inspect x     # what it is", None),
        ];
        assert_eq!(commands(PAGE).expect("a page"), wanted);
    }

    #[test]
    fn blocks_that_say_nothing_are_refused() {
        let said = |text: &str| commands(text).expect_err("it is refused").to_string();
        assert_eq!(said("```console\na\n```\n"), "2: a block of commands begins with one: `$ …`");
        assert_eq!(said("\n```console\n$ a\n"), "2: the block doesn't end");
        assert_eq!(said("```console\n$ cat << 'END'\na\n```\n"), "2: the text up to END doesn't end");
    }

    #[test]
    fn a_page_is_rewritten_where_something_else_is_printed() {
        let all = commands(PAGE).expect("a page");
        let old = |index: usize| all[index].prints.clone().expect("it prints");
        let new =
            |lines: &[&str], exit| Printed { line: 0, lines: lines.iter().map(|l| (*l).to_owned()).collect(), exit };
        let changes = [(old(0), new(&["c", "d", "e"], 3)), (old(2), new(&["f"], 0))];
        let text = rewritten(PAGE, &changes);
        let wanted = PAGE.replace("a\n…\n", "c\nd\ne\n[exit 3]\n").replace("[exit 1]", "f");
        assert_eq!(text, wanted);
        assert_eq!(rewritten(PAGE, &[]), PAGE);
    }
}
