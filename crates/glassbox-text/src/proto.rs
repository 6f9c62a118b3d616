//! The parts of SentencePiece's model files that are read, as protobuf messages.
//!
//! Field numbers are those of `sentencepiece_model.proto`.

/// A model file.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ModelProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) pieces: Vec<PieceProto>,
    #[prost(message, optional, tag = "2")]
    pub(crate) trainer: Option<TrainerProto>,
    #[prost(message, optional, tag = "3")]
    pub(crate) normalizer: Option<NormalizerProto>,
}

/// A token.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PieceProto {
    #[prost(string, optional, tag = "1")]
    pub(crate) piece: Option<String>,
    #[prost(float, optional, tag = "2")]
    pub(crate) score: Option<f32>,
    /// 1 normal (the default), 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
    #[prost(int32, optional, tag = "3")]
    pub(crate) kind: Option<i32>,
}

/// How the model was trained, so far as it matters later.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TrainerProto {
    /// 1 unigram (the default), 2 BPE, 3 word, 4 char.
    #[prost(int32, optional, tag = "3")]
    pub(crate) model_type: Option<i32>,
    #[prost(bool, optional, tag = "24")]
    pub(crate) whitespace_as_suffix: Option<bool>,
    #[prost(bool, optional, tag = "35")]
    pub(crate) byte_fallback: Option<bool>,
    #[prost(int32, optional, tag = "41")]
    pub(crate) bos_id: Option<i32>,
    #[prost(int32, optional, tag = "42")]
    pub(crate) eos_id: Option<i32>,
    #[prost(string, optional, tag = "44")]
    pub(crate) unk_surface: Option<String>,
}

/// How text is normalised. What isn't given is true.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NormalizerProto {
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(crate) charsmap: Option<Vec<u8>>,
    #[prost(bool, optional, tag = "3")]
    pub(crate) dummy_prefix: Option<bool>,
    #[prost(bool, optional, tag = "4")]
    pub(crate) remove_extra_whitespaces: Option<bool>,
    #[prost(bool, optional, tag = "5")]
    pub(crate) escape_whitespaces: Option<bool>,
}
