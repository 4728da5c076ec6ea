//! A state machine of invitations: two inviters, three addresses, a role that is edited, and steps of the clock, against a model of
//! what an invitation is. After each step the store must be as the model has it.

use std::{collections::BTreeSet, time::Duration};

use gatekeeper_core::{
    AcceptInvitation, Identity,
    env::Clock,
    model::{InvitationId, InvitationState, PageRequest, SecretString, Timestamp},
    store::InvitationFilter,
};
use proptest::{collection::vec, prelude::*, sample::Index, test_runner::TestCaseError};

use super::{
    invitations::{ROOT, invitation},
    world::{PASSWORD, World, token_of},
};
use crate::store::StoreFixture;

const LEAD: &str = "lead@example.org";
/// Has no invitation, and tries everybody's.
const EVE: &str = "eve@example.org";
const ADDRESSES: [&str; 3] = ["a@example.org", "b@example.org", "c@example.org"];
/// Short enough for a walk to outlive.
const LIFETIME: Duration = Duration::from_secs(40_000);

#[derive(Clone, Debug)]
pub(super) enum Step {
    Invite {
        to: usize,
        by_lead: bool,
    },
    Resend(Index),
    Revoke(Index),
    /// Whoever reads the mailbox, with any link that was ever mailed.
    Accept(Index),
    /// Somebody else, with that link.
    Steal(Index),
    /// Somebody takes the role away again.
    Strip(usize),
    Demote,
    Promote,
    /// The role becomes more than the lead reaches, or what it was.
    Edit {
        beyond: bool,
    },
    Wait(u64),
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<Index>;
    let step = prop_oneof![
        4 => (0..ADDRESSES.len(), any::<bool>())
            .prop_map(|(to, by_lead)| Step::Invite { to, by_lead }),
        2 => index().prop_map(Step::Resend),
        1 => index().prop_map(Step::Revoke),
        5 => index().prop_map(Step::Accept),
        1 => index().prop_map(Step::Steal),
        1 => (0..ADDRESSES.len()).prop_map(Step::Strip),
        1 => Just(Step::Demote),
        1 => Just(Step::Promote),
        1 => any::<bool>().prop_map(|beyond| Step::Edit { beyond }),
        2 => prop_oneof![1_u64..120, 10_000_u64..40_001].prop_map(Step::Wait),
    ];
    vec(step, 1..30)
}

struct Modelled {
    id: InvitationId,
    to: usize,
    by_lead: bool,
    sent_at: Timestamp,
    expires_at: Timestamp,
    /// How it ended, if it did.
    ended: Option<InvitationState>,
    /// The links that were mailed; the last is the good one.
    links: Vec<SecretString>,
}

impl Modelled {
    fn state(&self, now: Timestamp) -> InvitationState {
        match self.ended {
            Some(ended) => ended,
            None if now >= self.expires_at => InvitationState::Expired,
            None => InvitationState::Pending,
        }
    }
}

pub(super) struct InvitationMachine {
    world: World,
    all: Vec<Modelled>,
    members: BTreeSet<usize>,
    lead_may: bool,
    beyond: bool,
}

impl InvitationMachine {
    pub(super) async fn start(fixture: StoreFixture) -> Self {
        let world = World::configured(fixture, |config| {
            config.invitations.lifetime = LIFETIME;
        })
        .await;
        world.role("editor", &["articles:write"]).await;
        let inviter = ["invitations:write", "articles:*"];
        world.role("inviter", &inviter).await;
        world.holder(ROOT, "admin").await;
        world.holder(LEAD, "inviter").await;
        world.signed_in(EVE).await;
        world.mails().await;
        Self {
            world,
            all: Vec::new(),
            members: BTreeSet::new(),
            lead_may: true,
            beyond: false,
        }
    }

    pub(super) async fn walk(mut self, steps: &[Step]) -> Result<(), TestCaseError> {
        for step in steps {
            self.step(step).await?;
            self.hold().await?;
            self.world.advance(Duration::from_secs(1));
        }
        Ok(())
    }

