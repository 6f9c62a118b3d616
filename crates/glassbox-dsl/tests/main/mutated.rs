//! Programs that were sound, with tokens taken away, doubled, exchanged or taken from others: an answer, and no panic.

use glassbox_dsl::check::{check, check_values};
use glassbox_dsl::{Lower, Program};
use glassbox_ir::Attr;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::model::{Model, f32s};

/// Sound programs, that use all of the language.
const PROGRAMS: &[&str] = &[
    include_str!("../programs/design.gbp"),
    include_str!("../programs/tables.gbp"),
    include_str!("../programs/matrices.gbp"),
    include_str!("../programs/returns.gbp"),
    include_str!("../programs/beside.gbp"),
    include_str!("../programs/free.gbp"),
    include_str!("../programs/counters.gbp"),
    include_str!("../programs/attributes.gbp"),
    include_str!("../programs/calls.gbp"),
    include_str!("../programs/entries.gbp"),
];

fn model() -> Model {
    Model::new()
        .param("W.0", f32s(&[2, 2], &[1.0, -2.0, 0.5, 3.0]))
        .param("W.1", f32s(&[2, 2], &[2.0, 0.0, 0.0, -1.0]))
        .param("bias", f32s(&[2], &[0.5, 1.0]))
        .with_metadata("alpha", 0.25)
        .with_metadata("num_layers", 2i64)
        .with_metadata("list", Attr::Ints(vec![0, 1]))
        .with_size("H", 2)
        .with_size("D", 2)
        .with_size("Dh", 3)
}

/// Words, numbers, texts and signs, without comments.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
            '>' | '.' if rest[1..].starts_with(first) => 2,
            '0'..='9' => {
                let number = |c: char| word(c) || c == '.';
                let range = rest.find("..").unwrap_or(rest.len());
                rest.find(|c| !number(c)).unwrap_or(rest.len()).min(range)
            }
            c if word(c) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

/// What is wrong with a program, if something is.
fn lower(text: &str, model: &Model) -> Option<String> {
    let program = match Program::parse("mutated.gbp", text) {
        Ok(program) => program,
        Err(error) => return Some(error.to_string()),
    };
    let lowered = program.lower(model).err().map(|error| error.to_string());
    // What is wrong whatever the package has is wrong with this one too.
    if check(&program).is_ok()
        && let Err(error) = check_values(&program)
    {
        assert!(lowered.is_some(), "{error}\n{text}");
    }
    lowered
}

#[test]
fn the_programs_are_sound() {
    for text in PROGRAMS {
        assert_eq!(lower(text, &model()), None, "{text}");
        assert_eq!(lower(&tokens(text).join(" "), &model()), None, "{text}");
    }
}

#[test]
fn changed_programs_never_panic() {
    let model = model();
    let sound: Vec<Vec<&str>> = PROGRAMS.iter().map(|text| tokens(text)).collect();
    let edits = prop::collection::vec((0..5u8, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..5);
    let strategy = (0..sound.len(), 0..sound.len(), edits);
    let config = Config { cases: 5000, failure_persistence: None, ..Config::default() };
    let failed = std::cell::Cell::new(0);
    let ran = TestRunner::new(config).run(&strategy, |(which, other, edits)| {
        let mut tokens = sound[which].clone();
        for (edit, a, b) in edits {
            let (a, foreign) = (a.index(tokens.len()), b.index(sound[other].len()));
            let b = b.index(tokens.len());
            match edit {
                0 => drop(tokens.remove(a)),
                1 => tokens.insert(a, tokens[b]),
                2 => tokens.swap(a, b),
                3 => tokens[a] = tokens[b],
                _ => tokens[a] = sound[other][foreign],
            }
        }
        let text = tokens.join(" ");
        if let Some(message) = lower(&text, &model) {
            failed.set(failed.get() + 1);
            prop_assert!(message.starts_with("mutated.gbp"), "{message}");
            prop_assert!(!message.contains("internal"), "{message}");
        }
        Ok(())
    });
    ran.unwrap();
    // Most changes make a program wrong; if none did, nothing was changed.
    assert!(failed.get() > 1000, "{} of 5000 programs were refused", failed.get());
}
