//! What a restart keeps: after a close, after a kill, and after a kill behind a checkpoint.

use std::sync::atomic::Ordering;

use trunkline_backend_embedded::OpenError;
use trunkline_core::backend::BackendError;
use trunkline_core::identity::{ClientId, ClientInfo, UserId};
use trunkline_core::limits::IDEMPOTENCY_TTL_MS;
use trunkline_core::publication::Draft;

use crate::fixture::{Fixture, draft, keyed, open, options, try_open, wait};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Close,
    Kill,
    KillBehindCheckpoint,
}

/// Runs a story for each way to end.
fn in_each_way(story: impl Fn(Way, &dyn Fn(Option<Fixture>) -> Fixture)) {
    for way in [Way::Close, Way::Kill, Way::KillBehindCheckpoint] {
        let dir = tempfile::tempdir().unwrap();
        story(way, &|before| {
            match (before, way) {
                (None, _) => {}
                (Some(before), Way::Close) => before.close(),
                (Some(before), Way::Kill) => drop(before),
                (Some(before), Way::KillBehindCheckpoint) => {
                    before.backend.checkpoint().unwrap();
                }
            }
            open(dir.path())
        });
    }
}

#[test]
fn epoch_offsets_tags_and_history_are_the_same() {
    in_each_way(|way, restart| {
        let fixture = restart(None);
        let untouched = fixture.history("untouched").top;
        fixture.fill("a", &["1", "2", "3"]);
        let info = ClientInfo {
            user: UserId::new("u"),
            client: ClientId(7),
            conn_info: Some("{}".into()),
            chan_info: None,
        };
        let tags = vec![("k".into(), "v".into())];
        fixture.publish(Draft { info: Some(info), tags, ..draft("a", "4") }).unwrap();
        let before = fixture.history("a");
        let fixture = restart(Some(fixture));
        assert_eq!(fixture.history("a"), before, "{way:?}");
        assert_eq!(fixture.history("untouched").top, untouched);
        assert_eq!((fixture.opened.closed, fixture.opened.renamed), (way == Way::Close, 0));
        assert_eq!(fixture.opened.streams, 1);
        let next = fixture.fill("a", &["5"]);
        assert_eq!((next.offset, &next.epoch), (5, &before.top.epoch));
        assert_eq!(fixture.since("a", &before.top).recovers(&before.top), Ok(()));
    });
}

#[test]
fn retention_and_removal_hold_over_restarts() {
    in_each_way(|way, restart| {
        let fixture = restart(None);
        let texts: Vec<String> = (1..=150).map(|n| n.to_string()).collect();
        for text in &texts {
            fixture.publish(draft("long", text)).unwrap();
        }
        fixture.fill("removed", &["1", "2"]);
        fixture.clear("removed").unwrap();
        fixture.fill("removed", &["3"]);
        fixture.fill("emptied", &["1", "2"]);
        fixture.clear("emptied").unwrap();
        let fixture = restart(Some(fixture));
        assert_eq!(fixture.kept("long"), texts[140..], "{way:?}");
        assert_eq!(fixture.kept("removed"), ["3"]);
        let emptied = fixture.history("emptied");
        assert_eq!((emptied.top.offset, emptied.publications.len()), (2, 0));
        let fixture = restart(Some(fixture));
        assert_eq!(fixture.fill("long", &["more"]).offset, 151);
        assert_eq!(fixture.fill("removed", &["4"]).offset, 4);
        let fixture = restart(Some(fixture));
        assert_eq!(fixture.kept("removed"), ["3", "4"]);
        assert_eq!(fixture.kept("long").len(), 10);
        let from = fixture.history("long").publications[3].position();
        assert_eq!(fixture.since("long", &from).recovers(&from), Ok(()));
        let trimmed =
            fixture.since("long", &trunkline_core::position::Position { offset: 5, ..from });
        assert!(trimmed.publications[0].offset > 6);
    });
}

#[test]
fn a_duplicate_gets_the_first_position_also_after_a_restart() {
    in_each_way(|way, restart| {
        let fixture = restart(None);
        let first = fixture.publish(keyed("a", "1", "k")).unwrap();
        let fixture = restart(Some(fixture));
        let second = fixture.publish(keyed("a", "2", "k")).unwrap();
        assert_eq!((second.position, second.duplicate), (first.position, true), "{way:?}");
        assert!(!fixture.publish(keyed("b", "2", "k")).unwrap().duplicate);
        assert_eq!(fixture.kept("a"), ["1"]);
        let fixture = restart(Some(fixture));
        assert!(fixture.publish(keyed("a", "2", "k")).unwrap().duplicate, "{way:?}");
        fixture.now.fetch_add(IDEMPOTENCY_TTL_MS, Ordering::Relaxed);
        assert!(!fixture.publish(keyed("a", "3", "k")).unwrap().duplicate);
    });
}

#[test]
fn what_is_not_kept_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = open(dir.path());
    let passing = |data, key: Option<&str>| Draft {
        retention: None,
        idempotency_key: key.map(Into::into),
        ..draft("p", data)
    };
    assert_eq!(fixture.publish(passing("1", None)).unwrap().position, None);
    fixture.publish(passing("2", Some("k"))).unwrap();
    assert!(fixture.publish(passing("3", Some("k"))).unwrap().duplicate);
    assert_eq!(fixture.delivered(), ["1", "2"]);
    drop(fixture);
    assert_eq!(open(dir.path()).opened.replayed, 0);
}

#[test]
fn one_process_has_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = open(dir.path());
    let second = try_open(trunkline_wal::Disk, dir.path(), options());
    let error = second.err().expect("a second one is refused");
    assert!(matches!(error, OpenError::Log(trunkline_wal::OpenError::Locked { .. })), "{error}");
    fixture.fill("a", &["1"]);
    fixture.backend.close().unwrap();
    let late = fixture.begin(draft("a", "2"));
    assert_eq!(wait(&late), Err(BackendError::Stopped));
    assert_eq!(fixture.backend.close(), Err(BackendError::Stopped));
    drop(fixture);
    assert_eq!(open(dir.path()).kept("a"), ["1"]);
}
