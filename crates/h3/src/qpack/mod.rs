//! QPACK: how a field section becomes bytes (RFC 9204), with the static table and literals only.
//!
//! The dynamic table is an option of the decoder, which says with a setting how much of it the peer's encoder may use.
//! Ours says 0 by leaving the setting out. So each field section stands alone: none waits for another stream, none
//! changes what the next one means, and nothing has to be kept between them. The price is that a repeated field is
//! sent whole, compressed by the Huffman code, which for the one request that opens a WebSocket is no price.
//!
//! A peer that refers to the dynamic table all the same breaks the protocol and is refused with
//! QPACK_DECOMPRESSION_FAILED.

mod decode;
mod encode;
mod huffman;
mod integer;
mod static_table;
mod streams;

pub use decode::{DecodeError, decode_section};
pub use encode::encode_section;
pub(crate) use encode::{begin_section, encode_field};
pub(crate) use streams::{DecoderStream, EncoderStream};
