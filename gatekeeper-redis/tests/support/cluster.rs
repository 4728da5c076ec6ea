use std::time::{Duration, Instant};

use gatekeeper_redis::RedisSettings;

use super::server::RedisServer;

/// A cluster of three primaries.
pub(crate) struct RedisCluster {
    pub(crate) nodes: Vec<RedisServer>,
}

impl RedisCluster {
    pub(crate) fn start() -> Self {
        let arguments = [
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "2000",
            // What is left of a cluster goes on with the slots it has.
            "--cluster-require-full-coverage",
            "no",
        ];
        let nodes: Vec<_> = (0..3).map(|_| RedisServer::with(&arguments)).collect();
        let slots = [(0, 5_460), (5_461, 10_922), (10_923, 16_383)];
        for (node, (first, last)) in nodes.iter().zip(slots) {
            let _: () = redis::cmd("CLUSTER")
                .arg("ADDSLOTSRANGE")
                .arg(first)
                .arg(last)
                .query(&mut node.admin())
                .unwrap();
        }
        for node in &nodes[1..] {
            let _: () = redis::cmd("CLUSTER")
                .arg("MEET")
                .arg("127.0.0.1")
                .arg(node.port())
                .query(&mut nodes[0].admin())
                .unwrap();
        }
        let cluster = Self { nodes };
        let began = Instant::now();
        while !cluster.nodes.iter().all(is_joined) {
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "the cluster does not come about"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        cluster
    }

    pub(crate) fn settings(&self) -> RedisSettings {
        let urls: Vec<_> = self.nodes.iter().map(RedisServer::url).collect();
        RedisSettings::new(&urls.join(","))
            .unwrap()
            .timeout(Duration::from_secs(5))
            .and_then(|settings| settings.heartbeat(Duration::from_millis(200)))
            .unwrap()
    }
}

/// Whether it knows all three and every slot.
fn is_joined(node: &RedisServer) -> bool {
    let info: String = redis::cmd("CLUSTER")
        .arg("INFO")
        .query(&mut node.admin())
        .unwrap();
    [
        "cluster_state:ok",
        "cluster_slots_ok:16384",
        "cluster_size:3",
    ]
    .iter()
    .all(|line| info.contains(line))
}
