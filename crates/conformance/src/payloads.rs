//! What is published arrives as it was: live, in history, and at every node.

use std::sync::Arc;

use bytes::Bytes;
use trunkline_core::identity::{ClientId, ClientInfo, UserId};
use trunkline_core::publication::{Draft, Publication, Tags};

use crate::Subject;
use crate::content::{assert_same, draft, passing, somebody};
use crate::stage::Stage;

/// Publishes drafts from one node, kept and passing, and looks at what arrives at all.
fn arrive(subject: &dyn Subject, contents: &[(Bytes, Option<ClientInfo>, Tags)]) {
    let stage = Stage::new(subject);
    let nodes = stage.nodes(2);
    nodes.iter().for_each(|node| ["kept", "passing"].iter().for_each(|name| node.listen(name)));
    for (data, info, tags) in contents {
        for draft in [draft("kept", data.clone()), passing("passing", data.clone())] {
            nodes[0].publish(Draft { info: info.clone(), tags: tags.clone(), ..draft });
        }
    }
    for node in &nodes {
        for name in ["kept", "passing"] {
            let delivered = node.delivered(name, contents.len());
            assert_eq!(delivered.len(), contents.len());
            for (publication, (data, info, tags)) in delivered.iter().zip(contents) {
                assert!(publication.data == *data, "{} bytes of data, unchanged", data.len());
                assert_eq!((&publication.info, &publication.tags), (info, tags));
            }
        }
        let mut kept: Vec<Arc<Publication>> = Vec::new();
        while kept.len() < contents.len() {
            let since = kept.last().map(|last| last.position());
            let page = node.since("kept", &since.unwrap_or_default());
            assert!(!page.publications.is_empty(), "there is more");
            kept.extend(page.publications);
        }
        assert_same(&node.delivered("kept", contents.len()), &kept, "delivered and kept");
    }
}

pub fn data_arrives_byte_for_byte(subject: &dyn Subject) {
    let every: Bytes = (0..=255).collect();
    let backwards: Bytes = (0..=255).rev().chain(0..=255).collect();
    let datas = [
        Bytes::new(),
        Bytes::from_static(b"\0"),
        Bytes::from_static(b"\r\n"),
        Bytes::from_static(b"$-1\r\n*0\r\n"),
        Bytes::from_static(&[0xff; 3]),
        "gr\u{fc}\u{df}e \u{1f44b}".into(),
        every,
        backwards,
        vec![0; 65_536].into(),
    ];
    arrive(subject, &datas.map(|data| (data, None, Vec::new())));
}

pub fn large_data_arrives_whole(subject: &dyn Subject) {
    let large = |factor: usize| -> Bytes {
        (0..1_usize << 20).map(|n| (n.wrapping_mul(factor) >> 3).to_le_bytes()[0]).collect()
    };
    let contents = [large(1), "small".into(), large(7), large(31)];
    arrive(subject, &contents.map(|data| (data, None, Vec::new())));
}

pub fn info_arrives_as_it_was(subject: &dyn Subject) {
    let bare = ClientInfo {
        user: UserId::default(),
        client: ClientId(1),
        conn_info: None,
        chan_info: None,
    };
    let infos = [
        None,
        Some(somebody()),
        Some(bare.clone()),
        Some(ClientInfo { conn_info: Some(Bytes::new()), ..bare.clone() }),
        Some(ClientInfo { chan_info: Some(Bytes::from_static(b"\0:\r\n")), ..bare.clone() }),
        Some(ClientInfo { user: UserId::new(" a:b,c\n"), client: ClientId(u128::MAX), ..bare }),
    ];
    arrive(subject, &infos.map(|info| ("{}".into(), info, Vec::new())));
}

pub fn labels_arrive_as_they_were(subject: &dyn Subject) {
    let labels = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|&(key, value)| (key.into(), value.into())).collect::<Tags>()
    };
    let long = "x".repeat(255);
    let many: Vec<_> = (0..32).map(|n| (n.to_string().into(), long.as_str().into())).collect();
    let labels = [
        labels(&[]),
        labels(&[("", "")]),
        labels(&[("key", "")]),
        labels(&[("", "value")]),
        labels(&[("b", "2"), ("a", "1"), ("b", "1")]),
        labels(&[("\u{1f5dd}", "\u{434}\u{430}"), ("=;\0\n", "\"\\{}")]),
        labels(&[(&long, &long)]),
        many,
    ];
    arrive(subject, &labels.map(|labels| ("{}".into(), None, labels)));
}
