//! `verses review`: one passage for scripts, or everything that is due, one after the other, at the keyboard.

use std::io::{BufRead, IsTerminal};
use std::time::Instant;

use verses_client::CardWithVerse;
use verses_core::display::{reference_display, typed_answer};

use crate::app::App;
use crate::args::ReviewArgs;
use crate::commands::cards::{CardView, phase_name, progress_of};
use crate::exit::{CliError, ExitStatus};
use crate::output::count;

/// `verses review [REF --pass|--fail]`
///
/// # Errors
/// A usage error for a passage that is not in the collection, or when there is no terminal to ask at.
pub async fn run(app: &App, args: &ReviewArgs) -> Result<ExitStatus, CliError> {
    match &args.reference {
        Some(reference) => one(app, args, reference).await,
        None => session(app).await,
    }
}

async fn one(app: &App, args: &ReviewArgs, reference: &str) -> Result<ExitStatus, CliError> {
    let id = app.verse_in_collection(reference, args.translation.as_deref()).await?;
    let result = app.service.record_review(id, args.pass, args.seconds).await?;
    let view = result.local.as_ref().map(CardView::from);
    app.printer.result(&view, || view.as_ref().map_or_else(String::new, recorded))?;
    Ok(ExitStatus::Done)
}

fn recorded(view: &CardView) -> String {
    format!(
        "{}: {} {}, streak {}, next due {}",
        view.reference,
        phase_name(view.card.current_phase),
        progress_of(&view.card),
        view.card.current_streak,
        view.card.next_due_date
    )
}

/// What the user said of one passage.
enum Answer {
    Passed,
    Failed,
    Skipped,
    Quit,
}

async fn session(app: &App) -> Result<ExitStatus, CliError> {
    if app.printer.is_json() || !std::io::stdin().is_terminal() {
        let text = "nobody is at the keyboard: review one passage with `verses review REF --pass` or `--fail`";
        return Err(CliError::Usage(text.into()));
    }
    let today = app.service.today(Some(&app.service.config().time_zone)).await?;
    let due = app.service.due(today).await?;
    if due.is_empty() {
        app.printer.line(&format!("Nothing is due on {today}."))?;
        return Ok(ExitStatus::Done);
    }
    let total = due.len();
    app.printer.line(&format!("{} due. Say each from memory.", count(total as u64, "passage", "passages")))?;
    let mut reviewed = 0u64;
    for (index, entry) in due.iter().enumerate() {
        let started = Instant::now();
        let answer = ask(app, entry, index + 1, total).await?;
        let seconds = u32::try_from(started.elapsed().as_secs()).unwrap_or(u32::MAX);
        let passed = match answer {
            Answer::Quit => break,
            Answer::Skipped => continue,
            Answer::Passed => true,
            Answer::Failed => false,
        };
        // Saved at once: leaving now, however rudely, loses nothing.
        let result = app.service.record_review(entry.card.verse_id, passed, Some(seconds)).await?;
        reviewed += 1;
        if let Some(card) = &result.local {
            app.printer.line(&format!("  {}", recorded(&CardView::from(card))))?;
        }
    }
    app.printer.line(&format!("\n{} saved. `verses sync` sends them.", count(reviewed, "review", "reviews")))?;
    Ok(ExitStatus::Done)
}

async fn ask(app: &App, entry: &CardWithVerse, number: usize, total: usize) -> Result<Answer, CliError> {
    let mode = app.service.profile().await?.reference_display_mode.value.unwrap_or_default();
    let (reference, translation, text) = entry.verse.as_ref().map_or_else(
        || (entry.card.verse_id.to_string(), String::new(), String::new()),
        |v| (v.reference.clone(), v.translation.clone(), v.text.clone()),
    );
    app.printer.line(&format!("\n[{number}/{total}] {} {translation}", reference_display(&reference, mode)))?;
    app.printer.line("  Enter: show it · or type it · s: skip · q: stop")?;
    let Some(typed) = read_line().await? else { return Ok(Answer::Quit) };
    match typed.as_str() {
        "q" => return Ok(Answer::Quit),
        "s" => return Ok(Answer::Skipped),
        "" => {}
        typed => {
            let score = typed_answer(&text, typed);
            app.printer.line(&format!("  {}% of the words in place", score.percent()))?;
        }
    }
    let shown = if text.is_empty() { "(the words come with the next sync)" } else { text.as_str() };
    app.printer.line(&format!("  {reference}: {shown}"))?;
    loop {
        app.printer.line("  Did you know it? y / n / s: skip / q: stop")?;
        let Some(line) = read_line().await? else { return Ok(Answer::Quit) };
        match line.to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(Answer::Passed),
            "n" | "no" => return Ok(Answer::Failed),
            "s" => return Ok(Answer::Skipped),
            "q" => return Ok(Answer::Quit),
            _ => {}
        }
    }
}

/// A line from the keyboard; `None` at its end.
async fn read_line() -> Result<Option<String>, CliError> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|n| (n > 0).then(|| line.trim().to_owned()))
    });
    let line = read.await.map_err(anyhow::Error::from)?;
    line.map_err(|e| CliError::Other(anyhow::Error::from(e).context("reading from the keyboard")))
}
