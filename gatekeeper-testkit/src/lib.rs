//! Gatekeeper.
