//! Programs that are wrong don't compile, and the message points at what is wrong.
//!
//! `tests/wrong/TOPIC/….rs` are files of macro calls with one mistake each; the `.stderr` beside each says what the
//! compiler prints, line by line. `TRYBUILD=overwrite cargo test -p glassbox-macros` writes them: read the difference.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

#[test]
fn wrong_programs_are_pointed_at() {
    trybuild::TestCases::new().compile_fail("tests/wrong/*/*.rs");
}

/// Every file of wrong programs.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong");
    let inside = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let files = inside(&root).into_iter().flat_map(|folder| inside(&folder));
    files.filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

/// Each macro call gives one error, and that is at one token of it: not at the whole macro.
#[test]
fn every_wrong_program_has_one_message_at_one_token() {
    let mut programs = 0;
    for path in files() {
        let source = std::fs::read_to_string(&path).unwrap();
        let errors = std::fs::read_to_string(path.with_extension("stderr")).unwrap();
        let calls = source.matches("graph! {").count();
        let messages: Vec<&str> = errors.split("\n\n").filter(|part| part.starts_with("error")).collect();
        assert_eq!(messages.len(), calls, "{}", path.display());
        programs += calls;
        for message in messages {
            let marked = message.lines().filter(|line| line.contains('^')).collect::<Vec<_>>();
            let [mark] = marked.as_slice() else { panic!("{message}") };
            let (start, length) = (mark.find('^').unwrap(), mark.matches('^').count());
            let line =
                message.lines().find(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit())).unwrap();
            let token: String = line.chars().skip(start).take(length).collect();
            assert!(!token.contains([' ', '!']) || token.starts_with('"'), "{token:?} is no token:\n{message}");
        }
    }
    assert!(programs >= 150, "{programs} wrong programs");
}
