//! `verses parse` and `verses lookup`: what a reference means, and its text.

use serde::Serialize;
use verses_client::OfflineTexts;
use verses_core::{DEFAULT_TRANSLATION, TextLookup, parse_passage, parse_passages};

use crate::app::App;
use crate::args::{LookupArgs, ParseArgs};
use crate::exit::{CliError, ExitStatus};
use crate::output::{Printer, count};
use crate::texts::CorpusTexts;

/// One input of `parse` and what it means.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Parsed {
    input: String,
    passages: Vec<ParsedPassage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ParsedPassage {
    reference: String,
    osis: Vec<String>,
    verses: usize,
}

/// `verses parse REF...`
///
/// # Errors
/// None of its own: what is not understood is reported per input, with exit code 2.
pub fn parse(printer: Printer, args: &ParseArgs) -> Result<ExitStatus, CliError> {
    let parsed: Vec<Parsed> = args.references.iter().map(|r| parse_one(r)).collect();
    let failed = parsed.iter().any(|p| p.error.is_some());
    printer.result(&parsed, || {
        let lines = parsed.iter().flat_map(|p| {
            let shown = p.passages.iter().map(|s| {
                format!("{} ({}, {})", s.reference, s.osis.join(", "), count(s.verses as u64, "verse", "verses"))
            });
            shown.chain(p.error.iter().map(|e| format!("{:?}: {e}", p.input))).collect::<Vec<_>>()
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    Ok(if failed { ExitStatus::Usage } else { ExitStatus::Done })
}

fn parse_one(input: &str) -> Parsed {
    match parse_passages(input) {
        Ok(passages) => {
            let passages = passages.iter().map(|p| ParsedPassage {
                reference: p.to_string(),
                osis: p.osis_ranges(),
                verses: p.verse_count() as usize,
            });
            Parsed { input: input.to_owned(), passages: passages.collect(), error: None }
        }
        Err(error) => Parsed { input: input.to_owned(), passages: Vec::new(), error: Some(error.to_string()) },
    }
}

/// `verses lookup REF`
///
/// # Errors
/// A usage error for a reference that is not understood or has no text here; with `--remote`, errors of the network.
pub async fn lookup(app: &App, args: &LookupArgs) -> Result<ExitStatus, CliError> {
    let reference = args.reference.join(" ");
    let passage = parse_passage(&reference)?;
    let preferred = app.service.profile().await?.preferred_translation.value;
    let translation = args.translation.clone().or(preferred).unwrap_or_else(|| DEFAULT_TRANSLATION.to_owned());
    let translation = translation.to_ascii_uppercase();
    if args.remote {
        let data = app.service.lookup_remote(&reference, Some(&translation)).await?;
        let Some(verse) = &data.verse else {
            return Err(CliError::Usage(format!("the server has no text for {passage} in {translation}")));
        };
        app.printer.result(&data, || format!("{} ({})\n{}", verse.reference, verse.translation, verse.text))?;
        return Ok(ExitStatus::Done);
    }
    let now = app.service.corrected_now().await?;
    match CorpusTexts.find(&translation, &passage, now) {
        TextLookup::Found(verse) => {
            app.printer.result(&verse, || format!("{} ({})\n{}", verse.reference, verse.translation, verse.text))?;
            Ok(ExitStatus::Done)
        }
        TextLookup::Unavailable { message } | TextLookup::Failed { message } => {
            Err(CliError::Usage(format!("{message} (try --remote to ask the server)")))
        }
        TextLookup::NotAsked => Err(CliError::Usage(format!("no text for {passage} on this device: try --remote"))),
    }
}
