//! `verses list`, `due`, `archive` and `phase`: the collection.

use serde::Serialize;
use verses_client::CardWithVerse;
use verses_core::{Phase, Verse};
use verses_protocol::UserCard;

use crate::app::App;
use crate::args::{ArchiveArgs, ListArgs, PhaseArgs};
use crate::exit::{CliError, ExitStatus};
use crate::output::{count, table};

/// A card as printed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CardView {
    /// "John 3:16"
    pub reference: String,
    /// "KJV"
    pub translation: String,
    /// The words.
    pub text: String,
    /// Whether the server has confirmed them.
    pub is_verified: bool,
    /// The card.
    #[serde(flatten)]
    pub card: UserCard,
}

impl From<&CardWithVerse> for CardView {
    fn from(entry: &CardWithVerse) -> Self {
        let verse = entry.verse.as_ref();
        let text = |get: fn(&Verse) -> &String| verse.map(get).cloned().unwrap_or_default();
        Self {
            reference: verse.map_or_else(|| entry.card.verse_id.to_string(), |v| v.reference.clone()),
            translation: text(|v| &v.translation),
            text: text(|v| &v.text),
            is_verified: verse.is_some_and(|v| v.is_verified),
            card: UserCard::from(&entry.card),
        }
    }
}

/// A phase in words.
#[must_use]
pub fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Daily => "daily",
        Phase::Weekly => "weekly",
        Phase::Biweekly => "biweekly",
        Phase::Monthly => "monthly",
    }
}

/// How far a card is in its phase: "3/14".
#[must_use]
pub fn progress_of(card: &UserCard) -> String {
    match verses_core::reviews_needed(card.current_phase) {
        Some(needed) => format!("{}/{needed}", card.phase_progress_count),
        None => card.phase_progress_count.to_string(),
    }
}

fn row(view: &CardView) -> Vec<String> {
    vec![
        view.reference.clone(),
        view.translation.clone(),
        format!("{} {}", phase_name(view.card.current_phase), progress_of(&view.card)),
        format!("streak {}", view.card.current_streak),
        if view.card.archived { "archived".to_owned() } else { format!("due {}", view.card.next_due_date) },
    ]
}

/// `verses list`
///
/// # Errors
/// Errors of the store.
pub async fn list(app: &App, args: &ListArgs) -> Result<ExitStatus, CliError> {
    if args.unverified {
        let verses = app.service.unverified_verses(u32::MAX).await?;
        app.printer.result(&verses, || {
            let rows: Vec<Vec<String>> =
                verses.iter().map(|v| vec![v.reference.clone(), v.translation.clone()]).collect();
            if rows.is_empty() { "Every text is confirmed by the server.".to_owned() } else { table(&rows) }
        })?;
        return Ok(ExitStatus::Done);
    }
    let phase = args.phase.map(Phase::from);
    let mut entries = app.service.library().await?;
    entries.retain(|e| (args.all || !e.card.archived) && phase.is_none_or(|p| e.card.current_phase == p));
    entries.sort_by_key(|e| (e.card.created_at, e.card.verse_id));
    let views: Vec<CardView> = entries.iter().map(CardView::from).collect();
    app.printer.result(&views, || {
        if views.is_empty() {
            return "Nothing here yet. Add a passage: verses add \"John 3:16\"".to_owned();
        }
        let rows: Vec<Vec<String>> = views.iter().map(row).collect();
        format!("{}\n{}", table(&rows), count(views.len() as u64, "passage", "passages"))
    })?;
    Ok(ExitStatus::Done)
}

/// `verses due`
///
/// # Errors
/// Errors of the store.
pub async fn due(app: &App) -> Result<ExitStatus, CliError> {
    let today = app.service.today(Some(&app.service.config().time_zone)).await?;
    let views: Vec<CardView> = app.service.due(today).await?.iter().map(CardView::from).collect();
    app.printer.result(&views, || {
        if views.is_empty() {
            return format!("Nothing is due on {today}.");
        }
        let rows: Vec<Vec<String>> = views.iter().map(row).collect();
        format!(
            "{}\n{} due on {today}. Review them: verses review",
            table(&rows),
            count(views.len() as u64, "passage", "passages")
        )
    })?;
    Ok(ExitStatus::Done)
}

/// `verses archive REF [--restore]`
///
/// # Errors
/// A usage error for a passage that is not in the collection; errors of the store.
pub async fn archive(app: &App, args: &ArchiveArgs) -> Result<ExitStatus, CliError> {
    let id = app.verse_in_collection(&args.reference, args.translation.as_deref()).await?;
    let result = app.service.archive(id, !args.restore).await?;
    print_card(app, result.local.as_ref(), if args.restore { "taken out again" } else { "put away" })
}

/// `verses phase REF PHASE`
///
/// # Errors
/// As [`archive`].
pub async fn phase(app: &App, args: &PhaseArgs) -> Result<ExitStatus, CliError> {
    let id = app.verse_in_collection(&args.reference, args.translation.as_deref()).await?;
    let result = app.service.set_phase(id, args.phase.into()).await?;
    print_card(app, result.local.as_ref(), "moved")
}

fn print_card(app: &App, entry: Option<&CardWithVerse>, what: &str) -> Result<ExitStatus, CliError> {
    let view = entry.map(CardView::from);
    app.printer.result(&view, || {
        view.as_ref().map_or_else(String::new, |v| format!("{} {what}: {}", v.reference, row(v)[2..].join(", ")))
    })?;
    Ok(ExitStatus::Done)
}
