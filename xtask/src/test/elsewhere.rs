//! The tests once more, as they would run on another machine.
//!
//! What the tests say must not hang on the machine: its memory, its processors and what they can do, its locale and
//! time zone, the home folder of who runs them, what earlier runs left. So the test binaries that are built already run
//! again with a small memory limit told to the program, on one processor, with the functions that the C library has for
//! old ones, with an empty home folder and an empty temporary folder, in another time zone and locale. Cargo itself runs
//! as before and only starts the binaries through `env`, so that nothing is built anew. At the end both folders must be
//! empty.
//!
//! Left out are the tests of [`LONG`], which take long on one processor for what they could show here, and the examples
//! in documentation, each of which would be linked again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};

use super::Context;
use super::lines::run_and_note;
use super::suites::cargo_test;
use crate::tools::cache;

/// What the program is told of the memory: 2 GiB.
const MEMORY: &str = "2147483648";
/// The mathematical functions of the C library are others on processors without these; older versions of it call them
/// by the second names.
const PROCESSOR: &str =
    "glibc.cpu.hwcaps=-FMA,-AVX2,-AVX512F,-AVX512VL,-FMA4,-FMA_Usable,-AVX2_Usable,-AVX512F_Usable,-FMA4_Usable";
/// A zone that is 5 hours and 45 minutes from UTC, so that neither days nor hours nor half hours agree.
const TIME_ZONE: &str = "Asia/Kathmandu";
/// Locales to try before `C`: in Turkish the small letter of `I` isn't `i`.
const LOCALES: &[&str] = &["tr_TR.utf8", "tr_TR.UTF-8", "tr_TR"];

/// Parts of the names of tests that are left out, and why.
const LONG: &[(&str, &str)] = &[
    ("wrong_programs_are_pointed_at", "it has cargo compile programs, which takes a minute and looks at none of this"),
    ("grammar::a_text_follows_its_gbnf", "half a minute of writing; the other grammars' tests run"),
];

/// Runs the tests elsewhere.
pub(super) fn main(context: &mut Context) -> Result<()> {
    context.data()?;
    let place = Place::new()?;
    let surroundings = place.surroundings()?;
    println!("── with {}", surroundings.join(" "));
    for (test, why) in LONG {
        println!("── without {test}: {why}");
    }
    let mut command = cargo_test();
    command.args(["--lib", "--bins", "--tests", "--config", &runner(&surroundings), "--", "--show-output"]);
    command.args(LONG.iter().flat_map(|(test, _)| ["--skip", test]));
    let ran = run_and_note(context, &mut command);
    let left = place.left()?;
    match (ran, left.is_empty()) {
        (Ok(()), true) => Ok(()),
        (Ok(()), false) => bail!("the tests leave files behind: {}", left.join(", ")),
        (Err(error), true) => Err(error),
        (Err(error), false) => bail!("{error:#}; the tests leave files behind: {}", left.join(", ")),
    }
}

