//! Values that callers send along with a trace: [W3C Baggage].
//!
//! [W3C Baggage]: https://www.w3.org/TR/baggage/

use std::{fmt, sync::Arc};

use hyper::HeaderMap;

/// The size that must be supported (W3C Baggage, section 3.3.2).
const LIMIT: usize = 8192;

/// The value of a `baggage` header. Its content is the caller's, so it is in no log and no debug
/// output.
#[derive(Clone, PartialEq, Eq)]
pub struct Baggage(Arc<str>);

impl Baggage {
    /// The text, if it is a list of `key=value` in visible ASCII of at most 8,192 bytes. Anything
    /// else is dropped as a whole, because a part may mean something else.
    pub fn parse(text: &str) -> Option<Self> {
        let is_allowed = |byte: u8| matches!(byte, b' '..=b'~' | b'\t');
        let is_list = || text.split(',').all(is_member);
        (text.len() <= LIMIT && text.bytes().all(is_allowed) && is_list())
            .then(|| Self(text.trim().into()))
    }

    /// The baggage of a request, which may be spread over several headers.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all("baggage").iter();
        let values: Vec<&str> = values
            .map(|value| value.to_str().ok())
            .collect::<Option<_>>()?;
        Self::parse(&values.join(","))
    }

    /// The value of the header for calls to other services.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Baggage({} bytes)", self.0.len())
    }
}

/// Whether it is `key=value` with optional properties. The key is a token (RFC 9110, 5.6.2).
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
    fn a_valid_list_is_kept_unchanged() {
        let longest = format!("key={}", "x".repeat(LIMIT - 4));
        let many = vec!["key=value"; 200].join(",");
        for good in ["a=1", "a=", "a=1 , b = 2;p;q=3", SENTRY, &many, &longest] {
            assert_eq!(Baggage::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_text_that_is_too_long_or_not_a_list_is_dropped() {
        let too_long = format!("key={}", "x".repeat(LIMIT - 3));
        for bad in [
            "", " ", "a", "=1", "a b=1", "a=1,", "a=é", "a=\n", "a=\0", &too_long,
        ] {
            assert_eq!(Baggage::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn several_headers_are_joined_to_one_list() {
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
    fn debug_output_does_not_show_the_content() {
        assert_eq!(
            format!("{:?}", Baggage::parse("user=ada").unwrap()),
            "Baggage(8 bytes)"
        );
    }
}
