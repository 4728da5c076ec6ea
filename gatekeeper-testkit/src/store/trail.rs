use gatekeeper_core::{
    model::{
        AuditEvent, Branding, Event, MfaRequirement, PageRequest, SessionLimit, SignInMethod,
        TenantId, TenantSettings, TenantSlug, UserId, WhenFull,
    },
    store::AuditFilter,
};

use super::StoreFixture;
use crate::sample::{self, NOW, at};

const TENANT: TenantId = TenantId::DEFAULT;

/// The store answers, and has a name.
pub(super) async fn the_store_answers(fx: &StoreFixture) {
    fx.repository.ping().await.unwrap();
    fx.other.ping().await.unwrap();
    assert!(!fx.repository.name().is_empty());
    assert_eq!(fx.repository.name(), fx.other.name());
}

/// What one node commits the other sees.
pub(super) async fn both_nodes_see_one_store(fx: &StoreFixture) {
    let user = sample::user(TENANT, 1);
    commit!(fx, t => t.users().insert(&user).await);
    let found = fx.other.find_account(TENANT, user.id).await.unwrap();
    assert_eq!(found.unwrap().user, user);
}

/// The trail is filtered by who, whom, what and when; `since` is within, `until` is not.
pub(super) async fn the_trail_is_filtered(fx: &StoreFixture) {
    let (ada, bob) = (sample::user(TENANT, 1).id, sample::user(TENANT, 2).id);
    let rows: Vec<AuditEvent> = [
        (0, Some(ada), None, Event::SessionCreated),
        (10, Some(ada), Some(bob), Event::RoleGranted),
        (20, Some(bob), Some(ada), Event::RoleGranted),
        (30, None, Some(ada), Event::SignInFailed),
    ]
    .into_iter()
    .enumerate()
    .map(|(n, (seconds, actor, target, event))| AuditEvent {
        at: at(seconds),
        actor,
        target,
        event,
        ..sample::event(TENANT, n as u64)
    })
    .collect();
    for row in &rows {
        commit!(fx, t => t.audit().append(row).await);
    }
    for (filter, expected) in trail_filters(ada) {
        let page = PageRequest::first(100);
        let listed = peek!(fx, t => t.audit().list(TENANT, &filter, page).await);
        let expected: Vec<_> = expected.iter().map(|&n| rows[n].clone()).collect();
        assert_eq!(listed.items, expected, "{filter:?}");
        assert_eq!(listed.next, None);
    }
}

/// Filters, and the numbers of the rows that each holds.
fn trail_filters(ada: UserId) -> Vec<(AuditFilter, Vec<usize>)> {
    let all = AuditFilter::default();
    let tick = std::time::Duration::from_micros(1);
    vec![
        (all, vec![3, 2, 1, 0]),
        (
            AuditFilter {
                actor: Some(ada),
                ..all
            },
            vec![1, 0],
        ),
        (
            AuditFilter {
                target: Some(ada),
                ..all
            },
            vec![3, 2],
        ),
        (
            AuditFilter {
                event: Some(Event::RoleGranted),
                ..all
            },
            vec![2, 1],
        ),
        (
            AuditFilter {
                event: Some(Event::KeyRotated),
                ..all
            },
            vec![],
        ),
        (
            AuditFilter {
                actor: Some(ada),
                event: Some(Event::RoleGranted),
                ..all
            },
            vec![1],
        ),
        (
            AuditFilter {
                since: Some(at(10)),
                ..all
            },
            vec![3, 2, 1],
        ),
        (
            AuditFilter {
                since: Some(at(10).after(tick)),
                ..all
            },
            vec![3, 2],
        ),
        (
            AuditFilter {
                until: Some(at(20)),
                ..all
            },
            vec![1, 0],
        ),
        (
            AuditFilter {
                until: Some(at(20).after(tick)),
                ..all
            },
            vec![2, 1, 0],
        ),
        (
            AuditFilter {
                since: Some(at(10)),
                until: Some(at(30)),
                ..all
            },
            vec![2, 1],
        ),
    ]
}

/// Every event keeps its code.
pub(super) async fn every_event_is_kept(fx: &StoreFixture) {
    for (n, &event) in Event::ALL.iter().enumerate() {
        let row = AuditEvent {
            event,
            ..sample::event(TENANT, n as u64)
        };
        commit!(fx, t => t.audit().append(&row).await);
        let filter = AuditFilter {
            event: Some(event),
            ..AuditFilter::default()
        };
        let page = PageRequest::first(10);
        let listed = peek!(fx, t => t.audit().list(TENANT, &filter, page).await);
        assert_eq!(listed.items, [row]);
    }
}

/// A row is never replaced by another with its id.
pub(super) async fn a_row_of_the_trail_is_never_replaced(fx: &StoreFixture) {
    let row = sample::event(TENANT, 1);
    commit!(fx, t => t.audit().append(&row).await);
    let mut forged = row.clone();
    "forged".clone_into(&mut forged.correlation_id);
    refused!(fx, Id, t => t.audit().append(&forged).await);
    let (filter, page) = (AuditFilter::default(), PageRequest::first(10));
    let listed = peek!(fx, t => t.audit().list(TENANT, &filter, page).await);
    assert_eq!(listed.items, [row]);
}

