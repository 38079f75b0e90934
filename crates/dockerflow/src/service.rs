//! What the service, this process and its host are called.

use std::sync::OnceLock;

/// The name of the service as a word, once a process or a command of it has begun.
static SERVICE: OnceLock<String> = OnceLock::new();

/// Names the service of this process.
pub(crate) fn name_service(name: &str) {
    let word = name
        .to_lowercase()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    SERVICE.get_or_init(|| word);
}

/// The name of the service as a word, such as `my-service` for "My Service". Empty in a test, which is no
/// [`Process`](crate::Process).
pub fn service_name() -> &'static str {
    SERVICE.get().map_or("", String::as_str)
}

/// What a log line or a database session says about where it comes from: the service and this part of
/// it, such as `my-service-web`.
pub fn name_of(part: &str) -> String {
    match service_name() {
        "" => part.to_owned(),
        service => format!("{service}-{part}"),
    }
}

/// The name by which operators know this process: what its platform calls it (`DYNO`), otherwise the host.
pub fn hostname() -> String {
    std::env::var("DYNO")
        .ok()
        .filter(|dyno| !dyno.is_empty())
        .unwrap_or_else(|| gethostname::gethostname().to_string_lossy().into_owned())
}
