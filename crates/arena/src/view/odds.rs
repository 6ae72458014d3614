//! The odds of a cell's bits: how likely each is set, by context.

use super::{coder::Odds, symbols::CONTEXTS};

/// By context, in 1/4,096.
pub(super) static ODDS: [Odds; CONTEXTS] = [2048; CONTEXTS];
