//! Plain scalars as kubectl reads them: YAML 1.1 with the exceptions of go-yaml version 2.
//!
//! `yes`, `on` and `y` are booleans, `0750` is octal, `1_000` is a thousand; base 60 and timestamps are text.

use serde_json::Number;

use super::tree::Value;

/// Why a scalar is no value of the Kubernetes API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Infinity or not-a-number, which JSON cannot hold.
    NoJson,
    /// The text does not fit the tag.
    Tag(&'static str),
}

/// What a tag demands of a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// No tag: the text decides.
    Anything,
    /// `!!str`, `!` and tags of applications.
    Text,
    /// `!!bool`.
    Boolean,
    /// `!!int`.
    Integer,
    /// `!!float`.
    Float,
    /// `!!null`.
    Null,
}

/// The value of a scalar that was written without quotes, or with a tag.
pub(super) fn read(text: &str, wanted: Wanted) -> Result<Value, Unreadable> {
    if wanted == Wanted::Text {
        return Ok(Value::String(text.to_owned()));
    }
    let value = resolve(text)?;
    let (fits, tag) = match wanted {
        Wanted::Anything | Wanted::Text => (true, ""),
        Wanted::Boolean => (matches!(value, Value::Boolean(_)), "!!bool"),
        Wanted::Integer => (
            matches!(&value, Value::Number(number) if !number.is_f64()),
            "!!int",
        ),
        Wanted::Float => (matches!(value, Value::Number(_)), "!!float"),
        Wanted::Null => (value == Value::Null, "!!null"),
    };
    if fits {
        Ok(value)
    } else {
        Err(Unreadable::Tag(tag))
    }
}

fn resolve(text: &str) -> Result<Value, Unreadable> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Ok(Value::Boolean(true));
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Ok(Value::Boolean(false));
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF"
        | "-.inf" | "-.Inf" | "-.INF" => return Err(Unreadable::NoJson),
        _ => {}
    }
    let number = match text.as_bytes().first() {
        Some(b'.') => fraction(text),
        Some(b'+' | b'-' | b'0'..=b'9') => {
            let digits = text.replace('_', "");
            integer(&digits).or_else(|| fraction(&digits))
        }
        _ => None,
    };
    Ok(number.map_or_else(|| Value::String(text.to_owned()), Value::Number))
}

/// A whole number: decimal, `0x`, `0o` or a leading zero, `0b`.
fn integer(digits: &str) -> Option<Number> {
    let (negative, magnitude) = match digits.as_bytes().first() {
        Some(b'-') => (true, digits.strip_prefix('-')?),
        Some(b'+') => (false, digits.strip_prefix('+')?),
        _ => (false, digits),
    };
    let lower = magnitude.to_ascii_lowercase();
    let (radix, body) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, lower.strip_prefix("0x")?),
        [b'0', b'o', ..] => (8, lower.strip_prefix("0o")?),
        [b'0', b'b', ..] => (2, lower.strip_prefix("0b")?),
        [b'0', _, ..] => (8, lower.strip_prefix('0')?),
        _ => (10, lower.as_str()),
    };
    // The standard parser would take another sign here.
    if body.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = u64::from_str_radix(body, radix).ok()?;
    if negative {
        return i64::try_from(-i128::from(magnitude)).ok().map(Number::from);
    }
    Some(Number::from(magnitude))
}

/// A number with a point or an exponent, and a decimal that is too large for 64 bits.
fn fraction(text: &str) -> Option<Number> {
    let looks_like_one = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if !looks_like_one {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    whole(value).or_else(|| Number::from_f64(value))
}

/// JSON does not tell `8.0` from `8`; the API server reads both as an integer.
fn whole(value: f64) -> Option<Number> {
    /// 2^53: up to here every whole number is exact.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if value.fract() != 0.0 || value.abs() > EXACT_MAX {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits")]
    let whole = value as i64;
    Some(Number::from(whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(text: &str, expected: &serde_json::Value) {
        let value = read(text, Wanted::Anything).unwrap();
        let node = super::super::tree::Node {
            position: super::super::mistake::Position::START,
            value,
        };

        assert_eq!(node.to_json(), *expected, "{text}");
    }

    #[test]
    fn scalars_are_what_kubectl_makes_of_them() {
        for truth in [
            "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y",
        ] {
            check(truth, &json!(true));
        }
        for falsehood in ["false", "False", "no", "No", "NO", "off", "OFF", "n", "N"] {
            check(falsehood, &json!(false));
        }
        for nothing in ["", "~", "null", "Null", "NULL"] {
            check(nothing, &json!(null));
        }
        for (text, number) in [
            ("22", json!(22)),
            ("-22", json!(-22)),
            ("+22", json!(22)),
            ("0750", json!(0o750)),
            ("0o750", json!(0o750)),
            ("-0750", json!(-0o750)),
            ("0x1F", json!(31)),
            ("0b101", json!(5)),
            ("-0b101", json!(-5)),
            ("1_000", json!(1000)),
            ("08", json!(8)),
            ("1e3", json!(1000)),
            ("8.0", json!(8)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("18446744073709551615", json!(u64::MAX)),
            ("0", json!(0)),
        ] {
            check(text, &number);
        }
        for text in [
            "2026-11-23",
            "2026-11-23T12:00:00Z",
            "190:20:30",
            "10:30",
            "truE",
            "yEs",
            "nULL",
            "0x",
            "0b2",
            "1.2.3",
            "10.0.0.1",
            "-",
            "+",
            ".",
            "--1",
            "0x-1",
            "30m",
            "1e999",
            "Off!",
            "10Gi",
        ] {
            check(text, &json!(text));
        }
    }

    #[test]
    fn what_json_cannot_hold_is_unreadable() {
        for text in [".inf", "-.INF", ".nan"] {
            assert_eq!(read(text, Wanted::Anything), Err(Unreadable::NoJson));
        }
    }

    #[test]
    fn a_tag_demands_its_type() {
        assert_eq!(read("22", Wanted::Text), Ok(Value::String("22".into())));
        assert_eq!(read("x", Wanted::Integer), Err(Unreadable::Tag("!!int")));
        assert_eq!(read("yes", Wanted::Boolean), Ok(Value::Boolean(true)));
    }
}
