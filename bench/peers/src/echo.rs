//! The echo loop for libraries whose WebSocket is a stream and a sink of messages.

use crate::Ended;
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};

/// Echoes until the peer closes. Replies to all messages that lie ready leave in one flush, which is what makes a sink fast
/// when several messages arrive together.
pub async fn batched<M, E, W>(mut socket: W, is_data: impl Fn(&M) -> bool) -> Ended
where
    W: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    E: std::error::Error + Send + Sync + 'static,
{
    loop {
        let message = match socket.next().now_or_never() {
            Some(message) => message,
            None => {
                socket.flush().await?;
                socket.next().await
            }
        };
        let Some(message) = message else { return Ok(()) };
        let message = message?;
        if is_data(&message) {
            socket.feed(message).await?;
        }
    }
}
