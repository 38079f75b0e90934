//! Limits, so that one client cannot stop the others.

use std::time::Duration;

/// The limits. Their right values depend on the code, not the environment: they are not settings.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections are served at a time. A further one replaces the longest idle one.
    pub connections: usize,
    /// How long that one must have been idle. If all are busier, the new one goes to the reserve.
    pub yield_time: Duration,
    /// How many further connections get a single answer: Dockerflow's endpoints are answered,
    /// everything else is 503. Beyond these, connections wait in the kernel's backlog.
    pub reserve: usize,
    /// How long a connection of the reserve may take to send its header, and to receive its answer.
    pub reserve_time: Duration,
    /// How long a request's header may take, from its first byte, or from the start of a
    /// connection.
    pub header_time: Duration,
    /// How long a connection may wait for its next request.
    pub keep_alive: Duration,
    /// How long a client may take to receive what is ready to be sent, at most 80 KiB at a time.
    pub write_time: Duration,
    /// How large the body of a request may be, in bytes. An endpoint has its own, smaller limit.
    pub body_size: u64,
    /// How large the bodies of all requests may be together, in bytes, not counting the first 16
    /// KiB of each. A body that gets no room within its time is answered with 503.
    pub bodies_size: u32,
    /// How long the body of a request may take.
    pub body_time: Duration,
    /// How many bytes of an unread body are drained, so that the client can read the answer.
    pub linger_size: u64,
    /// How long that may take.
    pub linger_time: Duration,
    /// How many requests may be in progress, most of them waiting for the database. A further one is
    /// answered with 503 at once, unless it is for Dockerflow's endpoints. A request whose body has
    /// not arrived does not count, and neither does one whose view does not read its body.
    pub requests: usize,
    /// How long it may take to answer a request.
    pub request_time: Duration,
}

impl Limits {
    /// The limits for a connection of the reserve.
    pub(crate) fn of_reserve(self) -> Self {
        Self {
            header_time: self.header_time.min(self.reserve_time),
            write_time: self.write_time.min(self.reserve_time),
            ..self
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_000,
            yield_time: Duration::from_secs(1),
            reserve: 64,
            reserve_time: Duration::from_secs(2),
            header_time: Duration::from_secs(15),
            keep_alive: Duration::from_mins(1),
            write_time: Duration::from_secs(30),
            body_size: 1024 * 1024,
            bodies_size: 64 * 1024 * 1024,
            body_time: Duration::from_secs(15),
            linger_size: 16 * 1024 * 1024,
            linger_time: Duration::from_secs(10),
            requests: 256,
            request_time: Duration::from_secs(30),
        }
    }
}
