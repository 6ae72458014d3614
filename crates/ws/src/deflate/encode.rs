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
use self::matches::{Matcher, Run, Search};
use super::{Context, KEPT_BYTES_MAX};

/// While messages of one context follow each other, they are put behind each other up to this size, and what is known of
/// them is not read again. At least two windows of the largest size fit in.
const CONTINUED_BYTES_MAX: usize = 128 * 1024;

/// Compresses messages one after the other.
///
/// What they may refer to is in their context. But where the context is just what the encoder has seen last, as it is in a
/// burst of messages on one connection, the encoder goes on instead of reading the context again.
#[derive(Default)]
pub(super) struct Encoder {
    matcher: Matcher,
    block: BlockEncoder,
    /// The context and the message behind it, so that references are simple distances.
    joined: Vec<u8>,
    /// How the matcher calls `joined`, unless nothing was joined yet.
    joined_run: Option<Run>,
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
        let Self { matcher, block, joined, joined_run } = self;
        let mut bits = BitWriter::new(output);
        if let Some(context) = context {
            let mut run = joined_run.take();
            if joined.len() + payload.len() > CONTINUED_BYTES_MAX
                || !ends_with(joined, context, window_bytes_max)
            {
                read_context(joined, context, window_bytes_max);
                run = None;
            }
            let start = joined.len();
            joined.extend_from_slice(payload);
            let search = match run.and_then(|run| matcher.continue_with(run, joined, start, window_bytes_max))
            {
                Some(search) => search,
                None => matcher.begin(joined, start, window_bytes_max),
            };
            *joined_run = Some(search.run());
            write_blocks(search, block, joined, start, &mut bits);
        } else {
            let search = matcher.begin(payload, 0, window_bytes_max);
            write_blocks(search, block, payload, 0, &mut bits);
        }
        // An empty stored block up to its length, which is 00 00 ff ff and is left out. For an empty message this is all.
        bits.write(8, |packer| packer.put(0b000, 3));
        bits.align();
    }
}

/// Whether references into `joined` that go back at most a window stay within what the context remembers.
///
/// It compares the bytes, which costs a small part of reading them into the table, and needs no trust in who calls with
/// which context.
fn ends_with(joined: &[u8], context: &Context, window_bytes_max: usize) -> bool {
    let (older, newer) = window(context, window_bytes_max);
    let length = older.len() + newer.len();
    let is_all = length == joined.len() || length == window_bytes_max;
    is_all && joined.ends_with(newer) && joined[..joined.len() - newer.len()].ends_with(older)
}

/// Makes `joined` what the context remembers, as far as the window reaches.
fn read_context(joined: &mut Vec<u8>, context: &Context, window_bytes_max: usize) {
    joined.clear();
    joined.shrink_to(KEPT_BYTES_MAX);
    let (older, newer) = window(context, window_bytes_max);
    joined.extend_from_slice(older);
    joined.extend_from_slice(newer);
}

/// The last bytes of a context, as far as the window reaches, in two parts.
fn window(context: &Context, window_bytes_max: usize) -> (&[u8], &[u8]) {
    let (older, newer) = context.parts();
    let skipped = (older.len() + newer.len()).saturating_sub(window_bytes_max);
    (&older[skipped.min(older.len())..], &newer[skipped.saturating_sub(older.len())..])
}

/// Encodes `data[start..]`, which may refer to what lies before it.
fn write_blocks(
    mut search: Search<'_>,
    block: &mut BlockEncoder,
    data: &[u8],
    start: usize,
    bits: &mut BitWriter<'_>,
) {
    let mut from = start;
    while from < data.len() {
        let to = data.len().min(from + block::BYTES_MAX);
        block.clear();
        search.find(from, to, block);
        block.write(&data[from..to], bits);
        from = to;
    }
}
