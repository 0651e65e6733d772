//! `cargo xtask e2e`: the unmodified Supabase client against the real binary, in Node and in a browser. What it does there
//! is in `e2e/supabase`; here are the tools, the server and the runs.
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::prerequisites;
use crate::process::run;
use crate::run::build;
use crate::server::Server;
use crate::workspace::Workspace;

/// The lock file the packages were last installed from.
const INSTALLED: &str = "installed.json";

/// Installs what is missing, starts a server on a fresh database and a port of its own, and runs every script against it.
pub(crate) fn run_all(workspace: &Workspace) -> Result<()> {
    prerequisites::c_compiler()?;
    prerequisites::node()?;
    let chromium = prerequisites::chromium()?;
    let binary = build(workspace, "")?;
    let target = binary.parent().and_then(Path::parent).context("the binary is in no target folder")?;
    let folder = target.join("e2e").join("supabase");
    install(&workspace.root.join("e2e").join("supabase"), &folder)?;
    for script in ["node.mjs", "browser.mjs"] {
        let server = Server::start(&binary, &folder, &["--sign-ins-per-minute"])?;
        let mut node = Command::new("node");
        node.arg(script).arg(&server.url).env("CHROMIUM", chromium).current_dir(&folder);
        run(&mut node).with_context(|| server.log_end())?;
    }
    Ok(())
}

/// Copies the scripts and installs exactly the packages of the lock file; install scripts of packages do not run.
fn install(source: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    for entry in fs::read_dir(source).with_context(|| format!("reading {}", source.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
    }
    let wanted = fs::read(folder.join("package-lock.json"))?;
    if fs::read(folder.join(INSTALLED)).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let packages =
        run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder));
    packages.context("the packages of e2e/supabase/package-lock.json could not be installed: is there a network?")?;
    Ok(fs::write(folder.join(INSTALLED), wanted)?)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_lock_file_pins_every_package_and_names_no_host() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("e2e").join("supabase");
        let lock: Value = serde_json::from_str(&fs::read_to_string(folder.join("package-lock.json")).unwrap()).unwrap();
        let packages = lock["packages"].as_object().unwrap();
        assert!(packages.len() > 2);
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            assert!(package["integrity"].is_string() && package["resolved"].is_null(), "{name}");
            assert!(package["hasInstallScript"].is_null(), "{name}");
        }
        for (name, version) in lock["packages"][""]["dependencies"].as_object().unwrap() {
            assert!(!version.as_str().unwrap().contains(['^', '~', '*']), "{name} is not pinned");
        }
    }
}
