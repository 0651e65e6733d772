//! A Rust file as the rules see it: comments and literals blanked, test code marked.
//!
//! This is not a parser. It knows enough of the language not to mistake a word in a string for code, and to find
//! where an item ends; formatting is left to rustfmt, whose layout it relies on.
use std::ops::Range;

mod blank;

/// Attributes that make the item after them test code.
const TEST_ATTRIBUTES: [&str; 3] = ["#[cfg(test)]", "#[test]", "#[tokio::test"];

/// What a file is for, as its path says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Part of a library or binary.
    Product,
    /// A test or a part of one.
    Test,
    /// A benchmark.
    Bench,
    /// An example program.
    Example,
    /// A build script.
    BuildScript,
}

/// One Rust file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Path from the workspace root.
    pub path: String,
    /// Folder name of the crate, which in this workspace is its name.
    pub crate_name: String,
    /// What the file is for.
    pub role: Role,
    /// The text with comments and literals blanked, byte for byte as long.
    code: String,
    /// For each line, whether it is test code.
    test_lines: Vec<bool>,
}

/// A function with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Line of `fn`, counted from 1.
    pub line: usize,
    /// Lines from `fn` to the closing brace, both counted.
    pub length: usize,
}

impl SourceFile {
    /// Prepares a file.
    pub fn new(path: &str, text: &str) -> Self {
        let code = blank::blank(text);
        let role = role_of(path);
        let all_test = role == Role::Test || code.contains("#![cfg(test)]");
        let mut file = Self {
            path: path.to_owned(),
            crate_name: crate_of(path),
            role,
            test_lines: vec![all_test; code.lines().count()],
            code,
        };
        for item in file.test_items() {
            let lines = file.line_index(item.start)..=file.line_index(item.end - 1);
            file.test_lines[lines].fill(true);
        }
        file
    }

    /// Lines that are not test code, with their number counted from 1; comments and literals are blank.
    pub fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.all_lines().filter(|&(number, _)| !self.is_test_line(number))
    }

    /// All lines with their number counted from 1; comments and literals are blank.
    pub fn all_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Functions outside test code.
    pub fn functions(&self) -> Vec<Function> {
        let starts = self.code.match_indices("fn ").map(|(at, _)| at).filter(|&at| !follows_word(&self.code, at));
        let functions = starts.filter_map(|at| self.function_at(at));
        functions.filter(|function| !self.is_test_line(function.line)).collect()
    }

    /// Paths, without `.rs`, of the modules this file declares as test code and keeps in files of their own.
    pub fn test_modules(&self) -> Vec<String> {
        let declared = self.test_items().into_iter().filter_map(|item| {
            let declaration = self.code[item].rsplit(']').next()?.trim();
            let name = declaration.strip_prefix("pub ").unwrap_or(declaration);
            name.strip_prefix("mod ")?.strip_suffix(';').map(str::to_owned)
        });
        let folder = self.module_folder();
        declared.map(|name| format!("{folder}/{name}")).collect()
    }

    pub(super) fn mark_all_as_test(&mut self) {
        self.test_lines.fill(true);
    }

    pub(super) fn is_test_line(&self, number: usize) -> bool {
        self.test_lines[number - 1]
    }

    /// Where the files of its submodules are.
    fn module_folder(&self) -> String {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        match name {
            "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
            _ => self.path.trim_end_matches(".rs").to_owned(),
        }
    }

    /// Byte ranges of test items, each from its test attribute to its end.
    fn test_items(&self) -> Vec<Range<usize>> {
        let starts = TEST_ATTRIBUTES.iter().flat_map(|attribute| self.code.match_indices(attribute));
        starts.map(|(start, _)| start..item_end(&self.code, start).0).collect()
    }

    fn function_at(&self, start: usize) -> Option<Function> {
        let name: String = self.code[start + 3..].chars().take_while(|&it| is_word(it)).collect();
        let (end, has_body) = item_end(&self.code, start);
        if name.is_empty() || !has_body {
            return None;
        }
        let line = self.line_index(start) + 1;
        Some(Function { name, line, length: self.line_index(end - 1) + 2 - line })
    }

    fn line_index(&self, at: usize) -> usize {
        self.code[..at].bytes().filter(|&byte| byte == b'\n').count()
    }
}

/// Whether `line` holds `token` and not only as part of a longer word.
pub(super) fn has_token(line: &str, token: &str) -> bool {
    line.match_indices(token).any(|(at, _)| {
        let starts_inside = token.starts_with(is_word) && follows_word(line, at);
        let ends_inside = token.ends_with(is_word) && line[at + token.len()..].starts_with(is_word);
        !starts_inside && !ends_inside
    })
}

fn is_word(it: char) -> bool {
    it.is_alphanumeric() || it == '_'
}

fn follows_word(text: &str, at: usize) -> bool {
    text[..at].ends_with(is_word)
}

/// End (exclusive) of the item that starts at `start`, and whether it ends with a body in braces.
fn item_end(code: &str, start: usize) -> (usize, bool) {
    let mut nesting = 0_usize;
    for (offset, byte) in code.as_bytes()[start..].iter().enumerate() {
        let at = start + offset;
        match byte {
            b'(' | b'[' => nesting += 1,
            b')' | b']' => nesting = nesting.saturating_sub(1),
            b';' if nesting == 0 => return (at + 1, false),
            b'{' if nesting == 0 => return (closing_brace(code, at) + 1, true),
            _ => {}
        }
    }
    (code.len(), false)
}

/// Position of the brace that closes the one at `open`; the last byte when none does.
fn closing_brace(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, byte) in code.as_bytes()[open..].iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return open + offset,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len() - 1
}

fn role_of(path: &str) -> Role {
    let mut folders: Vec<&str> = path.split('/').collect();
    let name = folders.pop().unwrap_or_default();
    match name {
        "tests.rs" => Role::Test,
        "build.rs" if !folders.contains(&"src") => Role::BuildScript,
        _ if folders.contains(&"tests") => Role::Test,
        _ if folders.contains(&"benches") => Role::Bench,
        _ if folders.contains(&"examples") => Role::Example,
        _ => Role::Product,
    }
}

fn crate_of(path: &str) -> String {
    let mut folders = path.split('/');
    let first = folders.next().unwrap_or_default();
    let name = if first == "crates" { folders.next().unwrap_or_default() } else { first };
    name.to_owned()
}

#[cfg(test)]
mod tests;
