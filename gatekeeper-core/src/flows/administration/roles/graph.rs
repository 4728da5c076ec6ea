use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Role, RoleName};

/// The roles of a tenant, and what inherits what.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoleGraph(BTreeMap<RoleName, Role>);

impl RoleGraph {
    pub(crate) fn new(roles: Vec<Role>) -> Self {
        let named = roles.into_iter().map(|role| (role.name.clone(), role));
        Self(named.collect())
    }

    pub(crate) fn find(&self, name: &RoleName) -> Option<&Role> {
        self.0.get(name)
    }

    pub(crate) fn roles(&self) -> impl Iterator<Item = &Role> {
        self.0.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// With this role, in place of the one of its name.
    pub(crate) fn with(&self, role: Role) -> Self {
        let mut roles = self.0.clone();
        roles.insert(role.name.clone(), role);
        Self(roles)
    }

    /// Without this role, as a store removes it: nobody inherits it any more.
    pub(crate) fn without(&self, name: &RoleName) -> Self {
        let mut roles = self.0.clone();
        roles.remove(name);
        for role in roles.values_mut() {
            role.inherits.retain(|inherited| inherited != name);
        }
        Self(roles)
    }

    /// All that these roles stand for: themselves and what they inherit, however far. Ends in circles too.
    pub(crate) fn closure<'a>(
        &'a self,
        roles: impl IntoIterator<Item = &'a RoleName>,
    ) -> BTreeSet<&'a RoleName> {
        let mut found = BTreeSet::new();
        let mut ahead: Vec<&RoleName> = roles.into_iter().collect();
        while let Some(name) = ahead.pop() {
            if let Some(role) = self.0.get(name)
                && found.insert(name)
            {
                ahead.extend(&role.inherits);
            }
        }
        found
    }

    /// All that these roles permit, sorted and without doubles.
    pub(crate) fn permissions<'a>(
        &'a self,
        roles: impl IntoIterator<Item = &'a RoleName>,
    ) -> Vec<String> {
        let closure = self.closure(roles);
        let roles = closure.into_iter().filter_map(|name| self.0.get(name));
        let permissions: BTreeSet<&String> = roles.flat_map(|role| &role.permissions).collect();
        permissions.into_iter().cloned().collect()
    }

    /// Every permission that a role holds by itself.
    pub(crate) fn all_permissions(&self) -> BTreeSet<String> {
        let roles = self.0.values();
        roles
            .flat_map(|role| role.permissions.iter().cloned())
            .collect()
    }

    /// Whether a role inherits itself, by whatever way.
    pub(crate) fn is_in_a_circle(&self, name: &RoleName) -> bool {
        self.0
            .get(name)
            .is_some_and(|role| self.closure(&role.inherits).contains(name))
    }

    /// What the roles stand for of which that is another than before, by name. Roles that are gone are not among them.
    pub(crate) fn closures_since<'a>(
        &'a self,
        before: &Self,
    ) -> impl Iterator<Item = (&'a RoleName, Vec<RoleName>)> {
        self.0.keys().filter_map(move |name| {
            let closure = self.closure([name]);
            (closure != before.closure([name]))
                .then(|| (name, closure.into_iter().cloned().collect()))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::model::{TenantId, Timestamp};

    fn name(at: usize) -> RoleName {
        RoleName::parse(&format!("r{at}")).unwrap()
    }

    fn role(at: usize, inherits: &[usize]) -> Role {
        Role {
            tenant_id: TenantId::DEFAULT,
            name: name(at),
            description: String::new(),
            system: false,
            permissions: vec![format!("p:{at}"), "p:all".to_owned()],
            inherits: inherits.iter().map(|&at| name(at)).collect(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    /// What the design says, in the plainest way: add what is inherited until nothing is new.
    fn fixpoint(graph: &RoleGraph, start: &RoleName) -> BTreeSet<RoleName> {
        let mut found = BTreeSet::from([start.clone()]);
        loop {
            let before = found.len();
            for role in graph
                .roles()
                .filter(|role| before > 0 && graph.find(&role.name).is_some())
            {
                if found.contains(&role.name) {
                    let inherits = role
                        .inherits
                        .iter()
                        .filter(|&name| graph.find(name).is_some());
                    found.extend(inherits.cloned());
                }
            }
            if found.len() == before {
                return found;
            }
        }
    }

    fn owned(names: BTreeSet<&RoleName>) -> BTreeSet<RoleName> {
        names.into_iter().cloned().collect()
    }

    #[test]
    fn a_role_stands_for_itself_and_all_below() {
        let graph = RoleGraph::new(vec![
            role(0, &[1, 2]),
            role(1, &[3]),
            role(2, &[3]),
            role(3, &[]),
            role(4, &[0]),
        ]);
        let names = |at: &[usize]| at.iter().map(|&at| name(at)).collect::<BTreeSet<_>>();
        assert_eq!(owned(graph.closure([&name(0)])), names(&[0, 1, 2, 3]));
        assert_eq!(owned(graph.closure([&name(3)])), names(&[3]));
        assert_eq!(graph.permissions([&name(1)]), ["p:1", "p:3", "p:all"]);
        assert!(graph.closure([&name(9)]).is_empty());
        let after = graph.without(&name(3));
        let changed: Vec<_> = after.closures_since(&graph).collect();
        // Role 4 stands for less through role 0.
        let expected = [
            (0, vec![0, 1, 2]),
            (1, vec![1]),
            (2, vec![2]),
            (4, vec![0, 1, 2, 4]),
        ];
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(at, closure)| (name(at), closure.into_iter().map(name).collect::<Vec<_>>()))
            .collect();
        let changed: Vec<_> = changed
            .into_iter()
            .map(|(name, closure)| (name.clone(), closure))
            .collect();
        assert_eq!(changed, expected);
    }

    proptest! {
        /// Changes are let through as the flow lets them, and none makes a circle; what was kept of each role is what the
        /// fixpoint says, although only what changed was written.
        #[test]
        fn closures_are_what_a_naive_fixpoint_finds(
            changes in vec((0..8_usize, vec(0..8_usize, 0..4), any::<bool>()), 0..40),
        ) {
            let mut graph = RoleGraph::default();
            let mut kept: BTreeMap<RoleName, BTreeSet<RoleName>> = BTreeMap::new();
            for (at, inherits, delete) in changes {
                let exist: Vec<usize> = inherits
                    .into_iter()
                    .filter(|&at| graph.find(&name(at)).is_some())
                    .collect();
                let next = if delete {
                    graph.without(&name(at))
                } else {
                    graph.with(role(at, &exist))
                };
                let circular = next.is_in_a_circle(&name(at));
                let naive = !delete && exist.iter().any(|&child| {
                    child == at || fixpoint(&next, &name(child)).contains(&name(at))
                });
                prop_assert_eq!(circular, naive);
                if circular {
                    continue;
                }
                for (name, closure) in next.closures_since(&graph) {
                    kept.insert(name.clone(), closure.into_iter().collect());
                }
                kept.retain(|name, _| next.find(name).is_some());
                graph = next;
                for role in graph.roles() {
                    prop_assert!(!graph.is_in_a_circle(&role.name));
                    prop_assert_eq!(&kept[&role.name], &fixpoint(&graph, &role.name));
                    prop_assert_eq!(owned(graph.closure([&role.name])), fixpoint(&graph, &role.name));
                }
            }
        }
    }
}
