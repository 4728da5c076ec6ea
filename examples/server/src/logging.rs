use tracing_subscriber::{EnvFilter, fmt};

use crate::{
    cli::Task,
    settings::{LogFormat, Settings},
};

/// Reads a filter: a level, or levels by module.
pub(crate) fn filter(text: &str) -> Option<EnvFilter> {
    // A word alone would be taken for a module, so that `inof` silenced everything.
    let first = text.split(',').next().unwrap_or("");
    let level = |word: &str| {
        matches!(
            word.to_ascii_lowercase().as_str(),
            "off" | "error" | "warn" | "info" | "debug" | "trace"
        )
    };
    let sound = text
        .split(',')
        .all(|part| level(part) || part.split_once('=').is_some_and(|(_, word)| level(word)));
    if !sound || first.is_empty() {
        return None;
    }
    EnvFilter::builder().parse(text).ok()
}

/// Logs to standard error: standard output is for what was asked. A command logs only what is wrong, unless told otherwise:
/// whoever called it waits for an answer or an error.
pub(crate) fn start(settings: &Settings, task: &Task) {
    let chosen = if settings.log_chosen || *task == Task::Serve {
        &settings.log
    } else {
        "warn"
    };
    let Some(filter) = filter(chosen) else {
        return;
    };
    let log = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Json => log.json().init(),
        LogFormat::Text => {
            use std::io::IsTerminal;

            log.with_ansi(std::io::stderr().is_terminal()).init();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_levels_and_a_slip_of_the_pen_is_refused() {
        for sound in [
            "info",
            "DEBUG",
            "off",
            "info,gatekeeper_core=debug",
            "gatekeeper_core=trace",
        ] {
            assert!(filter(sound).is_some(), "{sound}");
        }
        for wrong in [
            "",
            "inof",
            "info,",
            "info debug",
            "gatekeeper_core",
            "info,x=loud",
            "=info=x",
        ] {
            assert!(filter(wrong).is_none(), "{wrong}");
        }
    }
}
