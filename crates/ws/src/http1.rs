//! HTTP/1.1 heads: the start line and the header fields of a request or a response, read strictly (RFC 9112).
//!
//! A WebSocket begins as an HTTP request, so the first bytes of every peer pass through here, and they are the bytes of
//! whoever found the port. The rules:
//!
//! * Bytes are looked at once, as they arrive ([`HeadReader`]). A head that comes one byte per packet costs no more than
//!   one that comes at once, and both the bytes and the reads are counted.
//! * What two parsers could understand differently is refused: bare CR or LF, folded lines, control characters,
//!   doubtful lengths, more than one `Host`. A gateway in front and a server behind must never disagree about where a
//!   request ends.
//! * What is refused early is refused for a stated reason, with an HTTP status ([`HeadError`]).

mod fields;
mod head;
mod reader;

use std::fmt;

pub(crate) use fields::{is_field_value, is_host, is_token, list_members, trim};
pub use head::{Framing, RequestHead, ResponseHead, Version};
pub use reader::HeadReader;

/// How large a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// The whole head, in bytes. Answer: 431. Default: 16 KiB.
    pub head_bytes_max: usize,
    /// The request target (path and query), in bytes. Answer: 414. Default: 8 KiB.
    pub target_bytes_max: usize,
    /// The method, in bytes. Answer: 501. Default: 16.
    pub method_bytes_max: usize,
    /// The number of header fields, at most 100. Answer: 431. Default: 100.
    pub headers_max: usize,
    /// The number of reads over which a head may be spread. An honest one needs a few. Answer: 400. Default: 512.
    pub reads_max: u32,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            head_bytes_max: 16 * 1024,
            target_bytes_max: 8 * 1024,
            method_bytes_max: 16,
            headers_max: head::HEADERS_MAX,
            reads_max: 512,
        }
    }
}

/// Why a head was refused. [`status`](Self::status) is the answer, `Display` the sentence for its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadError {
    /// More than `head_bytes_max`.
    TooLong,
    /// More than `headers_max`.
    TooManyHeaders,
    /// More than `target_bytes_max`.
    TargetTooLong,
    /// More than `method_bytes_max`.
    MethodTooLong,
    /// More than `reads_max`.
    TooManyReads,
    /// The first byte is that of a TLS handshake.
    TlsHello,
    /// The connection preface of HTTP/2.
    Http2Preface,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    VersionUnsupported,
    /// The first line is not a request line or status line.
    StartLineInvalid,
    /// A header field without colon, with a name that is not a token, or with white space around the name.
    HeaderInvalid,
    /// LF without CR before it.
    BareLineFeed,
    /// CR without LF after it.
    BareCarriageReturn,
    /// NUL or another control character.
    ControlCharacter,
    /// A header field that continues on the next line (obs-fold).
    FoldedHeader,
    /// Text that is not UTF-8.
    NotUtf8,
    /// No `Host` in HTTP/1.1.
    HostMissing,
    /// More than one `Host`.
    HostRepeated,
    /// A `Host` that is not `host` or `host:port`.
    HostInvalid,
    /// A target that is not a path, such as an absolute URL. This is no proxy.
    TargetInvalid,
    /// A target with an escaped CR, LF or NUL.
    TargetEscapesControl,
    /// `Content-Length` that is not a plain decimal number.
    LengthInvalid,
    /// More than one `Content-Length`.
    LengthRepeated,
    /// `Content-Length` and `Transfer-Encoding` together.
    LengthAndTransferEncoding,
    /// `Transfer-Encoding` in HTTP/1.0, more than once, or written oddly.
    TransferEncodingInvalid,
    /// A transfer coding other than `chunked`.
    TransferEncodingUnsupported,
    /// A head was asked for before it was complete.
    Incomplete,
}

impl HeadError {
    /// The status that answers a request with this fault: 400, 414, 431, 501 or 505.
    pub fn status(self) -> u16 {
        match self {
            Self::TooLong | Self::TooManyHeaders => 431,
            Self::TargetTooLong => 414,
            Self::MethodTooLong | Self::TransferEncodingUnsupported => 501,
            Self::VersionUnsupported | Self::Http2Preface => 505,
            _ => 400,
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "The head of the message is too long.",
            Self::TooManyHeaders => "There are too many header fields.",
            Self::TargetTooLong => "The request target is too long.",
            Self::MethodTooLong => "The method is too long.",
            Self::TooManyReads => "The head arrives in too many pieces.",
            Self::TlsHello => "This port speaks plain HTTP, not TLS.",
            Self::Http2Preface => "HTTP/2 is not spoken on this connection.",
            Self::VersionUnsupported => "Only HTTP/1.1 and HTTP/1.0 are spoken here.",
            Self::StartLineInvalid => "The first line is not that of an HTTP message.",
            Self::HeaderInvalid => "A header field is malformed.",
            Self::BareLineFeed => "A line ends with LF alone.",
            Self::BareCarriageReturn => "A CR is not followed by LF.",
            Self::ControlCharacter => "The head contains a control character.",
            Self::FoldedHeader => "A header field continues on the next line.",
            Self::NotUtf8 => "The head is not UTF-8.",
            Self::HostMissing => "The Host header field is missing.",
            Self::HostRepeated => "There is more than one Host header field.",
            Self::HostInvalid => "The Host header field is malformed.",
            Self::TargetInvalid => "The request target is not a path.",
            Self::TargetEscapesControl => "The request target contains an escaped control character.",
            Self::LengthInvalid => "The Content-Length is malformed.",
            Self::LengthRepeated => "There is more than one Content-Length.",
            Self::LengthAndTransferEncoding => "Content-Length and Transfer-Encoding exclude each other.",
            Self::TransferEncodingInvalid => "The Transfer-Encoding is malformed.",
            Self::TransferEncodingUnsupported => "Only the transfer coding \"chunked\" is understood.",
            Self::Incomplete => "The head is incomplete.",
        })
    }
}

impl std::error::Error for HeadError {}
