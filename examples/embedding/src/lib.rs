//! An application that embeds Gatekeeper, has a say in its flows and adds a way of signing in.
//!
//! - [`House`] implements [`Hooks`](gatekeeper_axum::Hooks): it refuses some sign-ups and sign-ins, keeps a journal of those
//!   that happened, and adds claims to access tokens.
//! - [`CorporateDirectory`] implements [`AuthProvider`](gatekeeper_axum::AuthProvider): employees sign in at the same
//!   `POST /v1/auth/login`, and the directory says whether it is them.
//! - [`application`] mounts the REST API beside routes of its own.

mod application;
mod directory;
mod house;

pub use application::{application, gatekeeper};
pub use directory::{Away, CorporateDirectory, Directory, Employee, PaperDirectory};
pub use house::House;
