-- Tokens in braces differ by database; they are listed in `<database>/dialect.rs`. `{p}` is the prefix of tables with the
-- schema, `{n}` the one of constraints and indexes, which cannot name a schema.

CREATE TABLE {p}tenants (
    id {uuid} NOT NULL,
    slug {text} NOT NULL,
    name {text} NOT NULL,
    suspended_at {time},
    created_at {time} NOT NULL,
    CONSTRAINT {n}tenants_pkey PRIMARY KEY (id),
    CONSTRAINT {n}tenants_slug_key UNIQUE (slug)
) {table};

CREATE TABLE {p}roles (
    tenant_id {uuid} NOT NULL,
    name {text} NOT NULL,
    description {text} NOT NULL,
    system {bool} NOT NULL,
    created_at {time} NOT NULL,
    CONSTRAINT {n}roles_pkey PRIMARY KEY (tenant_id, name),
    CONSTRAINT {n}roles_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES {p}tenants (id)
) {table};

CREATE TABLE {p}role_permissions (
    tenant_id {uuid} NOT NULL,
    role {text} NOT NULL,
    permission {text} NOT NULL,
    CONSTRAINT {n}role_permissions_pkey PRIMARY KEY (tenant_id, role, permission),
    CONSTRAINT {n}role_permissions_role_fkey FOREIGN KEY (tenant_id, role)
        REFERENCES {p}roles (tenant_id, name) ON DELETE CASCADE
) {table_keyed};

CREATE TABLE {p}users (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    email {text} NOT NULL,
    email_normalized {text} NOT NULL,
    email_verified_at {time},
    name {text},
    locale {text},
    avatar_url {text},
    metadata {json} NOT NULL,
    disabled_at {time},
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    last_sign_in_at {time},
    CONSTRAINT {n}users_pkey PRIMARY KEY (id),
    CONSTRAINT {n}users_tenant_key UNIQUE (tenant_id, id),
    CONSTRAINT {n}users_email_key UNIQUE (tenant_id, email_normalized),
    -- Orders the list of users, and lets `user_roles` carry the same order.
    CONSTRAINT {n}users_list_key UNIQUE (tenant_id, created_at, id),
    CONSTRAINT {n}users_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES {p}tenants (id)
) {table_hot};

CREATE INDEX {n}users_active ON {p}users (tenant_id, created_at, id) WHERE disabled_at IS NULL;
CREATE INDEX {n}users_disabled ON {p}users (tenant_id, created_at, id) WHERE disabled_at IS NOT NULL;

