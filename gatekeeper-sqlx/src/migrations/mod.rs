//! The schema, in numbered steps. A step that was released is never edited; a change is a new step.

use crate::SetupError;

/// One step.
#[derive(Debug)]
pub(crate) struct Migration {
    pub(crate) version: i64,
    pub(crate) name: &'static str,
    pub(crate) template: &'static str,
}

/// Every step, in order.
pub(crate) const ALL: &[Migration] = &[
    Migration {
        version: 1,
        name: "base",
        template: include_str!("0001_base.sql"),
    },
    Migration {
        version: 2,
        name: "account_security",
        template: include_str!("0002_account_security.sql"),
    },
    Migration {
        version: 3,
        name: "enterprise",
        template: include_str!("0003_enterprise.sql"),
    },
];

impl Migration {
    /// Tells whether the text is still the one that was applied (FNV-1a; it guards against mistakes, not against
    /// attackers).
    pub(crate) fn checksum(&self) -> String {
        let hash = self
            .template
            .bytes()
            .filter(|&byte| byte != b'\r')
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        format!("{hash:016x}")
    }
}

/// The first step that is not among those applied, given as (version, checksum).
///
/// # Errors
///
/// Where the database is newer than this release, or one of its steps was another one.
pub(crate) fn next(applied: &[(i64, String)]) -> Result<Option<&'static Migration>, SetupError> {
    for (version, checksum) in applied {
        let Some(migration) = ALL.iter().find(|migration| migration.version == *version) else {
            return Err(SetupError::Newer {
                found: *version,
                known: ALL.last().map_or(0, |migration| migration.version),
            });
        };
        if migration.checksum() != *checksum {
            return Err(SetupError::Changed { version: *version });
        }
    }
    Ok(ALL.iter().find(|migration| {
        applied
            .iter()
            .all(|(version, _)| *version != migration.version)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_up_from_one() {
        for (migration, version) in ALL.iter().zip(1..) {
            assert_eq!(migration.version, version, "{}", migration.name);
        }
    }
}
