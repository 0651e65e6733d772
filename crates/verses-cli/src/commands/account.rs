//! `verses signup`, `login` and `logout`.

use std::io::{BufRead, IsTerminal, Read};

use serde::Serialize;
use verses_client::SignedIn;

use crate::app::App;
use crate::args::{CredentialArgs, LogoutArgs, SignupArgs};
use crate::exit::{CliError, ExitStatus};
use crate::output::count;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SignedInView {
    user_id: String,
    email: String,
    is_anonymous: bool,
    adopted_verses: usize,
    adopted_operations: u64,
    server: String,
}

/// `verses signup`
///
/// # Errors
/// The server's refusal in its words; errors of network and store.
pub async fn signup(app: &App, args: &SignupArgs) -> Result<ExitStatus, CliError> {
    let signed_in = if args.anonymous {
        app.service.sign_up(None, None).await?
    } else {
        let (email, password) = credentials(app, &args.credentials)?;
        app.service.sign_up(Some(&email), Some(&password)).await?
    };
    welcome(app, &signed_in, "signed up").await
}

/// `verses login`
///
/// # Errors
/// As [`signup`].
pub async fn login(app: &App, args: &CredentialArgs) -> Result<ExitStatus, CliError> {
    let (email, password) = credentials(app, args)?;
    let signed_in = app.service.sign_in(&email, &password).await?;
    welcome(app, &signed_in, "signed in").await
}

async fn welcome(app: &App, signed_in: &SignedIn, what: &str) -> Result<ExitStatus, CliError> {
    app.remember_server().await?;
    // Only so that the first batch has the right size; a refusal would teach it too.
    if let Err(error) = app.service.refresh_limits().await {
        app.printer.remark(&format!("the server's limits could not be read ({error}); the usual ones are assumed"));
    }
    let session = &signed_in.session;
    let view = SignedInView {
        user_id: session.user_id.clone(),
        email: session.email.clone(),
        is_anonymous: session.is_anonymous,
        adopted_verses: signed_in.adopted_verses,
        adopted_operations: signed_in.adopted_operations,
        server: app.server.clone(),
    };
    app.printer.result(&view, || {
        let who = if view.is_anonymous { "anonymously".to_owned() } else { format!("as {}", view.email) };
        let mut text = format!("{what} {who} at {}", view.server);
        if view.adopted_verses > 0 || view.adopted_operations > 0 {
            let verses = count(view.adopted_verses as u64, "passage", "passages");
            let waiting = count(view.adopted_operations, "waiting operation", "waiting operations");
            text.push_str(&format!("; {verses} and {waiting} from this device are yours now"));
        }
        text.push_str("\nsend and fetch: verses sync");
        text
    })?;
    Ok(ExitStatus::Done)
}

/// `verses logout`
///
/// # Errors
/// Sign-in needed when nobody is signed in; errors of the store.
pub async fn logout(app: &App, args: &LogoutArgs) -> Result<ExitStatus, CliError> {
    let out = app.service.sign_out(args.everywhere).await?;
    let view = serde_json::json!({ "parkedOperations": out.parked_operations, "serverTold": out.server_told });
    app.printer.result(&view, || {
        let mut text = "signed out".to_owned();
        if out.parked_operations > 0 {
            let parked = count(out.parked_operations, "operation stays", "operations stay");
            text.push_str(&format!("; {parked} on this device and will be sent when you sign in again"));
        }
        if !out.server_told {
            text.push_str("\nthe server could not be told: its session ends by itself when it expires");
        }
        text
    })?;
    Ok(ExitStatus::Done)
}

fn credentials(app: &App, args: &CredentialArgs) -> Result<(String, String), CliError> {
    let email = match &args.email {
        Some(email) => email.clone(),
        None => ask(app, "E-mail: ", "--email ADDRESS")?,
    };
    let password = match (&args.password_file, std::env::var("VERSES_PASSWORD")) {
        (Some(path), _) if path.as_os_str() == "-" => first_line(std::io::stdin().lock())
            .map_err(|e| CliError::Usage(format!("cannot read standard input: {e}")))?,
        (Some(path), _) => {
            let shown = path.display();
            let file = std::fs::File::open(path).map_err(|e| CliError::Usage(format!("cannot read {shown}: {e}")))?;
            first_line(file).map_err(|e| CliError::Usage(format!("cannot read {shown}: {e}")))?
        }
        (None, Ok(password)) => password,
        (None, Err(_)) => ask_hidden(app)?,
    };
    Ok((email.trim().to_owned(), password))
}

fn first_line(source: impl Read) -> std::io::Result<String> {
    let mut line = String::new();
    std::io::BufReader::new(source.take(4_096)).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

pub(super) fn ask(app: &App, prompt: &str, flag: &str) -> Result<String, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Usage(format!("nobody is at the keyboard: name it with {flag}")));
    }
    app.printer.remark(prompt);
    first_line(std::io::stdin().lock()).map_err(|e| CliError::Usage(format!("cannot read the keyboard: {e}")))
}

fn ask_hidden(app: &App) -> Result<String, CliError> {
    if !std::io::stdin().is_terminal() {
        let text = "nobody is at the keyboard: set VERSES_PASSWORD, or name a file with --password-file";
        return Err(CliError::Usage(text.into()));
    }
    app.printer.remark("Password:");
    rpassword::read_password().map_err(|e| CliError::Usage(format!("cannot read the password: {e}")))
}
