use gatekeeper_core::{
    lockout::LockoutState,
    model::{OneTimeToken, RevocationTarget, SecretString, SessionEnd, Tenant, TokenPurpose, User},
};

use super::{
    StoreFixture,
    world::{LATE, World},
};
use crate::sample::{self, NOW, at};

/// Writes, sees the write in the same transaction, drops the transaction, and sees that nothing was written.
macro_rules! undone {
    ($fixture:expr, $world:expr, $before:expr, $($name:literal: $tx:ident => $work:expr;)*) => {$(
        let mut $tx = $fixture.begin().await;
        $work.unwrap();
        let within = $world.describe(&mut *$tx).await;
        assert_ne!(within, $before, "{} does not show in its own transaction", $name);
        drop($tx);
        let after = $world.snapshot($fixture).await;
        assert_eq!(after, $before, "{} was not undone", $name);
    )*};
}

/// Rule 1 and what `begin` promises, for every method that writes: a transaction sees its own writes, and dropping it undoes
/// them.
pub(super) async fn every_write_shows_within_and_is_undone(fx: &StoreFixture) {
    let world = World::build(fx).await;
    accounts(fx, &world).await;
    sessions_and_tokens(fx, &world).await;
    effects(fx, &world).await;
}

async fn accounts(fx: &StoreFixture, world: &World) {
    let (side, before) = (&world.ours, world.snapshot(fx).await);
    let (tenant, id) = (side.tenant, side.user.id);
    let renamed = User {
        name: Some("another".to_owned()),
        email: sample::email("another@example.org"),
        ..side.user.clone()
    };
    let mut password = side.password.clone();
    password.hash = SecretString::from("another");
    let (old, new) = (&side.password.hash, &password.hash);
    let admin = sample::role_name("admin");
    undone! { fx, world, before,
        "users.insert": t => t.users().insert(&sample::user(tenant, 50)).await;
        "users.update": t => t.users().update(&renamed).await;
        "users.delete": t => t.users().delete(tenant, id).await;
        "credentials.set_password": t => t.credentials().set_password(&password).await;
        "credentials.replace_hash": t => t.credentials().replace_hash(tenant, id, old, new).await;
        "credentials.delete_password": t => t.credentials().delete_password(tenant, id).await;
        "credentials.insert_identity": t => t
            .credentials()
            .insert_identity(&sample::identity(&side.user, 50))
            .await;
        "roles.insert": t => t.roles().insert(&sample::role(tenant, "new", &[])).await;
        "roles.grant": t => t.roles().grant(tenant, id, &admin, NOW).await;
        "roles.revoke": t => t.roles().revoke(tenant, id, &side.role.name).await;
        "tenants.insert": t => t.tenants().insert(&world.spare).await;
    }
    security(fx, world, &before).await;
    // The roles that came with the tenant are gone with it.
    let roles = peek!(fx, t => t.roles().list(world.spare.id).await);
    assert!(roles.is_empty());
}

async fn security(fx: &StoreFixture, world: &World, before: &str) {
    let (side, tenant, id) = (&world.ours, world.ours.tenant, world.ours.user.id);
    let mut settled = sample::tenant(9);
    settled.id = tenant;
    let (mut begun, mut device) = (sample::factor(&side.user, "email"), side.device.clone());
    begun.confirmed_at = None;
    device.user_agent = None;
    let former = sample::former_password(&side.user, 50);
    let (key, new) = (sample::lockout_key(1), sample::lockout_key(2));
    let state = LockoutState {
        failures: 9,
        lock: None,
    };
    undone! { fx, world, before,
        "credentials.add_former_password": t => t
            .credentials()
            .add_former_password(&former, 1)
            .await;
        "credentials.require_password_change": t => t
            .credentials()
            .require_password_change(tenant, id, NOW)
            .await;
        "tenants.update": t => t.tenants().update(&settled).await;
        "mfa.put": t => t.mfa().put(&begun).await;
        "mfa.advance": t => t.mfa().advance(tenant, id, "totp", 9).await;
        "mfa.delete": t => t.mfa().delete(tenant, id, "totp").await;
        "mfa.replace_backup_codes": t => t.mfa().replace_backup_codes(tenant, id, &[]).await;
        "mfa.consume_backup_code": t => t
            .mfa()
            .consume_backup_code(tenant, id, &side.code.hash)
            .await;
        "devices.put": t => t.devices().put(&device).await;
        "devices.revoke": t => t.devices().revoke(tenant, id, device.id, NOW).await;
        "devices.distrust_all": t => t.devices().distrust_all(tenant, id).await;
        "devices.revoke_all": t => t.devices().revoke_all(tenant, id, NOW).await;
        "devices.purge_expired": t => t.devices().purge_expired(LATE, 100).await;
        "lockouts.hold": t => t.lockouts().hold(&new, LATE).await;
        "lockouts.set": t => t.lockouts().set(&key, &state, NOW).await;
        "lockouts.delete": t => t.lockouts().delete(&key).await;
        "lockouts.purge_expired": t => t.lockouts().purge_expired(LATE, 100).await;
        "leases.acquire": t => t.leases().acquire("job", "a", NOW, at(150)).await;
        "leases.release": t => t.leases().release("job", "a").await;
    }
    commit!(fx, t => t.mfa().put(&begun).await);
    let before = world.snapshot(fx).await;
    undone! { fx, world, before,
        "mfa.confirm": t => t.mfa().confirm(tenant, id, "email", 3, NOW).await;
    }
    commit!(fx, t => t.mfa().delete(tenant, id, "email").await);
}

