//! A network between a client and the server, with faults.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Passes datagrams on in both directions, and can be told to send a client's from elsewhere as well.
pub(crate) struct Path {
    pub(crate) address: SocketAddr,
    /// So many of the client's next datagrams are sent from a second address first.
    pub(crate) forge: Arc<AtomicUsize>,
    /// Nothing arrives any more, in either direction.
    pub(crate) cut: Arc<AtomicBool>,
}

impl Path {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let inner = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let outer = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let elsewhere = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        outer.connect(server).await.unwrap();
        let path = Self { address: inner.local_addr().unwrap(), forge: Arc::default(), cut: Arc::default() };
        let (forge, cut) = (Arc::clone(&path.forge), Arc::clone(&path.cut));
        tokio::spawn(async move {
            let (mut up, mut down) = ([0; 2000], [0; 2000]);
            let mut client = None;
            loop {
                tokio::select! {
                    received = inner.recv_from(&mut up) => {
                        let (size, from) = received.unwrap();
                        client = Some(from);
                        if cut.load(Ordering::Relaxed) {
                            continue;
                        }
                        if forge.load(Ordering::Relaxed) > 0 {
                            elsewhere.send_to(&up[..size], server).await.unwrap();
                            forge.fetch_sub(1, Ordering::Relaxed);
                        }
                        outer.send(&up[..size]).await.unwrap();
                    }
                    received = outer.recv(&mut down) => {
                        let size = received.unwrap();
                        if let Some(client) = client.filter(|_| !cut.load(Ordering::Relaxed)) {
                            inner.send_to(&down[..size], client).await.unwrap();
                        }
                    }
                }
            }
        });
        path
    }
}
