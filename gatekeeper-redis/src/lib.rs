#![doc = include_str!("../README.md")]

mod blacklist;
mod client;
mod connection;
mod lockout;
mod rate_limit;
mod settings;

pub use blacklist::RedisBlacklist;
pub use client::RedisClient;
pub use lockout::RedisLockout;
pub use rate_limit::RedisRateLimiter;
pub use settings::{RedisSettings, RedisSetupError};

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}
