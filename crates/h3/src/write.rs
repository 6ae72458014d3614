//! Writing HEADERS frames.

use std::fmt;

use crate::frame;
use crate::message::Request;
use crate::qpack::{begin_section, encode_field};
use crate::rules;
use crate::section::FIELD_OVERHEAD_BYTES;

/// Why fields were not written. Nothing was added to the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The message would be malformed, and the peer would refuse it. This is our mistake.
    Malformed(&'static str),
    /// The peer said that it does not want field sections of this size (RFC 9114 section 4.2.2).
    TooLarge {
        /// The size of these fields: names + values + 32 for each field.
        section_bytes: u64,
        /// What the peer's SETTINGS allow.
        section_bytes_max: u64,
    },
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => f.write_str(reason),
            Self::TooLarge { section_bytes, section_bytes_max } => {
                write!(f, "the fields take {section_bytes} bytes, and the peer accepts {section_bytes_max}")
            }
        }
    }
}

impl std::error::Error for WriteError {}

/// Appends the HEADERS frame of a response. `section_bytes_max` is what the peer accepts:
/// [`Connection::peer_field_section_bytes_max`](crate::Connection::peer_field_section_bytes_max).
///
/// Names have to be in lower case. Any number of interim responses (1xx) may come before the final one.
pub fn write_response<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    status: u16,
    fields: impl IntoIterator<Item = (N, V)>,
    section_bytes_max: u64,
    output: &mut Vec<u8>,
) -> Result<(), WriteError> {
    rules::check_status(status).map_err(WriteError::Malformed)?;
    let digits = [b'0' + (status / 100) as u8, b'0' + (status / 10 % 10) as u8, b'0' + (status % 10) as u8];
    write_headers(section_bytes_max, output, |headers| {
        headers.add(b":status", &digits);
        headers.add_all(fields)
    })
}

/// Appends the HEADERS frame of trailers: fields that come after the body.
pub fn write_trailers<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    fields: impl IntoIterator<Item = (N, V)>,
    section_bytes_max: u64,
    output: &mut Vec<u8>,
) -> Result<(), WriteError> {
    write_headers(section_bytes_max, output, |headers| headers.add_all(fields))
}

/// Appends the HEADERS frame of a request. Public as a method of [`Connection`](crate::Connection), which knows whether
/// a request may be sent.
pub(crate) fn write_request<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    request: &Request<'_>,
    fields: impl IntoIterator<Item = (N, V)>,
    section_bytes_max: u64,
    output: &mut Vec<u8>,
) -> Result<(), WriteError> {
    write_headers(section_bytes_max, output, |headers| {
        for (name, value) in request.pseudo_fields() {
            headers.add(name.as_bytes(), value.as_bytes());
        }
        let mut host = None;
        for (name, value) in fields {
            let (name, value) = (name.as_ref(), value.as_ref());
            if name == b"host" && host.replace(value.to_vec()).is_some() {
                return Err("host occurs twice");
            }
            rules::check_request_field(name, value)?;
            headers.add(name, value);
        }
        rules::check_request(request, host.as_deref())
    })
}

/// Writes frame type, length and prefix of the section around what `add` adds, or nothing.
fn write_headers(
    section_bytes_max: u64,
    output: &mut Vec<u8>,
    add: impl FnOnce(&mut Headers<'_>) -> Result<(), &'static str>,
) -> Result<(), WriteError> {
    let start = output.len();
    // A length of two bytes is what most sections need. A longer form is put in when it turns out to be needed.
    output.extend_from_slice(&[frame::HEADERS as u8, 0, 0]);
    begin_section(output);
    let mut headers = Headers { output, section_bytes: 0 };
    let added = add(&mut headers);
    let section_bytes = headers.section_bytes;
    if let Err(reason) = added {
        output.truncate(start);
        return Err(WriteError::Malformed(reason));
    }
    if section_bytes > section_bytes_max {
        output.truncate(start);
        return Err(WriteError::TooLarge { section_bytes, section_bytes_max });
    }
    let payload_bytes = output.len() - start - 3;
    match u16::try_from(payload_bytes) {
        Ok(short) if short < 0x4000 => {
            output[start + 1..start + 3].copy_from_slice(&(short | 0x4000).to_be_bytes());
        }
        _ => {
            let header = frame::FrameHeader::new(frame::HEADERS, payload_bytes as u64);
            output.splice(start..start + 3, header.iter().copied());
        }
    }
    Ok(())
}

struct Headers<'a> {
    output: &'a mut Vec<u8>,
    section_bytes: u64,
}

impl Headers<'_> {
    fn add(&mut self, name: &[u8], value: &[u8]) {
        self.section_bytes += (name.len() + value.len() + FIELD_OVERHEAD_BYTES) as u64;
        encode_field(name, value, self.output);
    }

    fn add_all<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), &'static str> {
        for (name, value) in fields {
            let (name, value) = (name.as_ref(), value.as_ref());
            rules::check_field(name, value)?;
            self.add(name, value);
        }
        Ok(())
    }
}
