//! tokio-websockets, as in its own echo example: no limits, messages never cut into frames.

use crate::{Carrier, Ended, echo};
use tokio_websockets::{Config, Limits, ServerBuilder};

pub async fn serve(stream: impl Carrier) -> Ended {
    let builder = ServerBuilder::new();
    let builder = builder.config(Config::default().frame_size(usize::MAX)).limits(Limits::unlimited());
    let (_, socket) = builder.accept(stream).await?;
    // The example opts out of tokio's cooperative scheduling; on one thread with little work per message that is right.
    let echo = echo::batched(socket, |message| message.is_text() || message.is_binary());
    tokio::task::unconstrained(echo).await
}
