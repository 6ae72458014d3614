//! SETTINGS: what each side tells the other once, first of all (RFC 9114 section 7.2.4).

use crate::error::{Code, Error};
use crate::frame::{self, FrameHeader};
use crate::varint;

/// Most bytes that the payload of the peer's SETTINGS may have. More is H3_EXCESSIVE_LOAD: known settings need less
/// than 60.
pub const SETTINGS_BYTES_MAX: usize = 2048;

const QPACK_MAX_TABLE_CAPACITY: u64 = 0x01;
const MAX_FIELD_SECTION_SIZE: u64 = 0x06;
const QPACK_BLOCKED_STREAMS: u64 = 0x07;
const ENABLE_CONNECT_PROTOCOL: u64 = 0x08;

/// The settings of a peer, as far as they matter here; what it left out has its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The largest field section that it wants to receive, counted as names + values + 32 for each field; without a
    /// bound unless it says so.
    pub field_section_bytes_max: u64,
    /// Whether it accepts extended CONNECT (RFC 9220 section 3). Only a server's word means something.
    pub enable_connect_protocol: bool,
    /// Bytes of dynamic table that it offers to our encoder, which uses none.
    pub qpack_max_table_capacity: u64,
    /// Streams that it would let us block, which we never do.
    pub qpack_blocked_streams: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            field_section_bytes_max: u64::MAX,
            enable_connect_protocol: false,
            qpack_max_table_capacity: 0,
            qpack_blocked_streams: 0,
        }
    }
}

impl Settings {
    /// Reads the payload of a SETTINGS frame.
    pub(crate) fn parse(mut payload: &[u8]) -> Result<Self, Error> {
        let mut settings = Self::default();
        let mut seen = Vec::new();
        while !payload.is_empty() {
            let pair = varint::take(&mut payload).zip(varint::take(&mut payload));
            let Some((identifier, value)) = pair else {
                return Err(Error::connection(Code::FRAME_ERROR, "a setting is cut off"));
            };
            seen.push(identifier);
            settings.apply(identifier, value)?;
        }
        seen.sort_unstable();
        if seen.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::connection(Code::SETTINGS_ERROR, "a setting occurs twice"));
        }
        Ok(settings)
    }

    fn apply(&mut self, identifier: u64, value: u64) -> Result<(), Error> {
        match identifier {
            // A number that HTTP/2 reserved, and its ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE and
            // MAX_FRAME_SIZE (sections 7.2.4.1 and 11.2.2).
            0x00 | 0x02..=0x05 => {
                return Err(Error::connection(Code::SETTINGS_ERROR, "a setting of HTTP/2 is used"));
            }
            QPACK_MAX_TABLE_CAPACITY => self.qpack_max_table_capacity = value,
            MAX_FIELD_SECTION_SIZE => self.field_section_bytes_max = value,
            QPACK_BLOCKED_STREAMS => self.qpack_blocked_streams = value,
            ENABLE_CONNECT_PROTOCOL if value > 1 => {
                let reason = "ENABLE_CONNECT_PROTOCOL is neither 0 nor 1";
                return Err(Error::connection(Code::SETTINGS_ERROR, reason));
            }
            ENABLE_CONNECT_PROTOCOL => self.enable_connect_protocol = value == 1,
            _ => {}
        }
        Ok(())
    }
}

/// Appends our SETTINGS frame. The QPACK settings are left out: their default, 0, is what a decoder without a dynamic
/// table has to announce.
pub(crate) fn write(
    field_section_bytes_max: u32,
    enable_connect_protocol: bool,
    grease: Option<u64>,
    output: &mut Vec<u8>,
) {
    let mut payload = Vec::with_capacity(32);
    varint::write(MAX_FIELD_SECTION_SIZE, &mut payload);
    varint::write(u64::from(field_section_bytes_max), &mut payload);
    if enable_connect_protocol {
        varint::write(ENABLE_CONNECT_PROTOCOL, &mut payload);
        varint::write(1, &mut payload);
    }
    if let Some(seed) = grease {
        varint::write(frame::grease_identifier(seed), &mut payload);
        varint::write(seed % 0x4000, &mut payload);
    }
    output.extend_from_slice(&FrameHeader::new(frame::SETTINGS, payload.len() as u64));
    output.extend_from_slice(&payload);
}
