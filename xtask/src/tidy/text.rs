//! Rules on text, whatever the language: each Rust file opens by saying what lives there, no line ends in space,
//! and nothing names a place that exists only on somebody's machine or network.
use super::{Finding, TextFile, Tree};

/// What must not stand in any file. In pieces, so that this file keeps its own rule.
const FORBIDDEN: [(&str, &str); 7] = [
    (concat!("/wo", "rk/"), "a path of one machine; write it from the workspace root"),
    (concat!("index.", "crates.io"), REGISTRY),
    (concat!("static.", "crates.io"), REGISTRY),
    (concat!("registry.", "npmjs.org"), REGISTRY),
    (concat!("pypi.org", "/simple"), REGISTRY),
    (concat!("files.", "pythonhosted.org"), REGISTRY),
    (concat!("proxy.", "golang.org"), REGISTRY),
];

const REGISTRY: &str = "a registry host; leave the choice to the tool's configuration";

/// Endings of files whose text is made by tools and kept as it is.
const KEPT_AS_MADE: [&str; 1] = [".snap"];
/// Inputs of the fuzz targets: any bytes at all.
const FUZZ_INPUTS: &str = "fuzz/corpus/";

pub(super) fn check_headers(tree: &Tree) -> Vec<Finding> {
    let lacking = tree.texts.iter().filter(|file| file.path.ends_with(".rs") && !file.text.starts_with("//! "));
    let finding = |file: &TextFile| Finding {
        path: file.path.clone(),
        line: 1,
        rule: "header",
        advice: "open with a `//!` line that says what lives here and what does not".to_owned(),
    };
    lacking.map(finding).collect()
}

pub(super) fn check_texts(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.texts {
        let is_made =
            KEPT_AS_MADE.iter().any(|ending| file.path.ends_with(ending)) || file.path.starts_with(FUZZ_INPUTS);
        for (index, line) in file.text.lines().enumerate() {
            let mut add =
                |rule, advice| findings.push(Finding { path: file.path.clone(), line: index + 1, rule, advice });
            if !is_made && line.ends_with([' ', '\t']) {
                add("trailing-space", "remove the space at the end of the line".to_owned());
            }
            for (word, reason) in FORBIDDEN.iter().filter(|(word, _)| names(line, word)) {
                add("words", format!("remove `{word}`: {reason}"));
            }
        }
    }
    findings
}

/// Whether `line` holds `word`; one that starts with `/` only as the start of an absolute path.
fn names(line: &str, word: &str) -> bool {
    let is_inner = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-' | '.' | '/');
    line.match_indices(word).any(|(at, _)| !word.starts_with('/') || !line[..at].ends_with(is_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<(usize, &'static str)> {
        let tree = Tree::of_files(&[(path, text)]);
        check_headers(&tree).into_iter().chain(check_texts(&tree)).map(|it| (it.line, it.rule)).collect()
    }

    #[test]
    fn a_rust_file_opens_with_what_lives_there() {
        assert_eq!(found("a/src/a.rs", "//! The queue.\n"), []);
        for text in ["", "// The queue.\n", "\n//! The queue.\n", "#![forbid(unsafe_code)]\n//! The queue.\n", "//!\n"]
        {
            assert_eq!(found("a/src/a.rs", text), [(1, "header")], "{text:?}");
        }
        assert_eq!(found("a/README.md", "# A\n"), []);
    }

    #[test]
    fn space_at_the_end_of_a_line_is_found() {
        assert_eq!(found("README.md", "one\ntwo \nthree\t\n"), [(2, "trailing-space"), (3, "trailing-space")]);
        assert_eq!(found("a/snapshots/a.snap", "two \n"), []);
        assert_eq!(found("fuzz/corpus/cursor/a", "two \n"), []);
    }

    #[test]
    fn every_forbidden_word_is_found_in_any_text_file() {
        for (word, _) in FORBIDDEN {
            for path in ["README.md", "a/Cargo.toml", "a/snapshots/a.snap"] {
                assert_eq!(found(path, &format!("fine\nsee {word}x\n")), [(2, "words")], "{word} in {path}");
            }
        }
    }

    #[test]
    fn a_folder_inside_the_tree_is_no_path_of_a_machine() {
        let word = FORBIDDEN[0].0;
        assert!(!names(&format!("docs{word}notes.md"), word));
        assert!(!names(&format!("..{word}notes.md"), word));
        assert!(names(&format!("(see {word}notes.md)"), word));
        assert!(names(&format!("`{word}notes.md`"), word));
    }
}
