//! Suggests how strongly to hash passwords on this machine: `cargo run --release --example calibrate -- [milliseconds] [MiB]`.

use std::time::Duration;

use gatekeeper_core::crypto::password::calibrate;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| {
        arguments
            .next()
            .and_then(|argument| argument.parse().ok())
            .unwrap_or(default)
    };
    let target = Duration::from_millis(number(50));
    let memory_mib = u32::try_from(number(64)).unwrap_or(64).min(1_024);
    let settings = calibrate(target, memory_mib * 1_024);
    println!(
        "memory_kib = {}\niterations = {}\nparallelism = {}",
        settings.memory_kib, settings.iterations, settings.parallelism
    );
}
