//! The caller's address, behind proxies.

use std::net::{IpAddr, SocketAddr};

use crate::{
    head::{HeaderView, RequestHead},
    settings::HttpSettings,
};

/// More hops than any chain of proxies has.
const MAX_HOPS: usize = 32;

/// The address of the client: the peer's, or, where the peer is a trusted proxy, the right-most address in
/// `X-Forwarded-For` that is not one.
///
/// Read from the right, since a proxy appends: what stands further left was written by whoever sent the request. A list
/// that makes no sense is not believed at all.
pub(crate) fn client_address<H: HeaderView>(
    head: &RequestHead<'_, H>,
    settings: &HttpSettings,
) -> Option<IpAddr> {
    let peer = head.peer?.to_canonical();
    if !settings.trusts(peer) {
        return Some(peer);
    }
    let lines: Vec<&[u8]> = head.headers.values("x-forwarded-for").collect();
    let mut client = peer;
    let hops = lines
        .iter()
        .rev()
        .flat_map(|line| line.rsplit(|&byte| byte == b','));
    for (count, hop) in hops.enumerate() {
        let Some(address) = (count < MAX_HOPS).then(|| parse_hop(hop)).flatten() else {
            return Some(peer);
        };
        client = address;
        if !settings.trusts(address) {
            break;
        }
    }
    Some(client)
}

fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim_matches([' ', '\t']);
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(bracketed)
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn address(peer: &str, forwarded: &[&str]) -> String {
        let settings = HttpSettings::new().trust_proxies([
            "10.0.0.0/8".parse().unwrap(),
            "2001:db8:ffff::/48".parse().unwrap(),
        ]);
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
        }
        headers.insert("x-real-ip", HeaderValue::from_static("198.51.100.99"));
        headers.insert("x_forwarded_for", HeaderValue::from_static("198.51.100.98"));
        let head = RequestHead {
            path: "/",
            method: "GET",
            authority: None,
            headers: &headers,
            peer: Some(peer.parse().unwrap()),
        };
        client_address(&head, &settings).unwrap().to_string()
    }

    /// CVE-2026-108162, CVE-2026-45045, CVE-2025-64484.
    #[test]
    fn a_peer_that_is_no_proxy_cannot_choose_its_address() {
        assert_eq!(address("203.0.113.7", &["198.51.100.1"]), "203.0.113.7");
        assert_eq!(address("203.0.113.7", &[]), "203.0.113.7");
    }

    #[test]
    fn a_trusted_proxy_names_the_right_most_foreign_hop() {
        assert_eq!(address("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            address("10.0.0.1", &["6.6.6.6, 198.51.100.1"]),
            "198.51.100.1"
        );
        assert_eq!(
            address("10.0.0.1", &["6.6.6.6, 198.51.100.1, 10.2.3.4"]),
            "198.51.100.1"
        );
        assert_eq!(
            address("10.0.0.1", &["6.6.6.6", "198.51.100.1", "10.2.3.4"]),
            "198.51.100.1"
        );
        assert_eq!(address("10.0.0.1", &["10.9.9.9, 10.2.3.4"]), "10.9.9.9");
        assert_eq!(address("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(
            address("::ffff:10.0.0.1", &["198.51.100.1"]),
            "198.51.100.1"
        );
        assert_eq!(
            address("2001:db8:ffff::1", &["[2001:db8::5]:4711"]),
            "2001:db8::5"
        );
        assert_eq!(address("10.0.0.1", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(
            address("10.0.0.1", &["::ffff:198.51.100.1"]),
            "198.51.100.1"
        );
    }

    #[test]
    fn a_malformed_list_is_not_believed() {
        for wrong in [
            "unknown",
            "",
            "198.51.100.1,",
            "198.51.100.1;1.1.1.1",
            "300.1.1.1",
            "a, 10.0.0.2",
        ] {
            assert_eq!(address("10.0.0.1", &[wrong]), "10.0.0.1", "{wrong}");
        }
        let long = vec!["10.0.0.2"; MAX_HOPS + 1].join(",");
        assert_eq!(address("10.0.0.1", &[&long]), "10.0.0.1");
        // What an attacker wrote further left is never looked at.
        assert_eq!(
            address("10.0.0.1", &["rubbish, 198.51.100.1"]),
            "198.51.100.1"
        );
    }
}
