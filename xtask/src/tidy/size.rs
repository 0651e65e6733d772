//! Rules `file-length` and `function-length`: a file and a function fit into one head. Test code is exempt: a test
//! reads from top to bottom and is not built upon.
use super::source::Role;
use super::{Finding, SourceFile, Tree};

/// Lines of a file that are not test code.
const MAX_FILE_LINES: usize = 600;

/// Lines of a function from `fn` to its closing brace.
const MAX_FUNCTION_LINES: usize = 70;

pub(super) fn check_files(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in measured(tree) {
        let length = file.code_lines().count();
        if length > MAX_FILE_LINES {
            let advice = format!(
                "{length} lines without tests, at most {MAX_FILE_LINES} are allowed: part it along its concepts"
            );
            findings.push(Finding { path: file.path.clone(), line: 1, rule: "file-length", advice });
        }
    }
    findings
}

pub(super) fn check_functions(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in measured(tree) {
        for function in file.functions().into_iter().filter(|it| it.length > MAX_FUNCTION_LINES) {
            let advice = format!(
                "`{}` has {} lines, at most {MAX_FUNCTION_LINES} are allowed: keep the decisions, move the steps out",
                function.name, function.length
            );
            findings.push(Finding { path: file.path.clone(), line: function.line, rule: "function-length", advice });
        }
    }
    findings
}

fn measured(tree: &Tree) -> impl Iterator<Item = &SourceFile> {
    tree.sources.iter().filter(|file| !matches!(file.role, Role::Test | Role::Bench))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<(usize, &'static str)> {
        let tree = Tree::of_files(&[(path, text)]);
        check_files(&tree).into_iter().chain(check_functions(&tree)).map(|it| (it.line, it.rule)).collect()
    }

    fn function(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2))
    }

    #[test]
    fn a_file_may_have_600_lines_and_not_601() {
        assert_eq!(found("a/src/a.rs", &"const A: u8 = 1;\n".repeat(600)), []);
        assert_eq!(found("a/src/a.rs", &"const A: u8 = 1;\n".repeat(601)), [(1, "file-length")]);
    }

    #[test]
    fn a_function_may_have_70_lines_and_not_71() {
        assert_eq!(found("a/src/a.rs", &function(70)), []);
        assert_eq!(found("a/src/a.rs", &format!("//! A.\n{}", function(71))), [(2, "function-length")]);
    }

    #[test]
    fn test_code_may_be_as_long_as_it_needs() {
        let long = function(700);
        let module = format!("#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(found("a/src/a.rs", &module), []);
        for path in ["a/src/tests.rs", "a/tests/flow.rs", "a/benches/speed.rs"] {
            assert_eq!(found(path, &long), [], "{path}");
        }
        assert_eq!(found("a/examples/notes.rs", &long).len(), 2);
    }
}
