//! What a client is told when it goes nowhere.

/// An answer in place of a backend's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Status of HTTP.
    pub status: u16,
    /// One sentence for the body and the log.
    pub sentence: &'static str,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
}

impl Refusal {
    /// No route fits.
    pub const NO_ROUTE: Self = Self::new(404, "No route fits this request.");
    /// A route would fit on a connection that was opened for its name (RFC 9110 section 15.5.20).
    pub const MISDIRECTED: Self = Self::new(421, "This connection was opened for another name.");
    /// A path with `..`, `//`, `%2f` and the like.
    pub const AMBIGUOUS_PATH: Self = Self::new(400, "The path can be read in two ways.");
    /// No backend could be reached.
    pub const UNREACHABLE: Self = Self::new(502, "No backend could be reached.");
    /// The backend that has the match could not be reached.
    pub const OWNER_UNREACHABLE: Self =
        Self::new(503, "The node that has this match cannot be reached.").after(1);
    /// No backend may be used.
    pub const NO_BACKEND: Self = Self::new(503, "No backend is available.").after(5);
    /// All are full, and so is the queue, or its time is up.
    pub const FULL: Self = Self::new(503, "All backends are full.");

    /// The gateway itself has no descriptors, ports or memory left for a connection to a backend.
    pub const OUT_OF_RESOURCES: Self = Self::new(503, "The gateway has no room for this now.").after(5);

    /// Without `Retry-After`.
    pub const fn new(status: u16, sentence: &'static str) -> Self {
        Self { status, sentence, retry_after: None }
    }

    /// With `Retry-After`, in seconds.
    pub const fn after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}
