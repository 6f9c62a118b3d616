//! What a file is that isn't an ONNX model.
//!
//! Models are often given as something else under their name: the pointer that Git LFS leaves, the page that a server
//! answers with, an archive, the weights without the graph, half a download. From the bytes comes a sentence that says
//! what they are and what to do; none where they may be a model. No bytes that [`kind`] knows begin a message of the
//! format: each holds a field number or a kind of field that the format's encoding doesn't have.

use crate::wire::varint;

/// What the bytes are, where that is certain and isn't a model.
pub(crate) fn kind(bytes: &[u8]) -> Option<String> {
    let begins = |front: &[u8]| bytes.starts_with(front);
    let at = |place: usize, mark: &[u8]| bytes.get(place..place + mark.len()) == Some(mark);
    if bytes.is_empty() {
        return Some("the file is empty; fetch or export it again".to_owned());
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return Some("the file holds nothing but zeros; its contents were never written. Fetch it again".to_owned());
    }
    if begins(b"version https://git-lfs.github.com") || begins(b"version https://hawser.github.com") {
        return Some("it is a pointer of Git LFS, not the model; fetch that with `git lfs pull`".to_owned());
    }
    if at(4, b"TFL3") {
        return Some("it is a TensorFlow Lite model; convert it with tf2onnx".to_owned());
    }
    if at(4, b"ORTM") {
        return Some(
            "it is a model in the ORT format of onnxruntime; give the .onnx file that it was made from".to_owned(),
        );
    }
    let marks: &[(&[u8], &str)] = &[
        (b"PK\x03\x04", "a zip archive"),
        (b"PK\x05\x06", "an empty zip archive"),
        (b"GGUF", "a GGUF file, which has weights without a graph; give it a name that doesn't end in .onnx"),
        (b"ggml", "a GGML file, which has weights without a graph"),
        (b"\x1f\x8b", "compressed with gzip; unpack it first (gunzip)"),
        (b"BZh", "compressed with bzip2; unpack it first (bunzip2)"),
        (b"\xfd7zXZ\0", "compressed with xz; unpack it first (unxz)"),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first (unzstd)"),
        (b"\x04\x22\x4d\x18", "compressed with lz4; unpack it first"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"),
        (b"Rar!", "a RAR archive; unpack it first"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes; convert it with tf2onnx"),
        (b"\x93NUMPY", "a NumPy array, not a model"),
        (b"\x89PNG", "a PNG image, not a model"),
        (b"\xff\xd8\xff", "a JPEG image, not a model"),
        (b"%PDF", "a PDF document, not a model"),
        (b"\x7fELF", "a program, not a model"),
        (b"ftrt", "a TensorRT engine; give the .onnx file that it was built from"),
        (b"OINF", "an .oinf file; give it a name that ends so"),
    ];
    if let Some((mark, what)) = marks.iter().find(|(mark, _)| begins(mark)) {
        let more = if mark.starts_with(b"PK") { archive(bytes) } else { "" };
        return Some(format!("it is {what}{more}"));
    }
    if at(257, b"ustar") {
        return Some("it is a tar archive; unpack it first".to_owned());
    }
    if is_safetensors(bytes) {
        let what = "it is a safetensors file, which has weights without a graph";
        return Some(format!("{what}; give it a name that doesn't end in .onnx, or export the model to ONNX"));
    }
    if is_pickle(bytes) {
        return Some(
            "it is a Python pickle (a PyTorch checkpoint?); export the model with torch.onnx.export".to_owned(),
        );
    }
    text(bytes)
}

/// What may be in a zip archive.
fn archive(bytes: &[u8]) -> &'static str {
    let front = &bytes[..bytes.len().min(4096)];
    let holds = |name: &[u8]| front.windows(name.len()).any(|window| window == name);
    if holds(b"data.pkl") || holds(b"constants.pkl") {
        " of PyTorch (a checkpoint or a TorchScript module); export the model with torch.onnx.export"
    } else if holds(b".npy") {
        " of NumPy arrays (.npz), not a model"
    } else if holds(b"model.weights.h5") || holds(b"metadata.json") {
        " of Keras (.keras); convert it with tf2onnx"
    } else {
        "; unpack it first"
    }
}

/// Eight bytes of length, then a JSON object of that length.
fn is_safetensors(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return false };
    let length = u64::from_le_bytes(*length);
    (2..1 << 27).contains(&length) && rest.starts_with(b"{") && rest.get(1).is_some_and(|next| b"\" \n}".contains(next))
}

