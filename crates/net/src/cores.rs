//! Threads that stay on one core.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;

/// Keeps this thread on one of the cores that it may use: the one whose number among them is `index`, counted over and over.
///
/// # Errors
///
/// The kernel does not allow it, or does not tell which cores there are.
pub(crate) fn pin(index: u16) -> io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let Some(core) = nth(&allowed, index) else {
        return Err(io::Error::new(io::ErrorKind::NotFound, "this thread may use no core"));
    };
    let mut one = CpuSet::new();
    one.set(core);
    Ok(sched_setaffinity(None, &one)?)
}

fn nth(allowed: &CpuSet, index: u16) -> Option<usize> {
    let count = allowed.count() as usize;
    let wanted = usize::from(index).checked_rem(count)?;
    (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).nth(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_spread_over_the_cores_that_they_may_use_over_and_over() {
        let mut allowed = CpuSet::new();
        assert_eq!(nth(&allowed, 0), None);
        [1, 4, 9].iter().for_each(|core| allowed.set(*core));
        assert_eq!([0, 1, 2, 3].map(|index| nth(&allowed, index)), [Some(1), Some(4), Some(9), Some(1)]);
    }
}
