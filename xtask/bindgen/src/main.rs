//! Makes the JavaScript side of a compiled WebAssembly module: `xtask-bindgen MODULE.wasm FOLDER NAME`. A program of its own, so
//! that only who builds the web app compiles it. Which modules there are, xtask knows.
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, folder, name] = arguments.as_slice() else {
        bail!("usage: xtask-bindgen MODULE.wasm FOLDER NAME");
    };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(PathBuf::from(module)).out_name(name).typescript(true);
    bindgen.web(true)?.remove_name_section(true).remove_producers_section(true).omit_default_module_path(true);
    bindgen.generate(folder).with_context(|| format!("the JavaScript side of {module} could not be made"))
}
