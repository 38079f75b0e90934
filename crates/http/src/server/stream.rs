//! A connection's stream, with the time limits that hyper does not have.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep, sleep_until},
};

use super::activity::Activity;
use crate::Limits;

type Deadline = Pin<Box<Sleep>>;

/// A stream that times out if a header takes too long, or if the client does not take its answer.
pub(super) struct TimedStream {
    stream: TcpStream,
    activity: Arc<Activity>,
    limits: Limits,
    header: Option<Header>,
    /// Fires when the header is due, or before: see [`TimedStream::poll_header`].
    header_timer: Deadline,
    /// Runs from the first write that had to wait until everything is written.
    write: Option<Deadline>,
}

/// The header of the request after the first `after` ones, which has begun to arrive.
struct Header {
    after: u64,
    due: Instant,
}

impl TimedStream {
    pub(super) fn new(stream: TcpStream, activity: Arc<Activity>, limits: Limits) -> Self {
        let due = Instant::now() + limits.header_time;
        let after = activity.begun();
        Self {
            stream,
            activity,
            limits,
            header: Some(Header { after, due }),
            header_timer: Box::pin(sleep_until(due)),
            write: None,
        }
    }

    /// Waits until the header is due. There is one timer for all headers of the connection. It is set again
    /// when it has fired too early, because to set it for each header costs a twentieth of the speed.
    fn poll_header(&mut self, due: Instant, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.header_timer.as_mut().poll(context));
            if self.header_timer.deadline() >= due {
                return Poll::Ready(());
            }
            self.header_timer.as_mut().reset(due);
        }
    }

    /// Fails a write that has waited for too long.
    fn poll_in_time<T>(
        &mut self,
        result: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if result.is_pending() {
            let limit = self.limits.write_time;
            let deadline = self.write.get_or_insert_with(|| Box::pin(sleep(limit)));
            ready!(deadline.as_mut().poll(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        result
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);

        let begun = self.activity.begun();
        self.header.take_if(|header| header.after != begun);
        // While a request is in flight, its body is read, which has other limits.
        let is_header = !self.activity.is_busy();
        if is_header && self.header.is_none() && buffer.filled().len() > before {
            self.header = Some(Header {
                after: begun,
                due: Instant::now() + self.limits.header_time,
            });
        }
        if result.is_pending()
            && let Some(due) = self.header.as_ref().map(|header| header.due)
        {
            ready!(self.poll_header(due, context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        result
    }
}

/// Not vectored: hyper then writes header and body from one buffer, which is faster for the small
/// answers of an API (benchmark `get-hello`).
impl AsyncWrite for TimedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.poll_in_time(result, context)
    }

    /// hyper flushes when it has written everything.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
