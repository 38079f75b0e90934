//! What callers want known wherever a trace goes: [W3C Baggage].
//!
//! [W3C Baggage]: https://www.w3.org/TR/baggage/

use std::{fmt, sync::Arc};

use hyper::HeaderMap;

/// More than this need not be passed on (W3C Baggage, section 3.3.2).
const LIMIT: usize = 8192;

/// The value of a `baggage` header. It is whatever the caller wrote, so it is in no log line, nor in
/// the form for debugging.
#[derive(Clone, PartialEq, Eq)]
pub struct Baggage(Arc<str>);

impl Baggage {
    /// The text, if it is a list of `key=value` in visible ASCII of at most 8,192 bytes. Of anything
    /// else nothing is kept: half of it may mean something else.
    pub fn parse(text: &str) -> Option<Self> {
        let is_allowed = |byte: u8| matches!(byte, b' '..=b'~' | b'\t');
        let is_list = || text.split(',').all(is_member);
        (text.len() <= LIMIT && text.bytes().all(is_allowed) && is_list())
            .then(|| Self(text.trim().into()))
    }

    /// That of a request, whose list may stand in several headers.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all("baggage").iter();
        let values: Vec<&str> = values
            .map(|value| value.to_str().ok())
            .collect::<Option<_>>()?;
        Self::parse(&values.join(","))
    }

    /// The value of the header for what is called next.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Baggage({} bytes)", self.0.len())
    }
}

/// `key=value`, perhaps with properties; the key is a token (RFC 9110, section 5.6.2).
fn is_member(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    text.split_once('=').is_some_and(|(key, _)| {
        let key = key.trim();
        !key.is_empty() && key.bytes().all(is_token)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENTRY: &str = "sentry-release=web%401.0.0,sentry-sample_rate=0.5";

    #[test]
    fn a_list_is_kept_as_it_is() {
        let longest = format!("key={}", "x".repeat(LIMIT - 4));
        let many = vec!["key=value"; 200].join(",");
        for good in ["a=1", "a=", "a=1 , b = 2;p;q=3", SENTRY, &many, &longest] {
            assert_eq!(Baggage::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn of_what_is_too_long_or_no_list_nothing_is_kept() {
        let too_long = format!("key={}", "x".repeat(LIMIT - 3));
        for bad in [
            "", " ", "a", "=1", "a b=1", "a=1,", "a=é", "a=\n", "a=\0", &too_long,
        ] {
            assert_eq!(Baggage::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn several_headers_are_one_list() {
        let headers = |values: &[&str]| {
            let values = values.iter().map(|value| value.parse().unwrap());
            let name = hyper::header::HeaderName::from_static("baggage");
            values
                .map(|value| (name.clone(), value))
                .collect::<HeaderMap>()
        };
        assert_eq!(Baggage::of(&headers(&[])), None);
        assert_eq!(
            Baggage::of(&headers(&["a=1", "b=2"])),
            Baggage::parse("a=1,b=2")
        );
        assert_eq!(Baggage::of(&headers(&["a=1", "é"])), None);
    }

    #[test]
    fn it_is_not_shown_for_debugging() {
        assert_eq!(
            format!("{:?}", Baggage::parse("user=ada").unwrap()),
            "Baggage(8 bytes)"
        );
    }
}
