//! How a connection ended. The variant says whose doing it was, the value inside says which rule.

use std::fmt;

use crate::close::{CloseCode, CloseReason};

/// One of the two ends of a connection, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This end.
    Us,
    /// The other end.
    Peer,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// Both sides sent a Close frame (RFC 6455 section 7.1.2). The clean end.
    Handshake {
        /// Who sent the first Close frame.
        started_by: Side,
        /// What we sent.
        sent: CloseReason,
        /// What the peer sent.
        received: CloseReason,
    },
    /// The peer broke RFC 6455.
    PeerViolated(Violation),
    /// The peer asked for more than a limit of ours allows.
    PeerExceeded(Limit),
    /// The peer did not do something in time.
    PeerTimedOut(Timeout),
    /// The transport ended without a closing handshake: close code 1006.
    TransportEnded,
}

impl End {
    /// The code to report to the application: the one received in a handshake, 1006 if the transport ended, else the
    /// one with which we failed the connection.
    pub fn code(&self) -> CloseCode {
        match self {
            Self::Handshake { received, .. } => received.code,
            Self::PeerViolated(violation) => violation.code(),
            Self::PeerExceeded(limit) => limit.code(),
            Self::PeerTimedOut(timeout) => timeout.code(),
            Self::TransportEnded => CloseCode::ABNORMAL,
        }
    }
}

/// A rule of RFC 6455 that a peer broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// RSV1, RSV2 or RSV3 is set, and no extension gives it a meaning (section 5.2).
    ReservedBits,
    /// An opcode that is not defined (section 5.2).
    ReservedOpcode(u8),
    /// A control frame with more than 125 bytes (section 5.5).
    ControlTooLong,
    /// A control frame without FIN (section 5.5).
    ControlFragmented,
    /// A client sent a frame without mask (section 5.1).
    Unmasked,
    /// A server sent a frame with a mask (section 5.1).
    Masked,
    /// A length in more bytes than it needs (section 5.2).
    LengthNotMinimal,
    /// A 64-bit length whose top bit is set (section 5.2).
    LengthTooLarge,
    /// A continuation frame, and no message to continue (section 5.4).
    ContinuationWithoutStart,
    /// A new message before the last one was complete (section 5.4).
    MessageInterrupted,
    /// Text that is not UTF-8 (section 8.1).
    TextNotUtf8,
    /// A compressed message that cannot be inflated (RFC 7692 section 7.2.2).
    CompressionInvalid,
    /// A Close frame with a body of one byte (section 5.5.1).
    CloseBodyTooShort,
    /// A Close frame with a code that may not travel (section 7.4).
    CloseCodeInvalid(u16),
    /// A Close frame whose reason is not UTF-8 (section 5.5.1).
    CloseReasonNotUtf8,
}

impl Violation {
    /// The close code that answers.
    pub fn code(self) -> CloseCode {
        match self {
            Self::TextNotUtf8 | Self::CompressionInvalid | Self::CloseReasonNotUtf8 => {
                CloseCode::INVALID_PAYLOAD
            }
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

/// A limit of [`Limits`](crate::Limits) that a peer reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// `frame_bytes_max`
    FrameBytes,
    /// `message_bytes_max`
    MessageBytes,
    /// `fragments_max`
    Fragments,
    /// `control_frames_per_second_max` and `control_frames_burst_max`
    ControlFrames,
    /// `empty_frames_per_second_max` and `empty_frames_burst_max`
    EmptyFrames,
    /// [`Policy::inflate`](crate::deflate::Policy::inflate): more was to be inflated than it allows.
    InflatedBytes,
}

impl Limit {
    /// The close code that answers.
    pub fn code(self) -> CloseCode {
        match self {
            Self::FrameBytes | Self::MessageBytes => CloseCode::MESSAGE_TOO_BIG,
            Self::Fragments | Self::ControlFrames | Self::EmptyFrames | Self::InflatedBytes => {
                CloseCode::POLICY_VIOLATION
            }
        }
    }
}

/// A deadline of [`Config`](crate::Config) that a peer missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timeout {
    /// `pong_timeout`: no sign of life after a Ping.
    Pong,
    /// `close_timeout`: no answer to our Close frame.
    Close,
    /// `message_timeout`: a frame or message that began and did not end.
    Message,
}

impl Timeout {
    /// The close code that answers or, if our Close frame is already out, that we report.
    pub fn code(self) -> CloseCode {
        match self {
            Self::Pong => CloseCode::INTERNAL_ERROR,
            Self::Close => CloseCode::ABNORMAL,
            Self::Message => CloseCode::POLICY_VIOLATION,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReservedBits => "a reserved bit is set",
            Self::ReservedOpcode(opcode) => return write!(f, "opcode {opcode} is reserved"),
            Self::ControlTooLong => "a control frame is longer than 125 bytes",
            Self::ControlFragmented => "a control frame is fragmented",
            Self::Unmasked => "a client frame is not masked",
            Self::Masked => "a server frame is masked",
            Self::LengthNotMinimal => "a length is not minimally encoded",
            Self::LengthTooLarge => "a length has its top bit set",
            Self::ContinuationWithoutStart => "a continuation continues nothing",
            Self::MessageInterrupted => "a message starts inside another",
            Self::TextNotUtf8 => "text is not UTF-8",
            Self::CompressionInvalid => "a compressed message is corrupt",
            Self::CloseBodyTooShort => "a close body has one byte",
            Self::CloseCodeInvalid(code) => return write!(f, "close code {code} may not be sent"),
            Self::CloseReasonNotUtf8 => "a close reason is not UTF-8",
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FrameBytes => "a frame is too big",
            Self::MessageBytes => "a message is too big",
            Self::Fragments => "a message has too many fragments",
            Self::ControlFrames => "too many control frames",
            Self::EmptyFrames => "too many empty frames",
            Self::InflatedBytes => "too much to inflate",
        })
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pong => "no answer to a ping",
            Self::Close => "no answer to a close",
            Self::Message => "a message took too long",
        })
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake { started_by: Side::Us, sent, .. } => {
                write!(f, "closed by us with {}", sent.code)
            }
            Self::Handshake { received, .. } => write!(f, "closed by the peer with {}", received.code),
            Self::PeerViolated(violation) => violation.fmt(f),
            Self::PeerExceeded(limit) => limit.fmt(f),
            Self::PeerTimedOut(timeout) => timeout.fmt(f),
            Self::TransportEnded => f.write_str("the transport ended without a close frame"),
        }
    }
}