/// One tenant has a slug, and it is found by it and by its id.
pub(super) async fn slugs_are_given_once(fx: &StoreFixture) {
    let tenant = sample::tenant(2);
    commit!(fx, t => t.tenants().insert(&tenant).await);
    let mut again = sample::tenant(3);
    again.slug = tenant.slug.clone();
    refused!(fx, TenantSlug, t => t.tenants().insert(&again).await);
    let mut default = sample::tenant(3);
    default.slug = TenantSlug::parse(TenantSlug::DEFAULT).unwrap();
    refused!(fx, TenantSlug, t => t.tenants().insert(&default).await);
    let mut same_id = sample::tenant(3);
    same_id.id = tenant.id;
    refused!(fx, Id, t => t.tenants().insert(&same_id).await);
    let found = fx.repository.find_tenant(&tenant.slug).await.unwrap();
    assert_eq!(found.as_ref(), Some(&tenant));
    assert_eq!(
        peek!(fx, t => t.tenants().find(tenant.id).await),
        Some(tenant)
    );
    for slug in ["tenant", "tenant-3", "tenant-22"] {
        let slug = TenantSlug::parse(slug).unwrap();
        assert_eq!(fx.repository.find_tenant(&slug).await.unwrap(), None);
    }
    assert_eq!(peek!(fx, t => t.tenants().find(again.id).await), None);
}

/// The whole row of a tenant is written: its new slug finds it, the old one does not; another's slug is refused.
pub(super) async fn updating_a_tenant_writes_the_row(fx: &StoreFixture) {
    let (mut tenant, other) = (sample::tenant(2), sample::tenant(3));
    commit!(fx, t => t.tenants().insert(&tenant).await);
    commit!(fx, t => t.tenants().insert(&other).await);
    let old = tenant.slug.clone();
    let limit = SessionLimit {
        max: u32::MAX,
        when_full: WhenFull::Reject,
    };
    for settings in [
        TenantSettings {
            mfa: Some(MfaRequirement::Required),
            session_limit: Some(limit),
            branding: Branding {
                name: Some(" \u{e9} ' \" \\ \n".to_owned()),
                logo_url: Some("https://example.org/logo.png".to_owned()),
                color: Some("#a0b1c2".to_owned()),
            },
            password_min_length: Some(u32::MAX),
            sign_in_methods: Some([SignInMethod::MagicLink, SignInMethod::Password].into()),
            email_domains: Some(["example.org".to_owned()].into()),
            open_registration: Some(false),
        },
        TenantSettings::default(),
    ] {
        tenant.slug = TenantSlug::parse("renamed").unwrap();
        "Renamed".clone_into(&mut tenant.name);
        tenant.suspended_at = settings.mfa.map(|_| at(5));
        tenant.created_at = at(-7);
        tenant.updated_at = at(7);
        tenant.settings = settings;
        assert!(commit!(fx, t => t.tenants().update(&tenant).await));
        for found in [
            fx.repository.find_tenant(&tenant.slug).await.unwrap(),
            fx.repository.find_tenant_by_id(tenant.id).await.unwrap(),
            fx.other.find_tenant_by_id(tenant.id).await.unwrap(),
            peek!(fx, t => t.tenants().find(tenant.id).await),
        ] {
            assert_eq!(found.as_ref(), Some(&tenant));
        }
        assert_eq!(fx.repository.find_tenant(&old).await.unwrap(), None);
    }
    let mut thief = tenant.clone();
    thief.slug = other.slug.clone();
    refused!(fx, TenantSlug, t => t.tenants().update(&thief).await);
    let nobody = sample::tenant(9);
    assert!(!commit!(fx, t => t.tenants().update(&nobody).await));
    assert_eq!(
        fx.repository.find_tenant_by_id(nobody.id).await.unwrap(),
        None
    );
    let stays = fx.repository.find_tenant_by_id(other.id).await.unwrap();
    assert_eq!(stays, Some(other));
}

/// The default tenant is there from the beginning.
pub(super) async fn a_fresh_store_has_the_default_tenant(fx: &StoreFixture) {
    let slug = TenantSlug::parse(TenantSlug::DEFAULT).unwrap();
    let tenant = fx.repository.find_tenant(&slug).await.unwrap().unwrap();
    assert_eq!((tenant.id, tenant.suspended_at), (TENANT, None));
    assert_eq!(peek!(fx, t => t.tenants().find(TENANT).await), Some(tenant));
    let (users, page) = (
        gatekeeper_core::store::UserFilter::default(),
        PageRequest::first(1),
    );
    assert!(
        peek!(fx, t => t.users().list(TENANT, &users, page).await)
            .items
            .is_empty()
    );
    assert!(peek!(fx, t => t.signing_keys().list().await).is_empty());
}

/// Keys are listed oldest first, retired ones too, and an id is given once.
pub(super) async fn signing_keys_are_listed_oldest_first(fx: &StoreFixture) {
    let mut keys: Vec<_> = (0..4).map(sample::signing_key).collect();
    for (key, seconds) in keys.iter_mut().zip([30, 10, 20, 10]) {
        key.created_at = at(seconds);
        commit!(fx, t => t.signing_keys().insert(key).await);
    }
    assert!(commit!(fx, t => t.signing_keys().retire(keys[2].id, at(99)).await));
    assert!(!commit!(fx, t => t.signing_keys().retire(sample::signing_key(9).id, NOW).await));
    keys[2].retired_at = Some(at(99));
    keys.sort_by_key(|key| (key.created_at, key.id));
    assert_eq!(peek!(fx, t => t.signing_keys().list().await), keys);
    assert_eq!(
        peek!(fx, t => t.signing_keys().list_for_update().await),
        keys
    );
    refused!(fx, Id, t => t.signing_keys().insert(&keys[0]).await);
}
