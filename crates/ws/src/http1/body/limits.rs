//! How much a body may cost besides its bytes, and why one was refused.

use std::fmt;

/// What a chunked body may cost besides the bytes that it brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// Bytes of chunk extensions (RFC 9112 section 7.1.1) in one body. Nobody uses them, and they cost no memory here, but a
    /// body of nothing else would cost as much work as a real one. Answer: 400. Default: 4 KiB.
    pub extension_bytes_max: u32,
    /// Bytes of the trailer section. Answer: 431. Default: 8 KiB.
    pub trailer_bytes_max: u32,
    /// Fields in the trailer section, at most 100. Answer: 431. Default: 32.
    pub trailers_max: u32,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { extension_bytes_max: 4 * 1024, trailer_bytes_max: 8 * 1024, trailers_max: 32 }
    }
}

/// Why a body was refused. [`status`](Self::status) is the answer if there was none yet, `Display` the sentence for its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError {
    /// A chunk does not begin with its size: 1 to 16 hexadecimal digits and nothing around them.
    ChunkSizeInvalid,
    /// A chunk is not followed by CRLF.
    ChunkEndMissing,
    /// LF without CR, CR without LF, or another control character in the line of a chunk or a trailer.
    ControlCharacter,
    /// More than `extension_bytes_max`.
    ExtensionsTooLong,
    /// More than `trailer_bytes_max` or `trailers_max`.
    TrailersTooLong,
    /// A trailer that is no header field.
    TrailerInvalid,
    /// A trailer that would change how the message is framed, routed or understood (RFC 9110 section 6.5.1).
    TrailerForbidden,
    /// The connection ended before the body did.
    Incomplete,
}

impl BodyError {
    /// The status that answers a request with this fault: 400 or 431.
    pub fn status(self) -> u16 {
        match self {
            Self::TrailersTooLong => 431,
            _ => 400,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChunkSizeInvalid => "The size of a chunk is malformed.",
            Self::ChunkEndMissing => "A chunk is longer than its size.",
            Self::ControlCharacter => "The line of a chunk or a trailer contains a control character.",
            Self::ExtensionsTooLong => "The chunk extensions are too long.",
            Self::TrailersTooLong => "The trailers are too long.",
            Self::TrailerInvalid => "A trailer is malformed.",
            Self::TrailerForbidden => "A trailer has a name that only a header field may have.",
            Self::Incomplete => "The body ends too early.",
        })
    }
}

impl std::error::Error for BodyError {}