async fn sessions_and_tokens(fx: &StoreFixture, world: &World) {
    let (side, before) = (&world.ours, world.snapshot(fx).await);
    let (tenant, user) = (side.tenant, &side.user);
    let reason = SessionEnd::SignedOut;
    let reset = TokenPurpose::PasswordReset;
    let token = sample::token(user, reset, 3);
    let fresh = OneTimeToken {
        expires_at: at(7),
        ..token
    };
    undone! { fx, world, before,
        "sessions.insert": t => t.sessions().insert(&sample::session(user, 50)).await;
        "sessions.end": t => t.sessions().end(tenant, side.session.id, reason, NOW).await;
        "sessions.end_all_for_user": t => t
            .sessions()
            .end_all_for_user(tenant, user.id, None, reason, NOW)
            .await;
        "sessions.purge_expired": t => t.sessions().purge_expired(LATE, 100).await;
        "tokens.insert": t => t.tokens().insert(&fresh).await;
        "tokens.consume": t => t.tokens().consume(tenant, reset, &side.token.hash, NOW).await;
        "tokens.revoke_all_for_user": t => t
            .tokens()
            .revoke_all_for_user(tenant, user.id, &[reset], NOW)
            .await;
        "tokens.purge_expired": t => t.tokens().purge_expired(LATE, 100).await;
    }
}

async fn effects(fx: &StoreFixture, world: &World) {
    let (side, before) = (&world.ours, world.snapshot(fx).await);
    let (tenant, held) = (side.tenant, side.held.id);
    let target = RevocationTarget::Token(sample::token_id(50));
    let revocation = sample::revocation(tenant, target);
    let mut longer = side.revocations[0];
    longer.expires_at = at(5_000);
    let key = sample::signing_key(1).id;
    undone! { fx, world, before,
        "audit.append": t => t.audit().append(&sample::event(tenant, 50)).await;
        "outbox.enqueue": t => t.outbox().enqueue(&sample::mail(tenant, 99)).await;
        "outbox.claim": t => t.outbox().claim(LATE, at(20_000_000), 1).await;
        "outbox.complete": t => t.outbox().complete(held, 1, NOW).await;
        "outbox.fail, to be retried": t => t
            .outbox()
            .fail(held, 1, "421", Some(at(5)), NOW)
            .await;
        "outbox.fail, for good": t => t.outbox().fail(held, 1, "550", None, NOW).await;
        "outbox.revive": t => t.outbox().revive(tenant, side.dead.id, NOW).await;
        "outbox.purge_expired": t => t.outbox().purge_expired(LATE, 100).await;
        "revocations.insert": t => t.revocations().insert(&revocation).await;
        "revocations.insert, again": t => t.revocations().insert(&longer).await;
        "revocations.purge_expired": t => t.revocations().purge_expired(LATE, 100).await;
        "signing_keys.insert": t => t.signing_keys().insert(&sample::signing_key(50)).await;
        "signing_keys.retire": t => t.signing_keys().retire(key, NOW).await;
    }
}

/// A whole unit of work is undone, however much it did, and the same can then be done again.
pub(super) async fn a_whole_unit_of_work_is_undone(fx: &StoreFixture) {
    let world = World::build(fx).await;
    let before = world.snapshot(fx).await;
    let (side, tenant) = (&world.ours, world.ours.tenant);
    for commit in [false, true] {
        let mut t = fx.begin().await;
        assert!(t.users().delete(tenant, side.user.id).await.unwrap());
        let reborn = User {
            id: sample::user(tenant, 60).id,
            ..side.user.clone()
        };
        t.users().insert(&reborn).await.unwrap();
        t.sessions()
            .insert(&sample::session(&reborn, 1))
            .await
            .unwrap();
        t.outbox().enqueue(&sample::mail(tenant, 98)).await.unwrap();
        t.audit().append(&sample::event(tenant, 98)).await.unwrap();
        let spare: &Tenant = &world.spare;
        t.tenants().insert(spare).await.unwrap();
        t.users().insert(&sample::user(spare.id, 1)).await.unwrap();
        if commit {
            t.commit().await.unwrap();
            assert_ne!(world.snapshot(fx).await, before);
        } else {
            drop(t);
            assert_eq!(world.snapshot(fx).await, before);
        }
    }
}

/// Many dropped transactions leave no lock and no connection behind.
pub(super) async fn dropped_transactions_hold_nothing(fx: &StoreFixture) {
    let world = World::build(fx).await;
    let (tenant, id) = (world.ours.tenant, world.ours.user.id);
    for n in 0..40 {
        let mut t = fx.node(n).begin().await.unwrap();
        t.users()
            .find_for_update(tenant, id)
            .await
            .unwrap()
            .unwrap();
        t.audit().append(&sample::event(tenant, 50)).await.unwrap();
    }
    let mut t = fx.begin().await;
    t.users()
        .find_for_update(tenant, id)
        .await
        .unwrap()
        .unwrap();
    t.audit().append(&sample::event(tenant, 50)).await.unwrap();
    t.commit().await.unwrap();
}
