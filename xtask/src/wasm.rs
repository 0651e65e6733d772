//! A Rust toolchain that compiles for WebAssembly: rustup's, to which the target and the source of the standard library are
//! added, else Debian's. What is compiled with it is not here.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::prerequisites;
use crate::process::{cargo_path, clean, succeeds};
use crate::workspace::Workspace;

/// The target.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// Debian's packages: compiler, cargo, source of the standard library, linker.
const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];
/// Debian's programs. Those of rustup go by the same names elsewhere on the path.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
/// Debian's linker, under the names of its releases.
const LINKERS: [&str; 4] = ["/usr/bin/wasm-ld", "/usr/bin/wasm-ld-19", "/usr/bin/wasm-ld-16", "/usr/bin/wasm-ld-14"];
/// Nothing for people is written by way of `Debug`; tidy looks after that. And what the compiler inlines before LLVM sees it
/// makes the whole larger.
const SMALL: &str = "-Zfmt-debug=none -Zmir-opt-level=1 -Zunstable-options -Cpanic=immediate-abort";
/// The release that the workspace asks for, `rust-version` of its manifest.
const OLDEST: u32 = 95;

/// How to call a cargo that compiles for the target.
#[derive(Debug, Clone)]
pub(crate) struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    /// Debian's linker. Rustup's compiler brings its own.
    linker: Option<&'static str>,
    /// Whether the source of the standard library is there.
    has_source: bool,
    target_folder: PathBuf,
}

impl Toolchain {
    /// Finds a toolchain, or installs what is missing for one.
    pub(crate) fn find(target: &Path) -> Result<Self> {
        let target_folder = target.join("wasm");
        if add_to_rustup() {
            let rustc = PathBuf::from("rustc");
            let has_source = add_source(&rustc);
            return Ok(Self { cargo: cargo_path().into(), rustc, linker: None, has_source, target_folder });
        }
        let rustc = PathBuf::from(DEBIAN_RUSTC);
        let linker = || LINKERS.into_iter().find(|path| Path::new(path).exists());
        let is_new_enough = || release(&rustc).is_some_and(|release| release >= OLDEST);
        if !Path::new(DEBIAN_CARGO).exists() || !source(&rustc) || !is_new_enough() || linker().is_none() {
            eprintln!("xtask: rustup has no target {TARGET}; Debian's compiler has the source of the standard library");
            prerequisites::packages(
                &PACKAGES,
                "a Rust toolchain for WebAssembly (`rustup target add wasm32-unknown-unknown`, or on Debian \
                 `apt-get install rustc-web cargo-web rust-web-src lld`)",
            )?;
        }
        ensure!(
            is_new_enough(),
            "Debian's rustc is older than 1.{OLDEST}, which the app needs: add rustup's target {TARGET}"
        );
        let Some(linker) = linker() else { bail!("no linker `wasm-ld`: install it (Debian: `apt-get install lld`)") };
        Ok(Self { cargo: DEBIAN_CARGO.into(), rustc, linker: Some(linker), has_source: true, target_folder })
    }

    /// A call of cargo, with words parted by spaces.
    pub(crate) fn cargo(&self, workspace: &Workspace, words: &str) -> Command {
        let mut command = self.plain(workspace, words);
        if self.linker.is_some() {
            // Debian has no compiled library for the target.
            command.args(["-Z", "build-std=std,panic_abort"]).env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }

    /// The same for as few bytes as can be: the standard library is compiled along, for size, a panic is a trap without a
    /// message, and `{:?}` writes nothing. These are unstable options of the compiler, which it takes when told that it
    /// builds itself.
    pub(crate) fn smallest(&self, workspace: &Workspace, words: &str) -> Command {
        let mut command = self.plain(workspace, words);
        if !self.has_source {
            eprintln!(
                "xtask: no source of the standard library (`rustup component add rust-src`): the app gets larger"
            );
            return command;
        }
        command.args(["-Z", "build-std=std,panic_abort", "-Z", "build-std-features=optimize_for_size"]);
        command.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", SMALL);
        command
    }

    fn plain(&self, workspace: &Workspace, words: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        command.args(words.split_whitespace()).current_dir(&workspace.root);
        clean(&mut command);
        command.env("CARGO_TARGET_DIR", &self.target_folder);
        if let Some(linker) = self.linker {
            command.env("RUSTC", &self.rustc).env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC_WRAPPER");
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        command
    }

    /// Whether its clippy is there: it comes with rustup's, and is a package of its own with Debian's.
    pub(crate) fn has_clippy(&self) -> bool {
        self.linker.is_none()
    }

    /// Where cargo puts what it compiles for the target in a profile.
    pub(crate) fn output(&self, profile: &str) -> PathBuf {
        let folder = if profile == "dev" { "debug" } else { profile };
        self.target_folder.join(TARGET).join(folder)
    }
}

/// Whether the compiler that cargo uses by itself has the target's standard library, now or once it was added.
fn add_to_rustup() -> bool {
    if has_target() {
        return true;
    }
    eprintln!("xtask: no Rust target {TARGET} found; adding it with rustup");
    succeeds("rustup", &["target", "add", TARGET]) && has_target()
}

fn has_target() -> bool {
    printed(Path::new("rustc"), &["target-libdir", "--target", TARGET])
        .and_then(|folder| fs::read_dir(folder).ok())
        .is_some_and(|files| files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-")))
}

/// Whether the source of the standard library is there, now or once it was added.
fn add_source(rustc: &Path) -> bool {
    if source(rustc) {
        return true;
    }
    eprintln!("xtask: adding the source of the standard library with rustup, to compile it for size");
    succeeds("rustup", &["component", "add", "rust-src"]) && source(rustc)
}

/// The second number of a compiler's version.
fn release(rustc: &Path) -> Option<u32> {
    let said = Command::new(rustc).arg("--version").output().ok()?;
    String::from_utf8(said.stdout).ok()?.split('.').nth(1)?.parse().ok()
}

fn source(rustc: &Path) -> bool {
    printed(rustc, &["sysroot"]).is_some_and(|root| root.join("lib/rustlib/src/rust/library/std/Cargo.toml").exists())
}

/// A path that the compiler prints when asked.
fn printed(rustc: &Path, what: &[&str]) -> Option<PathBuf> {
    let said = Command::new(rustc).arg("--print").args(what).output().ok().filter(|said| said.status.success())?;
    Some(PathBuf::from(String::from_utf8(said.stdout).ok()?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolchain(linker: Option<&'static str>, has_source: bool) -> Toolchain {
        let target_folder = PathBuf::from("/t/wasm");
        Toolchain { cargo: "cargo".into(), rustc: "rustc".into(), linker, has_source, target_folder }
    }

    fn words(command: &Command) -> String {
        command.get_args().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_smallest_app_compiles_the_standard_library_along_where_its_source_is() {
        let workspace = Workspace { root: PathBuf::from("."), packages: Vec::new() };
        let small = toolchain(None, true).smallest(&workspace, "build");
        assert!(words(&small).contains("-Z build-std=std,panic_abort"), "{}", words(&small));
        let ready = toolchain(None, false).smallest(&workspace, "build");
        assert_eq!(words(&ready), "build");
    }

    #[test]
    fn without_a_compiled_library_every_call_compiles_it() {
        let workspace = Workspace { root: PathBuf::from("."), packages: Vec::new() };
        assert_eq!(words(&toolchain(None, true).cargo(&workspace, "check")), "check");
        let debian = toolchain(Some("/usr/bin/wasm-ld"), true).cargo(&workspace, "check");
        assert_eq!(words(&debian), "check -Z build-std=std,panic_abort");
    }
}
