//! The closed loop at its leanest: one WebSocket on one byte stream, a fixed number of messages always on their way.

use super::script::Conversation;
use super::tally::Tally;
use super::wire::Wire;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};

/// How much is read at a time, into one buffer for all connections of the thread.
const READ_BYTES: usize = 256 << 10;

/// Memory that connections read into. It is full only while one of them looks at it.
pub(crate) type ReadBuffer = Rc<RefCell<Box<[u8]>>>;

pub(crate) fn read_buffer() -> ReadBuffer {
    Rc::new(RefCell::new(vec![0; READ_BYTES].into()))
}

/// Keeps `in_flight` messages on their way until the measurement is over, which drops it, or until something fails, which
/// is noted in the tally. Echoes that come back together are answered with one write.
pub(crate) async fn bounce(
    mut wire: Box<dyn Wire>,
    mut conversation: Conversation,
    in_flight: usize,
    tally: Rc<Tally>,
    buffer: ReadBuffer,
) {
    if let Err(why) = talk(&mut wire, &mut conversation, in_flight, &tally, &buffer).await {
        tally.fail(why);
    }
}

async fn talk(
    wire: &mut Box<dyn Wire>,
    conversation: &mut Conversation,
    in_flight: usize,
    tally: &Tally,
    buffer: &ReadBuffer,
) -> Result<(), String> {
    let broken = |error: io::Error| format!("the connection broke: {error}");
    tally.opened(1);
    let mut messages = in_flight;
    loop {
        if messages > 0 {
            wire.write_all(conversation.outgoing(messages)).await.map_err(broken)?;
            wire.flush().await.map_err(broken)?;
        }
        messages = std::future::poll_fn(|cx| {
            let mut buffer = buffer.borrow_mut();
            let mut read = ReadBuf::new(&mut buffer);
            Pin::new(&mut *wire).poll_read(cx, &mut read).map(|result| {
                result.map_err(broken)?;
                if read.filled().is_empty() {
                    return Err("the server closed the connection".to_owned());
                }
                tally.received(read.filled().len());
                conversation.incoming(read.filled())
            })
        })
        .await?;
        tally.count(messages);
    }
}
