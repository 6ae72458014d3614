//! tokio-tungstenite, with its default buffers.

use crate::{Carrier, Ended, echo};

pub async fn serve(stream: impl Carrier) -> Ended {
    let socket = tokio_tungstenite::accept_async(stream).await?;
    echo::batched(socket, |message| message.is_text() || message.is_binary()).await
}
