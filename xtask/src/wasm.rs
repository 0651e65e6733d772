//! A Rust toolchain that compiles for WebAssembly: the one of rustup where its target can be had, else Debian's, whose standard
//! library is compiled once for the purpose. What is compiled with it is not here.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::prerequisites;
use crate::process::{cargo_path, clean, run, succeeds};
use crate::workspace::Workspace;

/// The target.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// Debian's packages: compiler, cargo, source of the standard library, linker.
const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];
/// Debian's programs. Those of rustup go by the same names elsewhere on the path.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
/// The standard library as small as it goes: what is not fast here is not slow in what the app does.
const STD_FEATURES: &str = "optimize_for_size";

/// How to call a cargo that compiles for the target.
#[derive(Debug, Clone)]
pub(crate) struct Toolchain {
    cargo: PathBuf,
    /// Given where it is not the compiler that cargo takes by itself.
    rustc: Option<PathBuf>,
    target_folder: PathBuf,
}

impl Toolchain {
    /// Finds a toolchain, or installs what is missing for one.
    pub(crate) fn find(workspace: &Workspace, target: &Path) -> Result<Self> {
        let target_folder = target.join("wasm");
        let of_rustup = Self { cargo: cargo_path().into(), rustc: None, target_folder: target_folder.clone() };
        if has_target() {
            return Ok(of_rustup);
        }
        let sysroot = target.join("wasm-sysroot");
        if let Some(ready) = debian(&sysroot, &target_folder) {
            return Ok(ready);
        }
        eprintln!("xtask: no Rust target {TARGET} found; adding it with rustup");
        if succeeds("rustup", &["target", "add", TARGET]) && has_target() {
            return Ok(of_rustup);
        }
        eprintln!(
            "xtask: rustup could not add it; using Debian's compiler, which has the source of the standard library"
        );
        if !Path::new(DEBIAN_RUSTC).exists() || !Path::new(DEBIAN_CARGO).exists() || source().is_none() {
            prerequisites::packages(
                &PACKAGES,
                "a Rust toolchain for WebAssembly (`rustup target add wasm32-unknown-unknown`, or on Debian \
                 `apt-get install rustc-web cargo-web rust-web-src lld`)",
            )?;
        }
        build_sysroot(workspace, &sysroot)?;
        debian(&sysroot, &target_folder).context("the standard library was compiled and is not found")
    }

    /// A call of cargo, with words parted by spaces.
    pub(crate) fn cargo(&self, workspace: &Workspace, words: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        command.args(words.split_whitespace()).current_dir(&workspace.root);
        clean(&mut command);
        command.env("CARGO_TARGET_DIR", &self.target_folder);
        if let Some(rustc) = &self.rustc {
            command.env("RUSTC", rustc).env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC_WRAPPER");
        }
        command
    }

    /// Whether its clippy is there: it comes with rustup's, and is a package of its own with Debian's.
    pub(crate) fn has_clippy(&self) -> bool {
        self.rustc.is_none()
    }

    /// Where cargo puts what it compiles for the target in a profile.
    pub(crate) fn output(&self, profile: &str) -> PathBuf {
        let folder = if profile == "dev" { "debug" } else { profile };
        self.target_folder.join(TARGET).join(folder)
    }
}

