//! Pickles that want to run something, or to be larger than their bytes: refused by name, and nothing runs.

use std::path::Path;

use glassbox_tensor::ParamSource;
use glassbox_weights::{Package, WeightsError, open};

use crate::files::{Folder, zip};

const PROTO: &[u8] = b"\x80\x02";

fn open_pickle(folder: &Folder, pickle: &[u8]) -> Result<Package, WeightsError> {
    let bytes = zip(&[("a/data.pkl", pickle), ("a/byteorder", b"little"), ("a/data/0", &[0; 64])]);
    open(&folder.write("evil.pth", &bytes))
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn storage(count: u8) -> Vec<u8> {
    [b"(", &text("storage")[..], b"ctorch\nFloatStorage\n", &text("0"), &text("cpu"), b"K", &[count], b"tQ"].concat()
}

/// `_rebuild_tensor_v2` with an offset, dims and strides, as the pickle of one tensor.
fn tensor(offset: u8, dims: &[u8], strides: &[u8]) -> Vec<u8> {
    let tuple = |numbers: &[u8]| {
        let numbers: Vec<u8> = numbers.iter().flat_map(|number| [b'K', *number]).collect();
        [b"(", &numbers[..], b"t"].concat()
    };
    let made = [
        b"ctorch._utils\n_rebuild_tensor_v2\n(",
        &storage(16)[..],
        b"K",
        &[offset],
        &tuple(dims),
        &tuple(strides),
        b"\x89Nt",
        b"R",
    ];
    made.concat()
}

fn whole(parts: &[&[u8]]) -> Vec<u8> {
    [PROTO, &parts.concat(), b"."].concat()
}

#[test]
fn nothing_is_run() {
    let folder = Folder::new();
    let witness = folder.path().join("witness");
    let touch = format!("touch {}", witness.display());
    let command = text(&touch);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("os.system", whole(&[b"cos\nsystem\n(", &command, b"tR"])),
        ("posix.system", whole(&[b"cposix\nsystem\n(", &command, b"tR"])),
        ("builtins.eval", whole(&[b"cbuiltins\neval\n(", &command, b"tR"])),
        ("builtins.exec", whole(&[&text("builtins"), &text("exec"), b"\x93(", &command, b"tR"])),
        ("__builtin__.getattr", whole(&[b"c__builtin__\ngetattr\n(", &command, b"tR"])),
        ("subprocess.Popen", whole(&[b"csubprocess\nPopen\n(", &command, b"t\x81"])),
        ("numpy.core.multiarray._reconstruct", whole(&[b"cnumpy.core.multiarray\n_reconstruct\n(tR"])),
        ("torch.load", whole(&[b"ctorch\nload\n(", &command, b"tR"])),
        ("torch._utils._rebuild_qtensor", whole(&[b"ctorch._utils\n_rebuild_qtensor\n(tR"])),
        ("torch.storage._load_from_bytes", whole(&[b"ctorch.storage\n_load_from_bytes\n(tR"])),
        ("_codecs.encode", whole(&[b"c_codecs\nencode\n(tR"])),
        ("collections.defaultdict", whole(&[b"ccollections\ndefaultdict\n)R"])),
        ("collections.OrderedDict.__class__", whole(&[b"ccollections\nOrderedDict.__class__\n)R"])),
        ("INST", whole(&[b"(", &command, b"ios\nsystem\n"])),
        ("os.system", whole(&[b"(cos\nsystem\n", &command, b"o"])),
        ("OBJ", whole(&[b"(", &command, b"o"])),
        ("EXT", whole(&[b"\x82\x01)R"])),
        ("NEWOBJ_EX", whole(&[b"ccollections\nOrderedDict\n)}\x92"])),
        ("PERSID", whole(&[b"Pstorage\n"])),
    ];
    for (name, pickle) in cases {
        let error = open_pickle(&folder, &pickle).expect_err(name);
        match error.root() {
            WeightsError::Forbidden { name: found, offset, .. } => {
                assert!(found.contains(name) || name.contains(found.as_str()), "{name}: {found}");
                assert!(*offset > 30, "{name}: at {offset}");
            }
            // The class stands before the instruction that would use it.
            other => panic!("{name}: {other}"),
        }
        assert!(error.to_string().contains("evil.pth"), "{error}");
    }
    assert!(!Path::new(&witness).exists(), "something ran");
}

