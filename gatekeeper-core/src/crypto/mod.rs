//! Cryptography: what secrets become before they are stored or sent.

pub mod password;
