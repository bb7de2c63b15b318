//! What is said about a file, a variable or a flag that is wrong.

mod support;

use std::path::PathBuf;

use proptest::prelude::*;
use support::{complaint, environment, file, load, written};
use trunkline_config::{Config, Overrides};

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    for (text, expected) in [
        (
            "[client]\nanonymus = true",
            "trunkline.toml:2: unknown key `client.anonymus`; did you mean `client.anonymous`?",
        ),
        (
            "\n\n[server]\nlisten_ = \"\"",
            "trunkline.toml:4: unknown key `server.listen_`; did you mean `server.listen`?",
        ),
        (
            "[serve]\nlisten = \"\"",
            "trunkline.toml:1: unknown section `serve`; did you mean `server`?",
        ),
        (
            "[[namespace]]\nname = \"a\"",
            "trunkline.toml:1: unknown section `namespace`; did you mean `namespaces`?",
        ),
        (
            "anonymous = true",
            "trunkline.toml:1: unknown key `anonymous`; did you mean `client.anonymous`?",
        ),
        (
            "[server]\nanonymous = true",
            "trunkline.toml:2: unknown key `server.anonymous`; did you mean `client.anonymous`?",
        ),
        (
            "[[namespaces]]\nname = \"a\"\nhistroy_size = 1",
            "trunkline.toml:3: unknown key `namespaces.histroy_size`; did you mean \
             `namespaces.history_size`?",
        ),
        (
            "[tls]\ncert_file = \"\"",
            "trunkline.toml:1: unknown section `tls`; did you mean `server.tls`?",
        ),
        (
            "[[webhook]]\nname = \"a\"",
            "trunkline.toml:1: unknown section `webhook`; did you mean `webhooks`?",
        ),
        (
            "[[webhooks]]\nname = \"a\"\nretry_after = \"1h\"",
            "trunkline.toml:3: unknown key `webhooks.retry_after`; did you mean `webhooks.retry_for`?",
        ),
        ("[client]\nzebra = 1", "trunkline.toml:2: unknown key `client.zebra`"),
        ("\"a\\nb\" = 1", "trunkline.toml:1: unknown key `a\\nb`"),
    ] {
        assert_eq!(complaint(file(text)), expected);
    }
}

#[test]
fn the_first_mistake_of_the_file_is_reported() {
    let text = "[server]\nthreads = \"x\"\nlisten = 1\n[client]\nanonymous = 1";
    assert!(complaint(file(text)).starts_with("trunkline.toml:2: `server.threads`"));
}

#[test]
fn an_unknown_variable_is_named_with_the_nearest_known_one() {
    let unknown = |name| complaint(environment(&[(name, "x")]));
    assert_eq!(
        unknown("TRUNKLINE_SERVER__LISTN"),
        "environment: unknown variable `TRUNKLINE_SERVER__LISTN`; did you mean \
         `TRUNKLINE_SERVER__LISTEN`?"
    );
    assert_eq!(
        unknown("TRUNKLINE_client__anonymous"),
        "environment: unknown variable `TRUNKLINE_client__anonymous`; did you mean \
         `TRUNKLINE_CLIENT__ANONYMOUS`?"
    );
    assert_eq!(
        unknown("TRUNKLINE_NAMESPACES__NAME"),
        "TRUNKLINE_NAMESPACES__NAME: namespaces can be set in the file only"
    );
    assert_eq!(
        unknown("TRUNKLINE_WEBHOOKS__SECRET"),
        "TRUNKLINE_WEBHOOKS__SECRET: webhooks can be set in the file only"
    );
}

#[test]
fn a_wrong_value_is_named_with_what_is_wanted() {
    for (text, expected) in [
        (
            "[client]\nanonymous = \"yes\"",
            "`client.anonymous` must be true or false; found \"yes\"",
        ),
        ("[server]\nthreads = 65", "`server.threads` must be a number from 0 to 64; found 65"),
        ("[server]\nthreads = -1", "`server.threads` must be a number from 0 to 64; found -1"),
        (
            "[server]\nthreads = 1.5",
            "`server.threads` must be a number from 0 to 64; found a number with a fraction",
        ),
        (
            "[server]\nthreads = 99999999999999999999",
            "`server.threads` must be a number from 0 to 64; found a number too large",
        ),
        (
            "[limits]\nmessage_bytes = \"lots\"",
            "`limits.message_bytes` must be a size from 128B to 64MiB, such as \"64KiB\" or \
             65536; found \"lots\"",
        ),
        (
            "[limits]\nping = 25",
            "`limits.ping` must be a time from 100ms to 1h, such as \"25s\" or \"500ms\"; found 25",
        ),
        (
            "[server]\nlisten = \"nowhere\"",
            "`server.listen` must be \"IP-ADDRESS:PORT\", \"unix:/PATH\" or \"systemd\", such as \
             \"127.0.0.1:8000\"; found \"nowhere\"",
        ),
        ("[log]\nformat = \"xml\"", "`log.format` must be \"text\" or \"json\"; found \"xml\""),
        ("[api]\nkeys = \"one\"", "`api.keys` must be a list of texts; found a text"),
        ("[api]\nkeys = [\"one\", 2]", "`api.keys` must be a list of texts; found a list"),
        (
            "[token]\nhmac_secret = 12345",
            "`token.hmac_secret` must be a text that is not empty; found a number",
        ),
        (
            "[token]\naudience = \"\"",
            "`token.audience` must be a text that is not empty; found \"\"",
        ),
        ("\nserver = 3", "`server` must be a section; found 3"),
        (
            "\n[namespaces]",
            "`namespaces` must be tables, each headed [[namespaces]]; found a table",
        ),
        ("\n[webhooks]", "`webhooks` must be tables, each headed [[webhooks]]; found a table"),
        (
            "[[webhooks]]\nsecret = [\"x\"]",
            "`webhooks.secret` must be a text that is not empty; found a list",
        ),
        (
            "[[webhooks]]\ntimeout = \"31s\"",
            "`webhooks.timeout` must be a time from 100ms to 30s, such as \"25s\" or \"500ms\"; \
             found \"31s\"",
        ),
        ("[outbox]\nsize = 0", "`outbox.size` must be a number from 1 to 10000000; found 0"),
        ("\nnamespaces = [1]", "`namespaces` must be tables, each headed [[namespaces]]; found 1"),
    ] {
        assert_eq!(complaint(file(text)), format!("trunkline.toml:2: {expected}"));
    }
    assert_eq!(
        complaint(file("[[namespaces]]\npresence = true")),
        "trunkline.toml:1: a namespace needs a `name`; the empty one is for channels without `:`"
    );
}

