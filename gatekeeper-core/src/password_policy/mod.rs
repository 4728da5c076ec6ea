//! What a new password must be.
