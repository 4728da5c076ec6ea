//! Roles and groups as a state machine: an operator, an administrator and two delegates change them at random, and after each step what
//! everybody may is what a plain model says, nobody gave or took what they had not, and whoever's rights changed is told of.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use gatekeeper_core::{
    Administration, Error, GroupChanges, Identity, NewGroup,
    env::Clock,
    model::{GroupId, RevocationTarget, UserId},
};
use proptest::{collection::vec, prelude::*, sample::subsequence, test_runner::TestCaseError};

use super::{
    freshness::news,
    roles::{authority, definition, make, somebody},
    world::{World, code},
};
use crate::store::StoreFixture;

/// Roles that come and go; the last is the system's.
const ROLES: [&str; 6] = ["r0", "r1", "r2", "r3", "r4", "admin"];
const ADMIN: usize = 5;
const PERMISSIONS: [&str; 7] = [
    "x:a",
    "x:b",
    "x:*",
    "roles:assign",
    "roles:write",
    "groups:write",
    "*",
];
const USERS: [&str; 4] = [
    "root@example.org",
    "eve@example.org",
    "fox@example.org",
    "ada@example.org",
];
const GROUPS: [&str; 2] = ["g0", "g1"];

/// Who does it: nobody (an operator), or one of the first three users.
type Actor = Option<usize>;

#[derive(Clone, Debug)]
pub(super) struct RoleStep {
    actor: Actor,
    change: Change,
}

#[derive(Clone, Debug)]
enum Change {
    Create(usize, Vec<&'static str>, Vec<usize>),
    Update(usize, Vec<&'static str>, Vec<usize>),
    Delete(usize),
    Grant(usize, usize),
    Revoke(usize, usize),
    MakeGroup(usize, Vec<usize>),
    ChangeGroup(usize, Vec<usize>),
    DropGroup(usize),
    Join(usize, usize),
    Leave(usize, usize),
}

fn role_step() -> impl Strategy<Value = RoleStep> {
    use Change::{
        ChangeGroup, Create, Delete, DropGroup, Grant, Join, Leave, MakeGroup, Revoke, Update,
    };
    let actor = prop_oneof![
        3 => Just(None),
        2 => (0..3_usize).prop_map(Some),
    ];
    let role = || 0..ROLES.len();
    let user = || 0..USERS.len();
    let group = || 0..GROUPS.len();
    let permissions = || subsequence(PERMISSIONS.to_vec(), 0..3);
    let roles = || subsequence((0..ROLES.len()).collect::<Vec<_>>(), 0..3);
    let change = prop_oneof![
        4 => (role(), permissions(), roles()).prop_map(|(r, p, i)| Create(r, p, i)),
        5 => (role(), permissions(), roles()).prop_map(|(r, p, i)| Update(r, p, i)),
        1 => role().prop_map(Delete),
        5 => (user(), role()).prop_map(|(u, r)| Grant(u, r)),
        3 => (user(), role()).prop_map(|(u, r)| Revoke(u, r)),
        2 => (group(), roles()).prop_map(|(g, r)| MakeGroup(g, r)),
        2 => (group(), roles()).prop_map(|(g, r)| ChangeGroup(g, r)),
        1 => group().prop_map(DropGroup),
        4 => (group(), user()).prop_map(|(g, u)| Join(g, u)),
        2 => (group(), user()).prop_map(|(g, u)| Leave(g, u)),
    ];
    (actor, change).prop_map(|(actor, change)| RoleStep { actor, change })
}

type Rights = BTreeSet<String>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    /// By name: permissions and what is inherited.
    roles: BTreeMap<&'static str, (Rights, BTreeSet<&'static str>)>,
    grants: BTreeSet<(usize, &'static str)>,
    groups: BTreeMap<usize, BTreeSet<&'static str>>,
    members: BTreeSet<(usize, usize)>,
}

/// Whether this permission holds that one, word by word.
fn holds(held: &str, wanted: &str) -> bool {
    let parent = held.strip_suffix('*');
    held == wanted
        || (held == "*" && wanted != "*")
        || parent.is_some_and(|parent| !parent.is_empty() && wanted.starts_with(parent))
}

fn reach(held: &Rights, wanted: &Rights) -> bool {
    let mut wanted = wanted.iter();
    wanted.all(|wanted| held.iter().any(|held| holds(held, wanted)))
}

type Answer = Result<(), &'static str>;

const FORBIDDEN: Answer = Err("access.forbidden");
const INSUFFICIENT: Answer = Err("access.insufficient_rank");
const NO_ROLE: Answer = Err("role.not_found");
const INVALID: Answer = Err("request.invalid");

fn ensure(holds: bool, otherwise: Answer) -> Answer {
    if holds { Ok(()) } else { otherwise }
}

impl Model {
    /// Names and permissions that follow from these roles: added until nothing is new.
    fn follow(&self, roles: &BTreeSet<&'static str>) -> (BTreeSet<&'static str>, Rights) {
        let mut names: BTreeSet<&'static str> = roles
            .iter()
            .copied()
            .filter(|name| self.roles.contains_key(name))
            .collect();
        loop {
            let more: BTreeSet<&'static str> = names
                .iter()
                .flat_map(|name| self.roles[name].1.clone())
                .collect();
            if more.is_subset(&names) {
                break;
            }
            names.extend(more);
        }
        let permissions = names.iter().flat_map(|name| self.roles[name].0.clone());
        let permissions = permissions.collect();
        (names, permissions)
    }

