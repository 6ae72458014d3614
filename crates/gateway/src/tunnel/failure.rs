//! Why a backend gave no answer that could be passed on.

use crate::health::Report;
use crate::routing::Refusal;
use crate::stream::is_ours;
use net::DialError;
use std::fmt;

/// Why a backend gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It could not be reached. Nothing of the request was sent.
    Unreachable(String),
    /// It ended the connection, or the stream, before it answered anything.
    Unanswered(String),
    /// It answered nothing in time.
    Silent,
    /// What it answered breaks the rules, so nobody may act on it.
    Broken(String),
    /// The client's request broke off, or broke a rule, in the middle of its body.
    Request(u16, String),
    /// The request has no form in what the backend speaks.
    Unsuited,
    /// We lack what a connection needs, such as descriptors or ports: it is no fault of the backend.
    Ours(String),
    /// The backend was about to end this connection, and has not looked at the request.
    GoingAway,
    /// The client has taken its request back.
    ClientLeft,
}

impl Failure {
    /// What the client is told.
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Unreachable(_) => Refusal::UNREACHABLE,
            Self::Unanswered(_) => Refusal::new(502, "The backend closed the connection without an answer."),
            Self::Silent => Refusal::new(504, "The backend took too long to answer."),
            Self::Broken(_) => Refusal::new(502, "The backend gave an answer that is no valid one."),
            Self::Request(413, _) => Refusal::new(413, "The request's body is too long."),
            Self::Request(408, _) => Refusal::new(408, "The request took too long to arrive."),
            Self::Request(..) => Refusal::new(400, "The request's body is malformed or incomplete."),
            Self::Unsuited => {
                Refusal::new(400, "The target or the host has characters that cannot be passed on.")
            }
            Self::Ours(_) => Refusal::OUT_OF_RESOURCES,
            Self::GoingAway => Refusal::UNREACHABLE,
            // Nobody hears it.
            Self::ClientLeft => Refusal::new(400, "The request was taken back."),
        }
    }

    /// Whether another backend may be asked. `is_repeatable` says that the request may be made twice: it has no body and a
    /// method without consequences.
    pub fn may_try_again(&self, is_repeatable: bool) -> bool {
        match self {
            Self::Unreachable(_) | Self::GoingAway => true,
            Self::Unanswered(_) => is_repeatable,
            Self::Silent | Self::Broken(_) | Self::Request(..) => false,
            Self::Unsuited | Self::Ours(_) | Self::ClientLeft => false,
        }
    }

    /// What it says about the backend.
    pub fn report(&self) -> Option<Report> {
        match self {
            Self::Unreachable(_) | Self::Unanswered(_) | Self::Silent => Some(Report::ConnectFailed),
            Self::Broken(_) => Some(Report::Answered(502)),
            Self::Request(..) | Self::Unsuited | Self::Ours(_) | Self::GoingAway | Self::ClientLeft => None,
        }
    }
}

impl From<DialError> for Failure {
    /// Why there is no connection.
    fn from(error: DialError) -> Self {
        match &error {
            DialError::Connect { error: cause, .. } | DialError::Broken(cause) if is_ours(cause) => {
                Self::Ours(error.to_string())
            }
            _ => Self::Unreachable(error.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the backend cannot be reached: {why}"),
            Self::Unanswered(why) => write!(f, "the backend ended the connection without an answer: {why}"),
            Self::Silent => f.write_str("the backend took too long to answer"),
            Self::Broken(why) => write!(f, "the backend's answer is not valid: {why}"),
            Self::Request(_, why) => write!(f, "the request's body: {why}"),
            Self::Unsuited => f.write_str("the request has no form in what the backend speaks"),
            Self::Ours(why) => write!(f, "the gateway lacks what a connection needs: {why}"),
            Self::GoingAway => f.write_str("the connection to the backend was going away"),
            Self::ClientLeft => f.write_str("the client has taken its request back"),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_backend_can_have_acted_on_is_tried_again() {
        let why = String::new;
        assert!(Failure::Unreachable(why()).may_try_again(false));
        assert!(
            Failure::Unanswered(why()).may_try_again(true)
                && !Failure::Unanswered(why()).may_try_again(false)
        );
        for failure in [Failure::Silent, Failure::Broken(why()), Failure::Request(400, why())] {
            assert!(!failure.may_try_again(true), "{failure}");
        }
    }

    #[test]
    fn o10_a_want_of_descriptors_is_not_the_backends_fault() {
        let address = "192.0.2.1:80".to_owned();
        let lack = |errno: rustix::io::Errno| std::io::Error::from_raw_os_error(errno.raw_os_error());
        let failure = Failure::from(DialError::Connect {
            address: address.clone(),
            error: lack(rustix::io::Errno::MFILE),
        });
        assert_eq!((failure.report(), failure.refusal().status), (None, 503));
        let refused = DialError::Connect { address, error: lack(rustix::io::Errno::CONNREFUSED) };
        assert_eq!(Failure::from(refused).report(), Some(Report::ConnectFailed));
    }

    #[test]
    fn what_a_client_did_says_nothing_about_the_backend() {
        for failure in [Failure::Unsuited, Failure::ClientLeft, Failure::Request(400, String::new())] {
            assert_eq!(failure.report(), None, "{failure}");
        }
    }
}
