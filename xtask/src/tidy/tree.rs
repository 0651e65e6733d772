//! What the rules look at: the members and the text files of the workspace, loaded once.
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::source::SourceFile;
use crate::workspace::{Package, Workspace};

/// The input of every rule.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Members of the workspace.
    pub packages: Vec<Package>,
    /// Every text file that is tracked or would be, the Rust ones too.
    pub texts: Vec<TextFile>,
    /// The Rust files, prepared for rules about code.
    pub sources: Vec<SourceFile>,
}

/// A file as it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFile {
    /// Path from the workspace root, with `/`.
    pub path: String,
    /// Its contents.
    pub text: String,
}

impl Tree {
    /// Reads the files git knows of or would add; files it ignores are nobody's business here.
    ///
    /// # Errors
    /// When a folder or a file cannot be read.
    pub fn load(workspace: &Workspace) -> Result<Self> {
        let mut texts = Vec::new();
        for path in listed_files(&workspace.root)? {
            let bytes = match std::fs::read(workspace.root.join(&path)) {
                Ok(bytes) => bytes,
                // Deleted but not yet committed, or a link to a folder.
                Err(error) if is_no_file(&error) => continue,
                Err(error) => return Err(error).with_context(|| format!("cannot read {path}")),
            };
            // What is not UTF-8 is not text, and no rule is about it.
            if let Ok(text) = String::from_utf8(bytes) {
                texts.push(TextFile { path, text });
            }
        }
        Ok(Self::new(workspace.packages.clone(), texts))
    }

    /// A tree of these members and files.
    pub fn new(packages: Vec<Package>, texts: Vec<TextFile>) -> Self {
        let rust_files = texts.iter().filter(|file| file.path.ends_with(".rs"));
        let mut sources: Vec<SourceFile> = rust_files.map(|file| SourceFile::new(&file.path, &file.text)).collect();
        let test_modules: BTreeSet<String> = sources.iter().flat_map(SourceFile::test_modules).collect();
        for source in &mut sources {
            if test_modules.iter().any(|module| is_in_module(&source.path, module)) {
                source.mark_all_as_test();
            }
        }
        Self { packages, texts, sources }
    }

    #[cfg(test)]
    pub(crate) fn of_files(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| TextFile { path: path.into(), text: text.into() };
        Self::new(Vec::new(), files.iter().map(file).collect())
    }
}

/// `module` is the path of a module without `.rs`.
fn is_in_module(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn is_no_file(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory)
}

/// Folders that hold no source of ours, for trees without git.
const NOT_OURS: [&str; 3] = [".git", "node_modules", "target"];

/// The files git lists; every file where there is no git, or no repository (an unpacked archive).
fn listed_files(root: &Path) -> Result<BTreeSet<String>> {
    let listed = git_files(root).filter(|files| !files.is_empty());
    match listed {
        Some(files) => Ok(files),
        None => {
            let mut files = BTreeSet::new();
            collect_files(root, root, &mut files)?;
            Ok(files)
        }
    }
}

fn git_files(root: &Path) -> Option<BTreeSet<String>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(root).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let paths = String::from_utf8_lossy(&output.stdout);
    Some(paths.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

fn collect_files(root: &Path, folder: &Path, files: &mut BTreeSet<String>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let path = entry.path();
        if path.is_dir() {
            if !NOT_OURS.iter().any(|name| entry.file_name() == *name) {
                collect_files(root, &path, files)?;
            }
        } else if let Ok(inside) = path.strip_prefix(root) {
            files.insert(inside.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_module_in_its_own_file_is_test_code() {
        let tree = Tree::of_files(&[
            ("crates/a/src/lib.rs", "#[cfg(test)]\nmod virtual_time;\nmod queue;\n"),
            ("crates/a/src/virtual_time.rs", "fn drive() {}\n"),
            ("crates/a/src/virtual_time/pair.rs", "fn pair() {}\n"),
            ("crates/a/src/queue.rs", "fn queue() {}\n#[cfg(test)]\nmod cases;\n"),
            ("crates/a/src/queue/cases.rs", "fn case() {}\n"),
            ("crates/a/src/virtual_time_of_day.rs", "fn noon() {}\n"),
        ]);
        let is_test: Vec<bool> = tree.sources.iter().map(|it| it.code_lines().count() == 0).collect();
        assert_eq!(is_test, [false, true, true, false, true, false]);
    }

    #[test]
    fn the_real_tree_holds_this_file() {
        let tree = Tree::load(&Workspace::load().unwrap()).unwrap();
        assert!(tree.sources.iter().any(|it| it.path == "xtask/src/tidy/tree.rs"));
        assert!(tree.texts.iter().any(|it| it.path == "Cargo.toml"));
    }

    /// A literal or comment misread in some file would hide or invent code after it.
    #[test]
    fn braces_balance_in_every_real_file_once_literals_are_blank() {
        let tree = Tree::load(&Workspace::load().unwrap()).unwrap();
        for source in &tree.sources {
            let count = |brace: char| source.all_lines().map(|(_, line)| line.matches(brace).count()).sum::<usize>();
            assert_eq!(count('{'), count('}'), "{}", source.path);
        }
    }

    #[test]
    fn without_git_the_same_sources_are_found() {
        let root = Workspace::load().unwrap().root;
        let mut walked = BTreeSet::new();
        collect_files(&root, &root.join("xtask"), &mut walked).unwrap();
        let of_xtask = |files: &BTreeSet<String>| -> Vec<String> {
            files.iter().filter(|it| it.starts_with("xtask/") && it.ends_with(".rs")).cloned().collect()
        };
        assert!(walked.contains("xtask/src/tidy/tree.rs"));
        assert_eq!(of_xtask(&walked), of_xtask(&listed_files(&root).unwrap()));
    }
}
