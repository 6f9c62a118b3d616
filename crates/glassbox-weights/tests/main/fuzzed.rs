//! Every finding of a fuzzer, every seed that is kept, and some bytes of our own, through the fuzz targets.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use glassbox_weights::fuzzing::{self, TARGETS};

#[test]
fn no_finding_comes_back() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut wrong = Vec::new();
    for target in TARGETS {
        let binary = fuzz.join(format!("fuzz_targets/{}.rs", target.name));
        assert!(binary.is_file(), "{} is missing", binary.display());
        for kind in ["seeds", "regressions"] {
            // A target of which nothing is kept has no folder.
            let Ok(entries) = std::fs::read_dir(fuzz.join(kind).join(target.name)) else { continue };
            for entry in entries {
                let path = entry.expect("the folder can be listed").path();
                let bytes = std::fs::read(&path).expect("the file can be read");
                if catch_unwind(AssertUnwindSafe(|| (target.run)(&bytes))).is_err() {
                    wrong.push(path.display().to_string());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "these panic:\n{}", wrong.join("\n"));
}

/// Pickles of instructions at random: most bytes are one, so it soon has stacks, memos and tensors of nonsense.
#[test]
fn instructions_at_random_are_no_panic() {
    let words: [&[u8]; 24] = [
        b"(",
        b"}",
        b"]",
        b")",
        b"t",
        b"\x85",
        b"\x86",
        b"u",
        b"s",
        b"a",
        b"e",
        b"q\x00",
        b"h\x00",
        b"\x94",
        b"0",
        b"2",
        b"K\x01",
        b"M\x10\x00",
        b"X\x01\x00\x00\x000",
        b"X\x07\x00\x00\x00storage",
        b"Q",
        b"R",
        b"b",
        b"ctorch\nFloatStorage\n",
    ];
    let calls: [&[u8]; 4] = [
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ccollections\nOrderedDict\n",
        b"ctorch\nSize\n",
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x10tQ",
    ];
    let mut state = 3u64;
    let mut random = |bound: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((state >> 33) as usize) % bound
    };
    for _ in 0..20_000 {
        let mut pickle = b"\x80\x02".to_vec();
        for _ in 0..random(40) {
            let word = if random(5) == 0 { calls[random(4)] } else { words[random(24)] };
            pickle.extend(word);
        }
        pickle.push(b'.');
        fuzzing::weights_pickle(&pickle);
    }
}
