//! Limits a request's body in size and time, limits the memory of all bodies, drains unread ones.
//!
//! If a server answers and closes while its client is still sending, it resets the connection, and
//! the client never sees the answer. So an unread body is drained in the background, within limits.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::{Stream, StreamExt as _, stream::BoxStream};
use hyper::body::Bytes;
use poem::{Body, Request, http::header};
use tokio::{
    runtime::Handle,
    time::{Sleep, sleep, timeout},
};

use super::{
    budget::{Budget, Held, Room},
    places::{Place, Places},
};
use crate::{
    Limits,
    problem::{BodyError, Problem},
};

/// Limits the body of the request, for any extractor. When the whole body has arrived, the request takes
/// its place. The result holds the body's room in the budget, and the place. `None` if there is no body.
pub(super) fn limit_body(
    limits: Limits,
    budget: &Budget,
    places: &Places,
    request: &mut Request,
) -> Option<(Held, Place)> {
    let body = request.take_body();
    if body.is_empty() {
        return None;
    }
    let room = budget.room();
    let held = room.held();
    let place = places.place();
    let body = LimitedBody::new(body, request, limits, room, place.clone());
    request.set_body(Body::from_bytes_stream(body));
    Some((held, place))
}

/// Reads all of the request's body, up to `max_bytes`.
///
/// # Errors
/// 413 if the body is larger, without reading any of it if `Content-Length` says so. The errors of
/// [`limit_body`].
pub(crate) async fn read_body(
    request: &Request,
    body: Body,
    max_bytes: usize,
) -> Result<Vec<u8>, Problem> {
    let too_large = || BodyError::TooLarge(max_bytes as u64);
    let announced = announced(request);
    if announced.is_some_and(|length| length > max_bytes as u64) {
        return Err(too_large().into());
    }
    let mut chunks = body.into_bytes_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Problem::of_body(&error))?;
        if bytes.len() + chunk.len() > max_bytes {
            return Err(too_large().into());
        }
        if bytes.is_empty()
            && let Some(length) = announced
        {
            // The exact size, not up to twice as much. Reserved memory is not used until it is
            // written.
            bytes.reserve_exact(usize::try_from(length).unwrap_or_default());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn announced(request: &Request) -> Option<u64> {
    request.header(header::CONTENT_LENGTH)?.parse().ok()
}

struct LimitedBody {
    /// `None` at its end.
    rest: Option<BoxStream<'static, io::Result<Bytes>>>,
    received: u64,
    announced: Option<u64>,
    /// The client waits for `100 Continue` (RFC 9110, section 10.1.1), which a read sends.
    is_held_back: bool,
    deadline: Pin<Box<Sleep>>,
    limits: Limits,
    room: Room,
    place: Place,
    /// A chunk that has arrived and waits for room.
    waiting: Option<Bytes>,
}

impl LimitedBody {
    fn new(body: Body, request: &Request, limits: Limits, room: Room, place: Place) -> Self {
        let expect = request.header(header::EXPECT);
        Self {
            rest: Some(body.into_bytes_stream().boxed()),
            received: 0,
            announced: announced(request),
            is_held_back: expect.is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue")),
            deadline: Box::pin(sleep(limits.body_time)),
            limits,
            room,
            place,
            waiting: None,
        }
    }

    /// The next chunk, without a limit on the size.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        self.is_held_back = false;
        if let Poll::Ready(chunk) = rest.poll_next_unpin(context) {
            if !matches!(chunk, Some(Ok(_))) {
                self.rest = None;
            }
            return Poll::Ready(chunk);
        }
        ready!(self.deadline.as_mut().poll(context));
        // Do not drain the body of a client that is too slow.
        self.rest = None;
        Poll::Ready(Some(Err(io::Error::other(BodyError::TooSlow))))
    }

    /// Waits for room for what has arrived, until the time is over.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        if self.room.poll_for(self.received, context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        ready!(self.deadline.as_mut().poll(context));
        Poll::Ready(Err(BodyError::NoRoom))
    }

    fn poll_limited(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let limit = self.limits.body_size;
        let too_large = || Poll::Ready(Some(Err(io::Error::other(BodyError::TooLarge(limit)))));
        if self.announced.is_some_and(|length| length > limit) {
            return too_large();
        }
        if self.waiting.is_none() {
            let bytes = match ready!(self.poll_chunk(context)) {
                Some(Ok(bytes)) => bytes,
                None => {
                    return Poll::Ready(
                        self.place
                            .take()
                            .err()
                            .map(|error| Err(io::Error::other(error))),
                    );
                }
                failed => return Poll::Ready(failed),
            };
            self.received += bytes.len() as u64;
            if self.received > limit {
                return too_large();
            }
            self.waiting = Some(bytes);
        }
        let has_room = ready!(self.poll_room(context)).map_err(io::Error::other);
        let bytes = self.waiting.take();
        Poll::Ready(bytes.map(|bytes| has_room.map(|()| bytes)))
    }
}

impl Stream for LimitedBody {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_limited(context)
    }
}

impl Drop for LimitedBody {
    fn drop(&mut self) {
        if let Some(rest) = self.rest.take()
            && !self.is_held_back
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(linger(rest, self.limits));
        }
    }
}

async fn linger(mut rest: BoxStream<'static, io::Result<Bytes>>, limits: Limits) {
    let read = async {
        let mut left = limits.linger_size;
        while let Some(Ok(bytes)) = rest.next().await
            && let Some(less) = left.checked_sub(bytes.len() as u64)
        {
            left = less;
        }
    };
    // After the time limit, hyper closes the connection because of the unread rest.
    let _ = timeout(limits.linger_time, read).await;
}
