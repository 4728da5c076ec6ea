//! The command line. Flags for settings come from their table.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};
use gatekeeper_core::model::OutboxState;

use crate::settings::{Given, Setting, TABLE};

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
    UserCreate {
        email: String,
        name: Option<String>,
        roles: Vec<String>,
        password_stdin: bool,
        tenant: Option<String>,
    },
    UserList {
        role: Option<String>,
        active: Option<bool>,
        limit: u32,
        cursor: Option<String>,
        tenant: Option<String>,
    },
    UserDisable {
        email: String,
        tenant: Option<String>,
    },
    UserEnable {
        email: String,
        tenant: Option<String>,
    },
    UserRequirePasswordChange {
        email: String,
        tenant: Option<String>,
    },
    UserUnlock {
        email: String,
        tenant: Option<String>,
    },
    RoleGrant {
        email: String,
        role: String,
        tenant: Option<String>,
    },
    KeysRotate {
        compromised: bool,
    },
    MailList {
        state: OutboxState,
        limit: u32,
        cursor: Option<String>,
        tenant: Option<String>,
    },
    MailRetry {
        id: Option<String>,
        all: bool,
        tenant: Option<String>,
    },
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
        .subcommand(user())
        .subcommand(mail())
        .subcommand(
            Command::new("role")
                .about("Roles")
                .subcommand_required(true)
                .subcommand(
                    Command::new("grant")
                        .about("Grant a role; it stands in access tokens from the next refresh on")
                        .arg(email())
                        .arg(text("role", "NAME", "The role").required(true))
                        .arg(tenant()),
                ),
        )
        .subcommand(
            Command::new("keys")
                .about("Keys that sign access tokens")
                .subcommand_required(true)
                .subcommand(
                    Command::new("rotate")
                        .about("Make a new signing key; running servers take it up within a minute")
                        .arg(
                            Arg::new("compromised")
                                .long("compromised")
                                .action(ArgAction::SetTrue)
                                .help("The old keys are in wrong hands: refuse every access token they signed"),
                        ),
                ),
        )
}

fn user() -> Command {
    Command::new("user")
        .about("Accounts")
        .subcommand_required(true)
        .subcommand(
            Command::new("create")
                .about("Make a verified account; without a password, print a one-time link that sets one")
                .arg(email())
                .arg(text("name", "NAME", "What the user is called"))
                .arg(text("role", "NAME", "A role to grant; may be repeated").action(ArgAction::Append))
                .arg(
                    Arg::new("password-stdin")
                        .long("password-stdin")
                        .action(ArgAction::SetTrue)
                        .help("Read the password from standard input: its first line"),
                )
                .arg(tenant()),
        )
        .subcommand(
            Command::new("list")
                .about("List accounts, newest first")
                .arg(text("role", "NAME", "Those with this role alone"))
                .arg(
                    text("status", "STATUS", "Those that are active, or disabled, alone")
                        .value_parser(["active", "disabled"]),
                )
                .arg(
                    text("limit", "NUMBER", "How many, 1 to 100")
                        .default_value("50")
                        .value_parser(clap::value_parser!(u32).range(1..=100)),
                )
                .arg(text("cursor", "CURSOR", "Go on where an earlier list ended"))
                .arg(tenant()),
        )
        .subcommand(
            Command::new("disable")
                .about("Disable an account: its sessions, tokens and links end")
                .arg(email())
                .arg(tenant()),
        )
        .subcommand(
            Command::new("enable")
                .about("Enable an account again; its user signs in anew")
                .arg(email())
                .arg(tenant()),
        )
        .subcommand(
            Command::new("require-password-change")
                .about("Say that a password is known to others: its sessions end, and it can only be reset")
                .arg(email())
                .arg(tenant()),
        )
        .subcommand(
            Command::new("unlock")
                .about("Lift the locks that wrong guesses put on an account")
                .arg(email())
                .arg(tenant()),
        )
}