/// A pickle of protocol 2 to 5 begins with its number; the next byte is an opcode that starts one. `\x80` begins a field of
/// number 0 or 16 and more, of kind 0, so a model doesn't.
fn is_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, next, ..] if b"\x95}](\x8ac\x8c".contains(next))
}

/// What a text is. A model is no text: its first byte is a control character, or its first field is skipped as unknown.
fn text(bytes: &[u8]) -> Option<String> {
    let front = &bytes[..bytes.len().min(512)];
    let front = match std::str::from_utf8(front) {
        Ok(text) => text,
        // The cut may go through a character.
        Err(error) if error.valid_up_to() + 4 > front.len() => {
            std::str::from_utf8(&front[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let front = front.trim_start_matches('\u{feff}').trim_start();
    if front.is_empty() || front.chars().any(|character| character.is_control() && !character.is_whitespace()) {
        return None;
    }
    let lower = front.to_ascii_lowercase();
    let what = if ["<!doctype html", "<html", "<head", "<body", "<!--"].iter().any(|tag| lower.starts_with(tag)) {
        "it is an HTML page, not the model: what a server answered instead of the file (a log-in, an error, a preview). \
         Fetch the file itself"
    } else if lower.starts_with("<?xml") && lower.contains("<net") {
        "it is the XML of an OpenVINO model; give the .onnx file that it was made from"
    } else if lower.starts_with('<') {
        "it is an XML or HTML text, not a model"
    } else if front.starts_with('{') || front.starts_with('[') {
        if ["\"irversion\"", "\"ir_version\"", "\"opsetimport\"", "\"graph\""].iter().any(|key| lower.contains(key)) {
            "it is a model as JSON; write it in the binary form: \
             onnx.save(onnx.load(file, format=\"json\"), \"model.onnx\")"
        } else {
            "it is a JSON text, not a model (a configuration, or a server's answer)"
        }
    } else if ["ir_version:", "producer_name:", "opset_import", "graph {", "graph{", "model_version:", "domain:"]
        .iter()
        .any(|key| front.starts_with(key))
    {
        "it is a model as protobuf text; write it in the binary form: \
         onnx.save(onnx.load(file, format=\"textproto\"), \"model.onnx\")"
    } else if lower.starts_with("graph \"") {
        "it is a graph in Glassbox's text form; give it a name that ends in .gb"
    } else {
        "it is a text, not a model"
    };
    let first: String = front.lines().next().unwrap_or_default().chars().take(60).collect();
    Some(format!("{what}; it begins {first:?}"))
}

/// Where a model ends too early: which part of it, and how much is missing. None where all of its parts are whole.
pub(crate) fn cut(bytes: &[u8]) -> Option<String> {
    let total = bytes.len();
    let mut rest = bytes;
    while !rest.is_empty() {
        let begun = total - rest.len();
        let ends = || format!("the file ends at byte {total}, within the field that begins at byte {begun}");
        let Some(key) = varint(&mut rest) else { return Some(ends()) };
        let field = key >> 3;
        let needed = match key & 7 {
            0 => {
                if varint(&mut rest).is_none() {
                    return Some(ends());
                }
                continue;
            }
            1 => 8,
            5 => 4,
            2 => match varint(&mut rest) {
                Some(length) => length,
                None => return Some(ends()),
            },
            _ => return None,
        };
        if field == 0 || field > 1000 {
            return None;
        }
        let left = rest.len() as u64;
        if needed > left {
            let what = match field {
                7 => "its graph",
                25 => "a function",
                14 => "its metadata",
                _ => "a field",
            };
            let missing = needed - left;
            return Some(format!(
                "the file ends within {what}: of its {needed} bytes the last {missing} are missing. It was cut off, or is still \
                 being written; fetch or export it again"
            ));
        }
        rest = &rest[needed as usize..];
    }
    None
}
