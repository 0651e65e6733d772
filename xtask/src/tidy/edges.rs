//! Rule `edges`: which of our crates may depend on which. The compiler then enforces the architecture, because
//! what is not a dependency cannot be named.
use super::{Finding, Tree};
use crate::workspace::Package;

struct Edges {
    from: &'static str,
    /// What it ships with.
    to: &'static [&'static str],
    /// What only its tests, benches and examples may use besides.
    in_tests: &'static [&'static str],
}

/// Every member has a row. A new edge is an architecture decision: change ARCHITECTURE.md in the same commit.
const ALLOWED: [Edges; 17] = [
    Edges { from: "batchsync", to: &[], in_tests: &[] },
    Edges { from: "verses-core", to: &[], in_tests: &[] },
    Edges { from: "verses-corpus", to: &["verses-core"], in_tests: &[] },
    Edges { from: "verses-protocol", to: &["verses-core"], in_tests: &[] },
    // What a client reads and writes, in little code for the browser.
    Edges { from: "verses-json", to: &["batchsync", "verses-core", "verses-protocol"], in_tests: &[] },
    Edges { from: "verses-store", to: &["batchsync", "verses-core"], in_tests: &[] },
    Edges {
        from: "verses-store-sqlite",
        to: &["batchsync", "verses-core", "verses-store"],
        in_tests: &["verses-crashfs"],
    },
    Edges {
        from: "verses-store-indexeddb",
        to: &["batchsync", "verses-core", "verses-json", "verses-store"],
        in_tests: &[],
    },
    Edges { from: "verses-crashfs", to: &[], in_tests: &[] },
    Edges { from: "verses-pgtest", to: &[], in_tests: &[] },
    Edges {
        from: "verses-client",
        to: &["batchsync", "verses-core", "verses-json", "verses-protocol", "verses-store"],
        // Its tests sync real stores with a real server; the library never names a concrete one.
        in_tests: &["verses-server", "verses-store-sqlite"],
    },
    Edges {
        from: "verses-server",
        to: &["verses-core", "verses-corpus", "verses-protocol"],
        in_tests: &["verses-crashfs", "verses-pgtest"],
    },
    Edges {
        from: "verses-cli",
        to: &[
            "batchsync",
            "verses-client",
            "verses-core",
            "verses-corpus",
            "verses-protocol",
            "verses-server",
            "verses-store",
            "verses-store-sqlite",
        ],
        in_tests: &["verses-pgtest"],
    },
    // The app in the browser: the same client over the browser's store.
    Edges {
        from: "verses-web",
        to: &[
            "batchsync",
            "verses-client",
            "verses-core",
            "verses-corpus",
            "verses-json",
            "verses-protocol",
            "verses-store",
            "verses-store-indexeddb",
        ],
        in_tests: &[],
    },
    // It is a test of all of them; nothing depends on it.
    Edges {
        from: "verses-sim",
        to: &["batchsync", "verses-client", "verses-core", "verses-protocol", "verses-server", "verses-store"],
        in_tests: &[],
    },
    Edges { from: "xtask", to: &["verses-pgtest"], in_tests: &[] },
    Edges { from: "xtask-bindgen", to: &[], in_tests: &[] },
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let is_ours = |name: &str| tree.packages.iter().any(|package| package.name == name);
    let mut findings = Vec::new();
    for package in &tree.packages {
        let Some(edges) = ALLOWED.iter().find(|edges| edges.from == package.name) else {
            let advice = format!("give `{}` a row in xtask/src/tidy/edges.rs that says what it may use", package.name);
            findings.push(finding(package, advice));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|it| is_ours(&it.name)) {
            let target = dependency.name.as_str();
            let allowed = edges.to.contains(&target) || (dependency.dev && edges.in_tests.contains(&target));
            if !allowed {
                let kind = if dependency.dev { "even in tests " } else { "" };
                let advice = format!("`{}` must not depend on `{target}` {kind}(see ARCHITECTURE.md)", package.name);
                findings.push(finding(package, advice));
            }
        }
    }
    findings
}

fn finding(package: &Package, advice: String) -> Finding {
    Finding { path: package.manifest.clone(), line: 1, rule: "edges", advice }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    /// Findings when `from` depends on `to`, both members beside every other crate of the table.
    fn found(from: &str, to: &str, dev: bool) -> Vec<String> {
        let mut names: Vec<&str> = ALLOWED.iter().map(|edges| edges.from).collect();
        names.extend([from, to].iter().filter(|name| **name == "verses-new"));
        let package = |name: &str| Package {
            name: name.to_owned(),
            manifest: format!("crates/{name}/Cargo.toml"),
            dependencies: if name == from { vec![Dependency { name: to.to_owned(), dev }] } else { vec![] },
            benches: vec![],
        };
        let tree = Tree { packages: names.into_iter().map(package).collect(), ..Tree::default() };
        check(&tree).into_iter().map(|it| it.to_string()).collect()
    }

    #[test]
    fn edges_of_the_design_are_allowed() {
        for edges in &ALLOWED {
            for to in edges.to {
                assert!(found(edges.from, to, false).is_empty(), "{} -> {to}", edges.from);
                assert!(found(edges.from, to, true).is_empty(), "{} -> {to} in tests", edges.from);
            }
        }
    }

    #[test]
    fn an_edge_against_the_direction_is_found() {
        let cases = [
            ("batchsync", "verses-core"),
            ("verses-core", "verses-protocol"),
            ("verses-server", "batchsync"),
            ("verses-server", "verses-client"),
            ("verses-client", "verses-corpus"),
            ("verses-store", "verses-store-sqlite"),
            ("xtask", "verses-core"),
        ];
        for (from, to) in cases {
            let found = found(from, to, false);
            assert_eq!(found.len(), 1, "{from} -> {to}");
            assert!(found[0].starts_with(&format!("crates/{from}/Cargo.toml:1: edges:")), "{}", found[0]);
            assert!(found[0].contains(&format!("`{to}`")), "{}", found[0]);
        }
    }

    #[test]
    fn what_tests_may_use_must_not_ship() {
        for to in ["verses-server", "verses-store-sqlite"] {
            assert!(found("verses-client", to, true).is_empty());
            assert_eq!(found("verses-client", to, false).len(), 1);
        }
        assert_eq!(found("verses-server", "verses-client", true).len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_is_found_and_foreign_crates_are_not_our_affair() {
        assert!(found("verses-new", "serde", false)[0].contains("give `verses-new` a row"));
        assert!(found("verses-core", "serde", false).is_empty());
    }
}