    fn rights_of_roles(&self, roles: &BTreeSet<&'static str>) -> Rights {
        self.follow(roles).1
    }

    fn rights_of_role(&self, role: &'static str) -> Rights {
        self.rights_of_roles(&BTreeSet::from([role]))
    }

    fn of_user(&self, user: usize) -> (BTreeSet<&'static str>, Rights) {
        let direct = self.grants.iter().filter(|(who, _)| *who == user);
        let mut roles: BTreeSet<&'static str> = direct.map(|(_, role)| *role).collect();
        for (group, member) in &self.members {
            if *member == user {
                roles.extend(&self.groups[group]);
            }
        }
        self.follow(&roles)
    }

    fn circular(&self, role: &'static str) -> bool {
        let inherits = self.roles[role].1.clone();
        self.follow(&inherits).0.contains(role)
    }

    /// What the change must be answered with, and what is then so.
    fn apply(&mut self, step: &RoleStep) -> Answer {
        let mut after = self.clone();
        let answer = after.try_apply(step.actor, &step.change);
        if answer.is_ok() {
            *self = after;
        }
        answer
    }

    fn try_apply(&mut self, actor: Actor, change: &Change) -> Answer {
        let before = self.clone();
        let held = actor.map(|actor| before.of_user(actor).1);
        let may = |permission: &str| {
            let holds = held
                .as_ref()
                .is_none_or(|held| held.iter().any(|held| holds(held, permission)));
            ensure(holds, FORBIDDEN)
        };
        let reaches = |wanted: &Rights| {
            ensure(
                held.as_ref().is_none_or(|held| reach(held, wanted)),
                INSUFFICIENT,
            )
        };
        let rank_over = |user: usize| {
            if actor == Some(user) {
                Ok(())
            } else {
                reaches(&before.of_user(user).1)
            }
        };
        let names = |roles: &[usize]| -> BTreeSet<&'static str> {
            roles.iter().map(|&role| ROLES[role]).collect()
        };
        let known = |roles: &BTreeSet<&'static str>| {
            ensure(
                roles.iter().all(|role| before.roles.contains_key(role)),
                INVALID,
            )
        };
        let assignable = |roles: &BTreeSet<&'static str>| {
            if roles.is_empty() {
                return Ok(());
            }
            may("roles:assign")?;
            known(roles)?;
            reaches(&before.rights_of_roles(roles))
        };
        match change {
            Change::Create(role, permissions, inherits)
            | Change::Update(role, permissions, inherits) => {
                may("roles:write")?;
                let (role, inherits) = (ROLES[*role], names(inherits));
                if matches!(change, Change::Create(..)) {
                    ensure(!before.roles.contains_key(role), Err("role.name_taken"))?;
                } else {
                    ensure(before.roles.contains_key(role), NO_ROLE)?;
                    ensure(role != ROLES[ADMIN], Err("role.system"))?;
                }
                let permissions = permissions.iter().map(|&text| text.to_owned()).collect();
                // What is not there may be what is being made: then it is a circle.
                let mut there = inherits.iter();
                let there = there.all(|&name| name == role || before.roles.contains_key(name));
                ensure(there, INVALID)?;
                self.roles.insert(role, (permissions, inherits));
                ensure(!self.circular(role), Err("role.cycle"))?;
                reaches(&before.rights_of_role(role))?;
                reaches(&self.rights_of_role(role))
            }
            Change::Delete(role) => {
                may("roles:write")?;
                let role = ROLES[*role];
                ensure(before.roles.contains_key(role), NO_ROLE)?;
                ensure(role != ROLES[ADMIN], Err("role.system"))?;
                reaches(&before.rights_of_role(role))?;
                self.roles.remove(role);
                for (_, inherits) in self.roles.values_mut() {
                    inherits.remove(role);
                }
                for roles in self.groups.values_mut() {
                    roles.remove(role);
                }
                self.grants.retain(|(_, granted)| *granted != role);
                Ok(())
            }
            Change::Grant(user, role) | Change::Revoke(user, role) => {
                may("roles:assign")?;
                rank_over(*user)?;
                let grant = (*user, ROLES[*role]);
                let revokes = matches!(change, Change::Revoke(..));
                if revokes && *role == ADMIN && actor.is_some() && before.grants.contains(&grant) {
                    let mut others = before.grants.iter();
                    let another = others.any(|(who, role)| who != user && *role == ROLES[ADMIN]);
                    ensure(another, Err("role.last_administrator"))?;
                }
                ensure(before.roles.contains_key(grant.1), NO_ROLE)?;
                reaches(&before.rights_of_role(grant.1))?;
                if revokes {
                    self.grants.remove(&grant);
                } else {
                    self.grants.insert(grant);
                }
                Ok(())
            }
            Change::MakeGroup(group, roles) => {
                may("groups:write")?;
                let roles = names(roles);
                assignable(&roles)?;
                ensure(!before.groups.contains_key(group), Err("role.name_taken"))?;
                self.groups.insert(*group, roles);
                Ok(())
            }
            Change::ChangeGroup(group, roles) => {
                may("groups:write")?;
                let roles = names(roles);
                let there = before.groups.get(group).ok_or("group.not_found")?;
                if *there != roles {
                    assignable(there)?;
                    assignable(&roles)?;
                }
                self.groups.insert(*group, roles);
                Ok(())
            }
            Change::DropGroup(group) => {
                may("groups:write")?;
                assignable(before.groups.get(group).ok_or("group.not_found")?)?;
                self.groups.remove(group);
                self.members.retain(|(of, _)| of != group);
                Ok(())
            }
            Change::Join(group, user) | Change::Leave(group, user) => {
                may("groups:write")?;
                rank_over(*user)?;
                may("roles:assign")?;
                assignable(before.groups.get(group).ok_or("group.not_found")?)?;
                if matches!(change, Change::Join(..)) {
                    self.members.insert((*group, *user));
                } else {
                    self.members.remove(&(*group, *user));
                }
                Ok(())
            }
        }
    }
}

