//! Holds the real tree to the house rules, so that the test runner finds what `cargo xtask tidy` finds.
use xtask::tidy::{Tree, check};
use xtask::workspace::Workspace;

#[test]
fn the_tree_keeps_the_house_rules() {
    let tree = Tree::load(&Workspace::load().unwrap()).unwrap();
    assert!(!tree.packages.is_empty() && !tree.sources.is_empty(), "there is nothing to check");
    let findings: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}
