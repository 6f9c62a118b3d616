//! The ten thousand hard strings of `scripts/tokenizers/strings.py`, made here again, and the golden numbers.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// Where the small tokenizers and their golden numbers are.
pub(crate) fn folder(shape: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../glassbox-models/tests/tokenizers").join(shape)
}

pub(crate) fn json(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

/// The generator of the script.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(number: u64) -> Random {
        Random((number + 1).wrapping_mul(0xBF58_476D_1CE4_E5B9))
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ z >> 31) % limit as u64).unwrap()
    }
}

/// All strings.
pub(crate) fn strings() -> Vec<String> {
    let table = json(&folder("fragments.json"));
    let lists: Vec<Vec<&str>> = table["fragments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|list| list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect())
        .collect();
    let ranges: Vec<(u32, u32)> = serde_json::from_value(table["ranges"].clone()).unwrap();
    (0..10_000).map(|number| string(&lists, &ranges, number)).collect()
}

fn string(lists: &[Vec<&str>], ranges: &[(u32, u32)], number: u64) -> String {
    let mut random = Random::new(number);
    let mut text = String::new();
    for _ in 0..random.below(20) {
        let kind = random.below(lists.len() + 1);
        let piece = match lists.get(kind) {
            Some(list) => list[random.below(list.len())].to_owned(),
            None => {
                let (low, high) = ranges[random.below(ranges.len())];
                let code = low + u32::try_from(random.below((high - low + 1) as usize)).unwrap();
                char::from_u32(code).unwrap().to_string()
            }
        };
        let times = if random.below(8) == 0 { 1 + random.below(6) } else { 1 };
        text.push_str(&piece.repeat(times));
    }
    text
}

/// FNV-1a over numbers as four bytes each, little-endian.
pub(crate) fn hash(ids: &[u32]) -> u32 {
    let bytes = ids.iter().flat_map(|id| id.to_le_bytes());
    bytes.fold(0x811C_9DC5, |value, byte| (value ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Golden numbers of a shape.
pub(crate) struct Golden {
    pub(crate) plain: Vec<Vec<u32>>,
    pub(crate) framed: Option<Vec<Vec<u32>>>,
    pub(crate) hashes: Vec<u32>,
}

impl Golden {
    /// Those with this prefix: `hf_` or none.
    pub(crate) fn read(shape: &str, prefix: &str) -> Golden {
        let ids = json(&folder(shape).join(format!("{prefix}ids.json")));
        let bytes = std::fs::read(folder(shape).join(format!("{prefix}hashes.bin"))).unwrap();
        let hashes = bytes.chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().unwrap())).collect();
        Golden {
            plain: serde_json::from_value(ids["plain"].clone()).unwrap(),
            framed: serde_json::from_value(ids["framed"].clone()).unwrap(),
            hashes,
        }
    }

    /// Holds a function against all strings.
    pub(crate) fn check(&self, shape: &str, encode: impl Fn(&str) -> Vec<u32>) {
        let strings = strings();
        assert_eq!(self.hashes.len(), strings.len());
        assert_eq!(self.plain.len(), 300);
        let mut wrong = 0;
        for (number, text) in strings.iter().enumerate() {
            let ids = encode(text);
            if let Some(expected) = self.plain.get(number) {
                assert_eq!(&ids, expected, "{shape}, string {number}: {text:?}");
            }
            if hash(&ids) != self.hashes[number] {
                wrong += 1;
                if wrong < 5 {
                    eprintln!("{shape}, string {number}: {text:?} gives {ids:?}");
                }
            }
        }
        assert_eq!(wrong, 0, "{shape}: so many strings of 10,000 differ");
    }
}

#[test]
fn the_strings_are_those_of_the_script() {
    let said = json(&folder("strings.json"));
    let strings = strings();
    let first: Vec<String> = serde_json::from_value(said["first"].clone()).unwrap();
    assert_eq!(strings[..first.len()], first[..]);
    let hashes: Vec<u32> = strings.iter().map(|text| hash(&text.chars().map(u32::from).collect::<Vec<_>>())).collect();
    assert_eq!(u64::from(hash(&hashes)), said["hash"].as_u64().unwrap());
}