pub(super) struct RoleMachine {
    world: World,
    who: Vec<Arc<Identity>>,
    /// The ids of groups that are or were; of one that is not yet, an id that is nobody's.
    groups: Vec<GroupId>,
    model: Model,
}

impl RoleMachine {
    pub(super) async fn start(fixture: StoreFixture) -> Self {
        let world = World::new(fixture).await;
        let mut model = Model::default();
        model
            .roles
            .insert("admin", (Rights::from(["*".to_owned()]), BTreeSet::new()));
        let may = ["groups:write", "roles:assign", "roles:write"];
        for (role, permissions) in [("r0", [may.as_slice(), &["x:a"]]), ("r1", [&may, &["x:b"]])] {
            let permissions = permissions.concat();
            make(&world, role, &permissions, &[]).await;
            let owned = permissions.iter().map(|&text| text.to_owned()).collect();
            model.roles.insert(role, (owned, BTreeSet::new()));
        }
        let mut who = Vec::new();
        for (at, email) in USERS.into_iter().enumerate() {
            let roles: &[&'static str] = match at {
                0 => &["admin"],
                1 => &["r0"],
                2 => &["r1"],
                _ => &[],
            };
            who.push(somebody(&world, email, roles).await);
            model.grants.extend(roles.iter().map(|&role| (at, role)));
        }
        let random = gatekeeper_core::testing::SeededRandom::new(97);
        let nobody = || GroupId::new(world.clock.now(), &random);
        let groups = vec![nobody(), nobody()];
        Self {
            world,
            who,
            groups,
            model,
        }
    }

    pub(super) async fn walk(mut self, steps: &[RoleStep]) -> Result<(), TestCaseError> {
        for step in steps {
            self.world.advance(Duration::from_secs(1));
            self.step(step).await?;
        }
        Ok(())
    }

