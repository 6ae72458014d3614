//! What happened, one line a step: the last lines for people, a fingerprint of all for comparing two runs.

use std::collections::VecDeque;
use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

/// Lines that a failing seed shows.
const LINES_SHOWN: usize = 30;

#[derive(Debug)]
pub(super) struct Trace {
    last: VecDeque<String>,
    fingerprint: u64,
    whole: Option<String>,
}

impl Trace {
    /// An empty trace; a `whole` one keeps every line.
    pub(super) fn new(whole: bool) -> Self {
        let last = VecDeque::with_capacity(LINES_SHOWN);
        Self { last, fingerprint: 0xcbf2_9ce4_8422_2325, whole: whole.then(String::new) }
    }

    pub(super) fn line(&mut self, now: Duration, what: fmt::Arguments<'_>) {
        let mut line =
            if self.last.len() == LINES_SHOWN { self.last.pop_front() } else { None }.unwrap_or_default();
        line.clear();
        // Writing to a string cannot fail.
        let _ = write!(line, "{:>11.6} {what}", now.as_secs_f64());
        for word in line.as_bytes().chunks(8) {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            self.fingerprint = (self.fingerprint ^ u64::from_le_bytes(bytes)).wrapping_mul(0x0100_0000_01b3);
        }
        if let Some(whole) = &mut self.whole {
            whole.push_str(&line);
            whole.push('\n');
        }
        self.last.push_back(line);
    }

    pub(super) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    pub(super) fn into_parts(self) -> (Vec<String>, Option<String>) {
        (self.last.into(), self.whole)
    }
}
