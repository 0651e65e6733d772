//! Puts the built web app into the binary: a table of its files, each with its Brotli form if that lies beside it. The
//! app is made by `cargo xtask web`; without one the table is empty, and everything else is built all the same.
#![allow(dead_code, reason = "a test includes this file for its functions")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Variable with the folder of the built app.
const FOLDER: &str = "VERSES_WEB_DIST";
/// Where it is otherwise, from the folder of this crate.
const USUAL_FOLDER: &str = "../../target/web/dist";
/// The file without which there is no app.
const INDEX: &str = "index.html";

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-env-changed={FOLDER}");
    println!("cargo:rerun-if-changed=build.rs");
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let missing = |name| io::Error::other(format!("cargo did not set {name}"));
    let folder = match variable(FOLDER) {
        Some(folder) => folder,
        None => usual(&variable("CARGO_MANIFEST_DIR").ok_or_else(|| missing("CARGO_MANIFEST_DIR"))?),
    };
    // Of a folder cargo looks at everything in it, and at the folder for what has come and gone. One that is not there
    // makes it look again at every build.
    println!("cargo:rerun-if-changed={}", folder.display());
    let out = variable("OUT_DIR").ok_or_else(|| missing("OUT_DIR"))?.join("web_app.rs");
    fs::write(out, table(&folder)?)
}

/// The usual folder, made if it is not there: an empty one can be watched, and one that is missing could not.
fn usual(manifest: &Path) -> PathBuf {
    let folder = manifest.join(USUAL_FOLDER);
    // If it cannot be made, it is looked for at every build.
    drop(fs::create_dir_all(&folder));
    folder.canonicalize().unwrap_or(folder)
}

/// The source of the table of files.
pub(crate) fn table(folder: &Path) -> io::Result<String> {
    let mut files = BTreeMap::new();
    if folder.join(INDEX).is_file() {
        let folder = folder.canonicalize()?;
        collect(&folder, "", &mut files)?;
    }
    let mut source = "&[\n".to_owned();
    for (path, file) in &files {
        if path.ends_with(".br") {
            continue;
        }
        let brotli = files.get(&format!("{path}.br"));
        let brotli = brotli.map_or_else(|| "None".to_owned(), |file| format!("Some(include_bytes!({file:?}))"));
        writeln!(source, "    EmbeddedFile {{ path: {path:?}, bytes: include_bytes!({file:?}), brotli: {brotli} }},")
            .map_err(io::Error::other)?;
    }
    source.push_str("]\n");
    Ok(source)
}

/// Finds the files below a folder, by their path from the top.
fn collect(folder: &Path, above: &str, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        // No address of the app begins with a dot or cannot be written.
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let path = format!("{above}{name}");
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.insert(path, entry.path());
        }
    }
    Ok(())
}