    fn user(&self, at: usize) -> UserId {
        self.who[at].user_id
    }

    async fn step(&mut self, step: &RoleStep) -> Result<(), TestCaseError> {
        let before = self.model.clone();
        let expected = self.model.apply(step);
        let answer = self.perform(step).await;
        let told = answer.map_err(|error| code::<()>(Err(error)));
        prop_assert_eq!(
            told.as_ref().map_err(String::as_str),
            expected.as_ref().map_err(|code| *code)
        );
        let now = self.world.clock.now();
        let news = news(&self.world).await;
        let all = news.contains(&RevocationTarget::TenantAuthority(now));
        for at in 0..USERS.len() {
            let (names, rights) = self.model.of_user(at);
            let stored = authority(&self.world, self.user(at)).await;
            prop_assert_eq!(
                stored.roles,
                names
                    .iter()
                    .map(|&name| name.to_owned())
                    .collect::<Vec<_>>()
            );
            prop_assert_eq!(
                &stored.permissions,
                &rights.iter().cloned().collect::<Vec<_>>()
            );
            let was = before.of_user(at);
            if was != (names, rights.clone()) {
                let one = news.contains(&RevocationTarget::Authority(self.user(at), now));
                prop_assert!(all || one, "nobody was told that {} changed", USERS[at]);
            }
            // CVE-2026-94000, said without looking at how: what somebody gained or lost, whoever did it had.
            if let Some(actor) = step.actor {
                let held = before.of_user(actor).1;
                let moved: Rights = was.1.symmetric_difference(&rights).cloned().collect();
                prop_assert!(reach(&held, &moved), "{:?} moved {:?}", held, moved);
            }
        }
        if expected.is_err() {
            prop_assert!(news.is_empty());
        }
        Ok(())
    }

    async fn perform(&mut self, step: &RoleStep) -> Result<(), Error> {
        let gk = self.world.gk.clone();
        let who = step.actor.map(|actor| Arc::clone(&self.who[actor]));
        let operator = gk.administration();
        let administration: Administration<'_> = match &who {
            Some(who) => operator.on_behalf_of(who),
            None => operator,
        };
        let cx = &self.world.cx;
        let names = |roles: &[usize]| -> Vec<&str> { roles.iter().map(|&at| ROLES[at]).collect() };
        let owned = |roles: &[usize]| roles.iter().map(|&at| ROLES[at].to_owned()).collect();
        match &step.change {
            Change::Create(role, permissions, inherits) => {
                let definition = definition(permissions, &names(inherits));
                let made = administration.create_role(cx, ROLES[*role], &definition);
                made.await.map(|_| ())
            }
            Change::Update(role, permissions, inherits) => {
                let definition = definition(permissions, &names(inherits));
                let updated = administration.update_role(cx, ROLES[*role], &definition);
                updated.await.map(|_| ())
            }
            Change::Delete(role) => administration.delete_role(cx, ROLES[*role]).await,
            Change::Grant(user, role) => {
                let user = self.user(*user);
                administration.grant_role(cx, user, ROLES[*role]).await
            }
            Change::Revoke(user, role) => {
                let user = self.user(*user);
                administration.revoke_role(cx, user, ROLES[*role]).await
            }
            Change::MakeGroup(group, roles) => {
                let new = NewGroup {
                    name: GROUPS[*group].to_owned(),
                    description: String::new(),
                    roles: owned(roles),
                };
                let made = administration.create_group(cx, new).await?;
                self.groups[*group] = made.id;
                Ok(())
            }
            Change::ChangeGroup(group, roles) => {
                let changes = GroupChanges {
                    roles: Some(owned(roles)),
                    ..GroupChanges::default()
                };
                let updated = administration.update_group(cx, self.groups[*group], changes);
                updated.await.map(|_| ())
            }
            Change::DropGroup(group) => administration.delete_group(cx, self.groups[*group]).await,
            Change::Join(group, user) => {
                let (group, user) = (self.groups[*group], self.user(*user));
                administration.add_group_member(cx, group, user).await
            }
            Change::Leave(group, user) => {
                let (group, user) = (self.groups[*group], self.user(*user));
                administration.remove_group_member(cx, group, user).await
            }
        }
    }
}

/// Steps of one walk.
pub(super) fn role_steps() -> impl Strategy<Value = Vec<RoleStep>> {
    vec(role_step(), 1..40)
}
