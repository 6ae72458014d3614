//! What can go wrong, as the numbers that go over the wire (RFC 9114 section 8.1, RFC 9204 section 6).

use std::fmt;

/// An error code: why a stream is reset or stopped, or a connection closed.
///
/// Codes that are not named here are legal; they mean what [`Code::NO_ERROR`] means (RFC 9114 section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub u64);

/// Declares the constants and the table of their names in one go, so that neither can lack one.
macro_rules! codes {
    ($($(#[$doc:meta])* $constant:ident = $value:literal, $name:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $constant: Self = Self($value);)*

            /// The name that the RFCs give to this code.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// Nothing is wrong; the connection or stream is no longer needed.
    NO_ERROR = 0x100, "H3_NO_ERROR";
    /// The peer broke the protocol in a way for which there is no better code.
    GENERAL_PROTOCOL_ERROR = 0x101, "H3_GENERAL_PROTOCOL_ERROR";
    /// We failed.
    INTERNAL_ERROR = 0x102, "H3_INTERNAL_ERROR";
    /// The peer made a stream that must not exist.
    STREAM_CREATION_ERROR = 0x103, "H3_STREAM_CREATION_ERROR";
    /// A stream that the connection needs was closed.
    CLOSED_CRITICAL_STREAM = 0x104, "H3_CLOSED_CRITICAL_STREAM";
    /// A frame came that is not allowed in this state or on this stream.
    FRAME_UNEXPECTED = 0x105, "H3_FRAME_UNEXPECTED";
    /// A frame's layout or size is wrong.
    FRAME_ERROR = 0x106, "H3_FRAME_ERROR";
    /// The peer asks for more work than we are willing to do.
    EXCESSIVE_LOAD = 0x107, "H3_EXCESSIVE_LOAD";
    /// A stream or push id was used wrongly: reused, above a limit, or lowered.
    ID_ERROR = 0x108, "H3_ID_ERROR";
    /// Something is wrong in the payload of a SETTINGS frame.
    SETTINGS_ERROR = 0x109, "H3_SETTINGS_ERROR";
    /// The control stream does not begin with SETTINGS.
    MISSING_SETTINGS = 0x10a, "H3_MISSING_SETTINGS";
    /// The server did nothing about the request; it can be sent again elsewhere.
    REQUEST_REJECTED = 0x10b, "H3_REQUEST_REJECTED";
    /// The request or its response is not wanted any more. The code with which a WebSocket is reset (RFC 9220
    /// section 3).
    REQUEST_CANCELLED = 0x10c, "H3_REQUEST_CANCELLED";
    /// The stream ended before the request was complete.
    REQUEST_INCOMPLETE = 0x10d, "H3_REQUEST_INCOMPLETE";
    /// The message is malformed.
    MESSAGE_ERROR = 0x10e, "H3_MESSAGE_ERROR";
    /// The connection behind a CONNECT request was reset or closed abnormally.
    CONNECT_ERROR = 0x10f, "H3_CONNECT_ERROR";
    /// The request cannot be served over HTTP/3; try HTTP/1.1.
    VERSION_FALLBACK = 0x110, "H3_VERSION_FALLBACK";
    /// A field section could not be read.
    QPACK_DECOMPRESSION_FAILED = 0x200, "QPACK_DECOMPRESSION_FAILED";
    /// An instruction on the peer's encoder stream could not be carried out.
    QPACK_ENCODER_STREAM_ERROR = 0x201, "QPACK_ENCODER_STREAM_ERROR";
    /// An instruction on the peer's decoder stream makes no sense.
    QPACK_DECODER_STREAM_ERROR = 0x202, "QPACK_DECODER_STREAM_ERROR";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.0),
        }
    }
}

/// What an error ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One request: reset its sending side and stop its receiving side with the code. The others go on.
    Stream,
    /// The QUIC connection: close it with the code as application error.
    Connection,
}

/// What the peer did wrong, and what has to be done about it. Nothing in this crate's own state makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// What to tell the peer.
    pub code: Code,
    /// What ends.
    pub scope: Scope,
    /// Why, for logs and for the reason phrase of CONNECTION_CLOSE. It holds nothing that the peer sent.
    pub reason: &'static str,
}

impl Error {
    /// An error that ends one request.
    pub const fn stream(code: Code, reason: &'static str) -> Self {
        Self { code, scope: Scope::Stream, reason }
    }

    /// An error that ends the connection.
    pub const fn connection(code: Code, reason: &'static str) -> Self {
        Self { code, scope: Scope::Connection, reason }
    }

    /// A message that breaks the rules of HTTP. Only its own stream ends (RFC 9114 section 4.1.2).
    pub(crate) const fn malformed(reason: &'static str) -> Self {
        Self::stream(Code::MESSAGE_ERROR, reason)
    }

    /// A frame that must not come here or now.
    pub(crate) const fn unexpected(reason: &'static str) -> Self {
        Self::connection(Code::FRAME_UNEXPECTED, reason)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.code)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::{Code, Error};

    #[test]
    fn an_error_reads_as_a_reason_with_the_name_of_its_code() {
        let error = Error::unexpected("DATA came before HEADERS");
        assert_eq!(error.to_string(), "DATA came before HEADERS (H3_FRAME_UNEXPECTED)");
        assert_eq!(Code(0x21).to_string(), "0x21");
        assert_eq!(Code(0x202).to_string(), "QPACK_DECODER_STREAM_ERROR");
    }
}
