use std::{error::Error, fmt};

/// A rule of the data that a write would have broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Constraint {
    /// A tenant has one account for an address.
    UserEmail,
    /// An outside identity signs in to one account.
    ExternalIdentity,
    /// A tenant has one group of a name.
    GroupName,
    /// A user has one confirmed factor of a method.
    MfaMethod,
    /// A tenant has one organisation with a slug.
    OrganizationSlug,
    /// A tenant has one role of a name.
    RoleName,
    /// One tenant has a slug.
    TenantSlug,
    /// An id is given once.
    Id,
    /// A row refers to one that exists.
    Reference,
}

/// What kind of failure it was; decides what the caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// The write contradicts what is there. Nothing was written.
    Conflict(Constraint),
    /// The store cannot be reached, timed out, or gave way to another transaction. Trying again may help.
    Unavailable,
    /// What came back makes no sense, or the schema is not the expected one. Trying again will not help.
    Corrupt,
}

/// A failure of a store.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// A failure of this kind with its cause.
    pub fn new(kind: StoreErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            source: source.into(),
        }
    }

    /// What was read makes no sense.
    pub fn corrupt(what: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(StoreErrorKind::Corrupt, what)
    }

    /// The kind.
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the write contradicted this rule.
    pub fn is_conflict(&self, constraint: Constraint) -> bool {
        self.kind == StoreErrorKind::Conflict(constraint)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            StoreErrorKind::Conflict(constraint) => write!(
                f,
                "the write conflicts with what is stored ({constraint:?})"
            ),
            StoreErrorKind::Unavailable => f.write_str("the store is unavailable"),
            StoreErrorKind::Corrupt => f.write_str("the store holds something unexpected"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}
