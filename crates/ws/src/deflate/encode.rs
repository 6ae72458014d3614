//! Our own DEFLATE encoder, made for small messages.
//!
//! Encoders of the usual kind prepare for a long stream: they clear 100 KiB of tables when they start, which takes longer
//! than compressing a chat message. This one clears nothing between messages: the entries of its tables are positions that
//! count on through all messages, so old ones are recognized because they lie before the message.
//!
//! A message is cut into blocks of at most 64 KiB. For each block [`mod@matches`] finds repetitions, [`block`] chooses the
//! cheapest of the three forms that DEFLATE knows (stored, fixed codes, own codes made by [`huffman`]) by computing what
//! each would cost, and [`bits`] writes it. [`symbols`] is the alphabet.

mod bits;
mod block;
mod huffman;
mod matches;
mod symbols;

use self::bits::BitWriter;
use self::block::BlockEncoder;
use self::matches::Matcher;
use super::{Context, KEPT_BYTES_MAX};

/// Compresses messages one after the other. It remembers nothing of them; a context does.
#[derive(Default)]
pub(super) struct Encoder {
    matcher: Matcher,
    block: BlockEncoder,
    /// The context and the message behind it, so that references are simple distances.
    joined: Vec<u8>,
}

impl Encoder {
    pub(super) fn buffered_bytes(&self) -> usize {
        self.joined.capacity() + self.block.buffered_bytes()
    }

    /// Appends the compressed form of a message: see [`super::Codec::compress`].
    pub(super) fn encode(
        &mut self,
        payload: &[u8],
        context: Option<&Context>,
        window_bytes_max: usize,
        output: &mut Vec<u8>,
    ) {
        let mut bits = BitWriter::new(output);
        match context.map(Context::parts) {
            None | Some(([], [])) => self.encode_behind(payload, 0, window_bytes_max, &mut bits),
            Some((older, newer)) => {
                let mut joined = std::mem::take(&mut self.joined);
                joined.clear();
                joined.shrink_to(KEPT_BYTES_MAX);
                let skipped = (older.len() + newer.len()).saturating_sub(window_bytes_max);
                joined.extend_from_slice(&older[skipped.min(older.len())..]);
                joined.extend_from_slice(&newer[skipped.saturating_sub(older.len())..]);
                let start = joined.len();
                joined.extend_from_slice(payload);
                self.encode_behind(&joined, start, window_bytes_max, &mut bits);
                self.joined = joined;
            }
        }
        // An empty stored block up to its length, which is 00 00 ff ff and is left out. For an empty message this is all.
        bits.write(8, |packer| packer.put(0b000, 3));
        bits.align();
    }

    /// Encodes `data[start..]`, which may refer to what lies before it.
    fn encode_behind(
        &mut self,
        data: &[u8],
        start: usize,
        window_bytes_max: usize,
        bits: &mut BitWriter<'_>,
    ) {
        let mut search = self.matcher.begin(data, start, window_bytes_max);
        let mut from = start;
        while from < data.len() {
            let to = data.len().min(from + block::BYTES_MAX);
            self.block.clear();
            search.find(from, to, &mut self.block);
            self.block.write(&data[from..to], bits);
            from = to;
        }
    }
}
