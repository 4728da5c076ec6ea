use std::{collections::BTreeSet, time::Duration};

use gatekeeper_core::{
    Administration, Error, Identity, NewAddress, NewUser, RequestContext, UserChanges,
    env::Clock,
    model::{
        ApiKey, ApiKeyId, Event, PageRequest, RevocationTarget, SearchCursor, SessionId, Tenant,
        TenantId, TenantSettings, TenantSlug, UserId, UserKind,
    },
    store::{UserFilter, UserSearch},
    testing::SeededRandom,
};

use super::{
    impersonation::staff,
    world::{PASSWORD, World, change_user, code, token_to},
};
use crate::store::StoreFixture;

const ROOT: &str = "root@example.org";
const HELP: &str = "help@example.org";
const ADA: &str = "ada@example.org";

fn new_user(email: &str, roles: &[&str]) -> NewUser {
    NewUser {
        email: email.to_owned(),
        name: None,
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
        password: None,
    }
}

fn search(prefix: &str, limit: u32, after: Option<SearchCursor>) -> UserSearch {
    UserSearch {
        prefix: prefix.to_owned(),
        filter: UserFilter::default(),
        after,
        limit,
    }
}

/// Every operation on a user that changes something, by name.
async fn each_change(
    administration: Administration<'_>,
    cx: &RequestContext,
    user: UserId,
    session: SessionId,
) -> Vec<(&'static str, Option<Error>)> {
    let renamed = || UserChanges {
        name: Some(Some("Eve".to_owned())),
        ..UserChanges::default()
    };
    let moved = || UserChanges {
        email: Some(NewAddress {
            email: "eve@example.org".to_owned(),
            verified: true,
        }),
        ..UserChanges::default()
    };
    let a = administration;
    vec![
        ("end", a.end_user_session(cx, user, session).await.err()),
        ("rename", a.update_user(cx, user, renamed()).await.err()),
        ("move", a.update_user(cx, user, moved()).await.err()),
        ("unlock", a.unlock(cx, user).await.err()),
        ("sign out", a.sign_out_user(cx, user).await.err()),
        ("change", a.require_password_change(cx, user).await.err()),
        ("reset", a.reset_password(cx, user).await.err()),
        ("disable", a.disable(cx, user).await.err()),
        ("enable", a.enable(cx, user).await.err()),
        ("delete", a.delete_user(cx, user).await.err()),
    ]
}

async fn who(world: &World, email: &str) -> std::sync::Arc<Identity> {
    let signed_in = world.sign_in(email).await;
    world.identity(&signed_in).await
}

/// CVE-2026-55077: whoever was given the administration of users touches nobody who may do more.
pub(super) async fn row_53_cve_2026_55077_nobody_touches_their_betters(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    staff(&world, HELP, &["roles:assign", "users:*"]).await;
    let root = staff(&world, ROOT, &["*"]).await;
    let live = world.sign_in(ROOT).await;
    let help = who(&world, HELP).await;
    world.mails().await;
    let events = world.trail().await.len();
    let as_help = world.gk.administration().on_behalf_of(&help);
    for (operation, refusal) in each_change(as_help, &world.cx, root, live.session.id).await {
        let refusal = refusal.unwrap_or_else(|| panic!("{operation} was let through"));
        assert_eq!(refusal.code(), "access.insufficient_rank", "{operation}");
    }
    assert!(world.believes(&live).await);
    assert!(world.mails().await.is_empty());
    assert_eq!(world.trail().await.len(), events);
    world.sign_in(ROOT).await;

    // Whom they reach, they may; and so may an operator of the process everybody.
    let ada = world.signed_in(ADA).await;
    let user = ada.profile.user.id;
    for (operation, refusal) in each_change(as_help, &world.cx, user, ada.session.id).await {
        assert!(refusal.is_none(), "{operation}: {refusal:?}");
    }
    for (operation, refusal) in
        each_change(world.gk.administration(), &world.cx, root, live.session.id).await
    {
        assert!(refusal.is_none(), "{operation}: {refusal:?}");
    }
}

