//! Follows the frames of one way by their headers, over any fragmentation, keeping no payload but that of a Close.

/// Longest header: two bytes, a length of 64 bits, a masking key.
const HEADER_BYTES_MAX: usize = 14;
/// Longest payload of a control frame (RFC 6455 section 5.5).
pub(super) const CONTROL_BYTES_MAX: u64 = 125;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// A Close frame, as far as an access log wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// Its code; 1005 if it has none.
    pub code: u16,
    /// Its reason.
    pub reason: String,
}

/// What one way has carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Data messages that are complete.
    pub messages: u64,
    /// Pings.
    pub pings: u64,
    /// Pongs that passed.
    pub pongs: u64,
}

/// The frames of one way.
#[derive(Debug)]
pub(super) struct Track {
    /// Whether frames on this way are masked: those of clients are.
    is_masked: bool,
    header: [u8; HEADER_BYTES_MAX],
    header_bytes: u8,
    /// Bytes of the current payload that are still to come.
    payload_left: u64,
    /// The opcode of the message that is under way, in fragments.
    in_message: bool,
    /// Bytes of the payloads of that message so far.
    message_bytes: u64,
    /// It does not speak RFC 6455: nobody knows where frames begin.
    is_lost: bool,
    has_closed: bool,
    closing: Option<Box<Closing>>,
    pub(super) count: Count,
}

/// The payload of a Close frame, while it comes and after.
#[derive(Debug)]
struct Closing {
    key: [u8; 4],
    payload: Vec<u8>,
}

/// What came of a few bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many bytes were taken in.
    Took(usize),
    /// A data frame begins that makes its message larger than is allowed. Its header was taken in.
    TooLarge {
        /// So many bytes were taken in.
        took: usize,
        /// They are the whole header: nothing of it was in an earlier step.
        is_whole: bool,
    },
}

impl Step {
    /// How many bytes were taken in.
    pub(super) fn took(self) -> usize {
        match self {
            Self::Took(took) | Self::TooLarge { took, .. } => took,
        }
    }
}

impl Track {
    pub(super) fn new(is_masked: bool) -> Self {
        Self {
            is_masked,
            header: [0; HEADER_BYTES_MAX],
            header_bytes: 0,
            payload_left: 0,
            in_message: false,
            message_bytes: 0,
            is_lost: false,
            has_closed: false,
            closing: None,
            count: Count::default(),
        }
    }

    /// Whether what was seen ends where a frame ends, so that another may be put in.
    pub(super) fn is_between_frames(&self) -> bool {
        self.header_bytes == 0 && self.payload_left == 0 && !self.is_lost
    }

    /// Whether nobody knows any more where frames begin.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Whether a whole Close frame was seen.
    pub(super) fn has_closed(&self) -> bool {
        self.has_closed && self.payload_left == 0
    }

    /// The Close frame that was seen.
    pub(super) fn closed(&self) -> Option<Closed> {
        if !self.has_closed() {
            return None;
        }
        let payload: Vec<u8> = self.closing.as_ref().map_or_else(Vec::new, |closing| {
            closing.payload.iter().zip(closing.key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
        });
        let code = payload.first_chunk::<2>().map_or(1005, |code| u16::from_be_bytes(*code));
        let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
        Some(Closed { code, reason })
    }

    /// Takes in bytes up to the end of the next header or payload. `message_bytes_max` 0 is no limit.
    pub(super) fn step(&mut self, bytes: &[u8], message_bytes_max: u64) -> Step {
        if self.is_lost {
            return Step::Took(bytes.len());
        }
        if self.payload_left > 0 {
            let size = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
            if let Some(closing) = self.closing.as_mut().filter(|_| self.has_closed) {
                closing.payload.extend_from_slice(&bytes[..size]);
            }
            self.payload_left -= size as u64;
            return Step::Took(size);
        }
        let before = usize::from(self.header_bytes);
        let mut have = before;
        let mut taken = 0;
        while taken < bytes.len() {
            let wanted = if have < 2 { 2 } else { header_bytes(self.header[1]) };
            if have == wanted {
                break;
            }
            let size = (wanted - have).min(bytes.len() - taken);
            self.header[have..have + size].copy_from_slice(&bytes[taken..taken + size]);
            have += size;
            taken += size;
        }
        self.header_bytes = have as u8;
        if have < 2 || have < header_bytes(self.header[1]) {
            return Step::Took(taken);
        }
        self.header_bytes = 0;
        let is_too_large = self.begin(have, message_bytes_max);
        if is_too_large { Step::TooLarge { took: taken, is_whole: before == 0 } } else { Step::Took(taken) }
    }

    /// A header is complete. Says whether its message becomes too large.
    fn begin(&mut self, size: usize, message_bytes_max: u64) -> bool {
        let [first, second, ..] = self.header;
        let length = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes([self.header[2], self.header[3]])),
            127 => self.header[2..10].iter().fold(0, |length, &byte| length << 8 | u64::from(byte)),
            short => u64::from(short),
        };
        let is_masked = second & MASKED != 0;
        let is_final = first & FIN != 0;
        let opcode = first & 0x0f;
        let is_control = opcode >= 8;
        let is_right = is_masked == self.is_masked
            && length >> 63 == 0
            && !self.has_closed
            && match opcode {
                0 => self.in_message,
                1 | 2 => !self.in_message,
                8..=10 => is_final && length <= CONTROL_BYTES_MAX,
                _ => false,
            };
        if !is_right {
            self.is_lost = true;
            return false;
        }
        self.payload_left = length;
        match opcode {
            8 => {
                self.has_closed = true;
                let key = if is_masked { [0, 1, 2, 3].map(|at| self.header[size - 4 + at]) } else { [0; 4] };
                self.closing = Some(Box::new(Closing { key, payload: Vec::new() }));
            }
            9 => self.count.pings += 1,
            10 => self.count.pongs += 1,
            _ => self.count.messages += u64::from(is_final),
        }
        if is_control {
            return false;
        }
        let before = if self.in_message { self.message_bytes } else { 0 };
        self.message_bytes = before.saturating_add(length);
        self.in_message = !is_final;
        message_bytes_max != 0 && self.message_bytes > message_bytes_max
    }
}

/// Number of bytes of the header whose second byte is this.
fn header_bytes(second: u8) -> usize {
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + if second & MASKED == 0 { 0 } else { 4 }
}

/// Appends a control frame. With a key it is masked, as those of clients are. `payload` is at most 125 bytes.
pub(super) fn write_control(opcode: u8, payload: &[u8], key: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let masked = if key.is_some() { MASKED } else { 0 };
    out.extend_from_slice(&[FIN | opcode, masked | payload.len() as u8]);
    match key {
        None => out.extend_from_slice(payload),
        Some(key) => {
            out.extend_from_slice(&key);
            out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
    }
}
