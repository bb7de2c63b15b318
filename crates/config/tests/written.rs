//! What is made from the tables of keys: the reference, and the file for a new node.

use std::path::Path;

use tempfile::TempDir;
use trunkline_config::{Config, FreshSecrets, Overrides, reference, template};
use trunkline_core::channel::ChannelName;

#[test]
fn the_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let wanted = reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == wanted,
        "docs/configuration.md is stale: run UPDATE_DOCS=1 cargo test -p trunkline-config"
    );
}

fn load(text: &str) -> Config {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("trunkline.toml");
    std::fs::write(&path, text).expect("a file in it");
    Config::load(Some(&path), std::iter::empty(), &Overrides::default())
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn the_file_for_a_new_node_is_good_as_it_is() {
    let secrets = FreshSecrets::random();
    let config = load(&template(&secrets));
    assert_eq!(config.token.hmac_secret, Some(secrets.token));
    assert_eq!(config.api.keys, [secrets.api_key]);
    assert!(!config.client.anonymous && !config.client.insecure);
    let chat = ChannelName::parse("chat:lobby").unwrap();
    let namespaces = config.namespaces();
    let options = namespaces.options(&chat).expect("a namespace to begin with");
    assert!(options.presence && options.recovery && options.retention.is_some());
    assert!(options.subscribe.allows(false, false) && !options.subscribe.allows(true, false));
    assert!(options.publish.allows(false, true) && !options.publish.allows(false, false));
    assert_ne!(template(&FreshSecrets::random()), template(&FreshSecrets::random()));
}

#[test]
fn every_line_of_it_may_be_uncommented() {
    let text = template(&FreshSecrets::random());
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    let all: Vec<_> = text.lines().map(uncomment).collect();
    // Secrets have no default that could be shown.
    let secret = |line: &String| match line.strip_suffix(" = \"\"") {
        Some(key) if key.ends_with("secret") || key.ends_with("password") => {
            format!("{key} = \"{}\"", "s".repeat(32))
        }
        _ => line.clone(),
    };
    let all = all.iter().map(secret).collect::<Vec<_>>().join("\n");
    // Routes lead into inboxes, which a node has only if it is told to.
    let (before, inbox) = all.split_once("[inbox]").expect("a section");
    let all = format!("{before}[inbox]{}", inbox.replacen("enabled = false", "enabled = true", 1));
    let config = load(&all);
    assert_eq!((config.routes.len(), config.webhooks.len()), (1, 1));
    assert!(config.server.tls.files().is_some());
    assert_eq!(config.client.allowed_origins.len(), 1);
    let left = all.lines().find(|line| line.starts_with('#') && !line.starts_with("# "));
    assert_eq!(left, None, "a key stayed behind");
}

#[test]
fn the_file_for_a_new_node_is_pleasant_to_read() {
    let secrets = FreshSecrets::random();
    let text = template(&secrets);
    assert!(text.lines().all(|line| line.chars().count() <= 100));
    assert_eq!(text.matches(secrets.token.expose()).count(), 1);
    assert_eq!(text.matches(secrets.api_key.expose()).count(), 1);
}
