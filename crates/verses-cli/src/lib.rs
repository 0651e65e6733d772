//! The `verses` command as a library: the commands, and the slow link its demonstration and benchmarks use.
//!
//! What verses are and how they sync is in the crates below; this one talks to people.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod app;
pub mod args;
pub mod commands;
pub mod exit;
pub mod link;
pub mod output;
pub mod progress;
pub mod texts;
pub mod web;

use app::App;
use args::{Cli, Command, QueueCommand};
use exit::{CliError, ExitStatus};
use output::Printer;
use verses_client::ClientError;
use verses_store::StoreError;

/// Runs a command to its end.
///
/// # Errors
/// The command's error; the caller prints it.
pub fn run(cli: &Cli) -> Result<ExitStatus, CliError> {
    let threaded = matches!(cli.command, Command::Serve(_) | Command::Keys(_) | Command::Demo(_));
    let mut builder = if threaded {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = builder.enable_all().build().map_err(anyhow::Error::from)?;
    let status = runtime.block_on(dispatch(cli));
    // A read of the keyboard may still be waiting for a line that never comes.
    runtime.shutdown_background();
    status
}

async fn dispatch(cli: &Cli) -> Result<ExitStatus, CliError> {
    let printer = Printer::new(cli.global.json);
    match &cli.command {
        Command::Parse(args) => return commands::passages::parse(printer, args),
        Command::Serve(args) => return commands::serve::run(printer, args).await,
        Command::Keys(command) => return commands::keys::run(printer, command).await,
        Command::Demo(args) => return commands::demo::run(printer, args).await,
        _ => {}
    }
    match on_the_store(cli).await {
        Err(error) => match (damage(&error), &cli.command) {
            (None, _) => Err(error),
            (Some(_), Command::Queue(QueueCommand::Export { file })) => commands::queue::export_damaged(
                printer,
                &app::store_file(&app::home_folder(&cli.global)?),
                file.as_deref(),
            ),
            (Some(reason), _) => Err(app::damaged(&app::store_file(&app::home_folder(&cli.global)?), reason)),
        },
        done => done,
    }
}

/// What is wrong with the store, if that is the error.
fn damage(error: &CliError) -> Option<&str> {
    match error {
        CliError::Client(ClientError::Store(StoreError::Corrupt(reason))) => Some(reason),
        _ => None,
    }
}

/// The commands that work on the home folder.
async fn on_the_store(cli: &Cli) -> Result<ExitStatus, CliError> {
    let app = App::open(&cli.global).await?;
    match &cli.command {
        Command::Add(args) => commands::add::run(&app, args).await,
        Command::Lookup(args) => commands::passages::lookup(&app, args).await,
        Command::List(args) => commands::cards::list(&app, args).await,
        Command::Due => commands::cards::due(&app).await,
        Command::Review(args) => commands::review::run(&app, args).await,
        Command::Profile(args) => commands::profile::run(&app, args).await,
        Command::Archive(args) => commands::cards::archive(&app, args).await,
        Command::Phase(args) => commands::cards::phase(&app, args).await,
        Command::Sync(args) => commands::sync::run(&app, args).await,
        Command::Queue(command) => commands::queue::run(&app, command).await,
        Command::Status => commands::status::run(&app).await,
        Command::Signup(args) => commands::account::signup(&app, args).await,
        Command::Login(args) => commands::account::login(&app, args).await,
        Command::Logout(args) => commands::account::logout(&app, args).await,
        Command::Account(command) => commands::rights::run(&app, command).await,
        Command::Parse(_) | Command::Serve(_) | Command::Keys(_) | Command::Demo(_) => Ok(ExitStatus::Done),
    }
}
