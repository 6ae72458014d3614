//! What is wrong with a configuration, and in which line.

use std::fmt;
use toml::de::{DeTable, DeValue};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: keys and positions with dots, such as `pools.chat.backends.0.weight`.
    pub key: String,
    /// What is wrong, and what to write instead.
    pub what: String,
    /// Line of the file, from 1. None if the configuration came from flags.
    pub line: Option<usize>,
}

impl Problem {
    pub(super) fn new(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { key: key.into(), what: what.into(), line: None }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)
    }
}

/// A configuration is not usable. It has at least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// All that was found, in the order of the lines.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    pub(super) fn whole(what: &str) -> Self {
        Self { problems: vec![Problem::new("", what)] }
    }

    /// The text is no TOML, or says things that the model does not know.
    pub(super) fn syntax(text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map(|span| line_of(text, span.start));
        let what = error.message().lines().collect::<Vec<_>>().join("; ");
        Self { problems: vec![Problem { key: String::new(), what, line }] }
    }

    /// Finds the lines of problems.
    pub(super) fn located(text: &str, mut problems: Vec<Problem>) -> Self {
        if let Ok(table) = DeTable::parse(text) {
            for problem in &mut problems {
                problem.line = place(table.get_ref(), &problem.key).map(|at| line_of(text, at));
            }
        }
        problems.sort_by_key(|problem| problem.line);
        Self { problems }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

/// Where a key is, or the last part on the way to it that is there.
fn place(table: &DeTable<'_>, key: &str) -> Option<usize> {
    let mut found = None;
    let mut rest = key;
    let mut here = Here::Table(table);
    while !rest.is_empty() {
        let (next, at, value) = match here {
            // Names may have dots in them, so it is the longest key that fits which counts.
            Here::Table(table) => table
                .iter()
                .filter_map(|(name, value)| {
                    let behind = rest.strip_prefix(name.get_ref().as_ref())?;
                    let behind = if behind.is_empty() { behind } else { behind.strip_prefix('.')? };
                    Some((behind, name.span().start, value))
                })
                .min_by_key(|(behind, ..)| behind.len())?,
            Here::Value(DeValue::Array(values)) => {
                let (index, behind) = rest.split_once('.').unwrap_or((rest, ""));
                let value = values.get(index.parse::<usize>().ok()?)?;
                (behind, value.span().start, value)
            }
            Here::Value(_) => return found,
        };
        found = Some(at);
        rest = next;
        here = match value.get_ref() {
            DeValue::Table(table) => Here::Table(table),
            value => Here::Value(value),
        };
        if rest.is_empty() {
            return found;
        }
        // A key that is missing is told at the table where it should be.
        if let Here::Table(table) = &here
            && !table.iter().any(|(name, _)| rest.starts_with(name.get_ref().as_ref()))
        {
            return found;
        }
    }
    found
}

enum Here<'a, 'i> {
    Table(&'a DeTable<'i>),
    Value(&'a DeValue<'i>),
}
