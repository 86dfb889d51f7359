//! Hashes: what gets through can be checked at a login, by the crates that the gateway checks with.

use argon2::Argon2;
use password_hash::{Error, PasswordVerifier as _};
use plan::{PasswordMistake, PasswordValue, password_value};
use sha_crypt::ShaCrypt;
use yescrypt::Yescrypt;

/// `open sesame`, by libargon2, libxcrypt and OpenSSL.
const GOOD: [&str; 14] = [
    "$argon2id$v=19$m=1024,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$GRx2uy10fwFWBL/qqyxtyfOIq5axx3gGjfp7K4gzruE",
    "$argon2i$v=19$m=256,t=1,p=2$c2FsdHNhbHRzYWx0c2FsdA$lwR0+zc90sool/tq7Ec9rkfxY5G3VkXc2flvkY3UinE",
    "$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW",
    "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy",
    "$5$rounds=1000$saltstring$n3a2i8i4F9QJeBWCS0AMO5xyVBBf.4iFCPvoPCJ5wW9",
    "$5$s$nSdsDRqHFFmtXK5g15HYI4FUHu/.uwMW2ZHp8j0p6Q4",
    "$5$0D7N0l6Z.Zfg6LQ9$ppAw6StQsTo2eDEC69SpKfycLOj.P70WawpSixMorG0",
    "$6$rounds=1000$./AZaz09$8Kmg7nKIKZT3UoW2zwMwSyK9LzOeNXoM9UQmR3EAIE92ZVpnWMvGECfdzqPI/6YXnyk5tHEL0xPRLinaT2pVC0",
    "$6$x$iKYSmN2qnCiJxGftSO7o4pi0HCiB.A2bkNgVvLt9nkoX2lQbhWsVI/IXadjqbSra9YL0EVXIvZXM8UpmcoQQS0",
    "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$6JlLzEdKMvGk83Zgd3owplAejssJr2SFlJFlOc7i54A",
    "$y$j75$saltsalt$4r23Ja.bWt2eh8ftPtYPeuGW9RLxoj8WxeDLVNbfhH4",
    "$y$j75$abcd$jLFlDa.Z8NbO8Ub5MMmyAywZSJFA1gv/ltJ6Eob35yC",
    "$y$j7.$saltsalt$Q2/qyONhqffPLkfVJiYzbt3QnODmCmHl5gPqQicYo2D",
    "$y$j7j$saltsalt$Yf/wWCoHSDBlMSmdO1Z9Zp5IbuSLxIjqi8ci95AYn/3",
];

#[test]
fn the_password_of_every_hash_that_gets_through_is_found() {
    for text in GOOD {
        assert!(gets_through(text), "{text}");
        assert_eq!(check("open sesame", text), Check::Right, "{text}");
    }
}

#[test]
fn a_hash_that_no_password_matches_is_damaged() {
    for text in [
        "$argon2id$m=1024,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$GRx2uy10fwFWBL/qqyxtyfOIq5axx3gGjfp7K4gzruE",
        "$argon2id$v=19$m=1024,t=2,p=1$c2FsdA$GRx2uy10fwFWBL/qqyxtyfOIq5axx3gGjfp7K4gzruE",
        "$argon2id$v=19$m=1024,t=2,p=1,x=1$c2FsdHNhbHRzYWx0c2FsdA$GRx2uy10fwFWBL/qqyxtyfOIq5axx3gGjfp7K4gzruE",
        "$2b$05$abcdefghijklmnopqrstuvpx2xBUC4954936wVIjyyPHmUBFu0wCW",
        "$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCX",
        "$y$j75$a$4r23Ja.bWt2eh8ftPtYPeuGW9RLxoj8WxeDLVNbfhH4",
        "$y$j75$ab$4r23Ja.bWt2eh8ftPtYPeuGW9RLxoj8WxeDLVNbfhH4",
        "$y$j75$saltsalt$4r23Ja.bWt2eh8ftPtYPeuGW9RLxoj8WxeDLVNbfhHz",
        "$y$j5z$saltsalt$4r23Ja.bWt2eh8ftPtYPeuGW9RLxoj8WxeDLVNbfhH4",
    ] {
        let read = password_value(text.as_bytes());

        assert!(
            matches!(read, Err(PasswordMistake::Damaged(_))),
            "{read:?}: {text}"
        );
    }
}

#[test]
fn a_hash_of_a_kind_that_is_not_accepted_is_no_password() {
    for text in [
        "$1$saltsalt$2vnaRpHa6Jxjz5n83ok8Z0",
        "$2x$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW",
        "$3$$8846f7eaee8fb117ad06bdd830b7586c",
        "$apr1$BtsRmOqR$/bBf0xGFXjR72UTWRX/3E/",
        "$sha1$40000$jtNX3nZ2$hBNaIXkt4wBI2o5rsi8KejSjNqIq",
        "$P$984478476IagS59wHZvyQMArzfx58u.",
        "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    ] {
        let read = password_value(text.as_bytes());

        assert!(
            matches!(read, Err(PasswordMistake::Unsupported(_))),
            "{read:?}: {text}"
        );
    }
}

#[test]
fn a_hash_with_something_around_it_is_no_password() {
    let hash = GOOD[2];

    for text in [
        format!(" {hash}"),
        format!("\"{hash}\""),
        format!("supplier:{hash}"),
        format!("supplier:{hash}:19000:0:99999:7:::"),
        format!("{{CRYPT}}{hash}"),
        format!("\n{hash}"),
    ] {
        assert_eq!(
            password_value(text.as_bytes()),
            Err(PasswordMistake::NotAlone),
            "{text}"
        );
    }
}

#[test]
fn whatever_gets_through_can_be_checked() {
    for good in GOOD {
        for (position, replacement) in (0..good.len()).flat_map(|at| [(at, "/"), (at, "z")]) {
            let mut text = good.to_owned();
            text.replace_range(position..=position, replacement);

            if is_cheap(&text) && gets_through(&text) {
                assert_ne!(check("open sesame", &text), Check::Impossible, "{text}");
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Check {
    Right,
    Wrong,
    Impossible,
}

/// As the gateway checks.
fn check(password: &str, hash: &str) -> Check {
    let result = match hash.split('$').nth(1) {
        Some("2a" | "2b" | "2y") => match bcrypt::verify(password, hash) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::PasswordInvalid),
            Err(_) => Err(Error::EncodingInvalid),
        },
        Some("5" | "6") => ShaCrypt::default().verify_password(password.as_bytes(), hash),
        Some("y") => Yescrypt::default().verify_password(password.as_bytes(), hash),
        _ => Argon2::default().verify_password(password.as_bytes(), hash),
    };
    match result {
        Ok(()) => Check::Right,
        Err(Error::PasswordInvalid) => Check::Wrong,
        Err(_) => Check::Impossible,
    }
}

/// Whether no damage has raised the cost beyond what a test should take.
fn is_cheap(text: &str) -> bool {
    [
        "$m=1024,t=2,",
        "$m=256,t=1,",
        "$05$",
        "$04$",
        "$rounds=1000$",
        "$j75$",
    ]
    .iter()
    .any(|cost| text.contains(cost))
}

fn gets_through(text: &str) -> bool {
    matches!(password_value(text.as_bytes()), Ok(PasswordValue::Hash(hash)) if hash == text)
}
