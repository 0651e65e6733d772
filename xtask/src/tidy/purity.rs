//! Rules `purity` and `printing`: pure crates are told the time, the randomness and the results of I/O, and keep a
//! fixed order; libraries hand text to their caller and print nothing.
use super::source::{Role, has_token};
use super::{Finding, SourceFile, Tree};

/// Crates that compute the same on every machine and in every run.
const PURE_CRATES: [&str; 5] = ["batchsync", "verses-core", "verses-corpus", "verses-json", "verses-protocol"];

const TIME: &str = "take the time as an argument";
const RANDOMNESS: &str = "take a seed or the value as an argument";
const IO: &str = "pure code neither waits nor does I/O; take the result as an argument";
const ORDER: &str = "its order differs from run to run; use a BTree collection or sort";

const IMPURE: [(&str, &str); 13] = [
    ("SystemTime", TIME),
    ("Instant::now", TIME),
    ("Timestamp::now", TIME),
    ("Zoned::now", TIME),
    ("thread_rng", RANDOMNESS),
    ("rand::", RANDOMNESS),
    ("getrandom", RANDOMNESS),
    ("Uuid::new_v4", RANDOMNESS),
    ("Uuid::now_v7", RANDOMNESS),
    ("async", IO),
    (".await", IO),
    ("HashMap", ORDER),
    ("HashSet", ORDER),
];

/// Crates whose product is a terminal program.
const PRINTING_CRATES: [&str; 3] = ["verses-cli", "verses-sim", "xtask"];

const PRINTS: [&str; 6] = ["print!", "println!", "eprint!", "eprintln!", "io::stdout", "io::stderr"];

pub(super) fn check_pure(tree: &Tree) -> Vec<Finding> {
    let is_pure = |file: &&SourceFile| PURE_CRATES.contains(&file.crate_name.as_str()) && file.role == Role::Product;
    let mut findings = Vec::new();
    for file in tree.sources.iter().filter(is_pure) {
        for (line, code) in file.code_lines() {
            for (token, advice) in IMPURE.iter().filter(|(token, _)| has_token(code, token)) {
                let advice = format!("no `{token}` in the pure crate {}: {advice}", file.crate_name);
                findings.push(Finding { path: file.path.clone(), line, rule: "purity", advice });
            }
        }
    }
    findings
}

pub(super) fn check_printing(tree: &Tree) -> Vec<Finding> {
    let is_library =
        |file: &&SourceFile| file.role == Role::Product && !PRINTING_CRATES.contains(&file.crate_name.as_str());
    let mut findings = Vec::new();
    for file in tree.sources.iter().filter(is_library) {
        for (line, code) in file.code_lines() {
            for token in PRINTS.iter().filter(|token| has_token(code, token)) {
                let advice = format!("no `{token}` in a library: return the text, or use tracing");
                findings.push(Finding { path: file.path.clone(), line, rule: "printing", advice });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impure(path: &str, text: &str) -> usize {
        check_pure(&Tree::of_files(&[(path, text)])).len()
    }

    fn printing(path: &str, text: &str) -> usize {
        check_printing(&Tree::of_files(&[(path, text)])).len()
    }

    #[test]
    fn every_impure_name_is_found_in_every_pure_crate() {
        for crate_name in PURE_CRATES {
            for (token, advice) in IMPURE {
                let code = format!("fn f() {{\n    x({token});\n}}\n");
                let tree = Tree::of_files(&[(&format!("crates/{crate_name}/src/a.rs"), &code)]);
                let found = check_pure(&tree);
                assert_eq!(found.len(), 1, "{token}: {found:?}");
                assert_eq!(found[0].line, 2);
                assert!(found[0].advice.contains(token) && found[0].advice.ends_with(advice), "{}", found[0]);
            }
        }
    }

    #[test]
    fn purity_is_asked_of_the_product_code_of_pure_crates_only() {
        let clock = "fn f() { Instant::now(); }\n";
        assert_eq!(impure("crates/verses-core/src/a.rs", clock), 1);
        assert_eq!(impure("crates/verses-client/src/a.rs", clock), 0);
        assert_eq!(impure("crates/batchsync/examples/notes.rs", clock), 0);
        assert_eq!(impure("crates/batchsync/benches/speed.rs", clock), 0);
        assert_eq!(impure("crates/batchsync/tests/flow.rs", clock), 0);
        assert_eq!(impure("crates/verses-core/src/a.rs", "#[cfg(test)]\nmod tests {\n    use x::HashMap;\n}\n"), 0);
    }

    #[test]
    fn words_in_comments_and_longer_names_are_no_faults() {
        let text =
            "/// Unlike a HashMap, ordered. No async.\nstruct AsyncFree;\nlet operand = operand::new(\"HashSet\");\n";
        assert_eq!(impure("crates/verses-core/src/a.rs", text), 0);
    }

    #[test]
    fn printing_is_found_in_libraries_and_nowhere_else() {
        for token in PRINTS {
            let text = format!("fn f() {{ {token}(\"x\"); }}\n");
            assert_eq!(printing("crates/verses-server/src/a.rs", &text), 1, "{token}");
            assert_eq!(printing("crates/verses-cli/src/a.rs", &text), 0, "{token}");
            assert_eq!(printing("xtask/src/a.rs", &text), 0, "{token}");
            assert_eq!(printing("crates/batchsync/examples/notes.rs", &text), 0, "{token}");
            assert_eq!(printing("crates/verses-corpus/build.rs", &text), 0, "{token}");
        }
    }
}
