//! What the checks of the interoperation step found, as a table in `docs/conformance.md`.

use crate::tree::Tree;
use std::path::Path;

/// The page with the table, and the lines around it.
const PAGE: &str = "docs/conformance.md";
const BEGIN: &str = "<!-- interop: written by `cargo xtask ci --only interop` -->";
const END: &str = "<!-- interop: end -->";

/// The checks in the order of the columns: the name in the scripts, and what the reader sees.
const COLUMNS: &[(&str, &str)] = &[
    ("subprotocol", "subprotocol"),
    ("text", "text"),
    ("binary", "binary"),
    ("mebibyte", "1 MiB"),
    ("fragments", "fragments"),
    ("ping", "ping"),
    ("close", "close by client"),
    ("closed", "close by server"),
    ("compression", "compressed"),
    ("many", "100 on one"),
    ("requests", "beside requests"),
];

/// Which side of a pair is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ours {
    /// `stoa echo`.
    Server,
    /// The client in `crates/net`.
    Client,
    /// `stoa gateway`, between two others or in front of our server.
    Gateway,
}

/// One pair: our side, a peer, and what is between them.
#[derive(Debug)]
struct Row {
    ours: Ours,
    peer: String,
    /// `1.1`, `2` or `3`.
    http: String,
    tls: bool,
    /// Each check, and why it failed if it did.
    checks: Vec<(String, Option<String>)>,
}

/// The rows, in the order in which the pairs were tried.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<Row>);

impl Table {
    /// Takes the lines of JSON in the output of one run. How many there were.
    pub(super) fn take(&mut self, ours: Ours, output: &str) -> usize {
        let lines = output.lines().filter_map(Line::parse);
        lines.map(|line| self.add(ours, line)).count()
    }

    fn add(&mut self, ours: Ours, line: Line) {
        let is_same =
            |row: &Row| (row.ours, &row.peer, &row.http, row.tls) == (ours, &line.peer, &line.http, line.tls);
        let check = (line.check, line.why);
        match self.0.iter_mut().find(|row| is_same(row)) {
            Some(row) => row.checks.push(check),
            None => {
                let Line { peer, http, tls, .. } = line;
                self.0.push(Row { ours, peer, http, tls, checks: vec![check] });
            }
        }
    }

    /// How many pairs there are.
    pub(super) fn pairs(&self) -> usize {
        self.0.len()
    }

    /// How many checks were run.
    pub(super) fn checks(&self) -> usize {
        self.0.iter().map(|row| row.checks.len()).sum()
    }

    /// A sentence for each check that failed.
    pub(super) fn faults(&self) -> Vec<String> {
        let of_row = |row: &Row| -> Vec<String> {
            let failed = row.checks.iter().filter_map(|(name, why)| Some((name, why.as_ref()?)));
            failed
                .map(|(name, why)| {
                    let Row { ours, peer, http, tls, .. } = row;
                    let tls = if *tls { " over TLS" } else { "" };
                    format!("our {ours:?} with {peer}, HTTP/{http}{tls}: {name}: {why}")
                })
                .collect()
        };
        self.0.iter().flat_map(of_row).collect()
    }

    /// Puts the table into the page. An error if the page had another one: it has the new one now.
    pub(super) fn publish(&self, tree: &Tree) -> Result<(), String> {
        let page = tree.read(Path::new(PAGE))?;
        let block = format!("{BEGIN}\n\n{}\n{END}", self.markdown());
        let current = between(&page).ok_or_else(|| format!("{PAGE} lacks the line {BEGIN}"))?;
        if current == block {
            return Ok(());
        }
        let path = tree.root.join(PAGE);
        std::fs::write(&path, page.replacen(current, &block, 1))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Err(format!("the table in {PAGE} was not what this run found; it is now: look at it and commit it"))
    }

    fn markdown(&self) -> String {
        let titles: String = COLUMNS.iter().map(|(_, title)| format!(" {title} |")).collect();
        let rules = " --- |".repeat(COLUMNS.len());
        let mut text = String::new();
        for (ours, title) in [
            (Ours::Server, "Our server with"),
            (Ours::Client, "Our client with"),
            (Ours::Gateway, "Our gateway with"),
        ] {
            let rows = self.0.iter().filter(|row| row.ours == ours).map(Row::markdown);
            text += &format!("| {title} | HTTP | TLS |{titles}\n| --- | --- | --- |{rules}\n");
            text.extend(rows.chain(["\n".to_owned()]));
        }
        text.trim_end().to_owned() + "\n"
    }
}

impl Row {
    fn markdown(&self) -> String {
        let tls = if self.tls { "yes" } else { "no" };
        let mut line = format!("| {} | {} | {tls} |", self.peer, self.http);
        for (name, _) in COLUMNS {
            let done = self.checks.iter().any(|(check, why)| check == name && why.is_none());
            line += if done { " ok |" } else { " – |" };
        }
        line + "\n"
    }
}

/// The part of the page from the first marker to the second, with both.
fn between(page: &str) -> Option<&str> {
    let start = page.find(BEGIN)?;
    let length = page[start..].find(END)? + END.len();
    Some(&page[start..start + length])
}

/// A line that a script printed for a check.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    peer: String,
    http: String,
    tls: bool,
    check: String,
    why: Option<String>,
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let text = |name: &str| field(line, name).map(|value| value.trim_matches('"').to_owned());
        let is_good = field(line, "ok")? == "true";
        let why = text("why").unwrap_or_else(|| "it does not say why".to_owned());
        Some(Self {
            peer: text("peer")?,
            http: text("http")?,
            tls: field(line, "tls")? == "true",
            check: text("check")?,
            why: (!is_good).then_some(why),
        })
    }
}

/// The value of a field of one flat JSON object, as it stands there: a string in its quotes, or a word. The scripts print
/// nothing that needs more.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.strip_prefix('{')?;
    let place = rest.find(&format!("\"{name}\":"))?;
    let value = rest[place..].split_once(':')?.1.trim_start();
    match value.strip_prefix('"') {
        Some(string) => Some(&value[..string.find('"')? + 2]),
        None => value.split([',', '}']).next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"peer": "aioquic 1.7.2", "http": "3", "tls": true, "check": "many", "ok": true}"#;
    const BAD: &str =
        r#"{"peer":"aioquic 1.7.2","http":"3","tls":true,"check":"text","ok":false,"why":"late, at {1}"}"#;

    #[test]
    fn lines_of_scripts_are_understood_with_spaces_and_without() {
        let good = Line::parse(GOOD).unwrap();
        assert_eq!((good.peer.as_str(), good.http.as_str(), good.tls), ("aioquic 1.7.2", "3", true));
        assert_eq!((good.check.as_str(), good.why), ("many", None));
        assert_eq!(Line::parse(BAD).unwrap().why.as_deref(), Some("late, at {1}"));
        assert_eq!(Line::parse("$ python3 \"check\": x"), None);
    }

    #[test]
    fn a_row_shows_what_went_well_and_faults_name_the_rest() {
        let mut table = Table::default();
        assert_eq!(table.take(Ours::Server, &format!("noise\n{GOOD}\n{BAD}\n")), 2);
        assert_eq!((table.pairs(), table.checks()), (1, 2));
        let row = "| aioquic 1.7.2 | 3 | yes | – | – | – | – | – | – | – | – | – | ok | – |\n";
        assert!(table.markdown().contains(row), "{}", table.markdown());
        let fault = "our Server with aioquic 1.7.2, HTTP/3 over TLS: text: late, at {1}";
        assert_eq!(table.faults(), [fault]);
    }
}
