//! A client: `cargo run -p net --example client -- ws://127.0.0.1:9001/ hello`.

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use net::{DialOptions, WebSocket};
use std::error::Error;
use ws::{CloseCode, Message};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("give a URL, such as ws://127.0.0.1:9001/")?;
    let mut socket = WebSocket::connect(&url, &DialOptions::default()).await?;
    for word in arguments {
        socket.send(Message::Text(&word)).await?;
        match socket.receive().await {
            Some(answer) => println!("{answer:?}"),
            None => break,
        }
    }
    println!("{}", socket.close(CloseCode::NORMAL, "done").await);
    Ok(())
}