/// Whether the compiler that cargo uses by itself has the target's standard library.
fn has_target() -> bool {
    let said = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let folder = said.ok().filter(|said| said.status.success()).map(|said| said.stdout);
    let folder = folder.and_then(|path| String::from_utf8(path).ok()).map(|path| PathBuf::from(path.trim()));
    folder
        .and_then(|folder| fs::read_dir(folder).ok())
        .is_some_and(|files| files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-")))
}

/// Debian's toolchain with the standard library in this folder, if that was made by the compiler that is there now.
fn debian(sysroot: &Path, target_folder: &Path) -> Option<Toolchain> {
    let made_by = fs::read_to_string(sysroot.join("made-by")).ok()?;
    (made_by == version()?).then(|| Toolchain {
        cargo: DEBIAN_CARGO.into(),
        rustc: Some(sysroot.join("rustc")),
        target_folder: target_folder.to_path_buf(),
    })
}

/// Which compiler, and what the standard library is made with.
fn version() -> Option<String> {
    let said = Command::new(DEBIAN_RUSTC).arg("-vV").output().ok().filter(|said| said.status.success())?;
    Some(format!("{}{STD_FEATURES}\n", String::from_utf8(said.stdout).ok()?))
}

fn source() -> Option<PathBuf> {
    let said = Command::new(DEBIAN_RUSTC).args(["--print", "sysroot"]).output().ok()?;
    let root = PathBuf::from(String::from_utf8(said.stdout).ok()?.trim());
    let library = root.join("lib/rustlib/src/rust/library");
    library.join("std/Cargo.toml").exists().then_some(library)
}

/// Compiles the standard library. It is what `-Z build-std` does, once, so that everything after it needs no unstable flag.
fn build_sysroot(workspace: &Workspace, sysroot: &Path) -> Result<()> {
    eprintln!("xtask: compiling the standard library for {TARGET} (once, about a minute)");
    let made_by = version().context("Debian's rustc does not start")?;
    let work = sysroot.join("build");
    fs::create_dir_all(work.join("src"))?;
    fs::write(work.join("Cargo.toml"), EMPTY_CRATE)?;
    fs::write(work.join("src/lib.rs"), "#![no_std]\n")?;
    let mut build = Command::new(DEBIAN_CARGO);
    build.args([
        "build",
        "--release",
        "--target",
        TARGET,
        "-Z",
        "build-std=std,panic_abort,panic_unwind,proc_macro,test",
    ]);
    build.arg("-Z").arg(format!("build-std-features={STD_FEATURES}")).current_dir(&work);
    clean(&mut build);
    build.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", work.join("target"));
    build.env("RUSTFLAGS", "-Cembed-bitcode=yes -Zforce-unstable-if-unmarked");
    build.env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC_WRAPPER");
    run(&mut build)?;
    let library = sysroot.join("root/lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&library)?;
    let mut copied = 0;
    for file in fs::read_dir(work.join("target").join(TARGET).join("release/deps"))? {
        let path = file?.path();
        if path.extension().is_some_and(|ending| ending == "rlib") {
            fs::copy(&path, library.join(path.file_name().context("a library without a name")?))?;
            copied += 1;
        }
    }
    ensure!(copied > 0, "no library was compiled for {TARGET} in {}", workspace.root.display());
    link_host(sysroot)?;
    fs::remove_dir_all(&work)?;
    Ok(fs::write(sysroot.join("made-by"), made_by)?)
}

const EMPTY_CRATE: &str = "\
[package]
name = \"std-for-wasm\"
version = \"0.0.0\"
edition = \"2024\"

[profile.release]
opt-level = \"z\"

[workspace]
";

/// The rest of the toolchain beside it: the host's library, for build scripts and macros, and the linker.
#[cfg(unix)]
fn link_host(sysroot: &Path) -> Result<()> {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let said = Command::new(DEBIAN_RUSTC).args(["--print", "sysroot"]).output()?;
    let debian = PathBuf::from(String::from_utf8(said.stdout)?.trim());
    let host = host().context("Debian's rustc does not say for which host it is")?;
    let lib = sysroot.join("root/lib/rustlib").join(&host);
    fs::create_dir_all(lib.join("bin"))?;
    replace(&lib.join("lib"), |to| symlink(debian.join("lib/rustlib").join(&host).join("lib"), to))?;
    let linkers = ["/usr/bin/lld", "/usr/bin/lld-19", "/usr/bin/lld-16", "/usr/bin/lld-14"];
    let linker = linkers.into_iter().find(|path| Path::new(path).exists());
    let Some(linker) = linker else { bail!("no linker `lld`: install it (Debian: `apt-get install lld`)") };
    replace(&lib.join("bin/rust-lld"), |to| symlink(linker, to))?;
    let script = sysroot.join("rustc");
    let root = sysroot.join("root");
    fs::write(&script, format!("#!/bin/sh\nexec {DEBIAN_RUSTC} --sysroot '{}' \"$@\"\n", root.display()))?;
    Ok(fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?)
}

#[cfg(not(unix))]
fn link_host(_: &Path) -> Result<()> {
    bail!("Debian's toolchain is for Debian; elsewhere `rustup target add {TARGET}` is needed")
}

fn replace(path: &Path, make: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<()> {
    // There is one when an earlier run was interrupted.
    drop(fs::remove_file(path));
    make(path).with_context(|| format!("making {}", path.display()))
}

fn host() -> Option<String> {
    version()?.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_made_by_another_compiler_is_not_used() {
        let folder = std::env::temp_dir().join(format!("verses-xtask-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("made-by"), "rustc of another day").unwrap();
        assert!(debian(&folder, &folder).is_none());
        fs::remove_dir_all(&folder).unwrap();
        assert!(debian(&folder, &folder).is_none());
    }
}
