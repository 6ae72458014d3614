//! What a measurement found, as lines for people and scripts, or as JSON.

use serde_json::{Map, Value};

/// Names and numbers, in the order in which they were found.
#[derive(Clone, Debug, Default)]
pub struct Report(Vec<(&'static str, f64)>);

impl Report {
    /// Adds a number. The name ends with its unit.
    pub fn with(mut self, name: &'static str, value: f64) -> Self {
        self.0.push((name, value));
        self
    }

    /// The number with this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// One `name value` per line.
    pub fn to_text(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name} {}\n", rounded(*value))).collect()
    }

    /// One object.
    pub fn to_json(&self) -> String {
        let map: Map<String, Value> =
            self.0.iter().map(|(name, value)| ((*name).to_owned(), Value::from(rounded(*value)))).collect();
        Value::Object(map).to_string()
    }
}

/// Three digits behind the point are more than any measurement here is worth.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_the_same_as_lines_and_as_json() {
        let report = Report::default().with("messages_per_s", 2.0).with("p99_us", 17.123_49);
        assert_eq!(report.to_text(), "messages_per_s 2\np99_us 17.123\n");
        assert_eq!(report.to_json(), r#"{"messages_per_s":2.0,"p99_us":17.123}"#);
        assert_eq!((report.get("p99_us"), report.get("x")), (Some(17.123_49), None));
    }
}
