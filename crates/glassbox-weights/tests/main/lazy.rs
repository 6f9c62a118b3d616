//! Nothing is read before it is needed, and what isn't needed any more can go: files of 5 GB that are mostly
//! holes, and budgets smaller than the weights.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glassbox_tensor::{DType, ParamSource, Tensor};
use glassbox_weights::oinf::{Contents, TensorSpec};
use glassbox_weights::{Budgeted, WeightsError, open};

use crate::files::Folder;
use crate::memory::{bytes_read, resident};
use crate::oinf::write;

/// A little more than what fits 32 bits.
const SIZE: u64 = 5_000_000_000;

/// A file with a hole of `SIZE` bytes between two parts.
fn with_hole(folder: &Folder, name: &str, before: &[u8], after: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    let mut file = std::fs::File::create(&path).expect("made");
    file.write_all(before).expect("written");
    file.seek(SeekFrom::Current(SIZE as i64)).expect("there");
    file.write_all(after).expect("written");
    file.set_len(before.len() as u64 + SIZE + after.len() as u64).expect("a hole");
    path
}

fn safetensors(folder: &Folder) -> PathBuf {
    let header = format!(r#"{{"w":{{"dtype":"U8","shape":[{SIZE}],"data_offsets":[0,{SIZE}]}}}}"#);
    with_hole(folder, "w.safetensors", &crate::files::safetensors(&header, b""), b"")
}

fn gguf(folder: &Folder) -> PathBuf {
    let numbers = [&1u64.to_le_bytes()[..], &0u64.to_le_bytes(), &1u64.to_le_bytes()].concat();
    let tensor =
        [b"w", &1u32.to_le_bytes()[..], &SIZE.to_le_bytes(), &24u32.to_le_bytes(), &0u64.to_le_bytes()].concat();
    let mut bytes = [b"GGUF", &3u32.to_le_bytes()[..], &numbers, &tensor].concat();
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    with_hole(folder, "w.gguf", &bytes, b"")
}

/// As `docs/oinf.md` says, with a hash of data that nobody has looked at.
fn oinf(folder: &Folder) -> PathBuf {
    let ty = [&5u32.to_le_bytes()[..], &1u32.to_le_bytes(), &SIZE.to_le_bytes()].concat();
    let hash = [7; 32];
    let id = blake3::hash(&[&ty[..], &hash].concat());
    let length = 8 + 1 + ty.len() + 4 + 16 + 32 + 16 + 4;
    let data = (128 + length as u64).next_multiple_of(64);
    let place = [data.to_le_bytes(), SIZE.to_le_bytes()].concat();
    let parts: [&[u8]; 8] =
        [&1u64.to_le_bytes(), b"w", &ty, &1u32.to_le_bytes(), &place, &hash, &id.as_bytes()[..16], &0u32.to_le_bytes()];
    let table = parts.concat();
    assert_eq!(table.len(), length);
    let end = (data + SIZE).next_multiple_of(64);
    let lengths = [end, length as u64, data].map(u64::to_le_bytes).concat();
    let counts = [0u32, 0, 1, 0, 0, 0].map(u32::to_le_bytes).concat();
    let mut header = [b"OINF\0", &3u32.to_le_bytes()[..], &[0; 7], &lengths, &counts].concat();
    header.extend(blake3::hash(&table).as_bytes());
    header.extend(blake3::hash(&header).as_bytes());
    let mut bytes = [header, table].concat();
    bytes.resize(data as usize, 0);
    with_hole(folder, "w.oinf", &bytes, &vec![0; (end - data - SIZE) as usize])
}

/// A zip archive with its sizes and offsets in 64 bits.
fn zip64(folder: &Folder) -> PathBuf {
    let text = |text: &str| [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let count = [b"\x8a\x08", &SIZE.to_le_bytes()[..]].concat();
    let storage =
        [b"(", &text("storage")[..], b"ctorch\nByteStorage\n", &text("0"), &text("cpu"), &count, b"tQ"].concat();
    let tensor =
        [b"ctorch._utils\n_rebuild_tensor_v2\n(", &storage[..], b"K\0", &count, b"\x85K\x01\x85\x89NtR"].concat();
    let pickle = [b"\x80\x02}", &text("w")[..], &tensor, b"s."].concat();
    let local = |name: &str, size: u32| {
        let sizes = [size.to_le_bytes(), size.to_le_bytes()].concat();
        [b"PK\x03\x04", &[0; 14][..], &sizes, &(name.len() as u16).to_le_bytes(), &[0; 2], name.as_bytes()].concat()
    };
    let entry = |name: &str, size: u64, header: u64| {
        let fields = [1u16.to_le_bytes(), 24u16.to_le_bytes()].concat();
        let extra = [&fields[..], &size.to_le_bytes(), &size.to_le_bytes(), &header.to_le_bytes()].concat();
        let lengths = [name.len() as u16, extra.len() as u16, 0].map(u16::to_le_bytes).concat();
        let start = [b"PK\x01\x02", &[0; 16][..], &[0xff; 8], &lengths, &[0; 8], &[0xff; 4]].concat();
        [&start[..], name.as_bytes(), &extra].concat()
    };
    let first = [local("a/data.pkl", pickle.len() as u32), pickle.clone()].concat();
    let before = [&first[..], &local("a/data/0", u32::MAX)].concat();
    let directory = [entry("a/data.pkl", pickle.len() as u64, 0), entry("a/data/0", SIZE, first.len() as u64)].concat();
    let start = before.len() as u64 + SIZE;
    let numbers = [2, 2, directory.len() as u64, start].map(u64::to_le_bytes).concat();
    let end = [b"PK\x06\x06", &44u64.to_le_bytes()[..], &[0; 12], &numbers].concat();
    let locator = [b"PK\x06\x07", &[0; 4][..], &(start + directory.len() as u64).to_le_bytes(), &[1, 0, 0, 0]].concat();
    let last = [b"PK\x05\x06", &[0; 4][..], &[0xff; 12], &[0; 2]].concat();
    with_hole(folder, "w.pth", &before, &[directory, end, locator, last].concat())
}

#[test]
fn opening_five_gigabytes_touches_the_header_only() {
    let folder = Folder::new();
    for path in [safetensors(&folder), gguf(&folder), oinf(&folder), zip64(&folder)] {
        let name = path.display();
        let before = bytes_read();
        let package = open(&path).unwrap_or_else(|error| panic!("{error}"));
        let read = before.zip(bytes_read()).map(|(before, after)| after - before);
        assert_eq!(package.find("w").expect("described").shape, [SIZE as usize]);
        match read.zip(resident(&path)) {
            Some((read, bytes)) => {
                println!("{name}: {read} bytes are read, {bytes} of its maps are in memory");
                assert!(read <= 1 << 20, "{name}: {read} bytes are read");
                assert!(bytes <= 1 << 20, "{name}: {bytes} bytes are in memory");
            }
            None => println!("skipped: no /proc that says what is read and what is in memory"),
        }
        // The last byte is there.
        let package = open(&path).expect("opens");
        let last = package.load("w").map(|w| w.slice_axis(0, SIZE as usize - 1, 1, 1).expect("the last"));
        assert_eq!(last.expect("loads").to_bytes().expect("read"), [0]);
        std::fs::remove_file(&path).expect("removed");
    }
}

const COUNT: usize = 32;
const ELEMENTS: usize = 1 << 19;

/// 32 tensors of 2 MiB, the first with this many elements more.
fn weights(folder: &Folder) -> PathBuf {
    let tensor = |index: usize| {
        let values = (0..ELEMENTS).map(|at| (at * COUNT + index) as f32).collect();
        (format!("w{index}"), Tensor::from_vec(&[ELEMENTS], values).expect("a tensor"))
    };
    let tensors: Vec<(String, Tensor)> = (0..COUNT).map(tensor).collect();
    let spec = |(name, _): &(String, Tensor)| TensorSpec {
        name: name.clone(),
        dtype: DType::F32,
        shape: vec![ELEMENTS],
        quantisation: None,
    };
    let contents = Contents { tensors: tensors.iter().map(spec).collect(), ..Contents::default() };
    let path = folder.path().join("weights.oinf");
    write(&path, &tensors, contents).expect("written");
    path
}

/// The sum of everything, twice; and the most that was in memory.
fn use_all(source: &dyn ParamSource, path: &Path) -> (f64, Option<u64>) {
    let (mut sum, mut most) = (0.0, Some(0));
    for round in 0..2 {
        for index in 0..COUNT {
            // Back and forth, so that the second round begins with what was used last.
            let index = if round == 0 { index } else { COUNT - 1 - index };
            let tensor = source.load(&format!("w{index}")).expect("loads");
            sum += tensor.as_slice::<f32>().expect("f32").iter().map(|value| f64::from(*value)).sum::<f64>();
            most = most.zip(resident(path)).map(|(most, now)| u64::max(most, now));
        }
    }
    (sum, most)
}

#[test]
fn a_budget_holds_and_changes_no_result() {
    const BUDGET: u64 = 8 << 20;
    /// The system maps up to 64 kB around what is touched, and pages at the ends of tensors stay.
    const SLACK: u64 = 2 << 20;
    let folder = Folder::new();
    let path = weights(&folder);
    let total = (COUNT * ELEMENTS * 4) as u64;
    let budgeted = Budgeted::new(Arc::new(open(&path).expect("opens")), BUDGET);
    let (sum, most) = use_all(&budgeted, &path);
    assert!(budgeted.used() <= BUDGET && budgeted.used() > BUDGET / 2);
    drop(budgeted);
    let free = open(&path).expect("opens");
    let (wanted, all) = use_all(&free, &path);
    assert_eq!(sum, wanted);
    match (most, all) {
        (Some(most), Some(all)) => {
            println!("{} kB with a budget of {} kB, {} kB without one", most >> 10, BUDGET >> 10, all >> 10);
            assert!(all >= total, "without a budget all of it is in memory: {all}");
            assert!(most <= BUDGET + SLACK, "{most} bytes are in memory");
        }
        _ => println!("skipped: no /proc/self/smaps that says what is in memory"),
    }
}

#[test]
fn a_tensor_stays_valid_after_its_pages_are_gone() {
    let folder = Folder::new();
    let path = weights(&folder);
    let budgeted = Budgeted::new(Arc::new(open(&path).expect("opens")), 4 << 20);
    let first = budgeted.load("w0").expect("loads");
    let before = first.as_slice::<f32>().expect("f32").to_vec();
    for index in 1..COUNT {
        let tensor = budgeted.load(&format!("w{index}")).expect("loads");
        assert!(tensor.as_slice::<f32>().expect("f32").iter().all(|value| value.is_finite()));
    }
    assert_eq!(first.as_slice::<f32>().expect("f32"), before);
}

#[test]
fn a_parameter_larger_than_the_budget_is_an_error_that_says_so() {
    let folder = Folder::new();
    let budgeted = Budgeted::new(Arc::new(open(&weights(&folder)).expect("opens")), (2 << 20) - 1);
    let error = budgeted.load("w0").expect_err("too large");
    let text = error.to_string();
    assert!(text.contains("w0") && text.contains("2097152 bytes") && text.contains("raise the budget"), "{text}");
    let glassbox_tensor::ParamError::Unreadable { error: source, .. } = error else { panic!("{text}") };
    assert!(source.downcast_ref::<WeightsError>().is_some());
    assert!(budgeted.load("w99").expect_err("missing").to_string().contains("no parameter named"));
}