/// Folders of this run's own, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Place> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("glassbox-elsewhere-{}-{count}", std::process::id()));
        // What an earlier process of the same number may have left.
        let _ = std::fs::remove_dir_all(&folder);
        for name in [Place::HOME, Place::TEMPORARY] {
            std::fs::create_dir_all(folder.join(name)).with_context(|| folder.display().to_string())?;
        }
        Ok(Place(folder))
    }

    const HOME: &str = "home";
    const TEMPORARY: &str = "temporary";

    /// The words before the path of a test binary: a command that sets all this and starts it.
    fn surroundings(&self) -> Result<Vec<String>> {
        let home = std::env::var_os("HOME").map_or_else(PathBuf::new, PathBuf::from);
        let kept = |name: &str, folder: &str| {
            let path = std::env::var_os(name).map_or_else(|| home.join(folder), PathBuf::from);
            format!("{name}={}", path.display())
        };
        let mut words: Vec<String> = vec!["env".to_owned()];
        words.extend(["-u", "XDG_CACHE_HOME", "-u", "XDG_CONFIG_HOME", "-u", "XDG_DATA_HOME"].map(str::to_owned));
        // Tests that start cargo find it, and test data is where it was.
        words.extend([kept("CARGO_HOME", ".cargo"), kept("RUSTUP_HOME", ".rustup")]);
        words.push(format!("GLASSBOX_CACHE={}", cache().display()));
        words.push(format!("HOME={}", self.0.join(Place::HOME).display()));
        words.push(format!("TMPDIR={}", self.0.join(Place::TEMPORARY).display()));
        words.push(format!("GLASSBOX_MEMORY_LIMIT={MEMORY}"));
        words.push(format!("GLIBC_TUNABLES={PROCESSOR}"));
        let installed = printed("locale", &["-a"]).unwrap_or_default();
        let locale = locale(&installed);
        words.extend([format!("TZ={TIME_ZONE}"), format!("LC_ALL={locale}"), format!("LANG={locale}")]);
        words.extend(one_processor());
        Ok(words)
    }

    /// What is in the folders.
    fn left(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for name in [Place::HOME, Place::TEMPORARY] {
            for entry in std::fs::read_dir(self.0.join(name))? {
                found.push(format!("{name}/{}", entry?.file_name().to_string_lossy()));
            }
        }
        found.sort();
        Ok(found)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What can't be removed is in the system's temporary folder, which is cleared some day.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The setting of cargo that has it start binaries through these words.
fn runner(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("target.'cfg(all())'.runner=[{}]", quoted.join(","))
}

/// The locale to use, of those that the system has.
fn locale(installed: &str) -> &str {
    let found = LOCALES.iter().find(|wanted| installed.lines().any(|line| line == **wanted));
    found.copied().unwrap_or("C")
}

/// Words that keep a program to one processor; where the system has no `taskset`, to one thread of the pool.
fn one_processor() -> Vec<String> {
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    match first_processor(&status) {
        Some(number) if printed("taskset", &["-c", &number, "true"]).is_some() => {
            vec!["taskset".to_owned(), "-c".to_owned(), number]
        }
        _ => vec!["RAYON_NUM_THREADS=1".to_owned()],
    }
}

/// The first processor that this process may use, from `/proc/self/status`.
fn first_processor(status: &str) -> Option<String> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let number: String = list.trim().chars().take_while(char::is_ascii_digit).collect();
    (!number.is_empty()).then_some(number)
}

/// What a program prints; nothing where it is missing or fails.
fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_one_that_may_be_used() {
        assert_eq!(first_processor("Name:\tx\nCpus_allowed_list:\t12-15,20\n").as_deref(), Some("12"));
        assert_eq!(first_processor("Name:\tx\n"), None);
    }

    #[test]
    fn the_locale_is_turkish_where_there_is_one() {
        assert_eq!(locale("C\nPOSIX\ntr_TR.utf8\n"), "tr_TR.utf8");
        assert_eq!(locale("C\nde_DE.utf8\n"), "C");
    }

    #[test]
    fn a_binary_is_started_with_another_home_zone_and_memory() {
        let place = Place::new().expect("folders");
        let words = place.surroundings().expect("words");
        let output = Command::new(&words[0]).args(&words[1..]).arg("env").output().expect("it starts");
        let text = String::from_utf8(output.stdout).expect("text");
        let home = format!("HOME={}", place.0.join("home").display());
        for line in [home.as_str(), "TZ=Asia/Kathmandu", "GLASSBOX_MEMORY_LIMIT=2147483648"] {
            assert!(text.lines().any(|found| found == line), "{line} isn't in\n{text}");
        }
        assert!(text.lines().any(|found| found.starts_with("CARGO_HOME=")));
        assert_eq!(
            runner(&["env".to_owned(), "A=b \"c\"".to_owned()]),
            r#"target.'cfg(all())'.runner=["env","A=b \"c\""]"#
        );
    }

    #[test]
    fn what_is_left_behind_is_found() {
        let place = Place::new().expect("folders");
        assert_eq!(place.left().expect("a list"), [""; 0]);
        std::fs::write(place.0.join("temporary/a"), "").expect("written");
        assert_eq!(place.left().expect("a list"), ["temporary/a"]);
        let folder = place.0.clone();
        drop(place);
        assert!(!folder.exists());
    }
}
