//! Gatekeeper's reference server: authentication as a service of its own. See the README beside it.

mod carriers;
mod cli;
mod commands;
mod database;
mod duration;
mod failure;
mod logging;
mod secret;
mod serve;
mod service;
mod settings;

use std::process::ExitCode;

use failure::Failure;
use settings::Settings;

fn main() -> ExitCode {
    let invocation = cli::parse();
    match run(&invocation) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(invocation.json);
            failure.exit_code()
        }
    }
}

fn run(invocation: &cli::Invocation) -> Result<(), Failure> {
    let settings = Settings::load(invocation)?;
    logging::start(&settings, &invocation.command);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("the runtime cannot be started", &error))?;
    let result = runtime.block_on(commands::run(invocation, settings));
    // Whatever still runs has had its time.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    result
}
