//! Names that are words of a-z and 0-9 with a separator between them.

use anyhow::ensure;

/// An error unless a name is such words, of at most 50 characters, and begins with a letter.
pub(crate) fn ensure_words(name: &str, separator: char, example: &str) -> anyhow::Result<()> {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    ensure!(
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.split(separator).all(is_word)
            && name.len() <= 50,
        "{name:?} is no name: words of a-z and 0-9 with {separator} between them are, 50 characters at most, \
         such as {example}"
    );
    Ok(())
}

/// The words with capital letters.
pub(crate) fn capitals(name: &str, separator: char) -> Vec<String> {
    let words = name.split(separator).map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_name_is_words_of_a_z_and_0_9_with_a_separator_between_them() {
        for good in ["a", "order", "my-service", "web2-api", &"a".repeat(50)] {
            ensure_words(good, '-', "x").unwrap();
        }
        let long = "a".repeat(51);
        for bad in [
            "", "-", "a-", "-a", "a--b", "A", "2a", "a_b", "a b", "ä", "../a", &long,
        ] {
            assert!(ensure_words(bad, '-', "x").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn each_word_gets_a_capital_letter() {
        assert_eq!(capitals("my-web2-api", '-'), ["My", "Web2", "Api"]);
    }
}
