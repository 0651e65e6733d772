//! `verses add`: passages from arguments, a file, standard input or the starter list. Bad lines are reported one by
//! one and keep nothing else from being added.

use std::io::Read;
use std::path::Path;

use serde::Serialize;
use verses_client::NewVerse;
use verses_core::parse_passages;
use verses_corpus::starter_packs;

use crate::app::App;
use crate::args::AddArgs;
use crate::commands::cards::CardView;
use crate::exit::{CliError, ExitStatus};
use crate::output::count;
use crate::progress;

/// Largest list read, in bytes.
const MAX_LIST_BYTES: u64 = 16 * 1024 * 1024;

/// Result of `add`, as printed with `--json`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Added {
    added: Vec<CardView>,
    duplicates: Vec<CardView>,
    errors: Vec<AddError>,
    queued: usize,
}

/// An input that was not added.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AddError {
    input: String,
    message: String,
}

/// `verses add REF...`
///
/// # Errors
/// A usage error for an unreadable or empty list; `QueueFull` and errors of the store.
pub async fn run(app: &App, args: &AddArgs) -> Result<ExitStatus, CliError> {
    let mut added = Added::default();
    let verses = gather(args, &mut added)?;
    let bar = progress::count_bar(app.printer, verses.len() as u64, "adding");
    let results = app.service.add_verses(&verses, |done| bar.set_position(done as u64)).await?;
    bar.finish_and_clear();
    for (verse, result) in verses.iter().zip(&results) {
        if let Some(error) = result.errors.first() {
            added.errors.push(AddError { input: verse.reference.clone(), message: error.message.clone() });
        } else if let Some(existing) = &result.existing {
            added.duplicates.push(CardView::from(existing));
        } else if let Some(card) = &result.local {
            added.added.push(CardView::from(card));
            added.queued += 1;
        }
    }
    app.printer.result(&added, || text_of(&added))?;
    for error in &added.errors {
        app.printer.remark(&format!("not added: {:?}: {}", error.input, error.message));
    }
    Ok(match (added.errors.is_empty(), added.added.is_empty() && added.duplicates.is_empty()) {
        (true, _) => ExitStatus::Done,
        (false, true) => ExitStatus::Usage,
        (false, false) => ExitStatus::SomeFailed,
    })
}

fn text_of(added: &Added) -> String {
    let mut lines: Vec<String> = Vec::new();
    match added.added.as_slice() {
        [] => {}
        few @ ([_] | [_, _] | [_, _, _]) => {
            for view in few {
                lines.push(format!("added {} ({})", view.reference, view.translation));
                if !view.text.is_empty() {
                    lines.push(format!("  {}", view.text));
                }
            }
        }
        many => lines.push(format!("added {}", count(many.len() as u64, "passage", "passages"))),
    }
    if !added.duplicates.is_empty() {
        let names: Vec<&str> = added.duplicates.iter().take(5).map(|v| v.reference.as_str()).collect();
        let more = if added.duplicates.len() > 5 { ", ..." } else { "" };
        lines.push(format!("already in your collection: {}{more}", names.join(", ")));
    }
    if added.queued > 0 {
        let waiting = count(added.queued as u64, "operation waits", "operations wait");
        lines.push(format!("saved on this device; {waiting} for the next `verses sync`"));
    }
    lines.join("\n")
}

/// Everything that is to be added. What cannot be understood goes to `added.errors`.
fn gather(args: &AddArgs, added: &mut Added) -> Result<Vec<NewVerse>, CliError> {
    if let Some(text) = &args.text {
        let [reference] = args.references.as_slice() else {
            return Err(CliError::Usage("--text goes with exactly one reference".into()));
        };
        let verse =
            NewVerse { reference: reference.clone(), translation: args.translation.clone(), text: Some(text.clone()) };
        return Ok(vec![verse]);
    }
    let mut inputs: Vec<String> = Vec::new();
    for reference in &args.references {
        if reference == "-" {
            inputs.extend(lines_of(&read_list(std::io::stdin().lock(), "standard input")?));
        } else {
            inputs.push(reference.clone());
        }
    }
    if let Some(path) = &args.file {
        inputs.extend(lines_of(&read_file(path)?));
    }
    if let Some(pack) = &args.starter {
        inputs.extend(starter(pack)?);
    }
    if inputs.is_empty() {
        return Err(CliError::Usage("the list is empty: write one reference on each line, e.g. John 3:16".into()));
    }
    let mut verses = Vec::new();
    for input in inputs {
        match parse_passages(&input) {
            Ok(passages) => verses.extend(passages.iter().map(|p| NewVerse {
                reference: p.to_string(),
                translation: args.translation.clone(),
                text: None,
            })),
            Err(error) => added.errors.push(AddError { input, message: error.to_string() }),
        }
    }
    Ok(verses)
}

fn read_file(path: &Path) -> Result<String, CliError> {
    let shown = path.display();
    let file = std::fs::File::open(path).map_err(|e| CliError::Usage(format!("cannot read {shown}: {e}")))?;
    read_list(file, &shown.to_string())
}

fn read_list(source: impl Read, name: &str) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    source
        .take(MAX_LIST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| CliError::Usage(format!("cannot read {name}: {e}")))?;
    if bytes.len() as u64 > MAX_LIST_BYTES {
        return Err(CliError::Usage(format!("{name} has more than {MAX_LIST_BYTES} bytes: split it")));
    }
    String::from_utf8(bytes).map_err(|_| CliError::Usage(format!("{name} is no UTF-8 text: save it as UTF-8")))
}

fn lines_of(text: &str) -> Vec<String> {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    lines.filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned).collect()
}

fn starter(pack: &str) -> Result<Vec<String>, CliError> {
    let packs = starter_packs();
    let chosen: Vec<_> = packs.iter().filter(|p| pack == "all" || p.id == pack).collect();
    if chosen.is_empty() {
        let ids: Vec<&str> = packs.iter().map(|p| p.id.as_str()).collect();
        return Err(CliError::Usage(format!("there is no starter pack {pack:?}: there are {}", ids.join(", "))));
    }
    Ok(chosen.iter().flat_map(|p| p.items.iter().map(|i| i.osis.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_skips_empty_lines_comments_and_a_byte_order_mark() {
        assert_eq!(lines_of("\u{feff}# mine\nJohn 3:16\r\n\n  Ps 23 \n"), ["John 3:16", "Ps 23"]);
    }

    #[test]
    fn a_list_that_is_no_text_is_refused_by_name() {
        let error = read_list([0xff, 0xfe, 0x00].as_slice(), "list.txt").unwrap_err();
        assert!(error.to_string().contains("list.txt") && error.to_string().contains("UTF-8"), "{error}");
    }
}
