//! Second factors: setting them up, taking them away, and finding out whether a code is right.
//!
//! | state of a factor | how it comes about |
//! |---|---|
//! | begun | its secret is made and shown, or a code is sent; it counts for nothing |
//! | in force | its owner showed that it works |
//! | gone | its owner took it away with a code of a factor |
//!
//! A user has a second factor (`users.mfa_enabled_at`) while one is in force. Backup codes come with the first and go with
//! the last.
//!
//! Threats: guessing (every wrong code is counted, across sign-ins); a code that is used twice, from a shoulder or a log (the
//! step of a code is accepted once, a backup code and a sent one are used up, each by one guarded statement); a code of one
//! sign-in in another (a sent code is bound to what it was sent for); a thief with an open session who binds a factor of his
//! own or takes one away (a recent authentication for the one, a code for the other, a mail to the owner, and every other
//! session ends); a second factor that is the first one again (a mailbox that the link was read in); a factor that silently
//! stops to be asked for because its method was switched off (what is in force is asked for until it is taken away).
//!
//! Events: `mfa.enabled`, `mfa.disabled`, `mfa.backup_codes_generated`, `mfa.backup_code_used`, `mfa.code_requested`. Codes:
//! `mfa.already_enabled`, `mfa.not_enabled`, `mfa.code_incorrect`, `mfa.required`, `access.step_up_required`.

mod backup_codes;
mod change;
mod enroll;
mod method;
mod methods;
mod offer;
mod qr;
mod sent;
mod setup;
mod sign_in;
mod status;
mod totp;
mod tries;
mod verify;

use enroll::{Confirmed, Looked, TotpConfirmation, begin_totp, confirm_totp, look_at_totp};
pub use method::{
    Destination, MfaAttempt, MfaFactor, MfaMethod, MfaProof, MfaStanding, PreparedCode,
};
pub(crate) use methods::MfaMethods;
pub(crate) use offer::{offered, requirement, strictest};
use sent::EMAIL;
pub(crate) use sent::{Binding, SMS};
pub use status::{FactorStatus, MfaStatus};
use totp::TOTP;
pub(crate) use verify::{MfaVerdict, open, prepare, verify_in};

use crate::{Gatekeeper, model::SecretString};

/// Second factors of whoever is signed in. From [`Gatekeeper::mfa`].
#[derive(Clone, Copy, Debug)]
pub struct Mfa<'a>(pub(crate) &'a Gatekeeper);

/// What an authenticator app needs to know. Shown once.
#[derive(Clone, Debug)]
pub struct TotpSetup {
    /// The seed in base32 (RFC 4648 section 6), for typing in: 160 bits.
    pub secret: SecretString,
    /// The seed with its settings and names as an `otpauth://totp/` URI.
    pub otpauth_uri: SecretString,
    /// The URI as a QR code: an SVG document.
    pub qr_svg: SecretString,
}

/// Codes that stand in for a lost factor, each once. Shown once.
#[derive(Clone, Debug)]
pub struct BackupCodes(pub Vec<SecretString>);
