//! A thousand mutations of a file of every format: each is an error or is read, without a panic and without
//! memory that the size of the file doesn't explain.
//!
//! The bound: opening and reading `n` bytes takes at most 128 MiB + 64·`n` at any time. Views that repeat
//! elements may take 64 MiB of it.

use std::sync::Arc;

use glassbox_tensor::ParamSource;
use glassbox_weights::{open, open_bytes, verify_package};

use crate::golden::data;
use crate::memory::peak;

const FILES: [&str; 8] =
    ["all.safetensors", "all.gguf", "plain.pth", "legacy.pth", "nested.pth", "v1.oinf", "v2.oinf", "v3.oinf"];
const MUTATIONS: u64 = 1000;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % bound.max(1)
    }
}

/// One change, of a kind that the number says. Headers are at the beginning or the end: half of the places are
/// there.
fn mutate(bytes: &mut Vec<u8>, kind: u64, random: &mut Random) -> &'static str {
    let near = |random: &mut Random, length: usize| match random.below(4) {
        0 => random.below(length.min(256)),
        1 => length - 1 - random.below(length.min(256)),
        _ => random.below(length),
    };
    let at = near(random, bytes.len());
    match kind % 6 {
        0 => {
            bytes.truncate(at);
            "cut"
        }
        1 | 2 => {
            bytes[at] ^= 1 << random.below(8);
            "flip"
        }
        3 => {
            // A field that lies: a length, a count, an offset.
            let length = bytes.len() as u64;
            let lies =
                [0, 1, length, length - 1, u64::from(u32::MAX), u64::MAX, i64::MAX as u64, 1 << 40, length / 2, 255];
            let lie = lies[random.below(lies.len())].to_le_bytes();
            let width = [1, 2, 4, 8][random.below(4)];
            for (byte, lie) in bytes[at..].iter_mut().zip(&lie[..width]) {
                *byte = *lie;
            }
            "lie"
        }
        4 => {
            let from = random.below(bytes.len());
            let part = bytes[from..bytes.len().min(from + 1 + random.below(64))].to_vec();
            bytes.splice(at..at, part);
            "insert"
        }
        _ => {
            let end = bytes.len().min(at + 1 + random.below(64));
            bytes.drain(at..end);
            "delete"
        }
    }
}

#[test]
fn nothing_that_is_wrong_with_a_file_is_a_panic() {
    for name in FILES {
        let good = std::fs::read(data(name)).expect("read");
        let mut random = Random(7);
        let (mut errors, mut most) = (0, 0);
        for index in 0..MUTATIONS {
            let mut bytes = good.clone();
            let kind = mutate(&mut bytes, index, &mut random);
            if bytes == good {
                continue;
            }
            let size = bytes.len();
            let mut outcome = Ok(());
            let taken = peak(|| outcome = read(name, bytes));
            most = most.max(taken);
            assert!(taken <= (128 << 20) + 64 * size, "{name}, mutation {index}: {taken} bytes for {size}");
            if let Err(error) = &outcome {
                assert!(error.contains(name), "{error}");
                errors += 1;
            }
            // What version 3 reads after any change is never wrong: verifying has found it.
            assert!(name != "v3.oinf" || outcome.is_err(), "mutation {index} ({kind}) isn't found");
            // A file that is cut short has lost data, but for padding after the last.
            let cut = kind == "cut" && name != "all.gguf";
            assert!(!cut || outcome.is_err(), "{name}: mutation {index} cuts it, and isn't found");
        }
        println!("{name}: {errors} of {MUTATIONS} mutations are errors; at most {} kB are taken", most >> 10);
        assert!(errors > 400);
    }
}

/// Opens, verifies and reads everything.
fn read(name: &str, bytes: Vec<u8>) -> Result<(), String> {
    let package = open_bytes(name, Arc::new(bytes)).map_err(|error| error.to_string())?;
    verify_package(&package, |_, _| ()).map_err(|error| error.to_string())?;
    for info in package.params() {
        let tensor = package.load(&info.name).map_err(|error| format!("{name}: {error}"))?;
        assert_eq!((tensor.dtype(), tensor.shape()), (info.dtype, &info.shape[..]));
        // A byte that is no bool is found here.
        let _ = tensor.to_bytes();
    }
    for (_, value) in package.metadata().iter() {
        let _ = value.to_string();
    }
    Ok(())
}

#[test]
fn bytes_in_memory_are_read_as_files_are() {
    for name in FILES {
        let bytes = std::fs::read(data(name)).expect("read");
        let (file, memory) =
            (open(&data(name)).expect("opens"), open_bytes(name, Arc::new(bytes.clone())).expect("opens"));
        assert_eq!(file.format(), memory.format());
        for info in file.params() {
            let (left, right) = (file.load(&info.name).expect("there"), memory.load(&info.name).expect("there"));
            assert!(left.bit_eq(&right), "{name}: {}", info.name);
        }
        let again = open_bytes("another name", Arc::new(bytes)).expect("opens");
        assert_eq!(memory.params(), again.params(), "{name}: ids are of the contents");
    }
}

/// Counts and lengths that announce what the file can't hold, in files that are otherwise sound.
#[test]
fn announced_memory_is_not_taken() {
    let huge = u64::MAX / 2;
    let gguf = |keys: u64, rest: &[u8]| {
        [b"GGUF", &3u32.to_le_bytes()[..], &0u64.to_le_bytes(), &keys.to_le_bytes(), rest].concat()
    };
    let list = |kind: u32, count: u64| {
        [&1u64.to_le_bytes()[..], b"k", &9u32.to_le_bytes(), &kind.to_le_bytes(), &count.to_le_bytes()].concat()
    };
    let nested =
        list(9, 1).into_iter().chain([9u32.to_le_bytes(), 1u32.to_le_bytes(), [0; 4]].concat().repeat(1 << 16));
    let deep: Vec<u8> = nested.collect();
    let tensors = [b"GGUF", &3u32.to_le_bytes()[..], &huge.to_le_bytes(), &0u64.to_le_bytes()].concat();
    for (what, bytes) in [
        ("keys", gguf(huge, b"")),
        ("bytes", gguf(1, &list(0, huge))),
        ("texts", gguf(1, &list(8, huge))),
        ("numbers", gguf(1, &list(12, 1 << 61))),
        ("lists in lists", gguf(1, &deep)),
        ("tensors", tensors),
        ("safetensors", [&(100_000_000u64).to_le_bytes()[..], b"{\"a\":"].concat()),
        (
            "deep JSON",
            [&(1u64 << 20).to_le_bytes()[..], b"{\"__metadata__\":{\"a\":", "[".repeat(1 << 20).as_bytes()].concat(),
        ),
        ("an old table", [b"OINF\0\x01\0\0\0\0\0\0\0\xff\xff\xff\x7f", &[0; 60][..]].concat()),
    ] {
        let size = bytes.len();
        let taken = peak(|| assert!(open_bytes(what, Arc::new(bytes)).is_err(), "{what}"));
        assert!(taken <= (1 << 20) + 64 * size, "{what}: {taken} bytes for {size}");
    }
}
