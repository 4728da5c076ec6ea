use clap::{Arg, ArgMatches, Command};
use gatekeeper_core::model::OutboxState;

use super::{Part, one, switch, tenant, text};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    List {
        state: OutboxState,
        part: Part,
        tenant: Option<String>,
    },
    Retry {
        id: Option<String>,
        all: bool,
        tenant: Option<String>,
    },
}

pub(super) fn command() -> Command {
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
                .args(Part::args())
                .arg(tenant()),
        )
        .subcommand(
            Command::new("retry")
                .about("Send messages that were given up again")
                .arg(Arg::new("id").value_name("ID").help("The message"))
                .arg(switch("all", "All of them"))
                .arg(tenant()),
        )
}

pub(super) fn read(verb: &str, given: &ArgMatches) -> Option<Task> {
    let tenant = one(given, "tenant");
    Some(match verb {
        "list" => Task::List {
            state: one(given, "state")
                .and_then(|state| OutboxState::parse(&state))
                .unwrap_or(OutboxState::Dead),
            part: Part::read(given),
            tenant,
        },
        "retry" => Task::Retry {
            id: one(given, "id"),
            all: given.get_flag("all"),
            tenant,
        },
        _ => return None,
    })
}
