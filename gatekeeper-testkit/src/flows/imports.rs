use gatekeeper_core::{
    ExportedUser, ImportedUser, MAX_IMPORT_BATCH, RequestContext, RoleDefinition, Violations,
    env::Clock,
    model::{Event, PageRequest, SecretString, Tenant, TenantId, TenantSlug, UserId},
};

use super::world::{World, code};
use crate::store::StoreFixture;

/// bcrypt of `correct horse bättery`, made by the library of that name, and phpass of `test12345`, as its maker gives it.
const BCRYPT: &str = "$2b$04$GIDwuatHttOwjQzJH0J0gebervkrTIPecsI95q7Uf22Tf6CFl/RZy";
const PHPASS: &str = "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0";

fn row(email: &str, hash: Option<&str>) -> ImportedUser {
    ImportedUser {
        email: email.to_owned(),
        email_verified: true,
        password_hash: hash.map(SecretString::from),
        ..ImportedUser::default()
    }
}

async fn import(
    world: &World,
    cx: &RequestContext,
    rows: Vec<ImportedUser>,
) -> Vec<Result<UserId, Violations>> {
    world
        .gk
        .administration()
        .import_users(cx, rows)
        .await
        .unwrap()
}

fn codes(outcome: &Result<UserId, Violations>) -> Vec<(&str, &str)> {
    let violations = outcome.as_ref().unwrap_err().as_slice().iter();
    violations
        .map(|one| (one.pointer.as_str(), one.code))
        .collect()
}

async fn exported(world: &World) -> Vec<ExportedUser> {
    let administration = world.gk.administration();
    let page = PageRequest::first(100);
    let page = administration.export_users(&world.cx, page, true).await;
    page.unwrap().items
}

pub(super) async fn an_imported_hash_signs_in_and_is_made_anew(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let rows = vec![
        row("ada@example.org", Some(BCRYPT)),
        row("bob@example.org", Some(PHPASS)),
        ImportedUser {
            disabled: true,
            ..row("eve@example.org", Some(PHPASS))
        },
        row("none@example.org", None),
    ];
    let outcomes = import(&world, &world.cx, rows).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert!(world.mails().await.is_empty());
    for (email, password, wrong) in [
        (
            "ada@example.org",
            "correct horse bättery",
            "correct horse battery",
        ),
        ("bob@example.org", "test12345", "test1234"),
    ] {
        assert_eq!(
            code(world.sign_in_with(email, wrong).await),
            "password.invalid_credentials"
        );
        world.sign_in_with(email, password).await.unwrap();
        world.sign_in_with(email, password).await.unwrap();
    }
    assert_eq!(world.count(Event::PasswordRehashed).await, 2);
    for email in ["eve@example.org", "none@example.org"] {
        assert_eq!(
            code(world.sign_in_with(email, "test12345").await),
            "password.invalid_credentials"
        );
    }
    for user in exported(&world).await {
        let made_anew = user
            .password_hash
            .is_some_and(|hash| hash.expose().starts_with("$argon2id$"));
        let signed_in = user.user.last_sign_in_at.is_some();
        assert_eq!(made_anew, signed_in, "{:?}", user.user.email);
    }
}

pub(super) async fn a_refused_row_keeps_nobody_out(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let before = world.verified("ada@example.org").await;
    let linked = |email: &str, subject: &str| ImportedUser {
        identities: vec![("github".to_owned(), subject.to_owned())],
        ..row(email, None)
    };
    let rows = vec![
        row("ADA@example.org", Some(BCRYPT)),
        row("not an address", None),
        row("hash@example.org", Some("5f4dcc3b5aa765d61d8327deb882cf99")),
        row(
            "hash@example.org",
            Some("$2b$31$GIDwuatHttOwjQzJH0J0gebervkrTIPecsI95q7Uf22Tf6CFl/RZy"),
        ),
        ImportedUser {
            roles: vec!["nobody-s".to_owned()],
            ..row("role@example.org", None)
        },
        linked("one@example.org", "7"),
        linked("two@example.org", "7"),
        row("one@example.org", None),
        row("fine@example.org", None),
    ];
    let outcomes = import(&world, &world.cx, rows).await;
    let refused: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(_) => vec![],
            Err(_) => codes(outcome),
        })
        .collect();
    assert_eq!(
        refused,
        [
            vec![("/email", "account.email_taken")],
            vec![("/email", "email.malformed")],
            vec![("/password_hash", "password_hash.unknown")],
            vec![("/password_hash", "password_hash.unknown")],
            vec![("/roles", "role.refused")],
            vec![],
            vec![("/identities", "identity.taken")],
            vec![("/email", "account.email_taken")],
            vec![],
        ]
    );
    // Whoever had the address keeps account and password.
    world.sign_in("ada@example.org").await;
    let administration = world.gk.administration();
    let ada = administration.find_user_by_email(&world.cx, "ada@example.org");
    assert_eq!(ada.await.unwrap().id, before);
    assert_eq!(exported(&world).await.len(), 3);
    let event = world.newest(Event::AccountsImported).await;
    assert_eq!(
        (&event.details["imported"], &event.details["refused"]),
        (&2.into(), &7.into())
    );
}

