//! Where metrics go: `PROMETHEUS_PORT`, `STATSD_URL`.

use std::fmt;
use std::str::FromStr;

use crate::settings::between;

/// Where this process's metrics go. Unless one of these is set, none are recorded.
#[derive(Clone, Debug, Default, conf::Conf)]
pub struct Settings {
    /// The port that serves metrics for Prometheus, at `/metrics`; 0 takes any free port
    #[conf(env = "PROMETHEUS_PORT", value_parser = between(0, 65535))]
    pub prometheus_port: Option<u16>,
    /// The StatsD server to send metrics to, with tags: `udp://host:port`
    #[conf(env = "STATSD_URL", secret)]
    pub statsd_url: Option<StatsdUrl>,
}

/// Where a StatsD server is: `udp://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsdUrl(String);

impl StatsdUrl {
    /// The part `host:port`, in the form of [`std::net::ToSocketAddrs`].
    pub fn address(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StatsdUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "udp://{}", self.0)
    }
}

/// The text is not a [`StatsdUrl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected udp://host:port")]
pub struct InvalidStatsdUrl;

impl FromStr for StatsdUrl {
    type Err = InvalidStatsdUrl;

    fn from_str(text: &str) -> Result<Self, InvalidStatsdUrl> {
        let address = text.trim().strip_prefix("udp://").ok_or(InvalidStatsdUrl)?;
        let address = address.strip_suffix('/').unwrap_or(address);
        address
            .rsplit_once(':')
            .filter(|(host, port)| is_host(host) && port.parse().is_ok_and(|port: u16| port > 0))
            .map(|_| Self(address.to_owned()))
            .ok_or(InvalidStatsdUrl)
    }
}

/// A name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    if let Some(text) = text.strip_prefix('[') {
        let address = text.strip_suffix(']');
        return address.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !text.is_empty() && text.chars().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statsd_server_is_a_host_and_a_port_over_udp() {
        for (text, address) in [
            ("udp://127.0.0.1:8125", "127.0.0.1:8125"),
            ("udp://statsd.internal:8125/", "statsd.internal:8125"),
            (" udp://[::1]:9125 ", "[::1]:9125"),
        ] {
            let url: Result<StatsdUrl, _> = text.parse();
            assert_eq!(url.as_ref().map(StatsdUrl::address), Ok(address));
        }
    }

    #[test]
    fn a_url_that_is_not_udp_with_a_host_and_a_port_is_refused() {
        for text in [
            "",
            "localhost:8125",
            "tcp://host:8125",
            "udp://host",
            "udp://:8125",
            "udp://host:0",
            "udp://host:65536",
            "udp://host:8125/prefix",
            "udp://user@host:8125",
            "udp://::1:8125",
            "udp://[host]:8125",
        ] {
            assert_eq!(text.parse::<StatsdUrl>(), Err(InvalidStatsdUrl), "{text}");
        }
    }
}
