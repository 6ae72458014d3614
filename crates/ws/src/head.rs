//! Heads of requests and responses, whatever version of HTTP brought them.
//!
//! [`http1`](crate::http1) reads them from bytes; [`RequestHead::from_fields`] and [`ResponseHead::from_fields`] make them
//! of what an HTTP/2 or HTTP/3 connection has decoded. Either way the same rules hold afterwards: one authority, a target
//! that is a path, a length that cannot be understood in two ways, no control character anywhere. So a handshake, a check
//! of the origin or a router looks at one type and needs no case for each version.

mod fields;
mod grammar;
mod limits;
mod multiplexed;

use std::fmt;

pub(crate) use fields::{Fields, Span, check_host, check_target, length_of};
pub(crate) use grammar::{is_field_value, is_host, is_token, is_token_byte, list_members, trim};
pub(crate) use limits::HEADERS_MAX;
pub use limits::{HeadError, HeadLimits};
pub use multiplexed::Pseudo;

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
    /// HTTP/3
    Http3,
}

impl Version {
    /// Whether many requests share a connection, each on its own stream: HTTP/2 and HTTP/3. Their WebSockets are opened
    /// with an extended CONNECT (RFC 8441, RFC 9220) instead of an upgrade.
    pub fn is_multiplexed(self) -> bool {
        matches!(self, Self::Http2 | Self::Http3)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Http3 => "HTTP/3",
        })
    }
}

/// How long the body behind a head is (RFC 9112 section 6.3, RFC 9113 section 8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// So many bytes.
    Length(u64),
    /// The chunked transfer coding.
    Chunked,
    /// Until the connection ends, or in HTTP/2 and HTTP/3 the stream, which may be at once. In HTTP/1.1 only responses can
    /// have such a body.
    UntilEnd,
}

/// The head of a request. It owns its text.
#[derive(Clone, Debug)]
pub struct RequestHead {
    pub(crate) fields: Fields,
    pub(crate) method: Span,
    pub(crate) target: Span,
    pub(crate) scheme: Option<Span>,
    pub(crate) protocol: Option<Span>,
    pub(crate) version: Version,
    pub(crate) framing: Framing,
}

/// The head of a response. It owns its text.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    pub(crate) fields: Fields,
    pub(crate) status: u16,
    pub(crate) version: Version,
    pub(crate) framing: Framing,
}

impl RequestHead {
    /// The method, as sent: methods are case-sensitive.
    pub fn method(&self) -> &str {
        self.fields.part(self.method)
    }

    /// The request target: a path that starts with `/`, with its query, or `*`. Percent-escapes are as sent.
    pub fn target(&self) -> &str {
        self.fields.part(self.target)
    }

    /// The path of the target, without the query.
    pub fn path(&self) -> &str {
        self.target().split_once('?').map_or(self.target(), |(path, _)| path)
    }

    /// The query of the target, without the `?`.
    pub fn query(&self) -> Option<&str> {
        self.target().split_once('?').map(|(_, query)| query)
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The `:protocol` of an extended CONNECT (RFC 8441 section 4), such as `websocket`. HTTP/1.1 has none.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.map(|span| self.fields.part(span))
    }

    /// The `:scheme`: `http` or `https`, as the client put it. HTTP/1.1 does not send one.
    pub fn scheme(&self) -> Option<&str> {
        self.scheme.map(|span| self.fields.part(span))
    }

    /// Host and port that the request is for: `Host` in HTTP/1.1, `:authority` in HTTP/2 and HTTP/3. Only a request of
    /// HTTP/1.0 may lack it.
    pub fn authority(&self) -> Option<&str> {
        self.fields.first("host")
    }

    /// How long the body is. A request of HTTP/1.1 has none unless it says so.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The value of the first header field with this name, in any case of letters.
    ///
    /// In HTTP/2 and HTTP/3 `host` gives the `:authority`, and a `cookie` that came in pieces is whole again.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields.first(name)
    }

    /// The values of all header fields with this name, in order.
    pub fn header_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.all(name)
    }

    /// All header fields, in order, as sent.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter()
    }

    /// Whether the connection may carry another request after this one (RFC 9112 section 9.3).
    pub fn keeps_alive(&self) -> bool {
        let says = |option: &str| {
            let mut options = self.fields.all("connection").flat_map(list_members);
            options.any(|member| member.eq_ignore_ascii_case(option))
        };
        !says("close") && (self.version != Version::Http10 || says("keep-alive"))
    }
}

impl ResponseHead {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// How long the body is, if the request was not HEAD.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The value of the first header field with this name, in any case of letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields.first(name)
    }

    /// The values of all header fields with this name, in order.
    pub fn header_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.all(name)
    }

    /// All header fields, in order, as sent.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter()
    }
}
