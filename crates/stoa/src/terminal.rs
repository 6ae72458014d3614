//! What goes to the terminal: data to standard output, everything else to standard error, colours only for people.

use std::io::{self, IsTerminal, Write};

/// Prints one line of data. A closed pipe (`stoa … | head`) ends the program quietly, as users of pipes expect.
pub(crate) fn print(line: &str) {
    let mut output = io::stdout().lock();
    let written = output
        .write_all(line.as_bytes())
        .and_then(|()| if line.ends_with('\n') { Ok(()) } else { output.write_all(b"\n") })
        .and_then(|()| output.flush());
    if written.is_err() {
        std::process::exit(0);
    }
}

/// Prints bytes as they are.
pub(crate) fn print_raw(bytes: &[u8]) {
    let mut output = io::stdout().lock();
    if output.write_all(bytes).and_then(|()| output.write_all(b"\n")).and_then(|()| output.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Says something to a person.
pub(crate) fn say(line: &str) {
    // If nobody listens on standard error, there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Says that something is wrong.
pub(crate) fn complain(sentence: &str) {
    let (red, plain) = if colours() { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
    say(&format!("{red}error:{plain} {}", escape(sentence)));
}

/// Shows how far something is: on a terminal a line that is written over again and again, else nothing.
pub(crate) fn progress(line: &str) {
    if io::stderr().is_terminal() {
        let mut output = io::stderr().lock();
        let _ = write!(output, "\r\x1b[K{line}");
        let _ = output.flush();
    }
}

/// Removes the progress line.
pub(crate) fn end_progress() {
    progress("");
}

/// Whether standard error is a terminal whose user wants colours (<https://no-color.org>).
pub(crate) fn colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Makes text of strangers harmless for a terminal: control characters, also those that change the direction of
/// writing, become escapes; the rest stays.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if c.is_control() || is_direction(c) => escaped.extend(c.escape_unicode()),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Characters that reorder what stands around them, or break lines, and can make a line read as something else.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_cannot_reach_the_terminal() {
        assert_eq!(escape("a\x1b[31mb\n\u{202e}\u{9b}"), "a\\u{1b}[31mb\\n\\u{202e}\\u{9b}");
        assert_eq!(escape("Grüße, 世界 \\ \"quoted\""), "Grüße, 世界 \\ \"quoted\"");
    }
}