    /// Signs in anew, since the walk outlives tokens.
    async fn identity(&self, email: &str) -> std::sync::Arc<Identity> {
        let signed_in = self.world.sign_in(email).await;
        self.world.mails().await;
        self.world.identity(&signed_in).await
    }

    async fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Wait(seconds) => self.world.advance(Duration::from_secs(*seconds)),
            Step::Invite { to, by_lead } => self.invite(*to, *by_lead).await?,
            Step::Resend(index) if !self.all.is_empty() => {
                self.resend(index.index(self.all.len())).await?;
            }
            Step::Revoke(index) if !self.all.is_empty() => {
                let at = index.index(self.all.len());
                let root = self.identity(ROOT).await;
                let administration = self.world.gk.administration().on_behalf_of(&root);
                let revoked = administration
                    .revoke_invitation(&self.world.cx, self.all[at].id)
                    .await;
                prop_assert_eq!(revoked.is_ok(), self.all[at].ended.is_none());
                if revoked.is_ok() {
                    self.all[at].ended = Some(InvitationState::Revoked);
                }
            }
            Step::Accept(index) => {
                if let Some((at, link)) = self.link(index) {
                    self.accept(at, link).await?;
                }
            }
            Step::Steal(index) => {
                if let Some((at, link)) = self.link(index) {
                    let eve = self.identity(EVE).await;
                    let token = &self.all[at].links[link];
                    let stolen = self.world.gk.invitations();
                    let stolen = stolen.join(&self.world.cx, &eve, token).await;
                    prop_assert!(stolen.is_err());
                }
            }
            Step::Strip(to) => {
                if self.members.remove(to) {
                    let user = self.user(ADDRESSES[*to]).await;
                    self.world.ungrant(user, "editor").await;
                }
            }
            Step::Demote => {
                if self.lead_may {
                    let lead = self.user(LEAD).await;
                    self.world.ungrant(lead, "inviter").await;
                }
                self.lead_may = false;
            }
            Step::Promote => {
                let lead = self.user(LEAD).await;
                self.world.grant(lead, "inviter").await;
                self.lead_may = true;
            }
            Step::Edit { beyond } => {
                let permissions: &[&str] = if *beyond {
                    &["articles:write", "users:delete"]
                } else {
                    &["articles:write"]
                };
                self.world.edit_role("editor", permissions).await;
                self.beyond = *beyond;
            }
            Step::Resend(_) | Step::Revoke(_) => {}
        }
        Ok(())
    }

    async fn user(&self, email: &str) -> gatekeeper_core::model::UserId {
        let administration = self.world.gk.administration();
        let found = administration
            .find_user_by_email(&self.world.cx, email)
            .await;
        found.unwrap().id
    }

    /// Any link that was ever mailed, with its invitation.
    fn link(&self, index: &Index) -> Option<(usize, usize)> {
        let links: Vec<(usize, usize)> = self
            .all
            .iter()
            .enumerate()
            .flat_map(|(at, modelled)| (0..modelled.links.len()).map(move |link| (at, link)))
            .collect();
        (!links.is_empty()).then(|| links[index.index(links.len())])
    }

    /// Whether this inviter may give the role now.
    fn may(&self, by_lead: bool) -> bool {
        !by_lead || self.lead_may && !self.beyond
    }

    async fn invite(&mut self, to: usize, by_lead: bool) -> Result<(), TestCaseError> {
        let who = self.identity(if by_lead { LEAD } else { ROOT }).await;
        let made = self
            .world
            .gk
            .administration()
            .on_behalf_of(&who)
            .invite(&self.world.cx, invitation(ADDRESSES[to], &["editor"], None))
            .await;
        let good = self.may(by_lead) && !self.members.contains(&to);
        prop_assert_eq!(made.is_ok(), good, "{:?}", made);
        if let Ok(made) = made {
            for older in &mut self.all {
                if older.to == to {
                    older.ended.get_or_insert(InvitationState::Revoked);
                }
            }
            let now = self.world.clock.now();
            let links = self.mailed().await?;
            self.all.push(Modelled {
                id: made.id,
                to,
                by_lead,
                sent_at: now,
                expires_at: now.after(LIFETIME),
                ended: None,
                links,
            });
        }
        Ok(())
    }

    async fn mailed(&self) -> Result<Vec<SecretString>, TestCaseError> {
        let mails = self.world.mails().await;
        prop_assert_eq!(mails.len(), 1);
        Ok(mails.iter().map(token_of).collect())
    }

    async fn resend(&mut self, at: usize) -> Result<(), TestCaseError> {
        let root = self.identity(ROOT).await;
        let now = self.world.clock.now();
        let administration = self.world.gk.administration().on_behalf_of(&root);
        let resent = administration
            .resend_invitation(&self.world.cx, self.all[at].id)
            .await;
        let modelled = &self.all[at];
        let rested = now >= modelled.sent_at.after(Duration::from_mins(1));
        let good = modelled.ended.is_none() && rested;
        prop_assert_eq!(resent.is_ok(), good, "{:?}", resent);
        if good {
            let links = self.mailed().await?;
            let modelled = &mut self.all[at];
            modelled.sent_at = now;
            modelled.expires_at = now.after(LIFETIME);
            modelled.links.extend(links);
        }
        Ok(())
    }

    async fn accept(&mut self, at: usize, link: usize) -> Result<(), TestCaseError> {
        let now = self.world.clock.now();
        let modelled = &self.all[at];
        let newest = link + 1 == modelled.links.len();
        let pending = modelled.state(now) == InvitationState::Pending;
        let good = newest && pending && self.may(modelled.by_lead);
        let input = AcceptInvitation {
            token: modelled.links[link].clone(),
            password: PASSWORD.into(),
            name: None,
            locale: None,
        };
        let invitations = self.world.gk.invitations();
        let answer = invitations.accept(&self.world.cx, input).await;
        prop_assert_eq!(answer.is_ok(), good, "{:?}", answer);
        if good {
            let modelled = &mut self.all[at];
            modelled.ended = Some(InvitationState::Accepted);
            self.members.insert(modelled.to);
            self.world.mails().await;
        }
        Ok(())
    }

    /// Holds the store to the model.
    async fn hold(&self) -> Result<(), TestCaseError> {
        let now = self.world.clock.now();
        let tenant = self.world.cx.tenant_id;
        let mut tx = self.world.repository.begin().await.unwrap();
        let (filter, page) = (InvitationFilter::default(), PageRequest::first(100));
        let stored = tx.invitations().list(tenant, &filter, page).await.unwrap();
        prop_assert_eq!(stored.items.len(), self.all.len());
        for modelled in &self.all {
            let found = stored.items.iter().find(|found| found.id == modelled.id);
            let state = found.map(|found| found.state(now));
            prop_assert_eq!(state, Some(modelled.state(now)));
        }
        // One address has at most one that is good.
        for to in 0..ADDRESSES.len() {
            let pending = self.all.iter().filter(|modelled| modelled.to == to);
            let pending = pending.filter(|it| it.state(now) == InvitationState::Pending);
            prop_assert!(pending.count() <= 1);
        }
        let mut members = BTreeSet::new();
        for (to, address) in ADDRESSES.iter().enumerate() {
            let email = crate::sample::email(address);
            let found = tx.users().find_by_email(tenant, email.normalized()).await;
            if let Some(user) = found.unwrap()
                && !tx
                    .roles()
                    .granted(tenant, user.id)
                    .await
                    .unwrap()
                    .is_empty()
            {
                members.insert(to);
            }
        }
        prop_assert_eq!(&members, &self.members);
        let eve = crate::sample::email(EVE);
        let found = tx.users().find_by_email(tenant, eve.normalized()).await;
        let eve = found.unwrap().unwrap().id;
        prop_assert!(tx.roles().granted(tenant, eve).await.unwrap().is_empty());
        Ok(())
    }
}
