//! The api under load.

use std::net::TcpListener;

use super::{Case, Run, Unit, at_least};
use crate::{
    bench::{Bench, Size},
    child::variables,
    load::{self, Request},
    queues::Contender,
    servers::{self, Server},
};

const ORDERS: &str = "INSERT INTO \"order\" (name, email) SELECT 'order-' || n, 'order-' || n || \
     '@example.org' FROM generate_series(1, 10000) AS n";

pub fn cases(size: Size) -> Vec<Case> {
    vec![
        hello(size),
        peers_away(size),
        find_order(size),
        place_order(size),
    ]
}

fn hello(size: Size) -> Case {
    let request = Request::Get("/");
    let case = Case::new(
        "get-hello",
        "`GET /` as it is deployed, the log going to a file",
        Unit::Requests,
    )
    .side("ours", ours(size, request))
    .side("bare poem", race(size, request, |_| Server::Poem))
    .side("bare axum", race(size, request, |_| Server::Axum))
    .floor(at_least("ours", 0.6).times("bare poem"));
    against_flask(case, 15.0, size, request)
}

/// What nobody may wait for.
fn peers_away(size: Size) -> Case {
    let request = Request::Get("/");
    let dead_statsd = move |url: &str| web(size, url, &[("STATSD_URL", "udp://127.0.0.1:9")], true);
    let unread = move |url: &str| web(size, url, &[], false);
    Case::new(
        "get-hello-peers-away",
        "`GET /` while Sentry never answers, StatsD is dead, or nobody reads the log",
        Unit::Requests,
    )
    .side("ours", ours(size, request))
    .side("Sentry never answers", silent_sentry(size, request))
    .side("StatsD is dead", race(size, request, dead_statsd))
    .side("nobody reads the log", race(size, request, unread))
    .floor(at_least("Sentry never answers", 0.95).times("ours"))
    .floor(at_least("StatsD is dead", 0.95).times("ours"))
    .floor(at_least("nobody reads the log", 0.95).times("ours"))
}

fn find_order(size: Size) -> Case {
    let request = Request::Get("/order/order-5000");
    let bare = |url: &str| Server::PoemWithSeaOrm {
        url: url.to_owned(),
    };
    let case = Case::new(
        "get-order",
        "`GET /order/{name}`: one row of 10,000",
        Unit::Requests,
    )
    .side("ours", ours(size, request))
    .side("SeaORM in bare poem", race(size, request, bare))
    .floor(at_least("ours", 0.85).times("SeaORM in bare poem"));
    against_flask(case, 8.0, size, request)
}

fn place_order(size: Size) -> Case {
    let case = Case::new(
        "post-order",
        "`POST /order`: a row, a job and a commit that is on the disk",
        Unit::Requests,
    )
    .side("ours", ours(size, Request::Order));
    against_flask(case, 1.0, size, Request::Order)
}

/// Where Python is present: as the Procfile of the template before this one runs it, and at its best.
fn against_flask(case: Case, times: f64, size: Size, request: Request) -> Case {
    if !servers::flask::is_there() {
        eprintln!(
            "{}: without Flask, which cannot be installed here",
            case.name
        );
        return case;
    }
    let flask = |is_tuned| {
        race(size, request, move |url| Server::Flask {
            url: url.to_owned(),
            is_tuned,
        })
    };
    case.side("Flask", flask(false))
        .side("Flask at its best", flask(true))
        .floor(at_least("ours", times).times("Flask"))
}

fn ours(size: Size, request: Request) -> Run {
    race(size, request, move |url| web(size, url, &[], true))
}

fn web(size: Size, url: &str, more: &[(&str, &str)], is_read: bool) -> Server {
    let mut all = vec![("DATABASE_URL", url)];
    all.extend(more);
    Server::Ours {
        profile: size.profile.to_owned(),
        variables: variables(&all),
        is_read,
    }
}

fn silent_sentry(size: Size, request: Request) -> Run {
    Box::new(move |bench| {
        // Connections are made, and nobody answers.
        let sentry = TcpListener::bind("127.0.0.1:0")?;
        let dsn = format!("http://key@{}/1", sentry.local_addr()?);
        let server = move |url: &str| web(size, url, &[("SENTRY_DSN", &dsn)], true);
        race(size, request, server)(bench)
    })
}

/// A migrated database with 10,000 orders.
pub fn with_orders(bench: &mut Bench) -> anyhow::Result<String> {
    let url = bench.database();
    bench.runtime.block_on(Contender::ours(&[]).prepare(&url))?;
    bench.execute(&url, &[ORDERS, "VACUUM ANALYZE", "CHECKPOINT"])?;
    Ok(url)
}

fn race(size: Size, request: Request, server: impl Fn(&str) -> Server + 'static) -> Run {
    Box::new(move |bench: &mut Bench| {
        let url = with_orders(bench)?;
        let (running, address) = bench.serve(&server(&url))?;
        load::requests_per_second(&address, request, 1)?;
        let rate = load::requests_per_second(&address, request, size.seconds)?;
        drop(running);
        bench.clean(&url)?;
        Ok(rate)
    })
}
