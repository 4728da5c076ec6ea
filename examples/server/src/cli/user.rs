use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::{Part, email, many, one, required, switch, tenant, text};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Create {
        email: String,
        name: Option<String>,
        roles: Vec<String>,
        password_stdin: bool,
        tenant: Option<String>,
    },
    List {
        role: Option<String>,
        active: Option<bool>,
        part: Part,
        tenant: Option<String>,
    },
    Disable {
        email: String,
        tenant: Option<String>,
    },
    Enable {
        email: String,
        tenant: Option<String>,
    },
    RequirePasswordChange {
        email: String,
        tenant: Option<String>,
    },
    Unlock {
        email: String,
        tenant: Option<String>,
    },
    Invite {
        email: String,
        roles: Vec<String>,
        tenant: Option<String>,
    },
    Data {
        email: String,
        tenant: Option<String>,
    },
    Erase {
        email: String,
        tenant: Option<String>,
    },
    Import(Import),
    Export {
        format: Format,
        password_hashes: bool,
        tenant: Option<String>,
    },
}

/// Accounts that come from elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Import {
    /// `-` is standard input.
    pub(crate) file: PathBuf,
    pub(crate) source: String,
    pub(crate) format: Format,
    /// Where refused rows go.
    pub(crate) report: Option<PathBuf>,
    pub(crate) assume_verified: bool,
    pub(crate) roles: Vec<String>,
    /// The file with the password hash parameters of a Firebase project.
    pub(crate) firebase_parameters: Option<PathBuf>,
    pub(crate) tenant: Option<String>,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    JsonLines,
}

pub(super) fn command() -> Command {
    Command::new("user")
        .about("Accounts")
        .subcommand_required(true)
        .subcommand(
            Command::new("create")
                .about("Make a verified account; without a password, print a one-time link that sets one")
                .arg(email())
                .arg(text("name", "NAME", "What the user is called"))
                .arg(text("role", "NAME", "A role to grant; may be repeated").action(ArgAction::Append))
                .arg(switch(
                    "password-stdin",
                    "Read the password from standard input: its first line",
                ))
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
                .args(Part::args())
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
        .subcommand(
            Command::new("invite")
                .about("Invite somebody; a server that runs mails the invitation")
                .arg(email())
                .arg(text("role", "NAME", "A role to grant on acceptance; may be repeated").action(ArgAction::Append))
                .arg(tenant()),
        )
        .subcommand(
            Command::new("data")
                .about("Write all that is kept about a user to standard output, as one JSON object")
                .arg(email())
                .arg(tenant()),
        )
        .subcommand(
            Command::new("erase")
                .about("Delete an account, and erase what the audit trail holds of the person; the trail stays provable")
                .arg(email())
                .arg(tenant()),
        )
        .subcommand(import())
        .subcommand(export())
}

fn import() -> Command {
    Command::new("import")
        .about("Import accounts with the password hashes they bring; refused rows are reported, the others imported")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The rows; - is standard input"),
        )
        .arg(
            text("from", "SOURCE", "Where they come from: which columns mean what")
                .default_value("gatekeeper")
                .value_parser([
                    "auth0",
                    "devise",
                    "django",
                    "firebase",
                    "gatekeeper",
                    "keycloak",
                    "supabase",
                    "wordpress",
                ]),
        )
        .arg(format())
        .arg(
            text("report", "FILE", "Write refused rows there, as JSON Lines with their reasons")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(switch(
            "assume-verified",
            "Take every address for verified, also where the rows do not say so",
        ))
        .arg(text("role", "NAME", "A role to grant to all of them; may be repeated").action(ArgAction::Append))
        .arg(
            text(
                "firebase-parameters",
                "FILE",
                "The password hash parameters of the Firebase project, as its console shows them",
            )
            .value_parser(value_parser!(PathBuf)),
        )
        .arg(tenant())
}

fn export() -> Command {
    Command::new("export")
        .about("Write every account to standard output, newest first")
        .arg(format())
        .arg(switch(
            "password-hashes",
            "With the hashes of passwords: keep the file as you keep a backup",
        ))
        .arg(tenant())
}

fn format() -> Arg {
    text("format", "FORMAT", "How rows are written")
        .default_value("jsonl")
        .value_parser(["jsonl", "csv"])
}

pub(super) fn read(verb: &str, given: &ArgMatches) -> Option<Task> {
    let tenant = one(given, "tenant");
    // Not every command has it.
    let email = || required(given, "email");
    let format = || match one(given, "format").as_deref() {
        Some("csv") => Format::Csv,
        _ => Format::JsonLines,
    };
    let path = |name| given.get_one::<PathBuf>(name).cloned();
    Some(match verb {
        "create" => Task::Create {
            email: email(),
            name: one(given, "name"),
            roles: many(given, "role"),
            password_stdin: given.get_flag("password-stdin"),
            tenant,
        },
        "list" => Task::List {
            role: one(given, "role"),
            active: one(given, "status").map(|status| status == "active"),
            part: Part::read(given),
            tenant,
        },
        "disable" => Task::Disable {
            email: email(),
            tenant,
        },
        "enable" => Task::Enable {
            email: email(),
            tenant,
        },
        "require-password-change" => Task::RequirePasswordChange {
            email: email(),
            tenant,
        },
        "unlock" => Task::Unlock {
            email: email(),
            tenant,
        },
        "invite" => Task::Invite {
            email: email(),
            roles: many(given, "role"),
            tenant,
        },
        "data" => Task::Data {
            email: email(),
            tenant,
        },
        "erase" => Task::Erase {
            email: email(),
            tenant,
        },
        "import" => Task::Import(Import {
            file: path("file").unwrap_or_default(),
            source: required(given, "from"),
            format: format(),
            report: path("report"),
            assume_verified: given.get_flag("assume-verified"),
            roles: many(given, "role"),
            firebase_parameters: path("firebase-parameters"),
            tenant,
        }),
        "export" => Task::Export {
            format: format(),
            password_hashes: given.get_flag("password-hashes"),
            tenant,
        },
        _ => return None,
    })
}