pub(super) async fn what_was_exported_can_be_imported(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let made_at = world.clock.now();
    world.advance(std::time::Duration::from_mins(1));
    let full = ImportedUser {
        name: Some("Ada".to_owned()),
        locale: Some("en-GB".to_owned()),
        roles: vec!["admin".to_owned()],
        created_at: Some(made_at),
        identities: vec![("github".to_owned(), "7".to_owned())],
        ..row("ada@example.org", Some(BCRYPT))
    };
    import(&world, &world.cx, vec![full.clone()]).await[0]
        .as_ref()
        .unwrap();
    let all = exported(&world).await;
    let one = &all[0];
    assert_eq!(one.user.email.as_str(), "ada@example.org");
    assert_eq!(
        (one.user.created_at, one.user.email_verified()),
        (made_at, true)
    );
    assert_eq!(
        (one.user.name.clone(), one.user.locale.clone()),
        (full.name, full.locale)
    );
    assert_eq!(
        (&one.roles, &one.identities),
        (&full.roles, &full.identities)
    );
    assert_eq!(
        one.password_hash
            .as_ref()
            .map(gatekeeper_core::model::SecretString::expose),
        Some(BCRYPT)
    );
    let administration = world.gk.administration();
    let without = administration.export_users(&world.cx, PageRequest::first(1), false);
    assert!(without.await.unwrap().items[0].password_hash.is_none());
    // A time that is yet to come is now.
    let future = ImportedUser {
        created_at: Some(world.clock.now().after(std::time::Duration::from_mins(1))),
        ..row("bob@example.org", None)
    };
    import(&world, &world.cx, vec![future]).await[0]
        .as_ref()
        .unwrap();
    let all = exported(&world).await;
    assert_eq!(all[0].user.created_at, world.clock.now());
}

pub(super) async fn an_import_asks_for_its_permission_and_reach(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user = world.verified("ada@example.org").await;
    let signed_in = world.sign_in("ada@example.org").await;
    let who = world.identity(&signed_in).await;
    let administration = world.gk.administration().on_behalf_of(&who);
    let rows = || vec![row("new@example.org", None)];
    assert_eq!(
        code(administration.import_users(&world.cx, rows()).await),
        "access.forbidden"
    );
    assert_eq!(
        code(
            administration
                .export_users(&world.cx, PageRequest::first(1), false)
                .await
        ),
        "access.forbidden"
    );
    let importer = RoleDefinition {
        permissions: vec!["users:import".to_owned(), "users:export".to_owned()],
        ..RoleDefinition::default()
    };
    let operator = world.gk.administration();
    operator
        .create_role(&world.cx, "importer", &importer)
        .await
        .unwrap();
    world
        .gk
        .administration()
        .grant_role(&world.cx, user, "importer")
        .await
        .unwrap();
    let beyond = ImportedUser {
        roles: vec!["admin".to_owned()],
        ..row("beyond@example.org", None)
    };
    let outcomes = administration
        .import_users(&world.cx, vec![beyond, rows().remove(0)])
        .await
        .unwrap();
    assert_eq!(codes(&outcomes[0]), [("/roles", "role.refused")]);
    assert!(outcomes[1].is_ok());
    administration
        .export_users(&world.cx, PageRequest::first(1), false)
        .await
        .unwrap();
    assert_eq!(
        code(
            administration
                .export_users(&world.cx, PageRequest::first(1), true)
                .await
        ),
        "access.forbidden"
    );
    let many = (0..=MAX_IMPORT_BATCH).map(|n| row(&format!("u{n}@example.org"), None));
    assert_eq!(
        code(
            world
                .gk
                .administration()
                .import_users(&world.cx, many.collect())
                .await
        ),
        "request.invalid"
    );
}

pub(super) async fn an_import_keeps_to_its_tenant(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let now = world.clock.now();
    let tenant = Tenant {
        id: TenantId::new(now, world.gk.random()),
        slug: TenantSlug::parse("acme").unwrap(),
        name: "Acme".to_owned(),
        suspended_at: None,
        created_at: now,
        updated_at: now,
        settings: gatekeeper_core::model::TenantSettings::default(),
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.tenants().insert(&tenant).await.unwrap();
    tx.commit().await.unwrap();
    let theirs = RequestContext::internal(tenant.id, "import");
    import(
        &world,
        &world.cx,
        vec![row("ada@example.org", Some(BCRYPT))],
    )
    .await[0]
        .as_ref()
        .unwrap();
    import(&world, &theirs, vec![row("ada@example.org", Some(PHPASS))]).await[0]
        .as_ref()
        .unwrap();
    assert_eq!(exported(&world).await.len(), 1);
    world
        .sign_in_with("ada@example.org", "correct horse bättery")
        .await
        .unwrap();
    assert_eq!(
        code(world.sign_in_with("ada@example.org", "test12345").await),
        "password.invalid_credentials"
    );
}
