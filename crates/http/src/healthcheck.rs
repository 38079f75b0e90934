//! `web healthcheck`: for images without curl, checks that the process in the container answers.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use conf::Conf;
use dockerflow::ProcessSettings;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::Settings;

const PATIENCE: Duration = Duration::from_secs(3);

const REQUEST: &[u8] =
    b"GET /__lbheartbeat__ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// Checks that the process on this machine's `PORT` answers
#[derive(Conf, Clone, Debug)]
pub struct Healthcheck {
    #[conf(flatten)]
    server: Settings,

    #[conf(flatten)]
    process: ProcessSettings,
}

impl Healthcheck {
    /// Requests `/__lbheartbeat__`, which does not depend on the database: restarting this process
    /// would not repair the database.
    ///
    /// # Errors
    /// If the answer is not 200, or takes too long.
    pub async fn execute(&self) -> anyhow::Result<()> {
        let address = SocketAddr::new(reachable(self.process.host), self.server.port);
        let answer = timeout(PATIENCE, ask(address))
            .await
            .with_context(|| format!("{address} did not answer within {PATIENCE:?}"))?
            .with_context(|| format!("nothing answers on {address}"))?;
        let status = String::from_utf8_lossy(
            answer
                .split(|&byte| byte == b'\r')
                .next()
                .unwrap_or_default(),
        )
        .into_owned();
        ensure!(
            status.starts_with("HTTP/1.1 200"),
            "{address} answered {status}"
        );
        Ok(())
    }
}

async fn ask(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::new();
    stream.take(1024).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// The address to reach a process that listens on `host`.
fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    }
}
