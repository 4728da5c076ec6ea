-- Second factors, devices, counters of failures, former passwords, leases; and what is kept with tenants.

ALTER TABLE {p}tenants ADD COLUMN settings {json} NOT NULL DEFAULT '{}';

-- In no index, as `last_sign_in_at` is in none: a sign-in rewrites the row alone.
ALTER TABLE {p}users ADD COLUMN mfa_enabled_at {time};

ALTER TABLE {p}passwords ADD COLUMN must_change_since {time};

-- No foreign key: a session outlives the row of its device.
ALTER TABLE {p}sessions ADD COLUMN device_id {uuid};

-- The newest of a user sort last: their ids count up with time.
CREATE TABLE {p}former_passwords (
    tenant_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    id {uuid} NOT NULL,
    hash {text} NOT NULL,
    replaced_at {time} NOT NULL,
    CONSTRAINT {n}former_passwords_pkey PRIMARY KEY (tenant_id, user_id, id),
    CONSTRAINT {n}former_passwords_user_fkey FOREIGN KEY (tenant_id, user_id)
        REFERENCES {p}users (tenant_id, id) ON DELETE CASCADE
) {table};

CREATE TABLE {p}mfa_credentials (
    tenant_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    method {text} NOT NULL,
    sealed {bytes} NOT NULL,
    created_at {time} NOT NULL,
    confirmed_at {time},
    counter {bigint} NOT NULL,
    CONSTRAINT {n}mfa_credentials_pkey PRIMARY KEY (tenant_id, user_id, method),
    CONSTRAINT {n}mfa_credentials_user_fkey FOREIGN KEY (tenant_id, user_id)
        REFERENCES {p}users (tenant_id, id) ON DELETE CASCADE
) {table};

-- Unused ones alone: what was used is gone.
CREATE TABLE {p}backup_codes (
    tenant_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    id {uuid} NOT NULL,
    hash {text} NOT NULL,
    created_at {time} NOT NULL,
    CONSTRAINT {n}backup_codes_pkey PRIMARY KEY (tenant_id, user_id, id),
    CONSTRAINT {n}backup_codes_user_fkey FOREIGN KEY (tenant_id, user_id)
        REFERENCES {p}users (tenant_id, id) ON DELETE CASCADE
) {table};

CREATE TABLE {p}devices (
    tenant_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    id {uuid} NOT NULL,
    user_agent {text},
    created_at {time} NOT NULL,
    last_seen_at {time} NOT NULL,
    expires_at {time} NOT NULL,
    trusted_until {time},
    revoked_at {time},
    CONSTRAINT {n}devices_pkey PRIMARY KEY (tenant_id, user_id, id),
    CONSTRAINT {n}devices_user_fkey FOREIGN KEY (tenant_id, user_id)
        REFERENCES {p}users (tenant_id, id) ON DELETE CASCADE
) {table};

CREATE INDEX {n}devices_list ON {p}devices (tenant_id, user_id, created_at, id) WHERE revoked_at IS NULL;
CREATE INDEX {n}devices_expiry ON {p}devices (expires_at);
CREATE INDEX {n}devices_revoked ON {p}devices (revoked_at) WHERE revoked_at IS NOT NULL;

-- `digest` is a keyed one of the tenant and of whose failures are counted.
CREATE TABLE {p}lockouts (
    digest {bytes} NOT NULL,
    failures {bigint} NOT NULL,
    locked_until {time},
    locked_for_good {bool} NOT NULL,
    updated_at {time} NOT NULL,
    CONSTRAINT {n}lockouts_pkey PRIMARY KEY (digest)
) {table};

CREATE INDEX {n}lockouts_age ON {p}lockouts (updated_at) WHERE NOT locked_for_good;

CREATE TABLE {p}leases (
    name {text} NOT NULL,
    holder {text} NOT NULL,
    held_until {time} NOT NULL,
    CONSTRAINT {n}leases_pkey PRIMARY KEY (name)
) {table_keyed};

CREATE INDEX {n}audit_events_age ON {p}audit_events (at);

-- Entries in any state are listed, not only dead ones.
DROP INDEX {p}outbox_dead;
CREATE INDEX {n}outbox_list ON {p}outbox (tenant_id, state, created_at, id);
