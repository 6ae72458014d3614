//! A complete head: parsed by `httparse`, then judged by the rules that keep two parsers from disagreeing.

use super::HeadReader;
use crate::head::{Fields, HEADERS_MAX, Span, check_host, check_target, is_token, length_of, trim};
use crate::head::{Framing, HeadError, HeadLimits, RequestHead, ResponseHead, Version};

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
        Ok(Self { fields, method, target, scheme: None, protocol: None, version, framing })
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
            Some(first) if is_token(first) && !first.eq_ignore_ascii_case("chunked") => {
                Err(HeadError::TransferEncodingUnsupported)
            }
            _ => Err(HeadError::TransferEncodingInvalid),
        };
    }
    if length.is_some() && !fields.is_plain("content-length") {
        return Err(HeadError::LengthInvalid);
    }
    Ok(length_of(fields)?.map(Framing::Length))
}
