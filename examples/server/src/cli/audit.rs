use clap::{ArgMatches, Command};

use super::{one, switch, tenant, text};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Tail {
        lines: u32,
        follow: bool,
        tenant: Option<String>,
    },
    Verify {
        anchor: Option<String>,
        tenant: Option<String>,
    },
    Export {
        since: Option<String>,
        until: Option<String>,
        tenant: Option<String>,
    },
}

pub(super) fn command() -> Command {
    Command::new("audit")
        .about("The audit trail")
        .subcommand_required(true)
        .subcommand(
            Command::new("tail")
                .about("Show the newest events, oldest first")
                .arg(
                    text("lines", "NUMBER", "How many, 1 to 100")
                        .default_value("20")
                        .value_parser(clap::value_parser!(u32).range(1..=100)),
                )
                .arg(switch(
                    "follow",
                    "Go on with what happens, until interrupted",
                ))
                .arg(tenant()),
        )
        .subcommand(
            Command::new("verify")
                .about(
                    "Prove that no row was removed or altered; prints an anchor to keep elsewhere",
                )
                .arg(text(
                    "anchor",
                    "NUMBER:LINK",
                    "An anchor that was kept: the chain must still go through it",
                ))
                .arg(tenant()),
        )
        .subcommand(
            Command::new("export")
                .about(
                    "Write the trail to standard output, as JSON Lines in the order of the chain",
                )
                .arg(text("since", "TIME", "From there on, RFC 3339"))
                .arg(text("until", "TIME", "Before that, RFC 3339"))
                .arg(tenant()),
        )
}

pub(super) fn read(verb: &str, given: &ArgMatches) -> Option<Task> {
    let tenant = one(given, "tenant");
    Some(match verb {
        "tail" => Task::Tail {
            lines: given.get_one::<u32>("lines").copied().unwrap_or(20),
            follow: given.get_flag("follow"),
            tenant,
        },
        "verify" => Task::Verify {
            anchor: one(given, "anchor"),
            tenant,
        },
        "export" => Task::Export {
            since: one(given, "since"),
            until: one(given, "until"),
            tenant,
        },
        _ => return None,
    })
}
