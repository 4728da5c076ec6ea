use clap::{ArgMatches, Command};

use super::switch;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Rotate { compromised: bool },
}

pub(super) fn command() -> Command {
    Command::new("keys")
        .about("Keys that sign access tokens")
        .subcommand_required(true)
        .subcommand(
            Command::new("rotate")
                .about("Make a new signing key; running servers take it up within a minute")
                .arg(switch(
                    "compromised",
                    "The old keys are in wrong hands: refuse every access token they signed",
                )),
        )
}

pub(super) fn read(verb: &str, given: &ArgMatches) -> Option<Task> {
    match verb {
        "rotate" => Some(Task::Rotate {
            compromised: given.get_flag("compromised"),
        }),
        _ => None,
    }
}
