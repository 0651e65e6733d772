//! House rules as code: what may depend on what, how long things may be, what pure code must not touch.
//!
//! A rule is a function from the [`Tree`] to findings. The rules do no I/O, so each has tests on small trees made
//! in memory that show it biting; `tests/tidy.rs` holds the real tree to all of them.
use std::fmt;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

mod edges;
mod manifests;
mod purity;
mod shown;
mod size;
mod source;
mod text;
mod tree;
mod unfinished;

pub use source::{Function, Role, SourceFile};
pub use tree::{TextFile, Tree};

/// A place that breaks a rule, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path from the workspace root.
    pub path: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Name of the rule.
    pub rule: &'static str,
    /// What to do.
    pub advice: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.advice)
    }
}

type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: [Rule; 11] = [
    edges::check,
    manifests::check_lints,
    manifests::check_inheritance,
    size::check_files,
    size::check_functions,
    purity::check_pure,
    purity::check_printing,
    shown::check,
    unfinished::check,
    text::check_headers,
    text::check_texts,
];

/// Everything in `tree` that breaks a rule, in the order of paths and lines.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(tree)).collect();
    findings.sort();
    findings.dedup();
    findings
}

/// Checks the real tree and prints what it finds.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tree = Tree::load(workspace)?;
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: {} files keep the house rules", tree.texts.len());
            Ok(())
        }
        1 => bail!("tidy: 1 finding"),
        count => bail!("tidy: {count} findings"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_as_path_line_rule_and_advice() {
        let finding = Finding { path: "a/b.rs".into(), line: 3, rule: "purity", advice: "pass the time in".into() };
        assert_eq!(finding.to_string(), "a/b.rs:3: purity: pass the time in");
    }

    #[test]
    fn findings_of_all_rules_come_sorted() {
        let tree = Tree::of_files(&[
            ("crates/verses-core/src/b.rs", "fn now() {\n    SystemTime::now() \n}\n"),
            ("crates/verses-core/src/a.rs", "fn a() {}\n"),
        ]);
        let found: Vec<String> = check(&tree).iter().map(|it| format!("{}:{}:{}", it.path, it.line, it.rule)).collect();
        assert_eq!(
            found,
            [
                "crates/verses-core/src/a.rs:1:header",
                "crates/verses-core/src/b.rs:1:header",
                "crates/verses-core/src/b.rs:2:purity",
                "crates/verses-core/src/b.rs:2:trailing-space",
            ]
        );
    }

    #[test]
    fn a_clean_file_has_no_findings() {
        let tree = Tree::of_files(&[("crates/verses-core/src/a.rs", "//! Nothing yet.\n")]);
        assert_eq!(check(&tree), []);
    }
}
