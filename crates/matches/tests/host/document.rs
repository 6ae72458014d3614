//! What `docs/match-protocol.md` says of codes and limits is what the code does.

use matches::host::Limits;
use matches::queue::{AHEAD_TICKS_MAX, REPEATED_TICKS_MAX};
use matches::wire::{COMMANDS_MAX, NAME_BYTES_MAX, SUBPROTOCOL, TOKEN_BYTES_MAX, WISH_BYTES_MAX, close};

const PAGE: &str = include_str!("../../../../docs/match-protocol.md");

/// A number as the page writes it: 4,096.
fn written(number: u64) -> String {
    if number < 1000 { number.to_string() } else { format!("{},{:03}", number / 1000, number % 1000) }
}

/// The second cell of the row of a table that begins with this.
fn cell(row: &str) -> &'static str {
    let line =
        PAGE.lines().find(|line| line.starts_with(&format!("| {row}"))).unwrap_or_else(|| panic!("no {row}"));
    line.split('|').nth(2).unwrap().trim()
}

#[test]
fn every_close_code_has_a_row() {
    let codes = [
        close::DONE,
        close::TEXT,
        close::FAILED,
        close::FULL,
        close::NO_HELLO,
        close::TOO_MANY,
        close::STALLED,
        close::BAD_MESSAGE,
        close::UNAUTHORIZED,
        close::NOT_INVITED,
        close::REFUSED,
        close::REPLACED,
        close::ABORTED,
    ];
    for code in codes {
        assert!(!cell(&format!("{code} |")).is_empty());
    }
    assert!(PAGE.contains(SUBPROTOCOL));
}

#[test]
fn every_limit_is_the_one_in_force() {
    let limits = Limits::default();
    let burst = |per_second: u32, burst: u32| format!("{per_second} in a second, {burst} at once");
    assert_eq!(cell("a message of a client"), format!("{} bytes", written(limits.message_bytes_max as u64)));
    assert_eq!(cell("messages of a connection"), burst(limits.messages_per_second, limits.messages_burst));
    assert_eq!(cell("commands of a player"), burst(limits.commands_per_second, limits.commands_burst));
    assert_eq!(cell("commands in a message"), COMMANDS_MAX.to_string());
    assert_eq!(cell("ticks that a command may be ahead"), AHEAD_TICKS_MAX.to_string());
    assert_eq!(cell("looking back"), format!("{} ms", limits.rewind_max.as_millis()));
    let token = written(TOKEN_BYTES_MAX as u64);
    let sizes = format!("{NAME_BYTES_MAX}; {WISH_BYTES_MAX}; {token}; 4,095 bytes");
    assert_eq!(cell("name; wish; token"), sizes);
    assert_eq!(cell("time until `hello`"), format!("{} s", limits.hello_timeout.as_secs()));
    assert_eq!(cell("time for which a place is kept"), format!("{} s", limits.place_kept.as_secs()));
    assert_eq!(cell("connections of a match"), written(limits.connections_per_match_max as u64));
    assert_eq!(cell("players and spectators taken in"), limits.joins_per_tick_max.to_string());
    assert_eq!(cell("delay of spectators"), format!("{} s", limits.spectator_delay.as_secs()));
    let sentences = [
        format!("up to {REPEATED_TICKS_MAX} times"),
        format!("plus {} ticks, at most {}", limits.window_ticks_min, limits.window_ticks_max),
        format!("acknowledges nothing for {} seconds", limits.slow_after.as_secs()),
        format!("is closed after {} seconds", limits.stalled_after.as_secs()),
        format!("acknowledgements, plus {} ticks", limits.view_allowance_ticks),
    ];
    let one_line = PAGE.replace('\n', " ");
    sentences.iter().for_each(|sentence| assert!(one_line.contains(sentence), "{sentence}"));
}
