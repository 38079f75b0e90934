//! Counts and times requests.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use ::metrics::{Counter, Histogram};
use poem::http::StatusCode;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

use super::{MatchedRoute, request_summary::known};
use crate::metrics::{self, Metric, SharedString, Unit};

pub(crate) static REQUESTS: Metric = Metric::counter(
    "http_requests_total",
    Unit::Count,
    &["method", "route", "status"],
    "Requests, by the class of their answer's status; a client that went away before counts as 4xx",
);

pub(crate) static REQUEST_DURATION: Metric = Metric::histogram(
    "http_request_duration_seconds",
    &[
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ],
    &["method", "route", "status"],
    "How long it took until the answer began",
);

pub(crate) static REQUESTS_IN_FLIGHT: Metric = Metric::gauge(
    "http_requests_in_flight",
    Unit::Count,
    &[],
    "Requests whose answer has not begun",
);

/// The label of requests without a route.
const NO_ROUTE: &str = "none";

/// A number instead of the gauge, which would have to be looked up twice per request.
static IN_FLIGHT: AtomicU32 = AtomicU32::new(0);

/// Middleware that counts and times requests by method, route and class of the status.
///
/// The route comes from the request's [`MatchedRoute`]. An unknown method counts as `other`. The
/// middleware belongs outside of everything that changes the status. An `Err` counts with the
/// status of its response.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestMetrics;

impl<E: Endpoint> Middleware<E> for RequestMetrics {
    type Output = RequestMetricsEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        metrics::on_sample(|| {
            REQUESTS_IN_FLIGHT.set(IN_FLIGHT.load(Ordering::Relaxed).into(), []);
        });
        RequestMetricsEndpoint { inner }
    }
}

/// What [`RequestMetrics`] makes of an endpoint.
#[derive(Debug)]
pub struct RequestMetricsEndpoint<E> {
    inner: E,
}

impl<E: Endpoint> Endpoint for RequestMetricsEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        if !metrics::is_on() {
            return self
                .inner
                .call(request)
                .await
                .map(IntoResponse::into_response);
        }
        let mut measured = Measured::begin(&mut request);
        let result = self.inner.call(request).await;
        let result = result.map(IntoResponse::into_response);
        measured.status = Some(match &result {
            Ok(response) => response.status(),
            Err(error) => error.status(),
        });
        result
    }
}

/// A request in flight, recorded when it is dropped: after the answer, or without one.
struct Measured {
    started: Instant,
    method: &'static str,
    route: MatchedRoute,
    status: Option<StatusCode>,
}

impl Measured {
    fn begin(request: &mut Request) -> Self {
        IN_FLIGHT.fetch_add(1, Ordering::Relaxed);
        let route = request.data::<MatchedRoute>().cloned();
        let route = route.unwrap_or_else(|| {
            let route = MatchedRoute::default();
            request.set_data(route.clone());
            route
        });
        Self {
            started: Instant::now(),
            method: known(request.method()),
            route,
            status: None,
        }
    }

    fn class(&self) -> &'static str {
        match self.status {
            Some(status) if status.is_informational() => "1xx",
            Some(status) if status.is_success() => "2xx",
            Some(status) if status.is_redirection() => "3xx",
            Some(status) if status.is_client_error() => "4xx",
            Some(_) => "5xx",
            None if thread::panicking() => "5xx",
            // The client went away.
            None => "4xx",
        }
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        IN_FLIGHT.fetch_sub(1, Ordering::Relaxed);
        let took = self.started.elapsed().as_secs_f64();
        record((self.method, self.route.template(), self.class()), took);
    }
}

/// Method, route and class of the status.
type Labels = (&'static str, Option<Arc<str>>, &'static str);

thread_local! {
    /// The series that this thread has looked up: building the labels for each request would take
    /// another microsecond.
    static SERIES: RefCell<HashMap<Labels, (Counter, Histogram)>> = RefCell::default();
}

fn record(labels: Labels, took: f64) {
    // In a thread that ends this may be gone already.
    let _ = SERIES.try_with(|known| {
        let mut known = known.borrow_mut();
        let (count, duration) = known.entry(labels).or_insert_with_key(series);
        count.increment(1);
        duration.record(took);
    });
}

fn series((method, route, class): &Labels) -> (Counter, Histogram) {
    let route = route.clone();
    let route = route.map_or(SharedString::const_str(NO_ROUTE), SharedString::from);
    let values = [(*method).into(), route, (*class).into()];
    (
        REQUESTS.counter_of(values.clone()),
        REQUEST_DURATION.histogram_of(values),
    )
}
