//! Rules `lints` and `inheritance`: each member takes its lints and the versions of its dependencies from the
//! workspace, so that one file decides both.
use super::{Finding, TextFile, Tree};

pub(super) fn check_lints(tree: &Tree) -> Vec<Finding> {
    let lacking = members(tree).filter(|file| !inherits_lints(&file.text));
    let finding = |file: &TextFile| Finding {
        path: file.path.clone(),
        line: 1,
        rule: "lints",
        advice: "add `[lints]` with `workspace = true`".to_owned(),
    };
    lacking.map(finding).collect()
}

pub(super) fn check_inheritance(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in members(tree) {
        for (line, name) in own_dependencies(&file.text) {
            let advice =
                format!("move `{name}` to [workspace.dependencies] and write `{name} = {{ workspace = true }}` here");
            findings.push(Finding { path: file.path.clone(), line, rule: "inheritance", advice });
        }
    }
    findings
}

/// Manifests of members: all but the top one and those that are the top of a workspace of their own.
fn members(tree: &Tree) -> impl Iterator<Item = &TextFile> {
    let has_own_workspace = |file: &TextFile| file.text.lines().any(|line| line.trim() == "[workspace]");
    tree.texts.iter().filter(move |file| file.path.ends_with("/Cargo.toml") && !has_own_workspace(file))
}

fn inherits_lints(manifest: &str) -> bool {
    entries(manifest).any(|it| it.section == "lints" && it.key == "workspace" && it.value == "true")
        || entries(manifest).any(|it| it.section.is_empty() && it.key == "lints.workspace" && it.value == "true")
}

/// Line and name of each dependency that names its own version or path.
fn own_dependencies(manifest: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for entry in entries(manifest) {
        let (table, name) = entry.section.rsplit_once("dependencies").unwrap_or(("-", ""));
        if !(table.is_empty() || table.ends_with(['.', '-'])) || table == "-" {
            continue;
        }
        match name.strip_prefix('.') {
            // `[dependencies.name]`: the whole table is about one crate.
            Some(name) if entry.key == "version" || entry.key == "path" || entry.key == "git" => {
                found.push((entry.line, name.to_owned()));
            }
            Some(_) => {}
            None => {
                let inherits = entry.key.ends_with(".workspace") || entry.value.contains("workspace = true");
                let name = entry.key.split('.').next().unwrap_or(entry.key);
                if !inherits && !found.iter().any(|(_, known)| known == name) {
                    found.push((entry.line, name.to_owned()));
                }
            }
        }
    }
    found
}

/// One `key = value` line of a manifest.
struct Entry<'a> {
    line: usize,
    section: &'a str,
    key: &'a str,
    value: &'a str,
}

/// The entries of a manifest. Lines inside a list or table that spans several have no `=` of their own at the
/// start of a section here; cargo's own reader has already checked the syntax.
fn entries(manifest: &str) -> impl Iterator<Item = Entry<'_>> {
    let mut section = "";
    manifest.lines().enumerate().filter_map(move |(index, line)| {
        let line = line.split(" #").next().unwrap_or(line).trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            return None;
        }
        let (key, value) = line.split_once('=')?;
        (!line.starts_with('#')).then(|| Entry { line: index + 1, section, key: key.trim(), value: value.trim() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(manifest: &str) -> Vec<String> {
        let tree = Tree::of_files(&[("crates/a/Cargo.toml", manifest)]);
        let findings = check_lints(&tree).into_iter().chain(check_inheritance(&tree));
        findings.map(|it| format!("{}:{}:{}", it.line, it.rule, it.advice)).collect()
    }

    #[test]
    fn a_member_that_inherits_everything_is_clean() {
        let manifest = "\
[package]
name = \"a\"
version.workspace = true

[lints]
workspace = true

[dependencies]
serde = { workspace = true, features = [\"rc\"] }
uuid.workspace = true
# ruzstd = \"0.9\"

[target.'cfg(unix)'.dependencies]
tokio = { workspace = true }
";
        assert_eq!(found(manifest), [""; 0]);
    }

    #[test]
    fn a_workspace_of_its_own_has_nothing_to_inherit() {
        assert_eq!(found("[package]\nname = \"a\"\n\n[workspace]\n\n[dependencies]\nx = \"1\"\n"), [""; 0]);
    }

    #[test]
    fn missing_lints_are_found() {
        for manifest in ["[package]\nname = \"a\"\n", "[lints]\nworkspace = false\n", "[lints.rust]\nunsafe = \"x\"\n"]
        {
            let found = found(manifest);
            assert!(found[0].starts_with("1:lints:add `[lints]`"), "{found:?}");
        }
    }

    #[test]
    fn a_dependency_with_its_own_version_or_path_is_found() {
        let cases = [
            ("[dependencies]\nruzstd = \"0.9.1\"\n", 2, "`ruzstd`"),
            ("[dev-dependencies]\nx = { version = \"1\", features = [] }\n", 2, "`x`"),
            ("[build-dependencies]\nx = { path = \"../x\" }\n", 2, "`x`"),
            ("[target.'cfg(unix)'.dependencies]\nx = \"1\"\n", 2, "`x`"),
            ("[dependencies.x]\nfeatures = []\nversion = \"1\"\n", 3, "`x`"),
            ("[dependencies]\nx.version = \"1\"\nx.features = []\n", 2, "`x`"),
        ];
        for (dependencies, line, name) in cases {
            let found = found(&format!("{dependencies}[lints]\nworkspace = true\n"));
            assert_eq!(found.len(), 1, "{dependencies}: {found:?}");
            assert!(found[0].starts_with(&format!("{line}:inheritance:")), "{found:?}");
            assert!(found[0].contains(name), "{found:?}");
        }
    }

    #[test]
    fn the_top_manifest_is_where_versions_belong() {
        let tree = Tree::of_files(&[("Cargo.toml", "[workspace.dependencies]\nserde = \"1\"\n")]);
        assert_eq!(check_inheritance(&tree), []);
        assert_eq!(check_lints(&tree), []);
    }
}
