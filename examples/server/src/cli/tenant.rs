use clap::{ArgMatches, Command};

use super::{Part, one, required, text};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Create {
        slug: String,
        name: Option<String>,
        admin_email: Option<String>,
    },
    List {
        part: Part,
    },
    Suspend {
        slug: String,
    },
    Resume {
        slug: String,
    },
    Delete {
        slug: String,
        confirmation: String,
    },
}

pub(super) fn command() -> Command {
    let slug = || text("slug", "SLUG", "Its name in headers, host names and paths").required(true);
    Command::new("tenant")
        .about("Tenants")
        .subcommand_required(true)
        .subcommand(
            Command::new("create")
                .about("Make a tenant")
                .arg(slug())
                .arg(text(
                    "name",
                    "NAME",
                    "The name people read [default: the slug]",
                ))
                .arg(text(
                    "admin-email",
                    "ADDRESS",
                    "Invite this address to be its first administrator",
                )),
        )
        .subcommand(
            Command::new("list")
                .about("List tenants, newest first")
                .args(Part::args()),
        )
        .subcommand(
            Command::new("suspend")
                .about("Suspend a tenant: its sessions end, nobody can sign in, nothing is lost")
                .arg(slug()),
        )
        .subcommand(
            Command::new("resume")
                .about("Open a suspended tenant again; its users sign in anew")
                .arg(slug()),
        )
        .subcommand(
            Command::new("delete")
                .about("Delete a tenant with all that is its own, the audit trail included")
                .arg(slug())
                .arg(text("confirm", "SLUG", "The slug once more").required(true)),
        )
}

pub(super) fn read(verb: &str, given: &ArgMatches) -> Option<Task> {
    // Not every command has it.
    let slug = || required(given, "slug");
    Some(match verb {
        "create" => Task::Create {
            slug: slug(),
            name: one(given, "name"),
            admin_email: one(given, "admin-email"),
        },
        "list" => Task::List {
            part: Part::read(given),
        },
        "suspend" => Task::Suspend { slug: slug() },
        "resume" => Task::Resume { slug: slug() },
        "delete" => Task::Delete {
            slug: slug(),
            confirmation: required(given, "confirm"),
        },
        _ => return None,
    })
}
