#![doc = include_str!("../README.md")]

mod api;
mod api_key;
mod authenticate;
mod body;
mod client;
mod codes;
mod cookies;
mod csrf;
mod deliver;
mod denial;
mod device;
mod endpoints;
mod head;
mod json;
mod limits;
mod openapi;
mod problem;
mod query;
mod requirement;
mod respond;
mod routes;
mod settings;
mod tenant;

pub use api::Api;
pub use codes::{CODES, ErrorCode};
pub use head::{HeaderView, RequestHead};
pub use ipnet::IpNet;
pub use limits::RateRule;
pub use problem::Problem;
pub use requirement::{Admin, Requirement, RequirementDef, Verdict};
pub use respond::{CORRELATION_ID, PRIVATE_HEADERS};
pub use routes::{Answer, Caller, CsrfRule, Input, Route, Rule};
pub use settings::{HttpSettings, SettingError};
