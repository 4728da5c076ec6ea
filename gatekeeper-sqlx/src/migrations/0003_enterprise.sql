-- Roles that inherit, groups, organisations, invitations, API keys, impersonation, search, and the chain of the audit trail.

ALTER TABLE {p}tenants ADD COLUMN updated_at {time} NOT NULL DEFAULT {start_of_time};
UPDATE {p}tenants SET updated_at = created_at;

CREATE INDEX {n}tenants_list ON {p}tenants (created_at, id);

ALTER TABLE {p}roles ADD COLUMN updated_at {time} NOT NULL DEFAULT {start_of_time};
UPDATE {p}roles SET updated_at = created_at;

ALTER TABLE {p}users ADD COLUMN kind {text} NOT NULL DEFAULT 'person';

-- In no index but the one of sessions in which somebody impersonates: a rotation changes none of them.
ALTER TABLE {p}sessions ADD COLUMN organization_id {uuid};
ALTER TABLE {p}sessions ADD COLUMN impersonator {uuid};
ALTER TABLE {p}sessions ADD COLUMN impersonated_from {uuid};
ALTER TABLE {p}sessions ADD COLUMN impersonation_reason {text};

CREATE INDEX {n}sessions_impersonator ON {p}sessions (tenant_id, impersonator)
    WHERE impersonator IS NOT NULL AND ended_at IS NULL;

-- What a role inherits directly.
CREATE TABLE {p}role_inherits (
    tenant_id {uuid} NOT NULL,
    role {text} NOT NULL,
    inherits {text} NOT NULL,
    CONSTRAINT {n}role_inherits_pkey PRIMARY KEY (tenant_id, role, inherits),
    CONSTRAINT {n}role_inherits_role_fkey FOREIGN KEY (tenant_id, role)
        REFERENCES {p}roles (tenant_id, name) ON DELETE CASCADE,
    CONSTRAINT {n}role_inherits_inherits_fkey FOREIGN KEY (tenant_id, inherits)
        REFERENCES {p}roles (tenant_id, name) ON DELETE CASCADE
) {table_keyed};

CREATE INDEX {n}role_inherits_inherits ON {p}role_inherits (tenant_id, inherits);

-- What a role stands for: itself, and all that it inherits, however far. Read with every account.
CREATE TABLE {p}role_closure (
    tenant_id {uuid} NOT NULL,
    role {text} NOT NULL,
    stands_for {text} NOT NULL,
    CONSTRAINT {n}role_closure_pkey PRIMARY KEY (tenant_id, role, stands_for),
    CONSTRAINT {n}role_closure_role_fkey FOREIGN KEY (tenant_id, role)
        REFERENCES {p}roles (tenant_id, name) ON DELETE CASCADE,
    CONSTRAINT {n}role_closure_stands_for_fkey FOREIGN KEY (tenant_id, stands_for)
        REFERENCES {p}roles (tenant_id, name) ON DELETE CASCADE
) {table_keyed};

CREATE INDEX {n}role_closure_stands_for ON {p}role_closure (tenant_id, stands_for);

INSERT INTO {p}role_closure (tenant_id, role, stands_for) SELECT tenant_id, name, name FROM {p}roles;

CREATE TABLE {p}groups (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    name {text} NOT NULL,
    description {text} NOT NULL,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    CONSTRAINT {n}groups_pkey PRIMARY KEY (id),
    CONSTRAINT {n}groups_tenant_key UNIQUE (tenant_id, id),
    CONSTRAINT {n}groups_name_key UNIQUE (tenant_id, name),
    CONSTRAINT {n}groups_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES {p}tenants (id)
) {table};

CREATE INDEX {n}groups_list ON {p}groups (tenant_id, created_at, id);

