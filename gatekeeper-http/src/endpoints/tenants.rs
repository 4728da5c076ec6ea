//! /v1/admin/tenants, /v1/admin/settings

use std::collections::BTreeSet;

use gatekeeper_core::{
    Administration, BrandingChanges, NewTenant, TenantChanges, TenantSettingsChanges,
    model::{
        Branding, MfaRequirement, SessionLimit, SignInMethod, Tenant, TenantSettings, Timestamp,
        WhenFull,
    },
};
use http::StatusCode;
use serde::Serialize;

use crate::{
    api::Call,
    body::Fields,
    problem::Problem,
    query::List,
    respond::{self, Reply},
};

#[derive(Serialize)]
struct TenantBody {
    id: String,
    slug: String,
    name: String,
    suspended_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    settings: SettingsBody,
}

#[derive(Serialize)]
struct SettingsBody {
    branding: Branding,
    email_domains: Option<BTreeSet<String>>,
    mfa: Option<MfaRequirement>,
    open_registration: Option<bool>,
    password_min_length: Option<u32>,
    session_limit: Option<SessionLimit>,
    sign_in_methods: Option<BTreeSet<SignInMethod>>,
}

impl TenantBody {
    fn of(tenant: Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            slug: tenant.slug.as_str().to_owned(),
            name: tenant.name,
            suspended_at: tenant.suspended_at,
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
            settings: SettingsBody::of(tenant.settings),
        }
    }
}

impl SettingsBody {
    fn of(settings: TenantSettings) -> Self {
        Self {
            branding: settings.branding,
            email_domains: settings.email_domains,
            mfa: settings.mfa,
            open_registration: settings.open_registration,
            password_min_length: settings.password_min_length,
            session_limit: settings.session_limit,
            sign_in_methods: settings.sign_in_methods,
        }
    }
}

pub(crate) async fn list(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let context = format!("tenants {} {}", who.tenant_id, who.user_id);
    let list = List::new(call.gatekeeper(), context);
    let page = list.page(call.query.as_deref())?;
    let page = administration(&call)?
        .list_tenants(&call.context, page)
        .await?;
    respond::json(StatusCode::OK, &list.body(page, TenantBody::of))
}

pub(crate) async fn show(call: Call) -> Result<Reply, Problem> {
    let tenant = administration(&call)?
        .find_tenant(&call.context, call.capture())
        .await?;
    respond::json(StatusCode::OK, &TenantBody::of(tenant))
}

pub(crate) async fn create(call: Call) -> Result<Reply, Problem> {
    let input = call.read(|fields| NewTenant {
        slug: fields.text("slug"),
        name: fields.text("name"),
        settings: read_nested(fields).unwrap_or_default(),
        admin_email: fields.optional_text("admin_email"),
    })?;
    let tenant = administration(&call)?
        .create_tenant(&call.context, input)
        .await?;
    respond::json(StatusCode::CREATED, &TenantBody::of(tenant))
}

pub(crate) async fn update(call: Call) -> Result<Reply, Problem> {
    let changes = call.read(|fields| TenantChanges {
        name: fields.optional_text("name"),
        settings: read_nested(fields),
        suspended: fields.changed_flag("suspended").flatten(),
    })?;
    let tenant = administration(&call)?
        .update_tenant(&call.context, call.capture(), changes)
        .await?;
    respond::json(StatusCode::OK, &TenantBody::of(tenant))
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Problem> {
    let confirmation = call.read(|fields| fields.text("slug"))?;
    administration(&call)?
        .delete_tenant(&call.context, call.capture(), &confirmation)
        .await?;
    Ok(respond::no_content())
}

pub(crate) async fn settings(call: Call) -> Result<Reply, Problem> {
    let settings = administration(&call)?
        .tenant_settings(&call.context)
        .await?;
    respond::json(StatusCode::OK, &SettingsBody::of(settings))
}

pub(crate) async fn update_settings(call: Call) -> Result<Reply, Problem> {
    let changes = call.read(read_settings)?;
    let settings = administration(&call)?
        .update_tenant_settings(&call.context, changes)
        .await?;
    respond::json(StatusCode::OK, &SettingsBody::of(settings))
}

fn administration(call: &Call) -> Result<Administration<'_>, Problem> {
    Ok(call.gatekeeper().administration().on_behalf_of(call.who()?))
}

/// `settings` within a tenant; `null` is nothing that is said of them.
fn read_nested(fields: &mut Fields) -> Option<TenantSettingsChanges> {
    fields.changed_object("settings", read_settings).flatten()
}

/// A merge (RFC 7396): what is absent stays, what is `null` goes back to what the application says.
fn read_settings(fields: &mut Fields) -> TenantSettingsChanges {
    let branding = match fields.changed_object("branding", read_branding) {
        None => BrandingChanges::default(),
        Some(None) => BrandingChanges::reset(),
        Some(Some(branding)) => branding,
    };
    let email_domains = fields
        .changed_texts("email_domains")
        .map(|domains| domains.map(BTreeSet::from_iter));
    let mfa = fields.changed_word(
        "mfa",
        &[
            ("optional", MfaRequirement::Optional),
            ("required", MfaRequirement::Required),
        ],
    );
    let open_registration = fields.changed_flag("open_registration");
    let password_min_length = fields.changed_number("password_min_length");
    let session_limit = fields.changed_object("session_limit", |fields| {
        let max = fields.changed_number("max").flatten();
        let when_full = fields.optional_word(
            "when_full",
            &[
                ("end_oldest", WhenFull::EndOldest),
                ("reject", WhenFull::Reject),
            ],
        );
        SessionLimit {
            max: fields.require("max", max),
            when_full: when_full.unwrap_or(WhenFull::EndOldest),
        }
    });
    TenantSettingsChanges {
        branding,
        email_domains,
        mfa,
        open_registration,
        password_min_length,
        session_limit,
        sign_in_methods: read_methods(fields),
    }
}

fn read_branding(fields: &mut Fields) -> BrandingChanges {
    BrandingChanges {
        color: fields.changed_text("color"),
        logo_url: fields.changed_text("logo_url"),
        name: fields.changed_text("name"),
    }
}

#[expect(
    clippy::option_option,
    reason = "absent and null are two things, as in `ProfileChanges`"
)]
fn read_methods(fields: &mut Fields) -> Option<Option<BTreeSet<SignInMethod>>> {
    let name = "sign_in_methods";
    let Some(words) = fields.changed_texts(name)? else {
        return Some(None);
    };
    let methods: Option<BTreeSet<SignInMethod>> =
        words.iter().map(|word| SignInMethod::parse(word)).collect();
    if methods.is_none() {
        let known: Vec<&str> = SignInMethod::ALL
            .iter()
            .map(|method| method.as_str())
            .collect();
        let detail = format!("must be some of: {}", known.join(", "));
        fields.refuse(name, "field.value", detail);
    }
    methods.map(Some)
}