/// CVE-2026-94000: nobody makes an account that may do more than they.
pub(super) async fn row_53_cve_2026_94000_nobody_makes_their_betters(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    staff(&world, HELP, &["roles:assign", "users:*"]).await;
    staff(&world, "clerk@example.org", &["users:write", "users:read"]).await;
    let help = who(&world, HELP).await;
    let clerk = who(&world, "clerk@example.org").await;
    world.mails().await;
    let administration = world.gk.administration();
    for (who, role, refused) in [
        (&help, "admin", "access.insufficient_rank"),
        (&help, "nothing", "role.not_found"),
        (&clerk, "clerk", "access.forbidden"),
    ] {
        let made = administration.on_behalf_of(who);
        let made = made.create_user(&world.cx, new_user(ADA, &[role])).await;
        assert_eq!(code(made), refused, "{role}");
        let found = administration.find_user_by_email(&world.cx, ADA).await;
        assert_eq!(code(found), "account.not_found");
    }
    assert!(world.mails().await.is_empty());

    // What they may give, they may; and the link goes to the user, and to nobody else.
    let as_help = administration.on_behalf_of(&help);
    let made = as_help
        .create_user(&world.cx, new_user(ADA, &["clerk"]))
        .await;
    let made = made.unwrap();
    assert!(made.setup_link.is_none());
    for event in [Event::AccountCreated, Event::RoleGranted] {
        let row = world.newest(event).await;
        assert_eq!(
            (row.actor, row.target),
            (Some(help.user_id), Some(made.user.id))
        );
    }
    let token = token_to(&world.mails().await, ADA);
    world.advance(Duration::from_hours(23));
    let passwords = world.gk.passwords();
    passwords
        .reset(&world.cx, &token, &PASSWORD.into())
        .await
        .unwrap();
    let ada = world.sign_in(ADA).await;
    assert_eq!(ada.profile.authority.roles, ["clerk", "user"]);
}

/// Administrators are asked for their permission in the operation, whatever their token says, and whoever calls it.
pub(super) async fn a_permission_is_asked_for_where_it_counts(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let help = staff(&world, HELP, &["users:*", "statistics:read"]).await;
    let ada = world.signed_in(ADA).await;
    let stale = who(&world, HELP).await;
    let nobody = who(&world, ADA).await;
    let cx = &world.cx;
    let user = ada.profile.user.id;
    let as_nobody = world.gk.administration().on_behalf_of(&nobody);
    for (operation, refusal) in each_change(as_nobody, cx, help, ada.session.id).await {
        let refusal = refusal.unwrap_or_else(|| panic!("{operation} was let through"));
        assert_eq!(refusal.code(), "access.forbidden", "{operation}");
    }
    let page = PageRequest::first(10);
    let all = UserFilter::default();
    assert_eq!(
        code(as_nobody.list_users(cx, &all, page).await),
        "access.forbidden"
    );
    assert_eq!(
        code(as_nobody.find_user(cx, help).await),
        "access.forbidden"
    );
    assert_eq!(
        code(as_nobody.profiles(cx, Vec::new()).await),
        "access.forbidden"
    );
    let found = as_nobody.search_users(cx, search("a", 10, None)).await;
    assert_eq!(code(found), "access.forbidden");
    let found = as_nobody.find_user_by_email(cx, HELP).await;
    assert_eq!(code(found), "access.forbidden");
    let sessions = as_nobody.user_sessions(cx, help, page).await;
    assert_eq!(code(sessions), "access.forbidden");
    assert_eq!(code(as_nobody.statistics(cx).await), "access.forbidden");
    let made = as_nobody
        .create_user(cx, new_user("e@example.org", &[]))
        .await;
    assert_eq!(code(made), "access.forbidden");

    // Taken away: the token says otherwise still, and changes nothing.
    let mut tx = world.repository.begin().await.unwrap();
    let role = gatekeeper_core::model::RoleName::parse("help").unwrap();
    tx.roles().revoke(cx.tenant_id, help, &role).await.unwrap();
    tx.commit().await.unwrap();
    assert!(stale.has_permission("users:write"));
    let as_stale = world.gk.administration().on_behalf_of(&stale);
    for (operation, refusal) in each_change(as_stale, cx, user, ada.session.id).await {
        let refusal = refusal.unwrap_or_else(|| panic!("{operation} was let through"));
        assert_eq!(refusal.code(), "access.forbidden", "{operation}");
    }
    assert!(world.believes(&ada).await);
}

