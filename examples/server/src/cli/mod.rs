//! The command line. Flags for settings come from their table.

pub(crate) mod audit;
pub(crate) mod keys;
pub(crate) mod mail;
pub(crate) mod role;
pub(crate) mod tenant;
pub(crate) mod user;

use std::path::PathBuf;

use crate::settings::{Given, Setting, TABLE};
use clap::{Arg, ArgAction, ArgMatches, Command};

/// What was typed.
pub(crate) struct Invocation {
    pub(crate) command: Task,
    /// Settings given as flags.
    pub(crate) flags: Vec<Given>,
    /// The settings file, where one is named.
    pub(crate) config: Option<PathBuf>,
    /// Whether to answer in JSON.
    pub(crate) json: bool,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Serve,
    Migrate,
    Audit(audit::Task),
    Keys(keys::Task),
    Mail(mail::Task),
    Role(role::Task),
    Tenant(tenant::Task),
    User(user::Task),
}

/// Reads the command line. Help, and wrong usage, end the process here.
pub(crate) fn parse() -> Invocation {
    read(&command().get_matches())
}

fn command() -> Command {
    Command::new("gatekeeper-server")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Authentication as a service of its own. Without a command it serves.")
        .after_help(
            "A setting is taken from its flag, else from the environment, else from the file, where its name is in lower \
             case without the prefix (bind = \"127.0.0.1:8080\"), else it has its default. DURATION is a whole number with \
             s, m, h or d behind it.\n\nExit status: 1 when something failed, 2 when it was asked for in a wrong way.",
        )
        .max_term_width(120)
        .disable_help_subcommand(true)
        .infer_long_args(false)
        .arg(
            Arg::new("json")
                .long("json")
                .global(true)
                .action(ArgAction::SetTrue)
                .help("Answer in JSON; errors too"),
        )
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("PATH")
                .global(true)
                .value_parser(clap::value_parser!(PathBuf))
                .help("The settings file\n[env: GATEKEEPER_CONFIG] [default: gatekeeper.toml, where there is one]"),
        )
        .args(TABLE.iter().map(flag))
        .subcommand(Command::new("serve").about("Serve the API (the default); migrates by itself"))
        .subcommand(Command::new("migrate").about("Bring the database's tables up to date"))
        .subcommand(user::command())
        .subcommand(role::command())
        .subcommand(tenant::command())
        .subcommand(audit::command())
        .subcommand(mail::command())
        .subcommand(keys::command())
}

fn flag(setting: &Setting) -> Arg {
    let help = format!(
        "{}\n[env: {}] [default: {}]",
        setting.help,
        setting.environment(),
        setting.default
    );
    Arg::new(setting.name)
        .long(setting.flag())
        .value_name(setting.shape)
        .global(true)
        .help_heading("Settings")
        .help(help)
}

fn text(name: &'static str, shape: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(shape).help(help)
}

fn email() -> Arg {
    text("email", "ADDRESS", "The account's address").required(true)
}

fn tenant() -> Arg {
    text("tenant", "SLUG", "The tenant [default: the default one]")
}

fn read(matches: &ArgMatches) -> Invocation {
    let flags = TABLE
        .iter()
        .filter_map(|setting| {
            let value = matches.get_one::<String>(setting.name)?;
            Some(Given::flag(setting, value.clone()))
        })
        .collect();
    let config = matches
        .get_one::<PathBuf>("config")
        .cloned()
        .or_else(|| std::env::var_os("GATEKEEPER_CONFIG").map(PathBuf::from));
    Invocation {
        command: task(matches),
        flags,
        config,
        json: matches.get_flag("json"),
    }
}

fn task(matches: &ArgMatches) -> Task {
    let (group, verb, given) = match matches.subcommand() {
        None | Some(("serve", _)) => return Task::Serve,
        Some(("migrate", _)) => return Task::Migrate,
        Some((group, inner)) => match inner.subcommand() {
            Some((verb, given)) => (group, verb, given),
            None => return Task::Serve,
        },
    };
    let task = match group {
        "audit" => audit::read(verb, given).map(Task::Audit),
        "keys" => keys::read(verb, given).map(Task::Keys),
        "mail" => mail::read(verb, given).map(Task::Mail),
        "role" => role::read(verb, given).map(Task::Role),
        "tenant" => tenant::read(verb, given).map(Task::Tenant),
        "user" => user::read(verb, given).map(Task::User),
        _ => None,
    };
    // The parser knows no other; a test sees to it.
    task.unwrap_or(Task::Serve)
}

/// The value of an argument that may be left out.
fn one(given: &ArgMatches, name: &str) -> Option<String> {
    given.get_one::<String>(name).cloned()
}

/// The value of an argument that the parser asked for.
fn required(given: &ArgMatches, name: &str) -> String {
    one(given, name).unwrap_or_default()
}

/// The values of an argument that may be repeated.
fn many(given: &ArgMatches, name: &str) -> Vec<String> {
    given
        .get_many::<String>(name)
        .map_or_else(Vec::new, |values| values.cloned().collect())
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::SetTrue)
        .help(help)
}

/// Which part of a list is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) limit: u32,
    pub(crate) cursor: Option<String>,
}

impl Part {
    fn args() -> [Arg; 2] {
        [
            text("limit", "NUMBER", "How many, 1 to 100")
                .default_value("50")
                .value_parser(clap::value_parser!(u32).range(1..=100)),
            text("cursor", "CURSOR", "Go on where an earlier list ended"),
        ]
    }

    fn read(given: &ArgMatches) -> Self {
        Self {
            limit: given.get_one::<u32>("limit").copied().unwrap_or(50),
            cursor: one(given, "cursor"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn settings_may_stand_before_and_behind_the_command() {
        for line in [
            [
                "x",
                "--bind",
                "127.0.0.1:1",
                "keys",
                "rotate",
                "--compromised",
            ],
            [
                "x",
                "keys",
                "rotate",
                "--compromised",
                "--bind",
                "127.0.0.1:1",
            ],
        ] {
            let invocation = read(&command().get_matches_from(line));
            assert_eq!(
                invocation.command,
                Task::Keys(keys::Task::Rotate { compromised: true })
            );
            assert_eq!(invocation.flags.len(), 1);
        }
    }

    #[test]
    fn every_command_is_one_that_is_carried_out() {
        // `task` answers `Serve` to what it does not know; nothing but `serve` may end there.
        for group in command()
            .get_subcommands()
            .filter(|group| group.has_subcommands())
        {
            for verb in group.get_subcommands() {
                let mut line = vec!["x", group.get_name(), verb.get_name()];
                for arg in verb.get_arguments().filter(|arg| arg.is_required_set()) {
                    let value = arg.get_possible_values();
                    let value = value
                        .first()
                        .map_or("x", |value| value.get_name().to_owned().leak());
                    match arg.get_long() {
                        Some(long) => line.extend([format!("--{long}").leak() as &str, value]),
                        None => line.push(value),
                    }
                }
                assert_ne!(read(&command().get_matches_from(line)).command, Task::Serve);
            }
        }
    }
}
