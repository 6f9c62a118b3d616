//! A conversion that is killed leaves the target as it was, or whole.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use glassbox_tensor::ParamSource;
use glassbox_weights::{Options, convert, open, verify};

use crate::files::{Folder, safetensors};

/// What tells a child what to convert, and into what.
const SOURCE: &str = "GLASSBOX_TEST_SOURCE";
const TARGET: &str = "GLASSBOX_TEST_TARGET";
const ROUNDS: u64 = 100;

/// Converts a file, without anything else that a kill could leave behind.
fn convert_file(source: &Path, target: &Path) {
    convert(&open(source).expect("opens"), target, Options::default(), |_| ()).expect("converted");
}

/// This binary runs itself with only this test, to have a process to kill. Nobody has told it a file when it runs with
/// all others: then it converts one of its own.
#[test]
fn the_process_that_is_killed() {
    if let (Some(source), Some(target)) = (std::env::var_os(SOURCE), std::env::var_os(TARGET)) {
        return convert_file(source.as_ref(), target.as_ref());
    }
    let folder = Folder::new();
    let header = r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let source = folder.write("w.safetensors", &safetensors(header, &1.5f32.to_le_bytes()));
    let target = folder.path().join("w.oinf");
    convert_file(&source, &target);
    let tensor = open(&target).expect("opens").load("w").expect("it is there");
    assert_eq!(tensor.as_slice::<f32>().expect("f32"), [1.5]);
}

fn child(source: &Path, target: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--exact", "kill::the_process_that_is_killed"]).env(SOURCE, source).env(TARGET, target);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
fn a_killed_conversion_leaves_nothing_or_all() {
    let (folder, out) = (Folder::new(), Folder::new());
    let elements = 1 << 17;
    let data: Vec<u8> = (0..24 * elements as u32).flat_map(|at| (at as f32).to_le_bytes()).collect();
    let entry = |index: usize| {
        let start = index * elements * 4;
        format!(
            r#""w{index}":{{"dtype":"F32","shape":[{elements}],"data_offsets":[{start},{}]}}"#,
            start + elements * 4
        )
    };
    let header = (0..24).map(entry).collect::<Vec<_>>().join(",");
    let source = folder.write("w.safetensors", &safetensors(&format!("{{{header}}}"), &data));
    let target = out.path().join("w.oinf");
    let begun = Instant::now();
    assert!(child(&source, &target).status().expect("runs").success());
    let whole_run = begun.elapsed();
    let wanted = std::fs::read(&target).expect("read");
    let (mut absent, mut whole, mut state) = (0, 0, 11u64);
    // The machine may become faster or slower: what is found says how long to wait at most.
    let mut longest = whole_run.mul_f64(1.2);
    for round in 0..ROUNDS {
        // Every fourth finds what an earlier one made.
        if round % 4 != 3 {
            let _ = std::fs::remove_file(&target);
        }
        let existed = target.exists();
        let mut process = child(&source, &target).spawn().expect("starts");
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        std::thread::sleep(longest.mul_f64((state >> 40) as f64 / (1 << 24) as f64) + Duration::from_millis(1));
        process.kill().expect("killed");
        process.wait().expect("ended");
        if target.exists() {
            assert!(std::fs::read(&target).expect("read") == wanted, "round {round}: the target isn't whole");
            whole += 1;
            longest = if existed { longest } else { longest.mul_f64(0.95) };
        } else {
            assert!(!existed, "round {round}: a target that was there is gone");
            absent += 1;
            longest = longest.mul_f64(1.05);
        }
    }
    verify(&target, |_, _| ())
        .map(drop)
        .or_else(|error| if target.exists() { Err(error) } else { Ok(()) })
        .expect("sound");
    println!("{ROUNDS} kills over {whole_run:?}: {absent} targets absent, {whole} whole");
    // Neither too early nor too late, or nothing was tested.
    assert!(absent > 5 && whole > 5);
    let left = std::fs::read_dir(out.path()).expect("listed").flatten();
    assert!(left.count() > 1, "no kill was while writing");
}
