//! yawc: upgraded by hyper as in its own example, compression in its low-latency setting.

use crate::{Carrier, Deflate, Ended, echo};
use futures_util::StreamExt;
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use yawc::{DeflateOptions, DeflatePool, OpCode, Options, WebSocket};

pub async fn serve(stream: impl Carrier, deflate: Deflate) -> Ended {
    thread_local! {
        /// One compressor and one decompressor for all connections of the thread, as the documentation advises.
        static POOL: DeflatePool = DeflatePool::new(1);
    }
    let options = Options::default().with_limits(64 << 20, 64 << 20).with_utf8();
    let options = match deflate {
        Deflate::Off => options.without_compression(),
        _ => Options {
            compression: Some(DeflateOptions {
                server_no_context_takeover: deflate == Deflate::NoTakeover,
                client_no_context_takeover: deflate == Deflate::NoTakeover,
                pool: Some(POOL.with(Clone::clone)),
                ..DeflateOptions::low_latency()
            }),
            ..options
        },
    };
    let service = service_fn(move |request| open(request, options.clone()));
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    Ok(connection.await?)
}

async fn open(mut request: Request<Incoming>, options: Options) -> yawc::Result<Response<Empty<Bytes>>> {
    let (response, socket) = WebSocket::upgrade_with_options(&mut request, options)?;
    tokio::spawn(async move {
        let socket = socket.await?.map(Ok::<_, yawc::WebSocketError>);
        echo::batched(socket, |frame| matches!(frame.opcode(), OpCode::Text | OpCode::Binary)).await
    });
    Ok(response)
}
