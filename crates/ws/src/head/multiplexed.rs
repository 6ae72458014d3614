//! Heads of HTTP/2 and HTTP/3: pseudo-header fields and fields, as an HTTP/2 or HTTP/3 connection has decoded them.
//!
//! Whoever decodes the compressed fields has checked their order and that no pseudo-header field is unknown or there
//! twice. Everything else that makes a message malformed (RFC 9113 section 8.2 and 8.3, RFC 9114 section 4.2 and 4.3) is
//! checked here, so that it does not depend on which library decoded.

use super::fields::{check_host, check_target, length_of};
use super::{
    Fields, Framing, HEADERS_MAX, HeadError, HeadLimits, RequestHead, ResponseHead, Span, Version,
    is_field_value, is_host, is_token, trim,
};

/// What a request of HTTP/2 or HTTP/3 says in front of its fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pseudo<'a> {
    /// `:method`
    pub method: &'a str,
    /// `:scheme`
    pub scheme: Option<&'a str>,
    /// `:authority`
    pub authority: Option<&'a str>,
    /// `:path`
    pub path: Option<&'a str>,
    /// `:protocol`, of an extended CONNECT (RFC 8441, RFC 9220).
    pub protocol: Option<&'a str>,
}

impl RequestHead {
    /// Makes the head of a request of HTTP/2 or HTTP/3. `fields` are those behind the pseudo-header fields.
    ///
    /// # Errors
    ///
    /// [`HeadError`] with the status to answer. RFC 9113 section 8.1.1 would also allow to reset the stream.
    pub fn from_fields<'a>(
        version: Version,
        pseudo: Pseudo<'_>,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        limits: HeadLimits,
    ) -> Result<Self, HeadError> {
        let target = target_of(&pseudo, limits)?;
        let authority = pseudo.authority.ok_or(HeadError::HostMissing)?;
        if !is_host(authority) {
            return Err(HeadError::HostInvalid);
        }
        let mut collector = Collector::new(limits);
        let method = collector.part(pseudo.method)?;
        let target = collector.part(target)?;
        let scheme = pseudo.scheme.map(|scheme| collector.part(scheme)).transpose()?;
        let protocol = pseudo.protocol.map(|protocol| collector.part(protocol)).transpose()?;
        collector.field("host", authority)?;
        collector.take_all(fields, Some(authority))?;
        let fields = collector.finish()?;
        check_target(fields.part(method), fields.part(target))?;
        check_host(&fields, version)?;
        let framing = length_of(&fields)?.map_or(Framing::UntilEnd, Framing::Length);
        Ok(Self { fields, method, target, scheme, protocol, version, framing })
    }
}

impl ResponseHead {
    /// Makes the head of a response of HTTP/2 or HTTP/3.
    ///
    /// # Errors
    ///
    /// [`HeadError`], which makes the response malformed: the stream is to be reset.
    pub fn from_fields<'a>(
        version: Version,
        status: u16,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        limits: HeadLimits,
    ) -> Result<Self, HeadError> {
        if !(100..=599).contains(&status) {
            return Err(HeadError::StartLineInvalid);
        }
        let mut collector = Collector::new(limits);
        collector.take_all(fields, None)?;
        let fields = collector.finish()?;
        let framing = match (status, length_of(&fields)?) {
            (100..=199 | 204 | 304, _) => Framing::None,
            (_, length) => length.map_or(Framing::UntilEnd, Framing::Length),
        };
        Ok(Self { fields, status, version, framing })
    }
}

/// Checks the pseudo-header fields but the authority, and gives the target.
fn target_of<'a>(pseudo: &Pseudo<'a>, limits: HeadLimits) -> Result<&'a str, HeadError> {
    if !is_token(pseudo.method) {
        return Err(HeadError::StartLineInvalid);
    }
    if pseudo.method.len() > limits.method_bytes_max {
        return Err(HeadError::MethodTooLong);
    }
    match (pseudo.method, pseudo.protocol) {
        ("CONNECT", None) => return Err(HeadError::ConnectUnsupported),
        ("CONNECT", Some(protocol)) if is_token(protocol) => {}
        ("CONNECT", Some(_)) => return Err(HeadError::PseudoHeaderInvalid),
        (_, Some(_)) => return Err(HeadError::ProtocolMisplaced),
        (_, None) => {}
    }
    let is_http = |scheme: &str| ["http", "https"].iter().any(|http| http.eq_ignore_ascii_case(scheme));
    if !pseudo.scheme.is_some_and(is_http) {
        return Err(HeadError::PseudoHeaderInvalid);
    }
    let target = pseudo.path.ok_or(HeadError::PseudoHeaderInvalid)?;
    if target.len() > limits.target_bytes_max {
        return Err(HeadError::TargetTooLong);
    }
    // What HTTP/1.1 cannot carry in its start line would become something else behind a gateway.
    if target.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(target)
    } else {
        Err(HeadError::TargetInvalid)
    }
}

