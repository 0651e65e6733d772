//! Rule `unfinished`: no placeholder, no sleeping test and no leftover debug output, in tests as in products.
use super::source::has_token;
use super::{Finding, Tree};

const UNFINISHED: [(&str, &str); 4] = [
    ("todo!", "write it, or leave it out"),
    ("unimplemented!", "write it, or leave it out"),
    ("#[ignore", "make the test run everywhere, or delete it"),
    ("dbg!", "remove it"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.sources {
        for (line, code) in file.all_lines() {
            for (token, advice) in UNFINISHED.iter().filter(|(token, _)| has_token(code, token)) {
                let advice = format!("no `{token}`: {advice}");
                findings.push(Finding { path: file.path.clone(), line, rule: "unfinished", advice });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_in_products_and_in_tests() {
        for code in ["todo!()", "unimplemented!(\"x\")", "#[ignore]", "#[ignore = \"slow\"]", "dbg!(x)"] {
            for path in ["crates/verses-cli/src/main.rs", "crates/verses-cli/tests/flow.rs"] {
                let tree = Tree::of_files(&[(path, &format!("//! A.\n{code}\n"))]);
                let found = check(&tree);
                assert_eq!((found.len(), found.first().map(|it| it.line)), (1, Some(2)), "{code} in {path}");
            }
        }
    }

    #[test]
    fn talking_about_them_is_fine() {
        let tree = Tree::of_files(&[("a/src/a.rs", "//! A todo!() here.\nlet a = \"dbg!\";\n#[ignored]\nfn f() {}\n")]);
        assert_eq!(check(&tree), []);
    }
}
