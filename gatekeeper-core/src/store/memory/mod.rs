//! The store in memory, for tests, demonstrations and embedding without persistence.
