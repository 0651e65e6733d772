//! Rule `debug`: what the web app is made of writes nothing by way of `Debug`. The app is compiled so that `{:?}` writes nothing:
//! a message made with it would have a hole there.
use super::source::Role;
use super::{Finding, SourceFile, Tree};

/// Crates that are compiled into the web app.
const OF_THE_APP: [&str; 8] = [
    "batchsync",
    "verses-client",
    "verses-core",
    "verses-corpus",
    "verses-protocol",
    "verses-store",
    "verses-store-indexeddb",
    "verses-web",
];
/// Test code that is a feature of its crate.
const CONFORMANCE: &str = "/conformance/";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let concerns = |file: &&SourceFile| {
        file.role == Role::Product && OF_THE_APP.contains(&file.crate_name.as_str()) && !file.path.contains(CONFORMANCE)
    };
    let mut findings = Vec::new();
    for file in tree.sources.iter().filter(concerns) {
        let Some(text) = tree.texts.iter().find(|text| text.path == file.path) else { continue };
        for (line, written) in (1..).zip(text.text.lines()) {
            let is_comment = written.trim_start().starts_with("//");
            if !is_comment && !file.is_test_line(line) && (written.contains(":?}") || written.contains(":#?}")) {
                let advice = "no `{:?}` in the web app, where it writes nothing: use Display, or verses_core::quoted";
                findings.push(Finding { path: file.path.clone(), line, rule: "debug", advice: advice.into() });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of_files(&[(path, text)])).len()
    }

    #[test]
    fn debug_formatting_is_found_in_what_the_app_is_made_of() {
        let text = "fn f() { format!(\"{x:?} and {:#?}\", y); }\n";
        for name in OF_THE_APP {
            assert_eq!(found(&format!("crates/{name}/src/a.rs"), text), 1, "{name}");
        }
        assert_eq!(found("crates/verses-server/src/a.rs", text), 0);
        assert_eq!(found("crates/verses-core/tests/a.rs", text), 0);
        assert_eq!(found("crates/verses-store/src/conformance/a.rs", text), 0);
    }

    #[test]
    fn comments_and_test_code_may_use_it() {
        assert_eq!(found("crates/verses-core/src/a.rs", "/// As `{:?}` shows it.\nfn f() {}\n"), 0);
        let test = "#[cfg(test)]\nmod tests {\n    fn f() { panic!(\"{x:?}\"); }\n}\n";
        assert_eq!(found("crates/verses-core/src/a.rs", test), 0);
    }
}
