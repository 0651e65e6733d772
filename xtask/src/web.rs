//! `cargo xtask web`: the web app. The engine is compiled to WebAssembly, its JavaScript side is made, the pages are bundled
//! around it, and everything is put where the server's build and `--web-dir` find it. Its tests are in `web_test`.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};

use crate::prerequisites;
use crate::process::{cargo, run};
use crate::run::{build as build_server, target_folder};
use crate::wasm::Toolchain;
use crate::workspace::Workspace;

/// The profile the engine is compiled in, for people and for whoever works on it.
const PROFILE: &str = "web";
const DEV_PROFILE: &str = "dev";
/// The lock file the packages were last installed from.
const INSTALLED: &str = "installed.json";
/// How often `--dev` looks for changes.
const LOOK: Duration = Duration::from_millis(400);
/// Where `--dev` serves.
const DEV_LISTEN: &str = "127.0.0.1:54321";

/// Builds the app; gives its folder. What did not change is left as it is, so that nobody builds it in again.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    prerequisites::node()?;
    let target = target_folder(workspace)?;
    let toolchain = Toolchain::find(&target)?;
    let web = target.join("web");
    let engine = engine(workspace, &toolchain, PROFILE, &web.join("engine"))?;
    let (new, dist) = (web.join("dist.new"), web.join("dist"));
    pages(workspace, &engine, &new, &["--compress"])?;
    if contents(&new)? != contents(&dist).unwrap_or_default() {
        if dist.exists() {
            fs::remove_dir_all(&dist)?;
        }
        fs::rename(&new, &dist)?;
    } else {
        fs::remove_dir_all(&new)?;
    }
    Ok(dist)
}

/// `cargo xtask web [--dev]`
pub(crate) fn run_task(workspace: &Workspace, dev: bool) -> Result<()> {
    if dev {
        return watch(workspace);
    }
    let dist = build(workspace)?;
    eprintln!("xtask: the web app is in {}; the next build of `verses` has it inside", dist.display());
    Ok(())
}

/// Compiles the engine and makes its JavaScript side.
fn engine(workspace: &Workspace, toolchain: &Toolchain, profile: &str, folder: &Path) -> Result<PathBuf> {
    let words = format!("rustc --profile {profile} --target {} --package verses-web --lib", crate::wasm::TARGET);
    let mut build =
        if profile == PROFILE { toolchain.smallest(workspace, &words) } else { toolchain.cargo(workspace, &words) };
    // As a Rust library besides, it could not be optimised as a whole.
    run(build.args(["--crate-type", "cdylib"]))?;
    bindgen(workspace, &toolchain.output(profile).join("verses_web.wasm"), folder, "engine")?;
    Ok(folder.to_path_buf())
}

/// Makes the JavaScript side of a module.
pub(crate) fn bindgen(workspace: &Workspace, module: &Path, folder: &Path, name: &str) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    run(cargo(workspace, "run --quiet --package xtask-bindgen --").arg(module).arg(folder).arg(name))
}

/// Bundles the pages.
fn pages(workspace: &Workspace, engine: &Path, out: &Path, options: &[&str]) -> Result<()> {
    let ui = packages_of_ui(workspace)?;
    let mut node = Command::new("node");
    node.arg("build.mjs").arg("--engine").arg(engine).arg("--out").arg(out).args(options).current_dir(ui);
    run(&mut node)
}

/// The folder of the pages, with the packages they are made with.
pub(crate) fn packages_of_ui(workspace: &Workspace) -> Result<PathBuf> {
    let ui = workspace.root.join("crates/verses-web/ui");
    npm_ci(&ui)?;
    Ok(ui)
}

/// Installs exactly the packages of the lock file in this folder; install scripts of packages do not run.
pub(crate) fn npm_ci(folder: &Path) -> Result<()> {
    let lock = folder.join("package-lock.json");
    let wanted = fs::read(&lock).with_context(|| format!("reading {}", lock.display()))?;
    let installed = folder.join("node_modules").join(INSTALLED);
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
    let shown = lock.display();
    run(&mut npm).with_context(|| format!("the packages of {shown} could not be installed: is there a network?"))?;
    Ok(fs::write(installed, wanted)?)
}

/// Every file below a folder, by path.
fn contents(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    each_file(folder, &mut |path| {
        files.insert(path.strip_prefix(folder)?.to_path_buf(), fs::read(path)?);
        Ok(())
    })?;
    Ok(files)
}

fn each_file(folder: &Path, look: &mut dyn FnMut(&Path) -> Result<()>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let path = entry.path();
        match entry.file_name().to_str() {
            Some("node_modules" | "target") => {}
            _ if entry.file_type()?.is_dir() => each_file(&path, look)?,
            _ => look(&path)?,
        }
    }
    Ok(())
}

/// Serves the app and builds it anew whenever a source changes.
fn watch(workspace: &Workspace) -> Result<()> {
    prerequisites::node()?;
    prerequisites::c_compiler()?;
    let target = target_folder(workspace)?;
    let toolchain = Toolchain::find(&target)?;
    let (folder, dist) = (target.join("web/dev-engine"), target.join("web/dev"));
    engine(workspace, &toolchain, DEV_PROFILE, &folder)?;
    pages(workspace, &folder, &dist, &["--dev"])?;
    let binary = build_server(workspace, "")?;
    let mut serve = Command::new(binary);
    serve.args(["serve", "--listen", DEV_LISTEN, "--database", "sqlite:verses.db", "--web-dir"]).arg(&dist);
    let mut server = serve.spawn().context("cannot start the server")?;
    eprintln!("xtask: building again whenever a source changes; Ctrl-C stops");
    let (mut rust, mut ui) = (newest_rust(workspace)?, newest_ui(workspace)?);
    loop {
        thread::sleep(LOOK);
        if let Some(status) = server.try_wait()? {
            bail!("the server ended ({status})");
        }
        let (rust_now, ui_now) = (newest_rust(workspace)?, newest_ui(workspace)?);
        if (rust_now, ui_now) == (rust, ui) {
            continue;
        }
        let built =
            if rust_now == rust { Ok(()) } else { engine(workspace, &toolchain, DEV_PROFILE, &folder).map(drop) };
        // A source that does not compile is mended with the next change.
        if let Err(error) = built.and_then(|()| pages(workspace, &folder, &dist, &["--dev"])) {
            eprintln!("xtask: {error:#}");
        }
        (rust, ui) = (rust_now, ui_now);
    }
}

/// When the youngest Rust source of the engine was written.
fn newest_rust(workspace: &Workspace) -> Result<SystemTime> {
    newest(&workspace.root.join("crates"), |path| path.extension().is_some_and(|ending| ending == "rs"))
}

fn newest_ui(workspace: &Workspace) -> Result<SystemTime> {
    newest(&workspace.root.join("crates/verses-web/ui/src"), |_| true)
}

fn newest(folder: &Path, counts: impl Fn(&Path) -> bool) -> Result<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    each_file(folder, &mut |path| {
        if counts(path) {
            newest = newest.max(fs::metadata(path)?.modified()?);
        }
        Ok(())
    })?;
    Ok(newest)
}
