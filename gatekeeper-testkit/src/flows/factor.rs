//! Somebody with an authenticator app.

use std::time::Duration;

use gatekeeper_core::{
    Error, FinishMfa, MfaPending, RequestContext, SignIn, SignedIn, env::Clock, model::SecretString,
};

use super::world::{PASSWORD, World};
use crate::totp;

/// The app, and the codes that stand in for it.
#[derive(Clone, Debug)]
pub(super) struct Factor {
    seed: Vec<u8>,
    pub(super) backup: Vec<SecretString>,
}

impl Factor {
    /// An app with this seed, in base32.
    pub(super) fn of(seed: &str) -> Self {
        Self {
            seed: totp::seed(seed),
            backup: Vec::new(),
        }
    }

    /// The code of now, after a step has passed, so that it was not used yet.
    pub(super) fn next_code(&self, world: &World) -> SecretString {
        world.advance(Duration::from_secs(30));
        self.code(world)
    }

    /// The code of now.
    pub(super) fn code(&self, world: &World) -> SecretString {
        totp::code(&self.seed, world.clock.now()).into()
    }
}

impl World {
    /// Sets an authenticator app up for whoever is signed in.
    pub(super) async fn enroll(&self, signed_in: &SignedIn) -> Factor {
        let who = self.identity(signed_in).await;
        let setup = self.gk.mfa().begin_totp(&self.cx, &who).await.unwrap();
        let mut factor = Factor {
            seed: totp::seed(setup.secret.expose()),
            backup: Vec::new(),
        };
        let code = factor.next_code(self);
        let codes = self.gk.mfa().confirm_totp(&self.cx, &who, &code).await;
        factor.backup = codes.unwrap().0;
        factor
    }

    /// A verified account with an authenticator app, and nobody signed in to it but the session that set it up.
    pub(super) async fn with_app(&self, email: &str) -> (SignedIn, Factor) {
        let signed_in = self.signed_in(email).await;
        let factor = self.enroll(&signed_in).await;
        self.mails().await;
        (signed_in, factor)
    }

    /// The first step of a sign-in from somewhere.
    pub(super) async fn first_step(&self, cx: &RequestContext, email: &str) -> MfaPending {
        match self.attempt(cx, email, PASSWORD).await.unwrap() {
            SignIn::MfaRequired(pending) => pending,
            other => panic!("{other:?}"),
        }
    }

    /// The second step.
    pub(super) async fn second_step(
        &self,
        cx: &RequestContext,
        pending: &MfaPending,
        code: &SecretString,
    ) -> Result<SignedIn, Error> {
        self.gk
            .sessions()
            .finish_mfa(cx, with_code(pending, code))
            .await
    }
}

/// The second step, with the app's code, on a device that is not to be trusted.
pub(super) fn with_code(pending: &MfaPending, code: &SecretString) -> FinishMfa {
    FinishMfa {
        token: pending.token.clone(),
        method: "totp".to_owned(),
        code: code.clone(),
        trust_device: false,
    }
}
