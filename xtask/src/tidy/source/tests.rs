//! Tests of the view of a source file: what is blanked, what counts as test code, how long a function is.
use super::*;

fn file(text: &str) -> SourceFile {
    SourceFile::new("crates/verses-core/src/a.rs", text)
}

fn lengths(text: &str) -> Vec<(String, usize, usize)> {
    file(text).functions().into_iter().map(|it| (it.name, it.line, it.length)).collect()
}

#[test]
fn comments_and_literals_are_blanked_and_code_stays() {
    let cases = [
        ("a // SystemTime", "a"),
        ("a /* x /* y */ z */ b", "ab"),
        (r#"f("HashMap \" {", b)"#, "f(,b)"),
        (r##"f(r#"a " }"#, b)"##, "f(,b)"),
        (r#"f(br"\", b)"#, "f(b,b)"),
        ("f(r#type, b)", "f(r#type,b)"),
        ("f('\"', '{', '\\'', 'é', b)", "f(,,,,b)"),
        ("fn f<'a>(x: &'a str) {}", "fnf<'a>(x:&'astr){}"),
        ("for\"x\"", "for"),
        ("\"open", ""),
        ("/* open", ""),
    ];
    for (text, expected) in cases {
        let code = file(text).code;
        assert_eq!(code.split_whitespace().collect::<String>(), expected, "{text}");
        assert_eq!(code.len(), text.len(), "{text}");
    }
}

#[test]
fn strings_over_several_lines_keep_the_line_numbers() {
    let text = "let a = \"one\n  two\";\nlet b = 1;\n";
    let lines: Vec<_> = file(text).all_lines().map(|(number, line)| (number, line.trim().to_owned())).collect();
    assert_eq!(lines, [(1, "let a =".into()), (2, ";".into()), (3, "let b = 1;".into())]);
}

#[test]
fn test_code_is_left_out() {
    let text = "\
fn a() {}
#[cfg(test)]
use x::{
    y,
};
#[cfg(test)]
mod tests {
    #[test]
    fn b() {}
}
fn c() {}
#[tokio::test(flavor = \"current_thread\")]
async fn d() {
}
";
    let lines: Vec<usize> = file(text).code_lines().map(|(number, _)| number).collect();
    // The `;` after a braced `use` is on the line of its brace.
    assert_eq!(lines, [1, 11]);
    assert_eq!(lengths(text), [("a".into(), 1, 1), ("c".into(), 11, 1)]);
}

#[test]
fn whole_files_are_test_code_by_path_or_by_attribute() {
    for path in ["crates/a/tests/flow.rs", "crates/a/src/queue/tests.rs", "crates/a/src/tests/pair.rs"] {
        assert_eq!(SourceFile::new(path, "fn a() {}\n").code_lines().count(), 0, "{path}");
    }
    assert_eq!(file("#![cfg(test)]\nfn a() {}\n").code_lines().count(), 0);
    assert_eq!(file("fn a() {}\n").code_lines().count(), 1);
}

#[test]
fn test_modules_in_other_files_are_named_by_path() {
    let text = "#[cfg(test)]\nmod one;\n#[cfg(test)]\n#[path = \"x\"]\npub mod two;\nmod three;\n";
    assert_eq!(file(text).test_modules(), ["crates/verses-core/src/a/one", "crates/verses-core/src/a/two"]);
    let root = SourceFile::new("crates/a/src/lib.rs", "#[cfg(test)]\nmod one;\n");
    assert_eq!(root.test_modules(), ["crates/a/src/one"]);
}

#[test]
fn functions_are_measured_from_fn_to_their_closing_brace() {
    let text = "\
trait T {
    fn declared(&self, x: [u8; 4]) -> u8;
}
impl T for U {
    fn outer(
        &self,
        x: [u8; 4],
    ) -> Vec<[u8; 2]> {
        fn inner() {
            \"}\";
        }
        let f: fn(u8) = g;
    }
}
";
    assert_eq!(lengths(text), [("outer".into(), 5, 9), ("inner".into(), 9, 3)]);
}

#[test]
fn tokens_are_whole_words() {
    let cases = [
        ("rand::rng()", "rand::", true),
        ("operand::new()", "rand::", false),
        ("println!(x)", "println!", true),
        ("eprintln!(x)", "println!", false),
        ("MyHashMap::new()", "HashMap", false),
        ("HashMapLike::new()", "HashMap", false),
        ("a.await?", ".await", true),
        ("a.awaited()", ".await", false),
    ];
    for (line, token, expected) in cases {
        assert_eq!(has_token(line, token), expected, "{token} in {line}");
    }
}

#[test]
fn paths_say_the_crate_and_the_role() {
    let cases = [
        ("crates/batchsync/src/lib.rs", "batchsync", Role::Product),
        ("crates/batchsync/examples/notes.rs", "batchsync", Role::Example),
        ("crates/verses-server/benches/batch.rs", "verses-server", Role::Bench),
        ("crates/verses-corpus/build.rs", "verses-corpus", Role::BuildScript),
        ("crates/verses-corpus/src/build.rs", "verses-corpus", Role::Product),
        ("xtask/src/main.rs", "xtask", Role::Product),
    ];
    for (path, crate_name, role) in cases {
        let file = SourceFile::new(path, "");
        assert_eq!((file.crate_name.as_str(), file.role), (crate_name, role), "{path}");
    }
}