/// Puts the text of a head into one piece, within the limits.
struct Collector {
    limits: HeadLimits,
    text: String,
    spans: Vec<(Span, Span)>,
    /// "If there are multiple Cookie header fields after decompression, these MUST be concatenated into a single octet
    /// string using the two-octet delimiter of 0x3b, 0x20" (RFC 9113 section 8.2.3).
    cookies: String,
    /// Fields so far, cookies that came in pieces included.
    count: usize,
}

impl Collector {
    fn new(limits: HeadLimits) -> Self {
        Self { limits, text: String::new(), spans: Vec::new(), cookies: String::new(), count: 0 }
    }

    fn part(&mut self, part: &str) -> Result<Span, HeadError> {
        if self.text.len() + self.cookies.len() + part.len() > self.limits.head_bytes_max {
            return Err(HeadError::TooLong);
        }
        let start = self.text.len() as u32;
        self.text.push_str(part);
        Ok(Span { start, end: self.text.len() as u32 })
    }

    fn field(&mut self, name: &str, value: &str) -> Result<(), HeadError> {
        // As in HTTP/1.1 the fields stand between colons and line ends, so that a limit means the same everywhere.
        let name = self.part(name)?;
        self.part(": ")?;
        let value = self.part(value)?;
        self.part("\r\n")?;
        self.spans.push((name, value));
        Ok(())
    }

    /// Takes the fields of a message. `authority` is what a `host` must be equal to.
    fn take_all<'a>(
        &mut self,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        authority: Option<&str>,
    ) -> Result<(), HeadError> {
        let mut hosts = 0;
        for (name, value) in fields {
            self.count += 1;
            if self.count > self.limits.headers_max.min(HEADERS_MAX) {
                return Err(HeadError::TooManyHeaders);
            }
            let name = std::str::from_utf8(name).map_err(|_| HeadError::HeaderInvalid)?;
            let value = std::str::from_utf8(value).map_err(|_| HeadError::NotUtf8)?;
            check_field(name, value)?;
            match (name, authority) {
                ("cookie", _) => self.cookie(value)?,
                ("host", Some(authority)) => {
                    hosts += 1;
                    if hosts > 1 {
                        return Err(HeadError::HostRepeated);
                    }
                    if !value.eq_ignore_ascii_case(authority) {
                        return Err(HeadError::AuthorityDiffersFromHost);
                    }
                }
                _ => self.field(name, value)?,
            }
        }
        Ok(())
    }

    fn cookie(&mut self, piece: &str) -> Result<(), HeadError> {
        if self.text.len() + self.cookies.len() + piece.len() + 2 > self.limits.head_bytes_max {
            return Err(HeadError::TooLong);
        }
        // An empty piece says nothing, and would leave the white space of its delimiter at the end.
        if !self.cookies.is_empty() && !piece.is_empty() {
            self.cookies.push_str("; ");
        }
        self.cookies.push_str(piece);
        Ok(())
    }

    fn finish(mut self) -> Result<Fields, HeadError> {
        let cookies = std::mem::take(&mut self.cookies);
        if !cookies.is_empty() {
            self.field("cookie", &cookies)?;
        }
        Ok(Fields { text: self.text.into_boxed_str(), spans: self.spans.into_boxed_slice() })
    }
}

/// What makes a field malformed in HTTP/2 (RFC 9113 section 8.2.1 and 8.2.2) and HTTP/3 (RFC 9114 section 4.2).
fn check_field(name: &str, value: &str) -> Result<(), HeadError> {
    if !is_token(name) || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(HeadError::HeaderInvalid);
    }
    if !is_field_value(value) {
        return Err(HeadError::ControlCharacter);
    }
    if trim(value).len() != value.len() {
        return Err(HeadError::HeaderInvalid);
    }
    match name {
        "connection" | "upgrade" | "keep-alive" | "proxy-connection" | "transfer-encoding" => {
            Err(HeadError::ConnectionSpecific)
        }
        "te" if value != "trailers" => Err(HeadError::ConnectionSpecific),
        _ => Ok(()),
    }
}
