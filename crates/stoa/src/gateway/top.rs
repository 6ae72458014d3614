//! `stoa gateway top`: the connections of a running gateway, once or again and again.

use super::control::{AdminArgs, ask};
use crate::failure::Failure;
use crate::terminal::print;
use clap::Args;
use serde_json::Value;
use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

/// Flags of `stoa gateway top`.
#[derive(Args, Debug)]
pub(crate) struct TopArgs {
    #[command(flatten)]
    pub admin: AdminArgs,
    /// Print the table as JSON, once
    #[arg(long)]
    pub json: bool,
    /// Print the table once
    #[arg(long)]
    pub once: bool,
    /// Rows that are shown, those with the most bytes first
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub rows: usize,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub every: u64,
}

/// Shows the table until it is stopped.
pub(crate) fn run(args: &TopArgs) -> Result<ExitCode, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::failed)?;
    loop {
        let (status, text) = ask(args.admin.admin, "GET", "/connections")?;
        if status != 200 {
            return Err(Failure::failed(text.trim_end()));
        }
        if args.json {
            print(&text);
            return Ok(ExitCode::SUCCESS);
        }
        let table: Value = serde_json::from_str(&text).map_err(Failure::failed)?;
        let page = page(&table, args.rows);
        if args.once {
            print(&page);
            return Ok(ExitCode::SUCCESS);
        }
        // Home, and clear what is below.
        print(&format!("\x1b[H\x1b[2J{page}"));
        runtime.block_on(tokio::time::sleep(Duration::from_secs(args.every)));
    }
}

/// The table for people.
fn page(table: &Value, rows_max: usize) -> String {
    let mut rows: Vec<&Value> = table["connections"].as_array().into_iter().flatten().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(number(row, "bytes_in") + number(row, "bytes_out")));
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(page, "{} connections", table["total"]);
    let _ = writeln!(
        page,
        "{:>8} {:<9} {:<14} {:<22} {:<24} {:>8} {:>9} {:>9} {:>8} {:>8}",
        "id", "kind", "route", "backend", "client", "age", "in", "out", "msg in", "msg out"
    );
    for row in rows.into_iter().take(rows_max) {
        let _ = writeln!(
            page,
            "{:>8} {:<9} {:<14} {:<22} {:<24} {:>8} {:>9} {:>9} {:>8} {:>8}",
            number(row, "id"),
            text(row, "kind"),
            text(row, "route"),
            text(row, "backend"),
            text(row, "client"),
            age(number(row, "age_ms")),
            bytes(number(row, "bytes_in")),
            bytes(number(row, "bytes_out")),
            number(row, "messages_in"),
            number(row, "messages_out"),
        );
    }
    page
}

fn number(row: &Value, key: &str) -> u64 {
    row[key].as_u64().unwrap_or(0)
}

/// What is not printable is shown as such: names come from a file, but terminals obey what they print.
fn text(row: &Value, key: &str) -> String {
    row[key].as_str().unwrap_or("").chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn age(ms: u64) -> String {
    match ms / 1000 {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..=9999 => format!("{count} B"),
        10_000..=9_999_999 => format!("{} KB", count / 1000),
        _ => format!("{} MB", count / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_come_first_and_terminals_get_no_control_characters() {
        let row = |id: u64, bytes: u64, route: &str| {
            serde_json::json!({ "id": id, "kind": "stream", "route": route, "backend": "b", "client": "c",
                "age_ms": 150_000, "bytes_in": bytes, "bytes_out": 0, "messages_in": 0, "messages_out": 0 })
        };
        let rows = [row(1, 5, "a"), row(2, 20_000, "\u{1b}[31m"), row(3, 7, "c")];
        let page = page(&serde_json::json!({ "total": 3, "connections": rows }), 2);
        let lines: Vec<&str> = page.lines().collect();
        assert_eq!(lines.len(), 4, "{page}");
        assert!(
            lines[2].trim_start().starts_with("2 ")
                && lines[2].contains("20 KB")
                && lines[2].contains("2 min")
        );
        assert!(lines[3].trim_start().starts_with("3 "));
        assert!(!page.contains('\u{1b}'));
    }
}
