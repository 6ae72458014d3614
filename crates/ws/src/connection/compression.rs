//! Compressed messages (RFC 7692): what a connection remembers for them, and the two ways through the codec.
//!
//! RSV1 on the first frame of a data message says that the payload of all its frames together is compressed. So a message
//! is inflated when it is whole: from the input if it came in one frame and one read, else from where it was gathered.

use std::time::Duration;

use super::{Connection, Message, Role};
use crate::deflate::{Codec, Context, InflateError, Parameters, WorkBudget};
use crate::end::{End, Limit, Violation};
use crate::frame::{self, FIN, Opcode, RSV1};
use crate::prepared::Prepared;

/// What a connection remembers once compression is agreed on.
#[derive(Debug)]
pub(super) struct Compression {
    parameters: Parameters,
    /// Plain text that we compressed.
    compressed: WorkBudget,
    /// Plain text that the peer made us inflate.
    inflated: WorkBudget,
    /// Present if takeover was agreed on in a direction.
    contexts: Option<Box<Contexts>>,
}

// With the 8 bytes that an allocator adds it stays below the 64 bytes that a connection may cost more with compression.
const _: () = assert!(size_of::<Compression>() <= 48);

/// The last plain text of each direction that has takeover.
#[derive(Debug)]
struct Contexts {
    sent: Option<Context>,
    received: Option<Context>,
}

impl Compression {
    pub(super) fn new(parameters: Parameters, role: Role) -> Self {
        let sent = parameters.sent_by(role);
        let received = parameters.received_by(role);
        let contexts = (sent.takeover || received.takeover).then(|| {
            Box::new(Contexts {
                sent: sent.takeover.then(|| Context::new(sent.window_bits)),
                received: received.takeover.then(|| Context::new(received.window_bits)),
            })
        });
        Self { parameters, compressed: WorkBudget::default(), inflated: WorkBudget::default(), contexts }
    }

    fn sent_context(&mut self) -> Option<&mut Context> {
        self.contexts.as_mut().and_then(|contexts| contexts.sent.as_mut())
    }

    /// Heap memory that it holds, in bytes.
    pub(super) fn allocated_bytes(&self) -> usize {
        let contexts = self.contexts.as_deref().map_or(0, |contexts| {
            let windows = contexts.sent.iter().chain(&contexts.received).map(Context::allocated_bytes);
            size_of::<Contexts>() + windows.sum::<usize>()
        });
        size_of::<Self>() + contexts
    }
}

impl Connection {
    /// Appends a message, compressed if that is agreed on, worth it and within the budget.
    #[inline(never)]
    pub(super) fn write_message(&mut self, message: Message<'_>, output: &mut Vec<u8>, codec: &mut Codec) {
        let (opcode, payload) = message.parts();
        let start = output.len();
        if !self.compress(opcode, payload, output, codec) {
            output.truncate(start);
            self.write_frame(FIN | opcode as u8, payload, output);
        }
    }

    /// Appends a compressed frame. If the answer is no, the message is to be sent plain, in place of what was appended.
    fn compress(&mut self, opcode: Opcode, payload: &[u8], output: &mut Vec<u8>, codec: &mut Codec) -> bool {
        let policy = &self.config.compression;
        let Some(compression) = &mut self.compression else { return false };
        if payload.len() < policy.compress_bytes_min {
            return false;
        }
        // The latest time that this connection was told. It stands still while the peer is silent, which makes the
        // budget smaller and never larger.
        let now = self.keepalive.last_heard();
        if !compression.compressed.spend(now, payload.len(), &policy.compress) {
            return false;
        }
        let role = if self.mask_keys.is_some() { Role::Client } else { Role::Server };
        let window_bits = compression.parameters.sent_by(role).window_bits;
        let key = self.mask_keys.as_mut().map(|keys| keys.draw());
        let header = frame::Gap::open(output, payload.len() / 4, key);
        match compression.sent_context() {
            // The context remembers the message now, so compressed it goes, whatever became of its size.
            Some(context) => codec.compress(payload, Some(context), window_bits, output),
            None => {
                codec.compress(payload, None, window_bits, output);
                if header.payload_bytes(output) >= payload.len() {
                    return false;
                }
            }
        }
        header.close(output, FIN | RSV1 | opcode as u8);
        true
    }

    /// Appends a message that was prepared, in its compressed form if there is one for this connection. False, and nothing
    /// is appended, if it is to be sent plain.
    #[inline(never)]
    pub(super) fn write_prepared(
        &mut self,
        prepared: &Prepared,
        output: &mut Vec<u8>,
        codec: &mut Codec,
    ) -> bool {
        let role = self.role();
        let Some(compression) = &mut self.compression else { return false };
        if prepared.payload().len() < self.config.compression.compress_bytes_min {
            return false;
        }
        let window_bits = compression.parameters.sent_by(role).window_bits;
        let Some(frame) = prepared.compressed(window_bits, codec) else { return false };
        if let Some(context) = compression.sent_context() {
            context.slide(prepared.payload());
        }
        match &mut self.mask_keys {
            None => output.extend_from_slice(frame),
            Some(keys) => {
                let first = FIN | RSV1 | prepared.opcode() as u8;
                frame::write_frame(output, first, frame::payload_of(frame), Some(keys.draw()));
            }
        }
        true
    }

    /// Inflates the data of a whole message, up to the limit for messages and not beyond.
    pub(super) fn inflate<'c>(
        &mut self,
        now: Duration,
        is_text: bool,
        data: &[u8],
        codec: &'c mut Codec,
    ) -> Result<Message<'c>, End> {
        let corrupt = End::PeerViolated(Violation::CompressionInvalid);
        let Some(compression) = &mut self.compression else { return Err(corrupt) };
        let context = compression.contexts.as_mut().and_then(|contexts| contexts.received.as_mut());
        let bytes_max = self.config.limits.message_bytes_max;
        let plain = codec.inflate(data, context, bytes_max).map_err(|error| match error {
            InflateError::TooLong => End::PeerExceeded(Limit::MessageBytes),
            InflateError::Corrupt => corrupt,
        })?;
        if !compression.inflated.spend(now, plain.len(), &self.config.compression.inflate) {
            return Err(End::PeerExceeded(Limit::InflatedBytes));
        }
        if !is_text {
            return Ok(Message::Binary(plain));
        }
        let text = simdutf8::basic::from_utf8(plain);
        text.map(Message::Text).map_err(|_| End::PeerViolated(Violation::TextNotUtf8))
    }
}
