//! A complete head: parsed by `httparse`, then judged by the rules that keep two parsers from disagreeing.

use super::fields::{is_host, list_members, trim};
use super::{HeadError, HeadLimits, HeadReader};

/// Most header fields that a head may have; the size of the parser's table.
pub(super) const HEADERS_MAX: usize = 100;

/// A version of HTTP that these heads can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// How long the body behind a head is (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// So many bytes.
    Length(u64),
    /// The chunked transfer coding.
    Chunked,
    /// Until the connection ends. Only responses can have such a body.
    UntilEnd,
}

/// The head of a request. It owns its text.
#[derive(Clone, Debug)]
pub struct RequestHead {
    fields: Fields,
    method: Span,
    target: Span,
    version: Version,
    framing: Framing,
}

/// The head of a response. It owns its text.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    fields: Fields,
    status: u16,
    version: Version,
    framing: Framing,
}

/// Where a part lies in the text.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Clone, Debug)]
struct Fields {
    text: Box<str>,
    spans: Box<[(Span, Span)]>,
}

impl RequestHead {
    /// Parses a head that lies in memory, ending included. What follows it is ignored.
    pub fn parse(bytes: &[u8], limits: HeadLimits) -> Result<Self, HeadError> {
        let mut reader = HeadReader::for_requests(limits);
        reader.push(bytes)?;
        reader.take_request()
    }

    /// Parses what the reader has found to be a complete head.
    pub(super) fn from_complete(bytes: Vec<u8>) -> Result<Self, HeadError> {
        let text = into_text(bytes)?;
        check_version_of_request(&text)?;
        let mut table = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut table);
        let status = request.parse(text.as_bytes()).map_err(error_of)?;
        let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
        else {
            return Err(HeadError::StartLineInvalid);
        };
        if status.is_partial() {
            return Err(HeadError::StartLineInvalid);
        }
        let version = version_of(minor);
        let (method, target) = (span_of(&text, method.as_bytes()), span_of(&text, target.as_bytes()));
        let spans = spans_of(&text, request.headers)?;
        let fields = Fields { text, spans };
        check_target(fields.part(method), fields.part(target))?;
        check_host(&fields, version)?;
        let framing = framing_of(&fields, version)?.unwrap_or(Framing::None);
        Ok(Self { fields, method, target, version, framing })
    }

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

    /// How long the body is. A request has none unless it says so.
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

    /// Whether the connection may carry another request after this one (RFC 9112 section 9.3).
    pub fn keeps_alive(&self) -> bool {
        let says = |option: &str| {
            let mut options = self.fields.all("connection").flat_map(list_members);
            options.any(|member| member.eq_ignore_ascii_case(option))
        };
        !says("close") && (self.version == Version::Http11 || says("keep-alive"))
    }
}

impl ResponseHead {
    /// Parses a head that lies in memory, ending included. What follows it is ignored.
    pub fn parse(bytes: &[u8], limits: HeadLimits) -> Result<Self, HeadError> {
        let mut reader = HeadReader::for_responses(limits);
        reader.push(bytes)?;
        reader.take_response()
    }

    /// Parses what the reader has found to be a complete head.
    pub(super) fn from_complete(bytes: Vec<u8>) -> Result<Self, HeadError> {
        let text = into_text(bytes)?;
        let mut table = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut table);
        let parsed = response.parse(text.as_bytes()).map_err(error_of)?;
        let (Some(status), Some(minor)) = (response.code, response.version) else {
            return Err(HeadError::StartLineInvalid);
        };
        if parsed.is_partial() {
            return Err(HeadError::StartLineInvalid);
        }
        let version = version_of(minor);
        let spans = spans_of(&text, response.headers)?;
        let fields = Fields { text, spans };
        let framing = match (status, framing_of(&fields, version)?) {
            (100..=199 | 204 | 304, _) => Framing::None,
            (_, framing) => framing.unwrap_or(Framing::UntilEnd),
        };
        Ok(Self { fields, status, version, framing })
    }

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

