//! Every command in every situation: what happens, as a page that is made by running them.
//!
//! `docs/status/cli.md` is written with `BLESS=1` and compared without. Whatever the page says, no command may panic, and none
//! may fail in silence.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Folder, command, root, stderr, stdout};

/// A command, and how it is used in each situation.
struct Row {
    name: &'static str,
    /// What it does well with.
    good: Vec<String>,
    /// Whether it prints results; others only write files, and a full or closed standard output is nothing to them.
    prints: bool,
    /// The same with `-` for standard input, and what comes in.
    stdin: Option<(Vec<String>, &'static str)>,
    /// The same with a file that it writes, of this name in a folder.
    writes: Option<Writes>,
}

struct Writes {
    /// The option; none where the file stands alone.
    option: Option<&'static str>,
    /// What the option names: the file itself, or the folder that it is in.
    of: Of,
    file: &'static str,
}

#[derive(PartialEq)]
enum Of {
    File,
    Folder,
}

/// The columns of the page.
const SITUATIONS: [&str; 11] = [
    "no argument",
    "typo",
    "pipe closed",
    "stdin",
    "80 columns",
    "40 columns",
    "NO_COLOR",
    "unicode path",
    "read-only folder",
    "disk full",
    "SIGINT",
];

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// What the commands are tried with, in a folder whose name isn't ASCII.
fn rows(folder: &Folder) -> Vec<Row> {
    let sum = folder.file("größe.gb", super::SUM);
    let text = folder.file("geschichte.txt", "Once upon a time there was a king.");
    let template = folder.file("chat.jinja", "{% for m in messages %}{{ m.content }} {% endfor %}");
    let cases = conformance_cases(folder);
    let package = folder.path("erzähler.oinf");
    std::fs::copy(root().join("models/stories-gpt2/model.oinf"), &package).expect("a copy");
    let inputs = "-i x=const:1 -i y=zeros -d N=4";
    let list = "-i x=- -i y=zeros -d N=4";
    let row = |name, good: String, stdin: Option<(String, &'static str)>, writes: Option<Writes>| Row {
        name,
        good: words(&good),
        prints: true,
        stdin: stdin.map(|(arguments, text)| (words(&arguments), text)),
        writes,
    };
    let writer = |name, good: String, file| Row {
        prints: false,
        ..row(name, good, None, Some(Writes { option: Some("-o"), of: Of::File, file }))
    };
    let mut reduce = writer("reduce", format!("reduce {sum} --force"), "piece.gb");
    reduce.good.extend(["--until".to_owned(), "! test -e {}".to_owned()]);
    let file = |option, file| Some(Writes { option: Some(option), of: Of::File, file });
    vec![
        row(
            "run",
            format!("run {sum} {inputs}"),
            Some((format!("run {sum} {list}"), "[1, 2, 3, 4]")),
            Some(Writes { option: Some("-o"), of: Of::Folder, file: "z.npy" }),
        ),
        row("inspect", format!("inspect {sum}"), None, None),
        row(
            "trace",
            format!("trace {sum} {inputs}"),
            Some((format!("trace {sum} {list}"), "[1, 2, 3, 4]")),
            file("--chrome", "trace.json"),
        ),
        row(
            "check",
            format!("check {sum} {inputs} --against precise"),
            Some((format!("check {sum} {list} --against precise"), "[1, 2, 3, 4]")),
            file("--html", "report.html"),
        ),
        row(
            "bench",
            format!("bench {sum} -i y=zeros -d N=4 --rounds 1"),
            Some((format!("bench {sum} {list} --rounds 1"), "[1, 2, 3, 4]")),
            file("--json=", "times.json"),
        ),
        row("compile", format!("compile {sum}"), None, file("-o", "out.gb")),
        row("explain", format!("explain {sum}"), None, None),
        row(
            "generate",
            format!("generate Once -n 2 -m {package}"),
            Some((format!("generate - -n 2 -m {package}"), "Once")),
            file("--profile", "profile.json"),
        ),
        row(
            "chat",
            format!("chat -n 2 --template {template}"),
            Some((format!("chat -n 2 --template {template}"), "Once upon a time\n")),
            None,
        ),
        row(
            "forward",
            format!("forward --text Once -m {package}"),
            Some((format!("forward --text - -m {package}"), "Once")),
            file("-o", "logits.npy"),
        ),
        row(
            "perplexity",
            format!("perplexity {text}"),
            Some(("perplexity -".to_owned(), "Once upon a time there was a king.")),
            None,
        ),
        row(
            "convert",
            format!("convert {package} {} --force", folder.path("out.safetensors")),
            None,
            Some(Writes { option: None, of: Of::File, file: "out.safetensors" }),
        ),
        row(
            "simplify",
            format!("simplify {sum} {} --force", folder.path("fewer.onnx")),
            None,
            Some(Writes { option: None, of: Of::File, file: "fewer.onnx" }),
        ),
        complete(writer("extract", format!("extract {sum} --to z --force"), "piece.gb"), folder),
        complete(writer("set", format!("set {sum} z.op=mul --force"), "changed.gb"), folder),
        complete(reduce, folder),
        row("stats", format!("stats {sum} -d N=4"), None, None),
        row("diff", format!("diff {sum} {sum}"), None, None),
        row("verify", format!("verify {package}"), None, None),
        row("conformance", format!("conformance --cases {cases}"), None, file("--report", "report.md")),
        row(
            "sim",
            format!("sim {sum} {inputs}"),
            Some((format!("sim {sum} --input-steps -"), "{\"x\": [1, 2], \"y\": [3, 4]}\n")),
            file("--trace", "trace.jsonl"),
        ),
        row("fmt", format!("fmt --stdout {sum}"), Some(("fmt -".to_owned(), super::SUM)), None),
        row("ops", "ops".to_owned(), None, None),
        row("completions", "completions bash".to_owned(), None, None),
    ]
}

/// With the file that a command must be given to write.
fn complete(row: Row, folder: &Folder) -> Row {
    let target = folder.path(&format!("{}.gb", row.name));
    let good = [row.good.clone(), vec!["-o".to_owned(), target]].concat();
    Row { good, ..row }
}

/// A folder with one case that compares nothing.
fn conformance_cases(folder: &Folder) -> String {
    let case = "cases/node/test_nothing";
    std::fs::create_dir_all(folder.path(case)).expect("a folder");
    folder.file(
        &format!("{case}/case.json"),
        r#"{"name": "test_nothing", "kind": "node", "rtol": 0, "atol": 0, "data_sets": 0, "inputs": [], "outputs": [],
            "types": {"inputs": [], "outputs": []}}"#,
    );
    std::fs::copy(root().join("models/shapes/shapes.onnx"), folder.path(&format!("{case}/model.onnx")))
        .expect("a copy");
    folder.path("cases")
}

