//! The `verses` binary: reads the command line, runs the command, prints an error in exactly one place.

use std::process::ExitCode;

use clap::Parser;
use verses_cli::args::Cli;
use verses_cli::output::Printer;

/// The system's allocator keeps what a burst of batches needed; this one gives it back, and is faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let printer = Printer::new(cli.global.json);
    match verses_cli::run(&cli) {
        Ok(status) => ExitCode::from(status.code()),
        Err(error) => {
            printer.error(&error);
            ExitCode::from(error.status().code())
        }
    }
}