fn mail() -> Command {
    Command::new("mail")
        .about("Mails and text messages that wait, were given up or were delivered")
        .subcommand_required(true)
        .subcommand(
            Command::new("list")
                .about("List messages, newest first: to whom, when, what went wrong; never what they say")
                .arg(
                    text("state", "STATE", "Those that were given up, that wait, or that were delivered")
                        .default_value("dead")
                        .value_parser(["dead", "pending", "delivered"]),
                )
                .arg(
                    text("limit", "NUMBER", "How many, 1 to 100")
                        .default_value("50")
                        .value_parser(clap::value_parser!(u32).range(1..=100)),
                )
                .arg(text("cursor", "CURSOR", "Go on where an earlier list ended"))
                .arg(tenant()),
        )
        .subcommand(
            Command::new("retry")
                .about("Send messages that were given up again")
                .arg(Arg::new("id").value_name("ID").help("The message"))
                .arg(
                    Arg::new("all")
                        .long("all")
                        .action(ArgAction::SetTrue)
                        .help("All of them"),
                )
                .arg(tenant()),
        )
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
    let one = |matches: &ArgMatches, name: &str| matches.get_one::<String>(name).cloned();
    // What is required is there: the parser has seen to it.
    let required = |matches: &ArgMatches, name: &str| one(matches, name).unwrap_or_default();
    let (name, inner) = match matches.subcommand() {
        None | Some(("serve", _)) => return Task::Serve,
        Some(("migrate", _)) => return Task::Migrate,
        Some((name, group)) => match group.subcommand() {
            Some((verb, inner)) => (format!("{name} {verb}"), inner),
            None => return Task::Serve,
        },
    };
    let tenant = || one(inner, "tenant");
    match name.as_str() {
        "user create" => Task::UserCreate {
            email: required(inner, "email"),
            name: one(inner, "name"),
            roles: inner
                .get_many::<String>("role")
                .map_or_else(Vec::new, |roles| roles.cloned().collect()),
            password_stdin: inner.get_flag("password-stdin"),
            tenant: tenant(),
        },
        "user list" => Task::UserList {
            role: one(inner, "role"),
            active: one(inner, "status").map(|status| status == "active"),
            limit: inner.get_one::<u32>("limit").copied().unwrap_or(50),
            cursor: one(inner, "cursor"),
            tenant: tenant(),
        },
        "user disable" => Task::UserDisable {
            email: required(inner, "email"),
            tenant: tenant(),
        },
        "user enable" => Task::UserEnable {
            email: required(inner, "email"),
            tenant: tenant(),
        },
        "user require-password-change" => Task::UserRequirePasswordChange {
            email: required(inner, "email"),
            tenant: tenant(),
        },
        "user unlock" => Task::UserUnlock {
            email: required(inner, "email"),
            tenant: tenant(),
        },
        "role grant" => Task::RoleGrant {
            email: required(inner, "email"),
            role: required(inner, "role"),
            tenant: tenant(),
        },
        "keys rotate" => Task::KeysRotate {
            compromised: inner.get_flag("compromised"),
        },
        "mail list" => Task::MailList {
            state: one(inner, "state")
                .and_then(|state| OutboxState::parse(&state))
                .unwrap_or(OutboxState::Dead),
            limit: inner.get_one::<u32>("limit").copied().unwrap_or(50),
            cursor: one(inner, "cursor"),
            tenant: tenant(),
        },
        "mail retry" => Task::MailRetry {
            id: one(inner, "id"),
            all: inner.get_flag("all"),
            tenant: tenant(),
        },
        // The parser knows no other.
        _ => Task::Serve,
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
            assert_eq!(invocation.command, Task::KeysRotate { compromised: true });
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
                    line.extend([format!("--{}", arg.get_id()).leak() as &str, "x"]);
                }
                assert_ne!(read(&command().get_matches_from(line)).command, Task::Serve);
            }
        }
    }
}
