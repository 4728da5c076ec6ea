use crate::{
    identity::{PLATFORM, covers},
    model::TenantId,
};

/// What both of two lists of permissions hold, as a list of its own: sorted, and none covered by another.
///
/// Of two permissions either one covers the other or they have nothing in common: what a wildcard holds is everything below one place
/// in a tree. So both hold the narrower one, and that is all they both hold.
pub(crate) fn effective(tenant: TenantId, scopes: &[String], held: &[String]) -> Vec<String> {
    let mut both: Vec<&str> = Vec::new();
    for scope in scopes {
        both.extend(held.iter().filter_map(|held| narrower(tenant, scope, held)));
    }
    both.sort_unstable();
    both.dedup();
    let kept = both.iter().filter(|&&one| {
        let covered = both
            .iter()
            .any(|&other| other != one && narrower(tenant, other, one) == Some(one));
        !covered
    });
    kept.map(|&one| one.to_owned()).collect()
}

/// What two permissions both hold.
fn narrower<'a>(tenant: TenantId, one: &'a str, other: &'a str) -> Option<&'a str> {
    let platform = |permission: &str| permission.split(':').next() == Some(PLATFORM);
    // Beyond the default tenant they count for nothing.
    let counts = |permission: &str| tenant == TenantId::DEFAULT || !platform(permission);
    let found = match (one, other) {
        ("*", "*") => Some("*"),
        // `*` is every permission of the tenant, and those over tenants are none.
        ("*", other) if !platform(other) => Some(other),
        (one, "*") if !platform(one) => Some(one),
        ("*", _) | (_, "*") => None,
        (one, other) if covers(one, other) => Some(other),
        (one, other) if covers(other, one) => Some(one),
        _ => None,
    };
    found.filter(|permission| counts(permission))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{identity::permits, model::Timestamp, testing::SeededRandom};

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn both_have_to_hold_it() {
        for (scopes, held, both) in [
            (vec![], vec!["*"], vec![]),
            (vec!["*"], vec![], vec![]),
            (vec!["*"], vec!["*"], vec!["*"]),
            (vec!["users:read"], vec!["*"], vec!["users:read"]),
            (vec!["*"], vec!["users:read"], vec!["users:read"]),
            (vec!["users:*"], vec!["users:read"], vec!["users:read"]),
            (vec!["users:read"], vec!["users:*"], vec!["users:read"]),
            (vec!["users:write"], vec!["users:read"], vec![]),
            (vec!["users:*"], vec!["users:a:*"], vec!["users:a:*"]),
            (vec!["a:b"], vec!["a:b:*"], vec![]),
            (vec!["a:*"], vec!["ab:*"], vec![]),
            // Twice held, once said.
            (
                vec!["users:*", "*"],
                vec!["users:read", "users:*"],
                vec!["users:*"],
            ),
            // What reaches beyond the tenant has to stand on both sides.
            (vec!["*"], vec!["*", "tenants:*"], vec!["*"]),
            (vec!["tenants:read"], vec!["*"], vec![]),
            (
                vec!["tenants:read"],
                vec!["*", "tenants:*"],
                vec!["tenants:read"],
            ),
            (
                vec!["*", "tenants:*"],
                vec!["tenants:read"],
                vec!["tenants:read"],
            ),
        ] {
            let found = effective(TenantId::DEFAULT, &list(&scopes), &list(&held));
            assert_eq!(found, both, "{scopes:?} {held:?}");
        }
    }

    /// Permissions and wildcards over a small world, with what a naive reader would take for them.
    const WORDS: [&str; 3] = ["tenants", "b", "bb"];

    fn permission() -> impl Strategy<Value = String> {
        let word = prop::sample::select(&WORDS);
        let last = prop::sample::select(&["tenants", "b", "bb", "*"]);
        prop_oneof![
            Just("*".to_owned()),
            prop::sample::select(&WORDS).prop_map(str::to_owned),
            (word.clone(), last.clone()).prop_map(|(a, b)| format!("{a}:{b}")),
            (word.clone(), word, last).prop_map(|(a, b, c)| format!("{a}:{b}:{c}")),
        ]
    }

    /// Everything that could be asked for: each path of up to three words, and the wildcards themselves.
    fn universe() -> Vec<String> {
        let words: Vec<String> = ["tenants", "b", "bb", "*", "c"].map(str::to_owned).to_vec();
        let mut all = words.clone();
        let mut last = words.clone();
        for _ in 0..2 {
            last = last
                .iter()
                .flat_map(|path| words.iter().map(move |word| format!("{path}:{word}")))
                .collect();
            all.extend(last.clone());
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn row_63_what_a_key_may_is_what_its_scopes_and_its_owner_may(
            scopes in prop::collection::vec(permission(), 0..5),
            held in prop::collection::vec(permission(), 0..5),
            elsewhere: bool,
        ) {
            let tenant = if elsewhere {
                TenantId::new(Timestamp::default(), &SeededRandom::new(1))
            } else {
                TenantId::DEFAULT
            };
            let both = effective(tenant, &scopes, &held);
            for asked in universe() {
                let naive = permits(tenant, &scopes, &asked) && permits(tenant, &held, &asked);
                prop_assert_eq!(
                    permits(tenant, &both, &asked), naive,
                    "{} of {:?} and {:?}: {:?}", asked, scopes, held, both
                );
            }
        }
    }
}
