//! Why a backend gave no answer that could be passed on.

use crate::health::Report;
use crate::routing::Refusal;
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
        }
    }

    /// Whether another backend may be asked. `is_repeatable` says that the request may be made twice: it has no body and a
    /// method without consequences.
    pub fn may_try_again(&self, is_repeatable: bool) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Unanswered(_) => is_repeatable,
            Self::Silent | Self::Broken(_) | Self::Request(..) => false,
        }
    }

    /// What it says about the backend.
    pub fn report(&self) -> Option<Report> {
        match self {
            Self::Unreachable(_) | Self::Unanswered(_) | Self::Silent => Some(Report::ConnectFailed),
            Self::Broken(_) => Some(Report::Answered(502)),
            Self::Request(..) => None,
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
}
