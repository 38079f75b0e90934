//! Tracks whether a connection has a request in flight, from header to last byte of the answer.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::{
    Response,
    body::{Body, Bytes, Frame, SizeHint},
};

/// How many requests of a connection have begun and ended, and since when it is idle.
#[derive(Debug)]
pub(super) struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
    idle_since: AtomicU64,
}

impl Activity {
    /// The activity of a new connection.
    pub(super) fn new() -> Self {
        Self {
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            idle_since: AtomicU64::new(milliseconds()),
        }
    }

    /// A request is in flight until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.begun.fetch_add(1, Relaxed);
        InFlight(self.clone())
    }

    /// How many requests have begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Relaxed)
    }

    /// Whether there was any request yet.
    pub(super) fn has_begun(&self) -> bool {
        self.begun() > 0
    }

    /// Whether a request is in flight.
    pub(super) fn is_busy(&self) -> bool {
        self.begun() != self.ended.load(Relaxed)
    }

    /// How long the connection has been idle; `None` while a request is in flight.
    pub(super) fn idle_for(&self) -> Option<Duration> {
        let since = self.idle_since.load(Relaxed);
        let time = Duration::from_millis(milliseconds().saturating_sub(since));
        (!self.is_busy()).then_some(time)
    }
}

/// The time since the first call.
fn milliseconds() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl InFlight {
    /// The request ends with this response's body.
    pub(super) fn track(self, response: poem::Response) -> Response<TrackedBody> {
        let response: Response<_> = response.into();
        response.map(|body| TrackedBody {
            body: Box::pin(body),
            rest: Bytes::new(),
            _in_flight: self,
        })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.idle_since.store(milliseconds(), Relaxed);
        self.0.ended.fetch_add(1, Relaxed);
    }
}

/// How many bytes of an answer hyper gets at once. It copies them behind the header, up to the size
/// of its buffer (64 KiB), and asks for more when the client has taken them.
const PIECE: usize = 16 * 1024;

/// A response's body, which hyper drops when it has taken all of it. A large one is passed on in
/// pieces, because hyper would hold a copy of the whole body for each client that does not read.
pub(super) struct TrackedBody {
    body: Pin<Box<dyn Body<Data = Bytes, Error = io::Error> + Send>>,
    /// The part that hyper has not taken yet.
    rest: Bytes,
    _in_flight: InFlight,
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.rest.is_empty() {
            let frame = match ready!(self.body.as_mut().poll_frame(context)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            match frame.into_data() {
                Ok(bytes) => self.rest = bytes,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let mut size = self.body.size_hint();
        if let Some(upper) = size.upper() {
            size.set_upper(upper + rest);
        }
        size.set_lower(size.lower() + rest);
        size
    }
}