#[test]
fn what_is_known_is_not_called_in_other_ways() {
    let folder = Folder::new();
    for (what, pickle, part) in [
        ("an OrderedDict of arguments", whole(&[b"ccollections\nOrderedDict\n(]tR"]), "without arguments"),
        ("a storage that is called", whole(&[b"ctorch\nFloatStorage\n)R"]), "can't be called"),
        ("a number that is called", whole(&[b"K\x01)R"]), "can't be called"),
        ("arguments that are no tuple", whole(&[b"ctorch\nSize\n]R"]), "a tuple"),
        ("a state for a list", whole(&[b"]}b"]), "can't be given a state"),
        ("a state for a function", whole(&[b"ctorch\nSize\n}b"]), "can't be given a state"),
        ("an entry of a tuple", whole(&[b")K\x01K\x02s"]), "no entries to set"),
        ("an element of a dict", whole(&[b"}K\x01a"]), "can't be appended"),
        ("an empty stack", whole(&[b"0"]), "more objects than there are"),
        ("a mark that isn't there", whole(&[b"t"]), "there is no mark"),
        ("objects below a mark", whole(&[b"K\x01(\x85"]), "more objects than there are"),
        ("a memo that is empty", whole(&[b"h\x07"]), "the memo has nothing at 7"),
        (
            "a module persistent id",
            whole(&[b"(", &text("module"), b"ctorch\nFloatStorage\n", &text("0"), &text("cpu"), b"K\x10tQ"]),
            "persistent id",
        ),
        ("no end", [PROTO, b"K\x01"].concat(), "only 0 follow"),
        ("version 9", b"\x80\x09.".to_vec(), "version 9"),
        ("no instruction", whole(&[b"\xff"]), "0xff is no instruction"),
        ("a huge text", whole(&[b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f"]), "only 1 follow"),
        ("a huge int", whole(&[b"\x8a\x20", &[1; 32]]), "larger than any"),
        ("a text that isn't UTF-8", whole(&[b"X\x02\x00\x00\x00\xff\xfe"]), "UTF-8"),
    ] {
        let error = open_pickle(&folder, &pickle).expect_err(what).to_string();
        assert!(error.contains(part), "{what}: {error}");
    }
}

#[test]
fn tensors_stay_inside_their_storage() {
    let folder = Folder::new();
    let open = |offset, dims: &[u8], strides: &[u8]| {
        open_pickle(&folder, &whole(&[b"}", &text("w"), &tensor(offset, dims, strides), b"s"]))
    };
    let package = open(2, &[2, 3], &[7, 2]).expect("inside");
    let w = package.load("w").expect("w");
    assert_eq!((w.shape(), w.strides()), (&[2usize, 3][..], &[7isize, 2][..]));
    assert_eq!(w.to_vec::<f32>().expect("f32"), [0.0; 6]);
    for (offset, dims, strides) in [
        (0, &[17][..], &[1][..]),
        (16, &[1], &[1]),
        (2, &[2, 3], &[10, 2]),
        (255, &[1], &[1]),
        (0, &[255, 255], &[255, 255]),
    ] {
        let error = open(offset, dims, strides).expect_err("outside").to_string();
        assert!(error.contains("leave its storage"), "{error}");
    }
    let error = open(0, &[2, 2], &[1]).expect_err("too few strides").to_string();
    assert!(error.contains("as many strides"), "{error}");
    // The count that the pickle says is that of the storage.
    let lying = whole(&[b"}", &text("w"), &tensor(0, &[1], &[1]), b"s"]);
    let at = lying.windows(2).position(|pair| pair == b"K\x10").expect("the count");
    let mut lying = lying.clone();
    lying[at + 1] = 17;
    let error = open_pickle(&folder, &lying).expect_err("another count").to_string();
    assert!(error.contains("is said to have 17 elements"), "{error}");
}

/// Dicts of dicts that are all the same one: 2^40 paths in a few hundred bytes.
#[test]
fn bombs_of_sharing_are_refused() {
    let folder = Folder::new();
    let mut pickle = b"}q\x00".to_vec();
    for level in 0..40u8 {
        let (below, here) = ([b'h', level], [b'q', level + 1]);
        pickle.extend([b"}", &here[..], b"K\x01", &below, b"sK\x02", &below, b"s"].concat());
    }
    let error = open_pickle(&folder, &whole(&[&pickle])).expect_err("a bomb").to_string();
    assert!(error.contains("too deep") || error.contains("too often"), "{error}");
    // Shallow enough, but too often.
    let mut pickle = b"}q\x00".to_vec();
    for level in 0..12u8 {
        let here = [b'q', level + 1];
        let many: Vec<u8> = (0..200u8).flat_map(|key| [b'K', key, b'h', level, b's']).collect();
        pickle.extend([b"}", &here[..], &many].concat());
    }
    let error = open_pickle(&folder, &whole(&[&pickle])).expect_err("a bomb").to_string();
    assert!(error.contains("too often"), "{error}");
}

#[test]
fn deep_nesting_is_no_recursion_without_end() {
    let folder = Folder::new();
    // A million tuples in each other, a million marks, a list in itself.
    let tuples = [&b")"[..], &vec![0x85; 1 << 20]].concat();
    let error = open_pickle(&folder, &whole(&[&tuples])).expect_err("deep").to_string();
    assert!(error.contains("too deep"), "{error}");
    let marks = vec![b'('; 1 << 20];
    let error = open_pickle(&folder, &whole(&[&marks, b"N"])).expect_err("marks").to_string();
    assert!(error.contains("no tensor"), "{error}");
    let error = open_pickle(&folder, &whole(&[b"]q\x00h\x00a"])).expect_err("a list in itself").to_string();
    assert!(error.contains("too deep"), "{error}");
    let many = vec![b'}'; 5 << 20];
    let error = open_pickle(&folder, &whole(&[&many])).expect_err("many dicts").to_string();
    assert!(error.contains("more objects"), "{error}");
}

/// A view that repeats one element as often as dims can say takes memory as soon as it is copied.
#[test]
fn views_out_of_proportion_are_refused() {
    let folder = Folder::new();
    let mut entries = Vec::new();
    for index in 0..40u8 {
        entries.extend([&b"K"[..], &[index], &tensor(0, &[255, 255, 64], &[0, 0, 0]), b"s"].concat());
    }
    let error = open_pickle(&folder, &whole(&[b"}", &entries])).expect_err("160 MiB of one number").to_string();
    assert!(error.contains("out of proportion"), "{error}");
}

#[test]
fn archives_are_checked() {
    let folder = Folder::new();
    let pickle = whole(&[b"}", &text("w"), &tensor(0, &[16], &[1]), b"s"]);
    let parts: [(&str, &[u8]); 2] = [("a/data.pkl", &pickle), ("a/data/0", &[7; 64])];
    let good = zip(&parts);
    let package = open(&folder.write("good.pth", &good)).expect("a sound archive");
    assert_eq!(package.load("w").expect("w").to_bytes().expect("bytes"), [7; 64]);
    let fails = |bytes: &[u8]| open(&folder.write("bad.pth", bytes)).expect_err("a broken archive").to_string();
    assert!(fails(&good[..good.len() - 1]).contains("cut short"));
    assert!(fails(&zip(&parts[..1])).contains("there is no entry \"a/data/0\""));
    assert!(fails(&zip(&parts[1..])).contains("without a data.pkl"));
    assert!(fails(&zip(&[parts[0], parts[1], parts[1]])).contains("two entries"));
    assert!(fails(&zip(&[parts[0], parts[1], ("a/byteorder", b"big")])).contains("big-endian"));
    let mut deflated = good.clone();
    // The method in the directory's entry of the data: 10 bytes into it.
    let at = deflated.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").expect("an entry") + 10;
    deflated[at] = 8;
    assert!(fails(&deflated).contains("save it again"));
}