/// `glassbox` without what this machine or its user have.
fn plain(arguments: &[String], folder: &Folder) -> std::process::Command {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut command = command(&arguments);
    command.env("GLASSBOX_CACHE", folder.path("no-cache")).stdin(Stdio::null());
    for name in ["COLUMNS", "NO_COLOR", "CLICOLOR"] {
        command.env_remove(name);
    }
    command
}

fn run(command: &mut std::process::Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("it starts")
}

/// What happened, in few words; a panic and silence are failures of the test.
fn told(row: &Row, situation: &str, output: &Output) -> String {
    let notes = stderr(output);
    assert!(!notes.contains("panicked"), "{} with {situation} panics: {notes}", row.name);
    let code = output.status.code();
    let said = if output.stdout.is_empty() { "" } else { ", prints" };
    match code {
        Some(0) => format!("0{said}"),
        Some(code) => {
            assert!(code <= 3, "{} with {situation} ends with {code}: {notes}", row.name);
            assert!(!notes.is_empty() || !output.stdout.is_empty(), "{} with {situation} fails in silence", row.name);
            assert!(code == 1 || notes.contains("error: "), "{} with {situation}: {notes}", row.name);
            let why = ["", "answers no", "usage", "says why"][code.unsigned_abs() as usize];
            format!("{code}, {why}")
        }
        None => "killed".to_owned(),
    }
}

/// What comes out of a pipe that nobody reads.
fn with_closed_pipe(row: &Row, folder: &Folder) -> Output {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = plain(&row.good, folder);
    if row.name == "chat" {
        feed(&mut command, folder, "Once\n");
    }
    command.stdout(writer).stderr(Stdio::piped()).output().expect("it starts")
}

/// Gives a command what it reads, from a file.
fn feed(command: &mut std::process::Command, folder: &Folder, text: &str) {
    let file = folder.file("standard-input", text);
    command.stdin(std::fs::File::open(file).expect("the file"));
}

fn with_stdin(row: &Row, folder: &Folder) -> Option<Output> {
    let (arguments, text) = row.stdin.as_ref()?;
    let mut command = plain(arguments, folder);
    feed(&mut command, folder, text);
    Some(run(&mut command))
}

