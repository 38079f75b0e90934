//! StatsD: a thread sends aggregated values every few seconds, so that no request waits.
//!
//! The exporter looks up the server's name only once, and logs an error for each packet that it
//! cannot send. So it sends to a socket of this process, and a thread forwards the packets to the
//! server's current address.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use ::metrics::Label;
use metrics_exporter_dogstatsd::{DogStatsDBuilder, DogStatsDRecorder};

use super::StatsdUrl;

/// How often the server's name is looked up.
const LOOK_UP_EVERY: Duration = Duration::from_mins(1);

/// More than the exporter puts into a packet.
const PACKET: usize = 8192;

/// A recorder that sends its metrics to the server.
pub(super) fn recorder(
    process: &'static str,
    url: StatsdUrl,
) -> Result<DogStatsDRecorder, Box<dyn Error + Send + Sync>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = socket.local_addr()?.to_string();
    tracing::info!(server = %url, "sending metrics to StatsD");
    thread::Builder::new()
        .name("statsd".to_owned())
        .spawn(move || pass_on(&socket, &url))?;
    let recorder = DogStatsDBuilder::default()
        .with_remote_address(address)?
        .with_global_labels(vec![
            Label::new("service", crate::service::service_name()),
            Label::new("process", process),
            Label::new("instance", crate::service::hostname()),
        ])
        // Metrics of the exporter itself.
        .with_telemetry(false)
        // All values of a busy service would be thousands of packets (benchmark `get-hello-peers-away`).
        .with_histogram_sampling(true)
        // The type `h`, which more servers know than Datadog's `d`.
        .send_histograms_as_distributions(false)
        .build()?;
    Ok(recorder)
}

/// Forwards packets as long as the process lives.
fn pass_on(socket: &UdpSocket, url: &StatsdUrl) {
    let mut packet = [0; PACKET];
    let mut server = Server::default();
    loop {
        match socket.recv(&mut packet) {
            Ok(length) => server.send(url, &packet[..length]),
            Err(error) => {
                tracing::warn!(%error, "cannot forward metrics to StatsD");
                thread::sleep(LOOK_UP_EVERY);
            }
        }
    }
}

/// The server's address, looked up now and then.
#[derive(Default)]
struct Server {
    found: Option<(UdpSocket, SocketAddr)>,
    looked_up_at: Option<Instant>,
    is_missed: bool,
}

impl Server {
    /// Sends a packet. As usual with StatsD, it is unknown whether it arrives.
    fn send(&mut self, url: &StatsdUrl, packet: &[u8]) {
        if self
            .looked_up_at
            .is_none_or(|at| at.elapsed() >= LOOK_UP_EVERY)
        {
            self.looked_up_at = Some(Instant::now());
            match look_up(url) {
                Ok(found) => {
                    self.found = Some(found);
                    self.is_missed = false;
                }
                Err(error) if !self.is_missed => {
                    tracing::warn!(server = %url, %error, "cannot find the StatsD server");
                    self.is_missed = true;
                }
                Err(_) => {}
            }
        }
        if let Some((socket, address)) = &self.found {
            let _ = socket.send_to(packet, address);
        }
    }
}

fn look_up(url: &StatsdUrl) -> io::Result<(UdpSocket, SocketAddr)> {
    let address = url.address().to_socket_addrs()?.next();
    let address = address.ok_or(io::ErrorKind::NotFound)?;
    let socket = match address {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
    }?;
    Ok((socket, address))
}
