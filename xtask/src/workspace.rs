//! The workspace as `cargo metadata` tells it: members, the edges between them, benchmark targets.
//! Reads no source file.
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The workspace this tool belongs to.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Absolute path of the folder with the top `Cargo.toml`.
    pub root: PathBuf,
    /// The members, in the order of `cargo metadata`.
    pub packages: Vec<Package>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Package name.
    pub name: String,
    /// Path of its `Cargo.toml` from the workspace root, with `/`.
    pub manifest: String,
    /// Every dependency it declares, ours and others.
    pub dependencies: Vec<Dependency>,
    /// Names of its benchmark targets.
    pub benches: Vec<String>,
}

/// One declared dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Package name, not the local alias.
    pub name: String,
    /// Declared under `[dev-dependencies]`. Build dependencies count as normal ones: they shape what ships.
    pub dev: bool,
}

impl Workspace {
    /// Asks cargo. Needs no network: dependencies are not resolved.
    ///
    /// # Errors
    /// When cargo cannot be started or cannot read a manifest.
    pub fn load() -> Result<Self> {
        let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = xtask.parent().context("xtask has no parent folder")?.to_path_buf();
        let output = Command::new(crate::process::cargo_path())
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(&root)
            .output()
            .context("cannot start cargo")?;
        if !output.status.success() {
            bail!("`cargo metadata` failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")?;
        let packages = array(&metadata, "packages")?.iter().map(|it| package(it, &root)).collect::<Result<_>>()?;
        Ok(Self { root, packages })
    }
}

fn package(value: &Value, root: &Path) -> Result<Package> {
    let manifest = Path::new(text(value, "manifest_path")?);
    let manifest = manifest.strip_prefix(root).unwrap_or(manifest).to_string_lossy().replace('\\', "/");
    let dependencies = array(value, "dependencies")?
        .iter()
        .map(|it| Ok(Dependency { name: text(it, "name")?.to_owned(), dev: it["kind"] == "dev" }))
        .collect::<Result<_>>()?;
    let benches = array(value, "targets")?
        .iter()
        .filter(|it| it["kind"] == serde_json::json!(["bench"]))
        .map(|it| Ok(text(it, "name")?.to_owned()))
        .collect::<Result<_>>()?;
    Ok(Package { name: text(value, "name")?.to_owned(), manifest, dependencies, benches })
}

fn array<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value[key].as_array().with_context(|| format!("cargo metadata has no list `{key}`"))
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("cargo metadata has no text `{key}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_dependency_and_bench_targets_are_told_apart() {
        let value = serde_json::json!({
            "name": "demo",
            "manifest_path": "/top/crates/demo/Cargo.toml",
            "dependencies": [
                {"name": "a", "kind": null}, {"name": "b", "kind": "dev"}, {"name": "c", "kind": "build"},
            ],
            "targets": [{"name": "demo", "kind": ["lib"]}, {"name": "speed", "kind": ["bench"]}],
        });
        let package = package(&value, Path::new("/top")).unwrap();
        assert_eq!(package.manifest, "crates/demo/Cargo.toml");
        let dev: Vec<bool> = package.dependencies.iter().map(|it| it.dev).collect();
        assert_eq!(dev, [false, true, false]);
        assert_eq!(package.benches, ["speed"]);
    }

    #[test]
    fn the_real_workspace_lists_this_crate() {
        let workspace = Workspace::load().unwrap();
        let xtask = workspace.packages.iter().find(|it| it.name == "xtask").unwrap();
        assert_eq!(xtask.manifest, "xtask/Cargo.toml");
    }
}
