//! An echo server: `cargo run -p net --example echo`, then `cargo run -- connect ws://127.0.0.1:9001/`.

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use net::{Options, WebSocket, serve};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::new(1, ["127.0.0.1:9001".parse()?]);
    let workers = serve(options, |mut socket: WebSocket| async move {
        while let Some(message) = socket.receive().await {
            if socket.send(message.as_message()).await.is_err() {
                break;
            }
        }
        println!("one left: {:?}", socket.end());
    })?;
    println!("echoing on {:?}; Ctrl-C ends", workers.addresses());
    loop {
        std::thread::park();
    }
}