/// Another tenant's user is no user: nothing is told, changed or counted.
pub(super) async fn row_52_a_user_of_another_tenant_is_not_found(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.signed_in(ADA).await;
    let user = ada.profile.user.id;
    let now = world.clock.now();
    let tenant = Tenant {
        id: TenantId::new(now, &SeededRandom::new(77)),
        slug: TenantSlug::parse("acme").unwrap(),
        name: "Acme".to_owned(),
        suspended_at: None,
        created_at: now,
        updated_at: now,
        settings: TenantSettings::default(),
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.tenants().insert(&tenant).await.unwrap();
    tx.commit().await.unwrap();
    let mut there = world.clone();
    there.cx.tenant_id = tenant.id;
    staff(&there, ROOT, &["*"]).await;
    let root = who(&there, ROOT).await;
    let as_root = there.gk.administration().on_behalf_of(&root);
    let cx = &there.cx;
    for (operation, refusal) in each_change(as_root, cx, user, ada.session.id).await {
        let refusal = refusal.unwrap_or_else(|| panic!("{operation} was let through"));
        assert_eq!(refusal.code(), "account.not_found", "{operation}");
    }
    let page = PageRequest::first(100);
    let found = as_root.find_user(cx, user).await;
    assert_eq!(code(found), "account.not_found");
    let sessions = as_root.user_sessions(cx, user, page).await;
    assert_eq!(code(sessions), "account.not_found");
    let list = as_root.list_users(cx, &UserFilter::default(), page).await;
    assert_eq!(list.unwrap().items.len(), 1);
    let found = as_root.search_users(cx, search("ada@", 10, None)).await;
    assert_eq!(found.unwrap().items, []);
    assert_eq!(as_root.statistics(cx).await.unwrap().users.count, 1);
    // Nor does an administrator of one act in the other.
    for (operation, refusal) in each_change(as_root, &world.cx, user, ada.session.id).await {
        let refusal = refusal.unwrap_or_else(|| panic!("{operation} was let through"));
        assert_eq!(refusal.code(), "access.invalid_token", "{operation}");
    }
    let found = as_root.find_user(&world.cx, user).await;
    assert_eq!(code(found), "access.forbidden");
    assert!(world.believes(&ada).await);
}

/// Another address is another way in: whoever had the old one is out, and told.
pub(super) async fn an_administrator_moves_an_account(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    staff(&world, HELP, &["users:*"]).await;
    let help = who(&world, HELP).await;
    let live = world.signed_in(ADA).await;
    let ada = live.profile.user.id;
    world.verified("bob@example.org").await;
    let passwords = world.gk.passwords();
    passwords.request_reset(&world.cx, ADA).await.unwrap();
    let link = world.mailed_token().await;
    let as_help = world.gk.administration().on_behalf_of(&help);
    let cx = &world.cx;
    let to = |email: &str, verified| UserChanges {
        email: Some(NewAddress {
            email: email.to_owned(),
            verified,
        }),
        ..UserChanges::default()
    };
    let taken = as_help
        .update_user(cx, ada, to("Bob@example.org", true))
        .await;
    assert_eq!(code(taken), "account.email_taken");
    let odd = as_help.update_user(cx, ada, to("bob", true)).await;
    assert_eq!(code(odd), "request.invalid");
    assert!(world.believes(&live).await);
    // Another spelling of the same changes nothing of what is proved.
    let spelled = as_help
        .update_user(cx, ada, to("Ada@example.org", false))
        .await;
    assert!(spelled.unwrap().user.email_verified());
    assert!(world.believes(&live).await);
    assert!(world.mails().await.is_empty());

    let moved = as_help
        .update_user(cx, ada, to("ada@new.example", false))
        .await;
    assert!(!moved.unwrap().user.email_verified());
    assert!(!world.believes(&live).await);
    let refused = world.refresh(&live).await;
    assert_eq!(code(refused), "session.invalid_refresh_token");
    let reset = passwords
        .reset(cx, &link, &"birch-falcon-37-harbour".into())
        .await;
    assert_eq!(code(reset), "token.invalid");
    let mails = world.mails().await;
    let to_whom: BTreeSet<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(
        to_whom,
        BTreeSet::from(["Ada@example.org", "ada@new.example"])
    );
    let answer = world.sign_in_with("ada@new.example", PASSWORD).await;
    assert_eq!(code(answer), "account.email_unverified");
    let proof = token_to(&mails, "ada@new.example");
    world.gk.accounts().verify_email(cx, &proof).await.unwrap();
    world.sign_in("ada@new.example").await;
    let row = world.newest(Event::EmailChanged).await;
    assert_eq!((row.actor, row.target), (Some(help.user_id), Some(ada)));
    // And is found under it, and no more under the old one.
    let found = as_help.search_users(cx, search("@new.ex", 10, None)).await;
    assert_eq!(found.unwrap().items.len(), 1);
    let found = as_help.search_users(cx, search("ada@exa", 10, None)).await;
    assert_eq!(found.unwrap().items, []);

    let moved = as_help
        .update_user(cx, ada, to("ada@third.example", true))
        .await;
    assert!(moved.unwrap().user.email_verified());
    change_user(&world, ada, |user| user.kind = UserKind::ServiceAccount).await;
    let refused = as_help
        .update_user(cx, ada, to("ada@fourth.example", true))
        .await;
    assert_eq!(code(refused), "request.invalid");
}

/// Keys go with their owner: what a key opened is forgotten like what a session opened.
pub(super) async fn deleting_a_user_revokes_their_keys(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let live = world.signed_in(ADA).await;
    let own = world.signed_in("eve@example.org").await;
    let now = world.clock.now();
    let mut keys = Vec::new();
    for (at, user) in [(1, live.profile.user.id), (2, own.profile.user.id)] {
        let id = ApiKeyId::new(now, &SeededRandom::new(at));
        let key = ApiKey {
            id,
            tenant_id: world.cx.tenant_id,
            user_id: user,
            name: "key".to_owned(),
            prefix: "gk_test".to_owned(),
            hash: [u8::try_from(at).unwrap(); 32],
            permissions: vec!["users:read".to_owned()],
            networks: Vec::new(),
            created_by: None,
            created_at: now,
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
            replaced_by: None,
        };
        let mut tx = world.repository.begin().await.unwrap();
        tx.api_keys().insert(&key).await.unwrap();
        tx.commit().await.unwrap();
        keys.push(id);
    }
    let administration = world.gk.administration();
    let ada = live.profile.user.id;
    administration.delete_user(&world.cx, ada).await.unwrap();
    let eve = world.identity(&own).await;
    let accounts = world.gk.accounts();
    accounts
        .delete(&world.cx, &eve, &PASSWORD.into())
        .await
        .unwrap();
    let since = now.before(Duration::from_hours(1));
    let all = world.repository.revocations_since(since, world.clock.now());
    let all = all.await.unwrap();
    for key in keys {
        let target = RevocationTarget::Session(SessionId::from_uuid(key.as_uuid()));
        assert!(all.iter().any(|one| one.target == target), "{all:?}");
    }
    assert!(!world.believes(&live).await);
    let mails = world.mails().await;
    assert!(mails.iter().any(|mail| mail.to.as_str() == ADA));
    let again = administration.delete_user(&world.cx, ada).await;
    assert_eq!(code(again), "account.not_found");
}

/// Rows come and go between two pages, and whoever stays is shown once.
pub(super) async fn a_search_stays_while_users_come_and_go(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let administration = world.gk.administration();
    let cx = &world.cx;
    let add = async |name: &str| {
        world.advance(Duration::from_millis(1));
        let input = new_user(&format!("{name}@example.org"), &[]);
        let made = administration.create_user(cx, input).await.unwrap();
        made.user.id
    };
    let mut ids = Vec::new();
    for at in 0..12 {
        ids.push(add(&format!("user{at:02}")).await);
    }
    add("other").await;
    let mut seen: Vec<UserId> = Vec::new();
    let mut after = None;
    let mut pages = 0;
    loop {
        let page = administration
            .search_users(cx, search(" USER", 5, after))
            .await;
        let page = page.unwrap();
        seen.extend(page.items.iter().map(|user| user.id));
        pages += 1;
        if pages == 1 {
            // One that was shown goes, one that was not goes too, and one comes on either side of the place.
            administration.delete_user(cx, ids[1]).await.unwrap();
            administration.delete_user(cx, ids[9]).await.unwrap();
            add("user00a").await;
            add("user07a").await;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let unique: BTreeSet<UserId> = seen.iter().copied().collect();
    assert_eq!(unique.len(), seen.len(), "nobody twice");
    for (at, id) in ids.iter().enumerate() {
        assert_eq!(unique.contains(id), at != 9, "user{at:02}");
    }
    assert_eq!(seen.len(), 12, "with user07a, and without user00a");

    // The list by time likewise.
    let mut seen = BTreeSet::new();
    let mut page = PageRequest::first(4);
    let filter = UserFilter::default();
    loop {
        let part = administration.list_users(cx, &filter, page).await.unwrap();
        for user in &part.items {
            assert!(seen.insert(user.id), "nobody twice");
        }
        add(&format!("late{}", seen.len())).await;
        match part.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen.len(), 13);
    for prefix in ["", " ", "a\u{7}"] {
        let found = administration
            .search_users(cx, search(prefix, 5, None))
            .await;
        assert_eq!(code(found), "request.invalid", "{prefix:?}");
    }
    let long = "x".repeat(65);
    let found = administration
        .search_users(cx, search(&long, 5, None))
        .await;
    assert_eq!(code(found), "request.invalid");
    let most = administration.search_users(cx, search(&long[..64], 5, None));
    assert_eq!(most.await.unwrap().items, []);
}

/// Whoever changes a name or an address is found by the new one.
pub(super) async fn a_search_knows_what_changed(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let live = world.signed_in(ADA).await;
    let who = world.identity(&live).await;
    let administration = world.gk.administration();
    let cx = &world.cx;
    let found = async |prefix: &str| {
        let found = administration.search_users(cx, search(prefix, 10, None));
        found.await.unwrap().items.len()
    };
    assert_eq!((found("ada").await, found("lovelace").await), (1, 0));
    let name = gatekeeper_core::ProfileChanges {
        name: Some(Some("Countess Lovelace".to_owned())),
        ..gatekeeper_core::ProfileChanges::default()
    };
    let accounts = world.gk.accounts();
    accounts.update_profile(cx, &who, name).await.unwrap();
    assert_eq!((found("lovel").await, found("countess").await), (1, 1));
    accounts
        .request_email_change(cx, &who, "lady@elsewhere.example", &PASSWORD.into())
        .await
        .unwrap();
    let mails = world.mails().await;
    let token = token_to(&mails, "lady@elsewhere.example");
    accounts.verify_email(cx, &token).await.unwrap();
    assert_eq!((found("@elsewhere").await, found("ada@").await), (1, 0));
    // Whoever signs up again before the address is verified has the new name.
    world.register("bob@example.org").await;
    assert_eq!(found("ada").await, 1);
    let mut again = super::world::sign_up("bob@example.org");
    again.name = Some("Robert".to_owned());
    let _ = accounts.register(cx, again).await.unwrap();
    assert_eq!((found("ada").await, found("robert").await), (0, 1));
}

pub(super) async fn statistics_count_what_there_is(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let administration = world.gk.administration();
    let ada = world.verified(ADA).await;
    world.sign_in(ADA).await;
    let _ = world.sign_in_with(ADA, "wrong").await;
    world.advance(Duration::from_hours(25));
    world.verified("eve@example.org").await;
    world.sign_in("eve@example.org").await;
    let _ = world.sign_in_with("eve@example.org", "wrong").await;
    let _ = world.sign_in_with("nobody@example.org", "wrong").await;
    administration.disable(&world.cx, ada).await.unwrap();
    let figures = administration.statistics(&world.cx).await.unwrap();
    let counts = [
        figures.users,
        figures.active,
        figures.disabled,
        figures.sign_ins,
        figures.failed_sign_ins,
        figures.denials,
    ];
    assert_eq!(counts.map(|one| one.count), [2, 1, 1, 1, 2, 0]);
    assert!(counts.iter().all(|one| !one.at_least));
    let day = world.clock.now().since(figures.since);
    assert_eq!(day, Duration::from_hours(24));
}
