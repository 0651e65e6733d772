//! The one place that writes to the terminal: text or JSON to standard output, remarks to standard error.

use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::exit::CliError;

/// Writes what a command has to say.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    json: bool,
}

impl Printer {
    /// A printer for text, or for JSON.
    #[must_use]
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether it prints JSON.
    #[must_use]
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Whether progress may be drawn.
    #[must_use]
    pub fn draws(self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }

    /// The command's result: `value` as JSON, or the lines of `text`.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn result<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> Result<(), CliError> {
        if self.json {
            let line = serde_json::to_string(value).map_err(anyhow::Error::from)?;
            self.line(&line)
        } else {
            let text = text();
            if text.is_empty() { Ok(()) } else { self.line(&text) }
        }
    }

    /// A line of standard output.
    ///
    /// # Errors
    /// When it cannot be written. A reader that has gone away (`| head`) ends the program quietly.
    pub fn line(self, text: &str) -> Result<(), CliError> {
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
            Err(error) => Err(CliError::Other(anyhow::Error::from(error).context("writing to standard output"))),
        }
    }

    /// A remark beside the result; not printed with `--json`.
    pub fn remark(self, text: &str) {
        if !self.json {
            // Nobody may be reading; the result does not depend on it.
            drop(writeln!(std::io::stderr(), "{text}"));
        }
    }

    /// The error that ends the program.
    pub fn error(self, error: &CliError) {
        let text = if self.json {
            serde_json::json!({ "error": error.to_string(), "code": error.code(), "exitCode": error.status().code() })
                .to_string()
        } else {
            format!("verses: {error}")
        };
        drop(writeln!(std::io::stderr(), "{text}"));
    }
}

/// Lines of a table, with columns as wide as their widest cell.
#[must_use]
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|c| rows.iter().filter_map(|r| r.get(c)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        lines.push(cells.collect::<Vec<_>>().join("  ").trim_end().to_owned());
    }
    lines.join("\n")
}

/// `1 verse`, `2 verses`.
#[must_use]
pub fn count(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_have_no_trailing_space() {
        let rows = [vec!["a".into(), "long".into()], vec!["long".into(), "b".into()]];
        assert_eq!(table(&rows), "a     long\nlong  b");
        assert_eq!(table(&[]), "");
    }
}
