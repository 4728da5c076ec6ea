//! The columns each kind of row is read by, in the order in which they are read.

/// Column lists, as tokens of templates. `{account}` and `{authority}` come before what they are made of.
pub(super) const COLUMNS: &[(&str, &str)] = &[
    (
        "{account}",
        // The password comes before what the user may do: there is none where only the latter is read.
        "{user}, pw.hash, pw.changed_at, pw.must_change_since, {authority} \
         FROM {p}users u \
         LEFT JOIN {p}passwords pw ON pw.tenant_id = u.tenant_id AND pw.user_id = u.id",
    ),
    (
        "{authority}",
        "(SELECT {list_of}({follows}) FROM ( \
              SELECT ur.tenant_id, ur.role FROM {p}user_roles ur \
              WHERE ur.tenant_id = u.tenant_id AND ur.user_id = u.id \
              UNION ALL \
              SELECT gr.tenant_id, gr.role FROM {p}group_members gm \
              CROSS JOIN {p}group_roles gr \
              WHERE gr.tenant_id = gm.tenant_id AND gr.group_id = gm.group_id \
              AND gm.tenant_id = u.tenant_id AND gm.user_id = u.id \
          ) AS g {what_follows})",
    ),
    // Each role that `g.role` stands for with one of its permissions; a space, which no name has, between them. All in one
    // list, since every list more goes through the grants once more.
    (
        "{follows}",
        "rc.stands_for || ' ' || COALESCE(rp.permission, '')",
    ),
    (
        "{what_follows}",
        // `CROSS JOIN`: SQLite takes the tables in this order and in no other.
        "CROSS JOIN {p}role_closure rc \
         LEFT JOIN {p}role_permissions rp \
             ON rp.tenant_id = rc.tenant_id AND rp.role = rc.stands_for \
         WHERE rc.tenant_id = g.tenant_id AND rc.role = g.role",
    ),
    (
        "{user}",
        "u.id, u.tenant_id, u.email, u.email_verified_at, u.name, u.locale, u.avatar_url, \
         u.metadata, u.disabled_at, u.created_at, u.updated_at, u.last_sign_in_at, u.mfa_enabled_at, \
         u.kind",
    ),
    (
        "{session}",
        "s.id, s.tenant_id, s.user_id, s.generation, s.rotated_at, s.created_at, \
         s.authenticated_at, s.methods, s.mfa_verified_at, s.last_seen_at, s.idle_expires_at, \
         s.absolute_expires_at, s.ended_at, s.end_reason, s.ip, s.user_agent, \
         s.device_id, s.organization_id, s.impersonator, s.impersonated_from, \
         s.impersonation_reason",
    ),
    (
        "{session_returned}",
        "id, tenant_id, user_id, generation, rotated_at, created_at, authenticated_at, methods, \
         mfa_verified_at, last_seen_at, idle_expires_at, absolute_expires_at, ended_at, \
         end_reason, ip, user_agent, device_id, organization_id, impersonator, impersonated_from, \
         impersonation_reason",
    ),
    (
        "{audit_event}",
        "id, tenant_id, at, event, outcome, reason, actor, target, correlation_id, ip, \
         user_agent, details, impersonator, api_key, digest, salt, erased_at, sequence, link",
    ),
    (
        "{audit_head}",
        "tenant_id, sequence, link, base_sequence, base_link, updated_at, mac",
    ),
    (
        "{api_key}",
        "k.id, k.tenant_id, k.user_id, k.name, k.prefix, k.hash, k.permissions, k.networks, \
         k.created_by, k.created_at, k.expires_at, k.last_used_at, k.revoked_at, k.replaced_by",
    ),
    ("{backup_code}", "id, hash, created_at"),
    (
        "{device}",
        "tenant_id, user_id, id, user_agent, created_at, last_seen_at, expires_at, trusted_until, \
         revoked_at",
    ),
    (
        "{former_password}",
        "tenant_id, user_id, id, hash, replaced_at",
    ),
    (
        "{group}",
        "g.id, g.tenant_id, g.name, g.description, \
         (SELECT {list_of}(gr.role) FROM {p}group_roles gr \
          WHERE gr.tenant_id = g.tenant_id AND gr.group_id = g.id), g.created_at, g.updated_at",
    ),
    (
        "{identity}",
        "tenant_id, provider, subject, user_id, created_at",
    ),
    (
        "{invitation}",
        "id, tenant_id, email, roles, organization_id, invited_by, hash, created_at, expires_at, \
         sent_at, accepted_at, accepted_by, revoked_at",
    ),
    ("{lockout}", "failures, locked_until, locked_for_good"),
    (
        "{membership}",
        "m.tenant_id, m.organization_id, m.user_id, \
         (SELECT {list_of}(mr.role) FROM {p}organization_member_roles mr \
          WHERE mr.tenant_id = m.tenant_id AND mr.organization_id = m.organization_id \
          AND mr.user_id = m.user_id), m.created_at",
    ),
    (
        "{mfa_credential}",
        "tenant_id, user_id, method, sealed, created_at, confirmed_at, counter",
    ),
    (
        "{one_time_token}",
        "id, tenant_id, purpose, user_id, hash, payload, created_at, expires_at, consumed_at",
    ),
    (
        "{organization}",
        "o.id, o.tenant_id, o.slug, o.name, o.metadata, o.created_at, o.updated_at",
    ),
    (
        "{outbox_entry}",
        "id, tenant_id, kind, payload, state, attempts, due_at, created_at, finished_at, \
         last_error",
    ),
    (
        "{password}",
        "tenant_id, user_id, hash, changed_at, must_change_since",
    ),
    (
        "{revocation}",
        "tenant_id, kind, target, not_after, revoked_at, expires_at",
    ),
    (
        "{role}",
        "r.tenant_id, r.name, r.description, r.system, \
         (SELECT {list_of}(rp.permission) FROM {p}role_permissions rp \
          WHERE rp.tenant_id = r.tenant_id AND rp.role = r.name), \
         (SELECT {list_of}(ri.inherits) FROM {p}role_inherits ri \
          WHERE ri.tenant_id = r.tenant_id AND ri.role = r.name), r.created_at, r.updated_at",
    ),
    (
        "{signing_key}",
        "id, algorithm, sealed_private, created_at, active_from, retired_at",
    ),
    (
        "{tenant}",
        "id, slug, name, suspended_at, created_at, settings, updated_at",
    ),
];
