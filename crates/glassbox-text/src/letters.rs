//! GPT-2's letters for bytes: printable bytes stand for themselves, the others for U+0100 and up.
//!
//! A vocabulary of bytes is spelled in them, so that each of its tokens is text.

use std::sync::LazyLock;

/// The letter of each byte.
static LETTERS: LazyLock<[char; 256]> = LazyLock::new(|| {
    let mut letters = ['\0'; 256];
    let mut next = 256u32;
    for byte in 0..=255u8 {
        let printable = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        letters[usize::from(byte)] = if printable {
            char::from(byte)
        } else {
            next += 1;
            char::from_u32(next - 1).unwrap_or_default()
        };
    }
    letters
});

/// Bytes, spelled in letters.
pub(crate) fn spell(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| LETTERS[usize::from(*byte)]).collect()
}

/// The byte of a letter.
fn byte(letter: char) -> Option<u8> {
    match u32::from(letter) {
        code @ (0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) => u8::try_from(code).ok(),
        // 0x00 to 0x20, 0x7f to 0xa0, 0xad, in this order.
        code @ 0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        code @ 0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

/// The bytes that letters spell; `None` where one of the characters is no letter.
pub(crate) fn bytes(spelled: &str) -> Option<Vec<u8>> {
    spelled.chars().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_letter_of_its_own() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(bytes(&spell(&all)), Some(all));
        assert_eq!(spell(b" the\n"), "ĠtheĊ");
        assert_eq!(bytes("the end"), None);
    }
}
