use clap::{ArgMatches, Command};

use super::{email, one, required, tenant, text};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Grant {
        email: String,
        role: String,
        tenant: Option<String>,
    },
    Revoke {
        email: String,
        role: String,
        tenant: Option<String>,
    },
}

pub(super) fn command() -> Command {
    let of_user = |name: &'static str, about: &'static str| {
        Command::new(name)
            .about(about)
            .arg(email())
            .arg(text("role", "NAME", "The role").required(true))
            .arg(tenant())
    };
    Command::new("role")
        .about("Roles")
        .subcommand_required(true)
        .subcommand(of_user("grant", "Grant a role; it counts at once"))
        .subcommand(of_user("revoke", "Take a role away; it counts at once"))
}

pub(super) fn read(verb: &str, given: &ArgMatches) -> Option<Task> {
    let (email, role) = (required(given, "email"), required(given, "role"));
    let tenant = one(given, "tenant");
    match verb {
        "grant" => Some(Task::Grant {
            email,
            role,
            tenant,
        }),
        "revoke" => Some(Task::Revoke {
            email,
            role,
            tenant,
        }),
        _ => None,
    }
}
