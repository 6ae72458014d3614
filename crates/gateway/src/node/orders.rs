//! What a running gateway can be told: by signals, by the admin page, by the watch of its file.

use tokio::sync::{mpsc, oneshot};

/// How many orders may wait. Past it whoever gives one waits, or is told that the gateway is busy.
const WAITING_MAX: usize = 16;

/// What was done, or why it was not.
pub type Said = Result<String, String>;

/// One thing to do.
#[derive(Debug)]
pub enum Order {
    /// Read the file again.
    Reload(oneshot::Sender<Said>),
    /// Give this backend nothing new and send its connections away. `NAME`, or `POOL/NAME` where several have the name.
    DrainBackend(String, oneshot::Sender<Said>),
    /// Give it new connections again.
    UndrainBackend(String, oneshot::Sender<Said>),
    /// Start this program's file again; the new process takes over the listeners.
    Upgrade(oneshot::Sender<Said>),
    /// Drain everything and end.
    End,
}

/// Gives orders. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Orders(mpsc::Sender<Order>);

impl Orders {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Order>) {
        let (orders, inbox) = mpsc::channel(WAITING_MAX);
        (Self(orders), inbox)
    }

    /// Gives an order and waits for what comes of it.
    ///
    /// # Errors
    ///
    /// The sentence that says why nothing was done.
    pub async fn give(&self, order: impl FnOnce(oneshot::Sender<Said>) -> Order) -> Said {
        let (answer, said) = oneshot::channel();
        let ended = || Err("the gateway is ending".to_owned());
        if self.0.send(order(answer)).await.is_err() {
            return ended();
        }
        said.await.unwrap_or_else(|_| ended())
    }

    /// Tells it to drain and end.
    pub async fn end(&self) {
        let _ = self.0.send(Order::End).await;
    }
}
