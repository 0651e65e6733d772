//! `verses profile`: show it, or change fields of it.

use verses_client::ProfileChange;
use verses_core::{Profile, ReferenceDisplayMode};
use verses_protocol::ProfileView;

use crate::app::App;
use crate::args::ProfileArgs;
use crate::exit::{CliError, ExitStatus};
use crate::output::table;

/// `verses profile`
///
/// # Errors
/// [`verses_client::ClientError::Rejected`] names a field with a wrong value; errors of the store.
pub async fn run(app: &App, args: &ProfileArgs) -> Result<ExitStatus, CliError> {
    let change = ProfileChange {
        full_name: args.full_name.clone(),
        preferred_translation: args.translation.clone(),
        reference_display_mode: args.reference_display.map(Into::into),
        timezone: args.timezone.clone(),
    };
    let profile = if change == ProfileChange::default() {
        app.service.profile().await?
    } else {
        app.service.update_profile(change).await?.local.unwrap_or_default()
    };
    app.printer.result(&ProfileView::from(&profile), || text_of(app, &profile))?;
    Ok(ExitStatus::Done)
}

fn text_of(app: &App, profile: &Profile) -> String {
    let or = |value: &Option<String>, default: &str| value.clone().unwrap_or_else(|| default.to_owned());
    let zone = format!("{} (this device's)", app.service.config().time_zone);
    let mode = match profile.reference_display_mode.value.unwrap_or_default() {
        ReferenceDisplayMode::Full => "full",
        ReferenceDisplayMode::First => "first letters",
        ReferenceDisplayMode::Blank => "blank",
    };
    table(&[
        vec!["name".into(), or(&profile.full_name.value, "-")],
        vec!["translation".into(), or(&profile.preferred_translation.value, verses_core::DEFAULT_TRANSLATION)],
        vec!["references".into(), mode.into()],
        vec!["time zone".into(), or(&profile.timezone.value, &zone)],
    ])
}
