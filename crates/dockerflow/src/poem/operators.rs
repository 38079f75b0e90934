//! A port for monitoring: it takes few and short connections, so that they cannot disturb the work.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, EndpointExt as _, Response, endpoint::BoxEndpoint};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// How many connections are open at a time. Others wait in the kernel's backlog: two such ports
/// must not use up the file descriptors that the work needs.
const CONNECTIONS: usize = 16;

/// How long a request's header may take to arrive, and how long the whole request may take.
const HEADER_TIME: Duration = Duration::from_secs(5);
const TIME: Duration = Duration::from_secs(15);

/// A larger header is refused.
const HEADER_SIZE: usize = 16 * 1024;

/// Without a pause, a process without free file descriptors would retry in a busy loop.
const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(200);

/// A bound port.
#[derive(Debug)]
pub struct OperatorsPort {
    listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
}

impl OperatorsPort {
    /// Binds the port of this host; 0 is any free one. `0.0.0.0` and `::` mean all addresses of both kinds.
    ///
    /// # Errors
    /// The address and the error of the system.
    pub async fn bind(host: IpAddr, port: u16) -> Result<Self, (SocketAddr, io::Error)> {
        if !host.is_unspecified() {
            let address = SocketAddr::from((host, port));
            let bound = Self::bind_to(address).await;
            return bound.map_err(|error| (address, error));
        }
        // This includes IPv4 on most systems.
        let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        match Self::bind_to(everywhere).await {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                let without_ipv6 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
                let bound = Self::bind_to(without_ipv6).await;
                bound.map_err(|error| (without_ipv6, error))
            }
            bound => bound.map_err(|error| (everywhere, error)),
        }
    }

    async fn bind_to(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Serves as long as it is polled, with one request per connection.
    ///
    /// poem's own server has no time limit for a header, and no pause after a failed accept.
    pub async fn serve(self, endpoint: impl Endpoint + 'static) {
        let endpoint = Arc::new(endpoint.map_to_response().boxed());
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        // Never closed.
        while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
            match self.listener.accept().await {
                Ok((stream, remote)) => {
                    let answer = answer(Arc::clone(&endpoint), stream, remote);
                    tokio::spawn(async move {
                        // The client went away or was too slow.
                        let _ = tokio::time::timeout(TIME, answer).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, address = %self.address, "cannot accept a connection on the port for operators");
                    tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
                }
            }
        }
    }
}

async fn answer(
    endpoint: Arc<BoxEndpoint<'static, Response>>,
    stream: TcpStream,
    remote: SocketAddr,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let service = service_fn(|request| {
        let endpoint = Arc::clone(&endpoint);
        let (local, remote) = (LocalAddr(local.into()), RemoteAddr(remote.into()));
        async move {
            let request = (request, local, remote, Scheme::HTTP).into();
            let response = endpoint.get_response(request).await;
            Ok::<hyper::Response<_>, Infallible>(response.into())
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_SIZE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let _ = connection.await;
}