/// Whether the help keeps its words whole and within the columns, and results do.
fn within(row: &Row, folder: &Folder, columns: usize) -> String {
    let help = |columns: &str| {
        let output = run(plain(&words(&format!("{} --help", row.name)), folder).env("COLUMNS", columns));
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let longest = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    let (wide, narrow) = (help("1000"), help(&columns.to_string()));
    let in_words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(in_words(&wide), in_words(&narrow), "the help of {} breaks words", row.name);
    // A word that is longer than the line isn't broken, and stands alone.
    let help_fits = narrow.lines().all(|line| line.chars().count() <= columns || line.split_whitespace().count() <= 2);
    let mut command = plain(&row.good, folder);
    command.env("COLUMNS", columns.to_string());
    if row.name == "chat" {
        feed(&mut command, folder, "Once\n");
    }
    let output = run(&mut command);
    assert!(output.status.success(), "{}: {}", row.name, stderr(&output));
    // The text of a model, a program or a script is as it is.
    let free = ["generate", "chat", "fmt", "completions", "convert"].contains(&row.name);
    match (help_fits, free || longest(&stdout(&output)) <= columns) {
        (true, true) => "fits".to_owned(),
        (true, false) => "help fits, results are wider".to_owned(),
        (false, _) => "the help is wider".to_owned(),
    }
}

/// Whether styles are left out.
fn without_colour(row: &Row, folder: &Folder) -> String {
    let mut command = plain(&row.good, folder);
    command.env("NO_COLOR", "1").env("CLICOLOR_FORCE", "1");
    if row.name == "chat" {
        feed(&mut command, folder, "Once\n");
    }
    let output = run(&mut command);
    assert!(output.status.success(), "{}: {}", row.name, stderr(&output));
    let styled = stdout(&output).contains('\x1b') || stderr(&output).contains('\x1b');
    if styled { "styled".to_owned() } else { "plain".to_owned() }
}

/// The arguments with a file that is written in this folder.
fn writing(row: &Row, writes: &Writes, folder: &str) -> Vec<String> {
    let target = match writes.of {
        Of::File => format!("{folder}/{}", writes.file),
        Of::Folder => folder.to_owned(),
    };
    let mut arguments = row.good.clone();
    if !row.prints {
        // The file that it is given otherwise.
        arguments.truncate(arguments.len() - 2);
    }
    match writes.option {
        Some(option) if option.ends_with('=') => arguments.push(format!("{option}{target}")),
        Some(option) => arguments.extend([option.to_owned(), target]),
        // The second of two files.
        None => arguments[2] = target,
    }
    arguments
}

/// Writing where nobody may: a folder of the system's own, in which also the superuser can't make a file.
fn in_read_only_folder(row: &Row, folder: &Folder) -> Option<Output> {
    let writes = row.writes.as_ref()?;
    Some(run(&mut plain(&writing(row, writes, "/proc"), folder)))
}

/// A full disk behind standard output, and behind the file that is written; both must be told alike.
fn on_full_disk(row: &Row, folder: &Folder) -> String {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("the full device");
    let mut command = plain(&row.good, folder);
    if row.name == "chat" {
        feed(&mut command, folder, "Once\n");
    }
    let output = command.stdout(full()).stderr(Stdio::piped()).output().expect("it starts");
    let printed = told(row, "a full disk", &output);
    // A file of weights, or of a model, is renamed to its place, where a link to the device would be replaced.
    let Some(writes) = row.writes.as_ref().filter(|_| !["convert", "simplify"].contains(&row.name)) else {
        return printed;
    };
    let there = folder.path(&format!("full-{}", row.name));
    std::fs::create_dir_all(&there).expect("a folder");
    std::os::unix::fs::symlink("/dev/full", Path::new(&there).join(writes.file)).expect("a link");
    let written = run(&mut plain(&writing(row, writes, &there), folder));
    assert_eq!(told(row, "a full disk behind its file", &written), printed, "{}", row.name);
    assert!(stderr(&written).contains(writes.file), "{}", stderr(&written));
    printed
}

/// A pipe that is full, with the thread that fills it until the reader goes.
fn full_pipe() -> (std::io::PipeReader, std::io::PipeWriter, JoinHandle<()>) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut filler = writer.try_clone().expect("its end");
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let filling = std::thread::spawn(move || {
        while filler.write_all(&[0; 512]).is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    // It is full when no more goes in.
    let mut before = 0;
    loop {
        std::thread::sleep(Duration::from_millis(50));
        match written.load(Ordering::Relaxed) {
            now if now > 0 && now == before => return (reader, writer, filling),
            now => before = now,
        }
    }
}

/// The same command, which an interrupt ends even where whoever started the tests ignores it, as shells do for what they run
/// in the background.
fn interruptible(command: &std::process::Command) -> std::process::Command {
    let mut made = std::process::Command::new("env");
    made.arg("--default-signal=INT").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => made.env(name, value),
            None => made.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        made.current_dir(folder);
    }
    made.stdin(Stdio::null());
    made
}

/// Interrupted while it waits for a reader of its results.
fn interrupted(row: &Row, folder: &Folder) -> String {
    let (reader, writer, filling) = full_pipe();
    let mut command = interruptible(&plain(&row.good, folder));
    if row.name == "chat" {
        feed(&mut command, folder, "Once\n");
    }
    let mut child = command.stdout(writer).stderr(Stdio::piped()).spawn().expect("it starts");
    std::thread::sleep(Duration::from_millis(150));
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("it runs").success(), "{} ended before it was interrupted", row.name);
    let since = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it can be asked") {
            break status;
        }
        if since.elapsed() > Duration::from_secs(10) {
            child.kill().expect("it is there");
            panic!("{} goes on", row.name);
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    drop(command);
    drop(reader);
    filling.join().expect("it ends");
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(2) => "ends".to_owned(),
        _ => format!("{status}"),
    }
}

