//! Close codes and the body of a Close frame (RFC 6455 sections 5.5.1 and 7.4).

use std::fmt;

use crate::end::Violation;

/// Longest reason in a Close frame: what a control frame holds, less the two bytes of the code.
pub(crate) const REASON_BYTES_MAX: usize = 123;

/// A close code (section 7.4): either one that may travel in a Close frame, or one of the three reserved codes that a
/// side reports to its own application.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: a server goes down or a page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a type of data that this endpoint does not take.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1005: the Close frame had no code. Never on the wire.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the transport ended without a Close frame. Never on the wire.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: a message that its type does not allow, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a policy was violated, and no more precise code fits.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message is too big.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: a client misses an extension in the server's answer.
    pub const EXTENSION_MISSING: Self = Self(1010);
    /// 1011: the server could not fulfil the request.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts; come back soon (registered with IANA).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: too busy; come back later (registered with IANA).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got no good answer from its backend (registered with IANA).
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Never on the wire.
    pub const TLS_FAILURE: Self = Self(1015);

    /// The code, if it may stand in a Close frame: 1000–1003, 1007–1014, 3000–4999.
    pub const fn new(code: u16) -> Option<Self> {
        if matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) { Some(Self(code)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether the code may stand in a Close frame. False for 1005, 1006 and 1015.
    pub const fn may_travel(self) -> bool {
        Self::new(self.0).is_some()
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The content of a Close frame, borrowed from the connection that received it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// The code, or [`CloseCode::NO_STATUS`] if the frame was empty.
    pub code: CloseCode,
    /// The reason, for people who debug; at most 123 bytes.
    pub reason: &'a str,
}

/// The content of a Close frame, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// The code, or [`CloseCode::NO_STATUS`] if the frame was empty.
    pub code: CloseCode,
    /// The reason, at most 123 bytes.
    pub reason: Box<str>,
}

impl<'a> CloseFrame<'a> {
    /// Reads the body of a Close frame (section 5.5.1).
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Violation> {
        let (code, reason) = match *body {
            [] => return Ok(Self { code: CloseCode::NO_STATUS, reason: "" }),
            [_] => return Err(Violation::CloseBodyTooShort),
            [a, b, ref reason @ ..] => (u16::from_be_bytes([a, b]), reason),
        };
        let code = CloseCode::new(code).ok_or(Violation::CloseCodeInvalid(code))?;
        let reason = std::str::from_utf8(reason).map_err(|_| Violation::CloseReasonNotUtf8)?;
        Ok(Self { code, reason })
    }

    /// What fits into a frame: a code that may not travel gives an empty body, a long reason loses its end.
    pub(crate) fn fitting(code: CloseCode, reason: &'a str) -> Self {
        if !code.may_travel() {
            return Self { code: CloseCode::NO_STATUS, reason: "" };
        }
        let end = reason.floor_char_boundary(REASON_BYTES_MAX);
        Self { code, reason: &reason[..end] }
    }

    /// Writes the body into `buffer` and gives the part that is used.
    pub(crate) fn body<'b>(&self, buffer: &'b mut [u8; crate::frame::CONTROL_BYTES_MAX]) -> &'b [u8] {
        if self.code == CloseCode::NO_STATUS {
            return &[];
        }
        let size = 2 + self.reason.len();
        buffer[..2].copy_from_slice(&self.code.get().to_be_bytes());
        buffer[2..size].copy_from_slice(self.reason.as_bytes());
        &buffer[..size]
    }

    /// The same, owned.
    pub fn to_owned(&self) -> CloseReason {
        CloseReason { code: self.code, reason: self.reason.into() }
    }
}

impl CloseReason {
    /// The same, borrowed.
    pub fn as_frame(&self) -> CloseFrame<'_> {
        CloseFrame { code: self.code, reason: &self.reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_codes_of_section_7_4_and_of_the_iana_registry_may_travel() {
        let allowed = |code: u16| {
            [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].contains(&code)
                || (3000..5000).contains(&code)
        };
        for code in 0..=u16::MAX {
            assert_eq!(CloseCode::new(code).is_some(), allowed(code), "{code}");
        }
        for reserved in [CloseCode::NO_STATUS, CloseCode::ABNORMAL, CloseCode::TLS_FAILURE] {
            assert!(!reserved.may_travel());
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let reason = "é".repeat(100);
        let frame = CloseFrame::fitting(CloseCode::NORMAL, &reason);
        assert_eq!(frame.reason, "é".repeat(61));
        let mut buffer = [0; 125];
        let body = frame.body(&mut buffer);
        assert_eq!(body.len(), 124);
        assert_eq!(CloseFrame::parse(body), Ok(frame));
    }

    #[test]
    fn a_code_that_may_not_travel_gives_an_empty_body() {
        let frame = CloseFrame::fitting(CloseCode::ABNORMAL, "why");
        assert_eq!(frame.body(&mut [0; 125]), b"");
    }
}