CREATE TABLE {p}group_roles (
    tenant_id {uuid} NOT NULL,
    group_id {uuid} NOT NULL,
    role {text} NOT NULL,
    CONSTRAINT {n}group_roles_pkey PRIMARY KEY (tenant_id, group_id, role),
    CONSTRAINT {n}group_roles_group_fkey FOREIGN KEY (tenant_id, group_id)
        REFERENCES {p}groups (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT {n}group_roles_role_fkey FOREIGN KEY (tenant_id, role)
        REFERENCES {p}roles (tenant_id, name) ON DELETE CASCADE
) {table_keyed};

CREATE INDEX {n}group_roles_role ON {p}group_roles (tenant_id, role);

CREATE TABLE {p}group_members (
    tenant_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    group_id {uuid} NOT NULL,
    created_at {time} NOT NULL,
    CONSTRAINT {n}group_members_pkey PRIMARY KEY (tenant_id, user_id, group_id),
    CONSTRAINT {n}group_members_group_fkey FOREIGN KEY (tenant_id, group_id)
        REFERENCES {p}groups (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT {n}group_members_user_fkey FOREIGN KEY (tenant_id, user_id)
        REFERENCES {p}users (tenant_id, id) ON DELETE CASCADE
) {table_keyed};

CREATE INDEX {n}group_members_list ON {p}group_members (tenant_id, group_id, created_at, user_id);

CREATE TABLE {p}organizations (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    slug {text} NOT NULL,
    name {text} NOT NULL,
    metadata {json} NOT NULL,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    CONSTRAINT {n}organizations_pkey PRIMARY KEY (id),
    CONSTRAINT {n}organizations_tenant_key UNIQUE (tenant_id, id),
    CONSTRAINT {n}organizations_slug_key UNIQUE (tenant_id, slug),
    CONSTRAINT {n}organizations_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES {p}tenants (id)
) {table};

CREATE INDEX {n}organizations_list ON {p}organizations (tenant_id, created_at, id);

CREATE TABLE {p}organization_members (
    tenant_id {uuid} NOT NULL,
    organization_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    created_at {time} NOT NULL,
    CONSTRAINT {n}organization_members_pkey PRIMARY KEY (tenant_id, organization_id, user_id),
    CONSTRAINT {n}organization_members_organization_fkey FOREIGN KEY (tenant_id, organization_id)
        REFERENCES {p}organizations (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT {n}organization_members_user_fkey FOREIGN KEY (tenant_id, user_id)
        REFERENCES {p}users (tenant_id, id) ON DELETE CASCADE
) {table_keyed};

CREATE INDEX {n}organization_members_list
    ON {p}organization_members (tenant_id, organization_id, created_at, user_id);
CREATE INDEX {n}organization_members_user
    ON {p}organization_members (tenant_id, user_id, created_at, organization_id);

CREATE TABLE {p}organization_member_roles (
    tenant_id {uuid} NOT NULL,
    organization_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    role {text} NOT NULL,
    CONSTRAINT {n}organization_member_roles_pkey
        PRIMARY KEY (tenant_id, organization_id, user_id, role),
    CONSTRAINT {n}organization_member_roles_member_fkey
        FOREIGN KEY (tenant_id, organization_id, user_id)
        REFERENCES {p}organization_members (tenant_id, organization_id, user_id) ON DELETE CASCADE,
    CONSTRAINT {n}organization_member_roles_role_fkey FOREIGN KEY (tenant_id, role)
        REFERENCES {p}roles (tenant_id, name) ON DELETE CASCADE
) {table_keyed};

CREATE INDEX {n}organization_member_roles_role ON {p}organization_member_roles (tenant_id, role);

-- Who asked and who accepted outlive their accounts: no foreign keys. `roles` are names with a space between them.
CREATE TABLE {p}invitations (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    email {text} NOT NULL,
    email_normalized {text} NOT NULL,
    roles {text} NOT NULL,
    organization_id {uuid},
    invited_by {uuid},
    hash {bytes},
    created_at {time} NOT NULL,
    expires_at {time} NOT NULL,
    sent_at {time} NOT NULL,
    accepted_at {time},
    accepted_by {uuid},
    revoked_at {time},
    CONSTRAINT {n}invitations_pkey PRIMARY KEY (id),
    CONSTRAINT {n}invitations_hash_key UNIQUE (hash),
    CONSTRAINT {n}invitations_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES {p}tenants (id),
    CONSTRAINT {n}invitations_organization_fkey FOREIGN KEY (tenant_id, organization_id)
        REFERENCES {p}organizations (tenant_id, id) ON DELETE CASCADE
) {table};

CREATE INDEX {n}invitations_list ON {p}invitations (tenant_id, created_at, id);
CREATE INDEX {n}invitations_email ON {p}invitations (tenant_id, email_normalized, created_at, id);
CREATE INDEX {n}invitations_organization
    ON {p}invitations (tenant_id, organization_id, created_at, id) WHERE organization_id IS NOT NULL;
CREATE INDEX {n}invitations_pending ON {p}invitations (tenant_id, created_at, id)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX {n}invitations_expiry ON {p}invitations (expires_at);
CREATE INDEX {n}invitations_accepted ON {p}invitations (accepted_at) WHERE accepted_at IS NOT NULL;
CREATE INDEX {n}invitations_revoked ON {p}invitations (revoked_at) WHERE revoked_at IS NOT NULL;

-- `last_used_at` is in no index: noting it rewrites the row alone. `networks` have a space between them.
CREATE TABLE {p}api_keys (
    id {uuid} NOT NULL,
    tenant_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    name {text} NOT NULL,
    prefix {text} NOT NULL,
    hash {bytes} NOT NULL,
    permissions {json} NOT NULL,
    networks {text} NOT NULL,
    created_by {uuid},
    created_at {time} NOT NULL,
    expires_at {time},
    last_used_at {time},
    revoked_at {time},
    replaced_by {uuid},
    CONSTRAINT {n}api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT {n}api_keys_user_fkey FOREIGN KEY (tenant_id, user_id)
        REFERENCES {p}users (tenant_id, id) ON DELETE CASCADE
) {table_hot};

CREATE INDEX {n}api_keys_user ON {p}api_keys (tenant_id, user_id, created_at, id);
CREATE INDEX {n}api_keys_expiry ON {p}api_keys (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX {n}api_keys_revoked ON {p}api_keys (revoked_at) WHERE revoked_at IS NOT NULL;

-- What users are found by: the address, its domain, the words of the name.
CREATE TABLE {p}user_terms (
    tenant_id {uuid} NOT NULL,
    term {text} NOT NULL,
    user_id {uuid} NOT NULL,
    CONSTRAINT {n}user_terms_pkey PRIMARY KEY (tenant_id, term, user_id),
    CONSTRAINT {n}user_terms_user_fkey FOREIGN KEY (tenant_id, user_id)
        REFERENCES {p}users (tenant_id, id) ON DELETE CASCADE
) {table_keyed};

CREATE INDEX {n}user_terms_user ON {p}user_terms (tenant_id, user_id, term);

-- As well as SQL can; the next change of name or address does it as the library would.
INSERT INTO {p}user_terms (tenant_id, term, user_id)
SELECT tenant_id, email_normalized, id FROM {p}users
UNION
SELECT tenant_id, {domain_of_address}, id FROM {p}users
UNION
SELECT u.tenant_id, {word_as_term}, u.id
FROM {p}users u CROSS JOIN {words_of_name} WHERE u.name IS NOT NULL AND word.value <> '';

ALTER TABLE {p}audit_events ADD COLUMN impersonator {uuid};
ALTER TABLE {p}audit_events ADD COLUMN api_key {uuid};
ALTER TABLE {p}audit_events ADD COLUMN digest {bytes};
ALTER TABLE {p}audit_events ADD COLUMN salt {bytes};
ALTER TABLE {p}audit_events ADD COLUMN erased_at {time};
ALTER TABLE {p}audit_events ADD COLUMN sequence {bigint};
ALTER TABLE {p}audit_events ADD COLUMN link {bytes};

-- Rows go from the beginning of a chain, no longer by their age alone.
DROP INDEX {p}audit_events_age;

CREATE UNIQUE INDEX {n}audit_events_sequence ON {p}audit_events (tenant_id, sequence)
    WHERE sequence IS NOT NULL;
CREATE INDEX {n}audit_events_unsealed ON {p}audit_events (tenant_id, at, id) WHERE sequence IS NULL;

CREATE INDEX {n}audit_events_impersonator ON {p}audit_events (tenant_id, impersonator)
    WHERE impersonator IS NOT NULL;

CREATE TABLE {p}audit_heads (
    tenant_id {uuid} NOT NULL,
    sequence {bigint} NOT NULL,
    link {bytes} NOT NULL,
    base_sequence {bigint} NOT NULL,
    base_link {bytes} NOT NULL,
    updated_at {time} NOT NULL,
    mac {bytes} NOT NULL,
    CONSTRAINT {n}audit_heads_pkey PRIMARY KEY (tenant_id)
) {table_keyed};
