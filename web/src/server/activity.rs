//! Whether a connection has a request in flight: from its header to the last byte of its answer.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::{
    Response,
    body::{Body, Bytes, Frame, SizeHint},
};

/// How many requests of a connection have begun, how many have ended, and when it was last without one.
#[derive(Debug)]
pub(super) struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
    idle_since: AtomicU64,
}

impl Activity {
    /// That of a new connection.
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

    /// For how long there has been no request in flight. `None` while there is one.
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

/// A response's body that hyper drops when it has taken all of it.
pub(super) struct TrackedBody {
    body: Pin<Box<dyn Body<Data = Bytes, Error = io::Error> + Send>>,
    _in_flight: InFlight,
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.body.as_mut().poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
