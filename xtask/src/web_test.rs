//! The tests that need a browser: types of the pages, the store on IndexedDB, the pages in every state, and the whole app
//! against the real server. What they do is in `crates/verses-web/ui/test`, `e2e/browser-store` and `e2e/web`;
//! beside them the script under the client's platform, which Node runs.
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::prerequisites;
use crate::process::run;
use crate::run::{build as build_server, target_folder};
use crate::wasm::{TARGET, Toolchain};
use crate::web::{bindgen, build, npm_ci, packages_of_ui};
use crate::workspace::Workspace;

/// Runs all of them. The app is built first, and the server with the app inside.
pub(crate) fn run_all(workspace: &Workspace) -> Result<()> {
    let chromium = prerequisites::chromium()?;
    let target = target_folder(workspace)?;
    build(workspace)?;
    lints(workspace, &Toolchain::find(&target)?)?;
    let ui = packages_of_ui(workspace)?;
    run(Command::new("npm").args(["run", "check"]).current_dir(&ui))?;
    let platform = workspace.root.join("crates/verses-client/js");
    run(Command::new("node").args(["--test", "browser.test.mjs"]).current_dir(platform))?;
    store(workspace, &target, chromium)?;
    let shots = target.join("web/screenshots");
    let mut gallery = Command::new("node");
    gallery.arg("test/gallery.mjs").arg(shots.join("states")).env("CHROMIUM", chromium).current_dir(&ui);
    run(&mut gallery)?;
    run(Command::new("node").arg("test/behaviour.mjs").env("CHROMIUM", chromium).current_dir(&ui))?;
    let binary = build_server(workspace, "")?;
    let folder = workspace.root.join("e2e/web");
    npm_ci(&folder)?;
    let mut app = Command::new("node");
    app.arg("run.mjs").arg("--verses").arg(binary).arg("--out").arg(shots.join("app"));
    run(app.env("CHROMIUM", chromium).current_dir(folder))?;
    eprintln!("xtask: screenshots and figures are in {}", shots.display());
    Ok(())
}

/// What is only compiled for a browser is not seen by the lints of the workspace.
fn lints(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    if !toolchain.has_clippy() {
        eprintln!("xtask: no clippy for {TARGET} here: lints of the browser's code are left out");
        return Ok(());
    }
    let words =
        format!("clippy --target {TARGET} -p verses-web -p verses-client -p verses-store-indexeddb -- -D warnings");
    run(&mut toolchain.cargo(workspace, &words))
}

/// The conformance suite of stores and what only a browser can do to one.
fn store(workspace: &Workspace, target: &Path, chromium: &str) -> Result<()> {
    let toolchain = Toolchain::find(target)?;
    let words = format!("build --target {TARGET} --package verses-store-indexeddb --example store_in_browser");
    run(&mut toolchain.cargo(workspace, &words))?;
    let module = toolchain.output("dev").join("examples/store_in_browser.wasm");
    let built = target.join("web/store-tests");
    bindgen(workspace, &module, &built, "store_in_browser")?;
    let folder = workspace.root.join("e2e/browser-store");
    npm_ci(&folder)?;
    run(Command::new("node").arg("run.mjs").arg(built).env("CHROMIUM", chromium).current_dir(folder))
}
