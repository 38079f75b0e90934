//! Load over HTTP, by wrk.

use std::{fs, process::Command};

use anyhow::Context as _;
use tempfile::NamedTempFile;

/// How many connections ask at once.
const CONNECTIONS: &str = "32";

/// Places another order with every request.
const ORDER: &str = r#"
local count = 0
local start = os.time()
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
    count = count + 1
    local name = string.format("order-%d-%d", start, count)
    local body = string.format('{"name":"%s","email":"%s@example.org"}', name, name)
    return wrk.format(nil, nil, nil, body)
end
"#;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Request {
    Get(&'static str),
    /// `POST /order`, each with another name.
    Order,
}

/// Asks for so many seconds, and answers how many requests a second were answered. That any was
/// answered with an error is one.
pub fn requests_per_second(address: &str, request: Request, seconds: u32) -> anyhow::Result<f64> {
    let script = NamedTempFile::new()?;
    let mut wrk = Command::new("wrk");
    // One thread: the server has the other core, and what it takes of this one.
    wrk.args(["-t1", "-c", CONNECTIONS, &format!("-d{seconds}s")]);
    let path = match request {
        Request::Get(path) => path,
        Request::Order => {
            fs::write(script.path(), ORDER)?;
            wrk.arg("-s").arg(script.path());
            "/order"
        }
    };
    let output = wrk.arg(format!("http://{address}{path}")).output();
    let output = output.context("wrk does not start (it is in the package wrk)")?;
    let text = String::from_utf8(output.stdout)?;
    let failures = text
        .lines()
        .find(|line| line.contains("Non-2xx") || line.contains("Socket errors"));
    anyhow::ensure!(failures.is_none(), "{address}{path}: {failures:?}");
    let rate = text
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"));
    let rate = rate.with_context(|| format!("wrk said {text:?}"))?;
    Ok(rate.trim().parse()?)
}