impl Fields {
    fn part(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.spans.iter().map(|&(name, value)| (self.part(name), self.part(value)))
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether the value stands in its line as `Name: value` or `Name:value`, with nothing odd around it.
    fn is_plain(&self, name: &str) -> bool {
        self.spans.iter().filter(|(other, _)| self.part(*other).eq_ignore_ascii_case(name)).all(
            |(name, value)| {
                let before = self.text.get(name.end as usize..value.start as usize);
                let after = self.text.get(value.end as usize..);
                matches!(before, Some(":" | ": ")) && after.is_some_and(|after| after.starts_with('\r'))
            },
        )
    }
}

fn into_text(bytes: Vec<u8>) -> Result<Box<str>, HeadError> {
    String::from_utf8(bytes).map(String::into_boxed_str).map_err(|_| HeadError::NotUtf8)
}

fn version_of(minor: u8) -> Version {
    if minor == 0 { Version::Http10 } else { Version::Http11 }
}

fn error_of(error: httparse::Error) -> HeadError {
    match error {
        httparse::Error::HeaderName | httparse::Error::HeaderValue => HeadError::HeaderInvalid,
        httparse::Error::TooManyHeaders => HeadError::TooManyHeaders,
        httparse::Error::Version => HeadError::VersionUnsupported,
        _ => HeadError::StartLineInvalid,
    }
}

/// Where `part`, a piece of `text`, lies in it.
fn span_of(text: &str, part: &[u8]) -> Span {
    let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    Span { start: start as u32, end: (start + part.len()) as u32 }
}

fn spans_of(text: &str, headers: &[httparse::Header<'_>]) -> Result<Box<[(Span, Span)]>, HeadError> {
    let span = |header: &httparse::Header<'_>| {
        if header.name.is_empty() {
            return Err(HeadError::HeaderInvalid);
        }
        Ok((span_of(text, header.name.as_bytes()), span_of(text, header.value)))
    };
    headers.iter().map(span).collect()
}

/// "HTTP/x.y" with other digits is a version that we do not speak; anything else is no version.
fn check_version_of_request(text: &str) -> Result<(), HeadError> {
    let line = text.split_once('\r').map_or(text, |(line, _)| line);
    let version = line.rsplit_once(' ').map_or("", |(_, version)| version);
    match version.as_bytes() {
        b"HTTP/1.1" | b"HTTP/1.0" => Ok(()),
        [b'H', b'T', b'T', b'P', b'/', a, b'.', b] if a.is_ascii_digit() && b.is_ascii_digit() => {
            Err(HeadError::VersionUnsupported)
        }
        _ => Err(HeadError::StartLineInvalid),
    }
}

/// RFC 9112 section 3.2 knows four forms of a target. A server of WebSockets needs one, and `*` for OPTIONS. The
/// absolute form, which a server "MUST accept", is refused all the same: it exists for proxies, and a backend that takes
/// a URL from a stranger is how requests are sent to places that nobody meant.
fn check_target(method: &str, target: &str) -> Result<(), HeadError> {
    let is_path = target.starts_with('/') || (target == "*" && method == "OPTIONS");
    if !is_path || !target.is_ascii() || target.contains('#') {
        return Err(HeadError::TargetInvalid);
    }
    let escapes_control = target
        .as_bytes()
        .windows(3)
        .any(|escape| matches!(escape, [b'%', b'0', b'0' | b'a' | b'A' | b'd' | b'D']));
    if escapes_control { Err(HeadError::TargetEscapesControl) } else { Ok(()) }
}

fn check_host(fields: &Fields, version: Version) -> Result<(), HeadError> {
    let mut hosts = fields.all("host");
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Err(HeadError::HostRepeated),
        (Some(host), None) => {
            if is_host(host) {
                Ok(())
            } else {
                Err(HeadError::HostInvalid)
            }
        }
        (None, None) if version == Version::Http11 => Err(HeadError::HostMissing),
        (None, None) => Ok(()),
    }
}

/// What the header fields say about the body (RFC 9112 section 6.3), stricter than it: one plain number, or `chunked`.
fn framing_of(fields: &Fields, version: Version) -> Result<Option<Framing>, HeadError> {
    let mut lengths = fields.all("content-length");
    let mut codings = fields.all("transfer-encoding");
    let (length, coding) = (lengths.next(), codings.next());
    if length.is_some() && coding.is_some() {
        return Err(HeadError::LengthAndTransferEncoding);
    }
    if lengths.next().is_some() {
        return Err(HeadError::LengthRepeated);
    }
    if let Some(coding) = coding {
        if codings.next().is_some() || version == Version::Http10 || !fields.is_plain("transfer-encoding") {
            return Err(HeadError::TransferEncodingInvalid);
        }
        let mut members = coding.split(',').map(trim);
        let chunked = coding.eq_ignore_ascii_case("chunked");
        return match members.next() {
            _ if chunked => Ok(Some(Framing::Chunked)),
            Some(first) if super::is_token(first) && !first.eq_ignore_ascii_case("chunked") => {
                Err(HeadError::TransferEncodingUnsupported)
            }
            _ => Err(HeadError::TransferEncodingInvalid),
        };
    }
    let Some(length) = length else { return Ok(None) };
    let is_decimal = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    if !is_decimal || !fields.is_plain("content-length") {
        return Err(HeadError::LengthInvalid);
    }
    length.parse().map(|length| Some(Framing::Length(length))).map_err(|_| HeadError::LengthInvalid)
}