/// What a command does in a situation.
fn cell(row: &Row, situation: &str, folder: &Folder) -> String {
    let none = || "—".to_owned();
    match situation {
        "no argument" => told(row, situation, &run(&mut plain(&words(row.name), folder))),
        "typo" => told(row, situation, &run(&mut plain(&words(&format!("{} --hlep", row.name)), folder))),
        "pipe closed" if row.prints => told(row, situation, &with_closed_pipe(row, folder)),
        "stdin" => with_stdin(row, folder).map_or_else(none, |output| told(row, situation, &output)),
        "80 columns" => within(row, folder, 80),
        "40 columns" => within(row, folder, 40),
        "NO_COLOR" => without_colour(row, folder),
        "unicode path" => {
            let mut command = plain(&row.good, folder);
            if row.name == "chat" {
                feed(&mut command, folder, "Once\n");
            }
            let named = row.good.iter().any(|argument| !argument.is_ascii());
            if named { told(row, situation, &run(&mut command)) } else { none() }
        }
        "read-only folder" => {
            in_read_only_folder(row, folder).map_or_else(none, |output| told(row, situation, &output))
        }
        "disk full" if row.prints => on_full_disk(row, folder),
        "SIGINT" if row.prints => interrupted(row, folder),
        _ => none(),
    }
}

const INTRODUCTION: &str = "# What every command does when something is amiss

Made by running them (`cargo xtask status`); don't edit. A cell is the exit code, and what is seen: a result (*prints*), the
reason (*says why*), or how it is used (*usage*). 0 is done, 1 the answer is no, 2 wrong usage, 3 a file, model, input or
output at fault. *ends* is the signal's own death; — where the command reads or writes nothing of that kind.

- **no argument**: `glassbox COMMAND`, without any official cases for `conformance`
- **typo**: `--hlep`
- **pipe closed**: nobody reads standard output, as after `| head`
- **stdin**: `-` for what it reads
- **80 columns**, **40 columns**: whether the help keeps its words whole, and help and results stay within the columns
- **NO_COLOR**: with `CLICOLOR_FORCE` too
- **unicode path**: files in a folder whose name isn't ASCII
- **read-only folder**: what it writes goes to a folder where it may not
- **disk full**: standard output, and what it writes, go to a device that is full
- **SIGINT**: Ctrl-C while it waits

";

#[test]
#[cfg(target_os = "linux")]
fn golden_table_of_every_command_in_every_situation() {
    let folder = Folder::new("größe-模型-");
    let rows = rows(&folder);
    let mut page = INTRODUCTION.to_owned();
    page += &format!("| command | {} |\n|{}\n", SITUATIONS.join(" | "), " --- |".repeat(SITUATIONS.len() + 1));
    for row in &rows {
        let cells: Vec<String> = SITUATIONS.iter().map(|situation| cell(row, situation, &folder)).collect();
        page += &format!("| {} | {} |\n", row.name, cells.join(" | "));
    }
    // All commands are in the table.
    let help = stdout(&run(&mut plain(&words("--help"), &folder)));
    let listed = help.split("Commands:").nth(1).and_then(|rest| rest.split("Options:").next()).unwrap_or_default();
    let names = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> =
        names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    for name in &names {
        assert!(rows.iter().any(|row| row.name == *name), "`{name}` isn't in the table");
    }
    // Whatever was interrupted or failed has left nothing half done.
    let left = walk(Path::new(&folder.path("")));
    assert!(!left.iter().any(|name| name.contains(".glassbox-")), "{left:?}");
    let file = root().join("docs/status/cli.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &page).expect("the page");
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(known == page, "docs/status/cli.md isn't up to date; `cargo xtask status` writes it:\n{page}");
}

/// The names of all files in a folder.
fn walk(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        names.push(path.display().to_string());
        if path.is_dir() && !path.is_symlink() {
            names.extend(walk(&path));
        }
    }
    names
}
