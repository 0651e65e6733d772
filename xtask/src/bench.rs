//! `cargo xtask bench`: the benchmark targets of the workspace, one after the other so that none disturbs another.
use anyhow::{Result, bail};

use crate::prerequisites;
use crate::process::{cargo, run as run_command};
use crate::workspace::{Package, Workspace};

pub(crate) fn run(workspace: &Workspace, name: Option<&str>) -> Result<()> {
    let chosen = choose(&workspace.packages, name)?;
    prerequisites::c_compiler()?;
    if chosen.iter().any(|(_, bench)| *bench == "postgres") {
        prerequisites::postgresql()?;
    }
    for (package, bench) in chosen {
        run_command(&mut cargo(workspace, &format!("bench --package {package} --bench {bench}")))?;
    }
    Ok(())
}

/// Package and target of each benchmark that `name` (a target, or a crate with or without `verses-`) asks for.
fn choose<'a>(packages: &'a [Package], name: Option<&str>) -> Result<Vec<(&'a str, &'a str)>> {
    let all: Vec<(&str, &str)> = packages
        .iter()
        .flat_map(|package| package.benches.iter().map(|bench| (package.name.as_str(), bench.as_str())))
        .collect();
    if all.is_empty() {
        bail!("the workspace has no benchmark targets");
    }
    let Some(name) = name else { return Ok(all) };
    let whole = format!("verses-{name}");
    let of_crate = |package: &str| package == name || package == whole;
    let chosen: Vec<_> = all.iter().copied().filter(|&(package, bench)| of_crate(package) || bench == name).collect();
    if chosen.is_empty() {
        let known: Vec<String> = all.iter().map(|(package, bench)| format!("{bench} ({package})")).collect();
        bail!("no benchmark or crate with benchmarks is called `{name}`; there are: {}", known.join(", "));
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, benches: &[&str]) -> Package {
        let benches = benches.iter().map(|it| (*it).to_owned()).collect();
        Package { name: name.into(), manifest: String::new(), dependencies: vec![], benches }
    }

    #[test]
    fn a_name_chooses_a_target_or_all_of_a_crate() {
        let packages =
            [package("store", &["enqueue", "open"]), package("verses-server", &["batch"]), package("core", &[])];
        let all = [("store", "enqueue"), ("store", "open"), ("verses-server", "batch")];
        assert_eq!(choose(&packages, None).unwrap(), all);
        assert_eq!(choose(&packages, Some("open")).unwrap(), [("store", "open")]);
        assert_eq!(choose(&packages, Some("store")).unwrap(), all[..2]);
        assert_eq!(choose(&packages, Some("server")).unwrap(), all[2..]);
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = choose(&[package("server", &["batch"])], Some("bathc")).unwrap_err().to_string();
        assert!(error.contains("`bathc`") && error.contains("batch (server)"), "{error}");
        assert!(choose(&[package("core", &[])], None).is_err());
    }
}