-- `user_created_at` is the user's own, kept equal by the foreign key: a list of a role's users is read from one index.
CREATE TABLE {p}user_roles (
    tenant_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    role {text} NOT NULL,
    user_created_at {time} NOT NULL,
    granted_at {time} NOT NULL,
    CONSTRAINT {n}user_roles_pkey PRIMARY KEY (tenant_id, user_id, role),
    CONSTRAINT {n}user_roles_user_fkey FOREIGN KEY (tenant_id, user_created_at, user_id)
        REFERENCES {p}users (tenant_id, created_at, id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT {n}user_roles_role_fkey FOREIGN KEY (tenant_id, role)
        REFERENCES {p}roles (tenant_id, name) ON DELETE CASCADE
) {table_keyed};

CREATE INDEX {n}user_roles_list ON {p}user_roles (tenant_id, role, user_created_at, user_id);

CREATE TABLE {p}passwords (
    tenant_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    hash {text} NOT NULL,
    changed_at {time} NOT NULL,
    CONSTRAINT {n}passwords_pkey PRIMARY KEY (tenant_id, user_id),
    CONSTRAINT {n}passwords_user_fkey FOREIGN KEY (tenant_id, user_id)
        REFERENCES {p}users (tenant_id, id) ON DELETE CASCADE
) {table};

CREATE TABLE {p}external_identities (
    tenant_id {uuid} NOT NULL,
    provider {text} NOT NULL,
    subject {text} NOT NULL,
    user_id {uuid} NOT NULL,
    created_at {time} NOT NULL,
    CONSTRAINT {n}external_identities_pkey PRIMARY KEY (tenant_id, provider, subject),
    CONSTRAINT {n}external_identities_user_fkey FOREIGN KEY (tenant_id, user_id)
        REFERENCES {p}users (tenant_id, id) ON DELETE CASCADE
) {table};

CREATE INDEX {n}external_identities_user ON {p}external_identities (tenant_id, user_id);

-- No index holds a column that a routine rotation changes, so that PostgreSQL can rewrite the row alone (HOT).
-- `idle_expiry_hour` changes once an hour at most; it is there for `purge_expired`.
CREATE TABLE {p}sessions (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    generation {bigint} NOT NULL,
    rotated_at {time} NOT NULL,
    created_at {time} NOT NULL,
    authenticated_at {time} NOT NULL,
    methods {text} NOT NULL,
    mfa_verified_at {time},
    last_seen_at {time} NOT NULL,
    idle_expires_at {time} NOT NULL,
    idle_expiry_hour {bigint} NOT NULL,
    absolute_expires_at {time} NOT NULL,
    ended_at {time},
    end_reason {text},
    ip {text},
    user_agent {text},
    CONSTRAINT {n}sessions_pkey PRIMARY KEY (id),
    CONSTRAINT {n}sessions_user_fkey FOREIGN KEY (tenant_id, user_id)
        REFERENCES {p}users (tenant_id, id) ON DELETE CASCADE
) {table_hot};

CREATE INDEX {n}sessions_user ON {p}sessions (tenant_id, user_id, ended_at, created_at, id);
CREATE INDEX {n}sessions_ended ON {p}sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX {n}sessions_absolute_expiry ON {p}sessions (absolute_expires_at);
CREATE INDEX {n}sessions_idle_expiry ON {p}sessions (idle_expiry_hour);

CREATE TABLE {p}one_time_tokens (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    purpose {text} NOT NULL,
    user_id {uuid} NOT NULL,
    hash {bytes} NOT NULL,
    payload {json} NOT NULL,
    created_at {time} NOT NULL,
    expires_at {time} NOT NULL,
    consumed_at {time},
    CONSTRAINT {n}one_time_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT {n}one_time_tokens_hash_key UNIQUE (hash),
    CONSTRAINT {n}one_time_tokens_user_fkey FOREIGN KEY (tenant_id, user_id)
        REFERENCES {p}users (tenant_id, id) ON DELETE CASCADE
) {table};

CREATE INDEX {n}one_time_tokens_user ON {p}one_time_tokens (tenant_id, user_id, consumed_at);
CREATE INDEX {n}one_time_tokens_expiry ON {p}one_time_tokens (expires_at);
CREATE INDEX {n}one_time_tokens_consumed ON {p}one_time_tokens (consumed_at) WHERE consumed_at IS NOT NULL;

-- Rows outlive the users they tell of: no foreign key.
CREATE TABLE {p}audit_events (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    at {time} NOT NULL,
    event {text} NOT NULL,
    outcome {text} NOT NULL,
    reason {text},
    actor {uuid},
    target {uuid},
    correlation_id {text} NOT NULL,
    ip {text},
    user_agent {text},
    details {json} NOT NULL,
    CONSTRAINT {n}audit_events_pkey PRIMARY KEY (id)
) {table};

CREATE INDEX {n}audit_events_list ON {p}audit_events (tenant_id, at, id);
CREATE INDEX {n}audit_events_actor ON {p}audit_events (tenant_id, actor, at, id) WHERE actor IS NOT NULL;
CREATE INDEX {n}audit_events_target ON {p}audit_events (tenant_id, target, at, id) WHERE target IS NOT NULL;
CREATE INDEX {n}audit_events_event ON {p}audit_events (tenant_id, event, at, id);

CREATE TABLE {p}outbox (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    kind {text} NOT NULL,
    payload {bytes} NOT NULL,
    state {text} NOT NULL,
    attempts {int} NOT NULL,
    due_at {time} NOT NULL,
    created_at {time} NOT NULL,
    finished_at {time},
    last_error {text},
    CONSTRAINT {n}outbox_pkey PRIMARY KEY (id)
) {table};

CREATE INDEX {n}outbox_due ON {p}outbox (due_at, id) WHERE state = 'pending';
CREATE INDEX {n}outbox_dead ON {p}outbox (tenant_id, created_at, id) WHERE state = 'dead';
CREATE INDEX {n}outbox_delivered ON {p}outbox (finished_at) WHERE state = 'delivered';

-- `not_after` is the last second of issue that a user's revocation concerns, and the epoch for the other kinds.
CREATE TABLE {p}revocations (
    tenant_id {uuid} NOT NULL,
    kind {text} NOT NULL,
    target {uuid} NOT NULL,
    not_after {time} NOT NULL,
    revoked_at {time} NOT NULL,
    expires_at {time} NOT NULL,
    CONSTRAINT {n}revocations_pkey PRIMARY KEY (tenant_id, kind, target, not_after)
) {table_keyed};

CREATE INDEX {n}revocations_since ON {p}revocations (revoked_at);
CREATE INDEX {n}revocations_expiry ON {p}revocations (expires_at);

CREATE TABLE {p}signing_keys (
    id {uuid} NOT NULL,
    algorithm {text} NOT NULL,
    sealed_private {bytes} NOT NULL,
    created_at {time} NOT NULL,
    active_from {time} NOT NULL,
    retired_at {time},
    CONSTRAINT {n}signing_keys_pkey PRIMARY KEY (id)
) {table};

INSERT INTO {p}tenants (id, slug, name, suspended_at, created_at)
VALUES ({default_tenant}, 'default', 'Default', NULL, {start_of_time});

INSERT INTO {p}roles (tenant_id, name, description, system, created_at)
VALUES
    ({default_tenant}, 'admin', 'May do everything in its tenant.', TRUE, {start_of_time}),
    ({default_tenant}, 'platform_admin', 'May do everything, and manage tenants.', TRUE, {start_of_time});

INSERT INTO {p}role_permissions (tenant_id, role, permission)
VALUES
    ({default_tenant}, 'admin', '*'),
    ({default_tenant}, 'platform_admin', '*'),
    ({default_tenant}, 'platform_admin', 'tenants:*');