#[test]
fn a_wrong_variable_or_flag_is_named_as_the_user_wrote_it() {
    assert_eq!(
        complaint(environment(&[("TRUNKLINE_CLIENT__ANONYMOUS", "1")])),
        "TRUNKLINE_CLIENT__ANONYMOUS: `client.anonymous` must be true or false; found \"1\""
    );
    let flags = Overrides { admin_listen: Some("9000".into()), ..Overrides::default() };
    assert_eq!(
        complaint(load("client.anonymous = true", &[], &flags)),
        "--admin-listen: `server.admin_listen` must be \"IP-ADDRESS:PORT\", such as \
         \"127.0.0.1:9000\"; found \"9000\""
    );
}

#[test]
fn secrets_are_in_no_message() {
    let hidden = "do-not-show-me-do-not-show-me-do-not";
    for outcome in [
        file(&format!("[token]\nhmac_secret = [\"{hidden}\"]")),
        file(&format!("[api]\nkeys = \"{hidden}\"")),
        file(&format!("[token]\nhmac_secret = \"{hidden}")),
        file(&format!("[[webhooks]]\nsecret = [\"{hidden}\"]")),
        file(&webhook(&format!("whsec_{hidden}"))),
        file(&webhook(&hidden.repeat(8))),
        environment(&[("TRUNKLINE_API__KEYS", &format!("[\"{hidden}\""))]),
        environment(&[("TRUNKLINE_API__KEYS", &format!("{hidden} with blanks"))]),
    ] {
        let error = outcome.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("show-me"), "{error:?}");
    }
    let config = environment(&[("TRUNKLINE_TOKEN__HMAC_SECRET", hidden)]).unwrap();
    assert!(!format!("{config:?}").contains("show-me"));
    let config = file(&webhook(hidden)).unwrap();
    assert!(config.webhooks[0].secret.is_some());
    assert!(!format!("{config:?}").contains("show-me"));
}

/// A file with a webhook that signs with this secret.
fn webhook(secret: &str) -> String {
    format!(
        "client.anonymous = true\n[[webhooks]]\nname = \"crm\"\nurl = \"http://localhost/\"\n\
         secret = \"{secret}\""
    )
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let nowhere = PathBuf::from("no-such-folder/trunkline.toml");
    let outcome = Config::load(Some(&nowhere), std::iter::empty(), &Overrides::default());
    let message = outcome.unwrap_err().to_string();
    assert!(message.starts_with("cannot read no-such-folder/trunkline.toml: "), "{message}");

    let (folder, path) = written("");
    let unreadable = |path: &PathBuf| {
        let outcome = Config::load(Some(path), std::iter::empty(), &Overrides::default());
        outcome.unwrap_err().to_string()
    };
    assert!(unreadable(&folder.path().into()).starts_with("cannot read "));
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(unreadable(&path).contains("UTF-8"));
    std::fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
    assert!(unreadable(&path).contains("larger than 1 MiB"));
}

#[test]
fn what_is_no_toml_is_located() {
    for (text, line) in [("[server\n", 1), ("\n\nx = \n", 3), ("a = 1\na = 2\n", 2)] {
        let message = complaint(file(text));
        assert!(message.starts_with(&format!("trunkline.toml:{line}: ")), "{message}");
    }
}

proptest! {
    #[test]
    fn no_file_breaks_the_reader(text in concat!(
        r#"(\[?\[?(server|client|namespaces|api)\]?\]?\n"#,
        r#"|[a-z_]{1,9} = [0-9"a-z{}\[\]., ]{0,9}\n"#,
        r#"|\PC{0,9}){0,9}"#,
    )) {
        let _ = file(&text);
    }
}
