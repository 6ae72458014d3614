//! How large a head may be, and why one was refused.

use std::fmt;

/// Most header fields that a head may have; the size of the parser's table.
pub(crate) const HEADERS_MAX: usize = 100;

/// How large a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// The whole head, in bytes. Answer: 431. Default: 16 KiB.
    ///
    /// Over HTTP/2 and HTTP/3 it is what the head would take in HTTP/1.1: names and values, and 4 bytes for each field.
    pub head_bytes_max: usize,
    /// The request target (path and query), in bytes. Answer: 414. Default: 8 KiB.
    pub target_bytes_max: usize,
    /// The method, in bytes. Answer: 501. Default: 16.
    pub method_bytes_max: usize,
    /// The number of header fields, at most 100. Answer: 431. Default: 100.
    pub headers_max: usize,
    /// The number of reads over which a head may be spread. An honest one needs a few. Answer: 400. Default: 512.
    ///
    /// Only for HTTP/1.1: the other versions deliver a head whole.
    pub reads_max: u32,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            head_bytes_max: 16 * 1024,
            target_bytes_max: 8 * 1024,
            method_bytes_max: 16,
            headers_max: HEADERS_MAX,
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
    /// No `Host` in HTTP/1.1, or no `:authority` in HTTP/2 or HTTP/3.
    HostMissing,
    /// More than one `Host`.
    HostRepeated,
    /// A `Host` or `:authority` that is not `host` or `host:port`.
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
    /// HTTP/2 and HTTP/3: a pseudo-header field is missing, or the scheme is neither `http` nor `https`.
    PseudoHeaderInvalid,
    /// HTTP/2 and HTTP/3: `:authority` and `Host` differ.
    AuthorityDiffersFromHost,
    /// HTTP/2 and HTTP/3: a field that only means something for one connection of HTTP/1.1, such as `Connection`.
    ConnectionSpecific,
    /// CONNECT without `:protocol`: this is no proxy.
    ConnectUnsupported,
    /// `:protocol` with another method than CONNECT.
    ProtocolMisplaced,
    /// A head was asked for before it was complete.
    Incomplete,
}

impl HeadError {
    /// The status that answers a request with this fault: 400, 414, 431, 501 or 505.
    pub fn status(self) -> u16 {
        match self {
            Self::TooLong | Self::TooManyHeaders => 431,
            Self::TargetTooLong => 414,
            Self::MethodTooLong | Self::TransferEncodingUnsupported | Self::ConnectUnsupported => 501,
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
            Self::HostMissing => "The Host header field or the :authority is missing.",
            Self::HostRepeated => "There is more than one Host header field.",
            Self::HostInvalid => "The Host header field or the :authority is malformed.",
            Self::TargetInvalid => "The request target is not a path.",
            Self::TargetEscapesControl => "The request target contains an escaped control character.",
            Self::LengthInvalid => "The Content-Length is malformed.",
            Self::LengthRepeated => "There is more than one Content-Length.",
            Self::LengthAndTransferEncoding => "Content-Length and Transfer-Encoding exclude each other.",
            Self::TransferEncodingInvalid => "The Transfer-Encoding is malformed.",
            Self::TransferEncodingUnsupported => "Only the transfer coding \"chunked\" is understood.",
            Self::PseudoHeaderInvalid => "A pseudo-header field is missing or malformed.",
            Self::AuthorityDiffersFromHost => "The :authority and the Host header field differ.",
            Self::ConnectionSpecific => {
                "A header field of HTTP/1.1 connections has no place in this version of HTTP."
            }
            Self::ConnectUnsupported => "This server is no proxy.",
            Self::ProtocolMisplaced => "The :protocol belongs to the method CONNECT.",
            Self::Incomplete => "The head is incomplete.",
        })
    }
}

impl std::error::Error for HeadError {}
