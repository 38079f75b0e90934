//! The trace of a request or a job: [W3C Trace Context], and Sentry's older header for the same. It
//! carries the caller's [`Baggage`].
//!
//! Nothing here records spans. The ids are passed from one process to the next, so that log lines,
//! errors and any tracing that you add (`docs/recipes/opentelemetry.md`) agree on one trace.
//!
//! [W3C Trace Context]: https://www.w3.org/TR/trace-context/

mod baggage;

use std::fmt;

use hyper::HeaderMap;
use uuid::Uuid;

pub use self::baggage::Baggage;

/// A step of a trace: the ids of the trace and of the step, and the baggage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    parent_span_id: Option<u64>,
    flags: u8,
    baggage: Option<Baggage>,
}

impl TraceContext {
    /// The first step of a new trace, not recorded.
    pub fn new() -> Self {
        Self {
            trace_id: Uuid::new_v4().as_u128(),
            span_id: new_span_id(),
            parent_span_id: None,
            flags: 0,
            baggage: None,
        }
    }

    /// The next step after the one in a request's headers, or the first of a new trace, with the
    /// request's baggage.
    ///
    /// If both headers are there, Sentry's counts: the other one comes from a proxy in between.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        header("sentry-trace")
            .and_then(Self::after_sentry_trace)
            .or_else(|| header("traceparent").and_then(Self::after_traceparent))
            .unwrap_or_default()
            .with_baggage(Baggage::of(headers))
    }

    /// The next step after the one in a `traceparent` header, of version 00 or a later version that
    /// begins in the same way (W3C Trace Context, sections 3.2 and 4).
    pub fn after_traceparent(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = hex(parts.next()?, 32)?;
        let parent = hex(parts.next()?, 16)?;
        let flags = hex(parts.next()?, 2)?;
        let has_right_end = version > 0 || parts.next().is_none();
        (version < 0xff && has_right_end)
            .then(|| Self::after(trace_id, parent, flags))
            .flatten()
    }

    /// The next step after the one in a `sentry-trace` header: `trace-span` or
    /// `trace-span-sampled`, see [Sentry's documentation].
    ///
    /// [Sentry's documentation]: https://develop.sentry.dev/sdk/telemetry/traces/#header-sentry-trace
    pub fn after_sentry_trace(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let trace_id = hex(parts.next()?, 32)?;
        let parent = hex(parts.next()?, 16)?;
        let flags = match parts.next() {
            Some("1") => 1,
            Some("0") | None => 0,
            Some(_) => return None,
        };
        Self::after(trace_id, parent, flags)
    }

    fn after(trace_id: u128, parent: u128, flags: u128) -> Option<Self> {
        let parent = u64::try_from(parent).ok()?;
        (trace_id != 0 && parent != 0).then(|| Self {
            trace_id,
            span_id: new_span_id(),
            parent_span_id: Some(parent),
            flags: u8::try_from(flags).unwrap_or(0),
            baggage: None,
        })
    }

    /// The same step with this baggage.
    pub fn with_baggage(self, baggage: Option<Baggage>) -> Self {
        Self { baggage, ..self }
    }

    /// The trace's id: 32 lower-case hexadecimal digits.
    pub fn trace_id(&self) -> impl fmt::Display + use<> {
        Hex::<32>(self.trace_id)
    }

    /// The step's id: 16 lower-case hexadecimal digits.
    pub fn span_id(&self) -> impl fmt::Display + use<> {
        Hex::<16>(self.span_id.into())
    }

    /// The id of the step before, if it is known.
    pub fn parent_span_id(&self) -> Option<impl fmt::Display + use<>> {
        self.parent_span_id.map(|id| Hex::<16>(id.into()))
    }

    /// The `traceparent` header for calls to other services.
    pub fn traceparent(&self) -> String {
        format!(
            "00-{:032x}-{:016x}-{:02x}",
            self.trace_id, self.span_id, self.flags
        )
    }

    /// The `baggage` header for calls to other services, if there is baggage.
    pub fn baggage(&self) -> Option<&str> {
        self.baggage.as_ref().map(Baggage::as_str)
    }
}

impl Default for TraceContext {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.traceparent())
    }
}

/// A number as this many lower-case hexadecimal digits.
struct Hex<const DIGITS: usize>(u128);

impl<const DIGITS: usize> fmt::Display for Hex<DIGITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0DIGITS$x}", self.0)
    }
}

/// Never zero, which means "no id".
fn new_span_id() -> u64 {
    // The lower half of a random UUID is random except for its first two bits, which are `10`.
    Uuid::new_v4().as_u64_pair().1
}

/// Parses exactly this many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == digits && text.bytes().all(is_digit))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn the_next_step_has_the_same_trace_and_a_new_id() {
        let header = format!("00-{TRACE}-{SPAN}-01");
        let step = TraceContext::after_traceparent(&header).unwrap();
        assert_eq!(step.trace_id().to_string(), TRACE);
        assert_eq!(step.parent_span_id().unwrap().to_string(), SPAN);
        assert_ne!(step.span_id().to_string(), SPAN);
        assert_eq!(
            step.traceparent(),
            format!("00-{TRACE}-{}-01", step.span_id())
        );
    }

    #[test]
    fn the_header_of_sentry_is_read_too() {
        for (end, flags) in [("", "00"), ("-0", "00"), ("-1", "01")] {
            let step = TraceContext::after_sentry_trace(&format!("{TRACE}-{SPAN}{end}")).unwrap();
            assert_eq!(step.trace_id().to_string(), TRACE);
            assert_eq!(step.parent_span_id().unwrap().to_string(), SPAN);
            assert!(step.traceparent().ends_with(flags), "{step}");
        }
    }

    #[test]
    fn a_traceparent_of_a_later_version_may_have_more_fields() {
        let later = format!("01-{TRACE}-{SPAN}-01-more");
        assert!(TraceContext::after_traceparent(&later).is_some());
    }

    #[test]
    fn an_invalid_header_is_ignored() {
        for bad in [
            "",
            "00",
            &format!("00-{TRACE}-{SPAN}"),
            &format!("00-{TRACE}-{SPAN}-01-more"),
            &format!("ff-{TRACE}-{SPAN}-01"),
            &format!("00-{}-{SPAN}-01", "0".repeat(32)),
            &format!("00-{TRACE}-{}-01", "0".repeat(16)),
            &format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            &format!("00-{TRACE}-{SPAN}-zz"),
            &format!("00-{}+-{SPAN}-01", &TRACE[1..]),
        ] {
            assert_eq!(TraceContext::after_traceparent(bad), None, "{bad}");
        }
        for bad in ["", TRACE, &format!("{TRACE}-{SPAN}-2"), "é-é"] {
            assert_eq!(TraceContext::after_sentry_trace(bad), None, "{bad}");
        }
    }
}
