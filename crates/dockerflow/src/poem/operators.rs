//! A port for those who watch the service: few connections, short ones, and none that can get in the
//! way of the work.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, EndpointExt as _, Response, endpoint::BoxEndpoint};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// How many connections are open at a time. Further ones wait in the kernel's backlog: the file
/// descriptors that two such ports can take must not be those that the work needs.
const CONNECTIONS: usize = 16;

/// How long a request may take to arrive, and how long it may take in all.
const HEADER_TIME: Duration = Duration::from_secs(5);
const TIME: Duration = Duration::from_secs(15);

/// What is read of a request before it is refused.
const HEADER_SIZE: usize = 16 * 1024;

/// Without a pause, a process that has no file descriptor left would try again as fast as it can.
const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(200);

/// A port that was taken, on every interface.
#[derive(Debug)]
pub struct OperatorsPort {
    listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
}

impl OperatorsPort {
    /// Takes the port; 0 is any that is free.
    ///
    /// # Errors
    /// With the address, and what the system said.
    pub async fn bind(port: u16) -> Result<Self, (SocketAddr, io::Error)> {
        // For IPv4 too, where the system does not say otherwise.
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

    /// Serves for as long as it is polled; one request a connection.
    ///
    /// poem's own server has no time limit for a header, and tries to accept without a pause.
    pub async fn serve(self, endpoint: impl Endpoint + 'static) {
        let endpoint = Arc::new(endpoint.map_to_response().boxed());
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        // Never closed.
        while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
            match self.listener.accept().await {
                Ok((stream, remote)) => {
                    let answer = answer(Arc::clone(&endpoint), stream, remote);
                    tokio::spawn(async move {
                        // An error is the client's: it went away, or was too slow.
                        let _ = tokio::time::timeout(TIME, answer).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, address = %self.address, "operators cannot connect");
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
