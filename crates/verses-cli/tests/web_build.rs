//! What the build puts into the binary of a folder with the web app: the files, their Brotli forms, and nothing of a folder
//! that is no app.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::fs;
use std::path::Path;

#[path = "../build.rs"]
mod build;

fn write(folder: &Path, path: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "x").unwrap();
}

#[test]
fn without_a_page_the_table_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(build::table(&folder.path().join("nowhere")).unwrap(), "&[\n]\n");
    assert_eq!(build::table(folder.path()).unwrap(), "&[\n]\n");
    write(folder.path(), "app/main.js");
    assert_eq!(build::table(folder.path()).unwrap(), "&[\n]\n");
}

#[test]
fn every_file_is_in_the_table_once_with_its_compressed_form() {
    let folder = tempfile::tempdir().unwrap();
    let files =
        ["index.html", "index.html.br", "app/main.js", "app/main.js.br", "icons/a/1.png", "lonely.js.br", ".env"];
    files.iter().for_each(|path| write(folder.path(), path));
    write(folder.path(), ".cache/x.js");
    let table = build::table(folder.path()).unwrap();
    let lines: Vec<&str> = table.lines().filter(|line| line.contains("EmbeddedFile")).collect();
    let paths: Vec<&str> = lines.iter().map(|line| line.split('"').nth(1).unwrap()).collect();
    assert_eq!(paths, ["app/main.js", "icons/a/1.png", "index.html"]);
    for (line, has_brotli) in lines.iter().zip([true, false, true]) {
        assert_eq!(line.contains("brotli: Some(include_bytes!("), has_brotli, "{line}");
        // The build is somewhere else: the files are named in full.
        let file = line.split('"').nth(3).unwrap();
        assert!(Path::new(file).is_absolute() && Path::new(file).is_file(), "{line}");
    }
}
