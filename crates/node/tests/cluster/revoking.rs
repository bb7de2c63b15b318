//! What one node takes back all others refuse.

use trunkline_core::backend::BackendError;
use trunkline_core::gate::TokenError;
use trunkline_core::identity::UserId;
use trunkline_core::limits::{REVOCATION_GROUPS, REVOCATIONS_PER_GROUP, REVOCATIONS_READ_EVERY_MS};
use trunkline_core::revocation::{Credential, Revocation, Subject, TokenId};
use trunkline_core::time::{Tick, WallTime};
use trunkline_model_broker::Lane;

use crate::fixture::{Cluster, slot};

const NOW: WallTime = WallTime(1_000_000);

fn ann() -> Revocation {
    let expires_at = WallTime(NOW.0 + 60_000);
    Revocation { subject: Subject::User(UserId::new("ann")), issued_before: NOW, expires_at }
}

fn token(id: usize, expires_at: WallTime) -> Revocation {
    let subject = Subject::Token(TokenId::new(&id.to_string()).unwrap());
    Revocation { subject, issued_before: NOW, expires_at }
}

impl Cluster {
    fn revoke(
        &mut self,
        at: usize,
        revocation: Revocation,
        now: WallTime,
    ) -> Result<(), BackendError> {
        let (slot, done) = slot();
        self.nodes[at].node.revoke(revocation, now, done);
        self.settle();
        let outcome = slot.lock().unwrap().take();
        outcome.expect("an answer")
    }

    /// Whether a node refuses what ann was given before.
    fn refuses_ann(&self, at: usize, now: WallTime) -> bool {
        let older = Credential { id: None, issued_at: WallTime(NOW.0 - 1) };
        let objection = self.nodes[at].node.objects(&UserId::new("ann"), &older, now);
        objection == Some(TokenError::Invalid)
    }
}

#[test]
fn what_one_node_takes_back_all_refuse_and_all_shards_hear_of_once() {
    let mut cluster = Cluster::of(&["a", "b", "c"]);
    assert_eq!(cluster.revoke(1, ann(), NOW), Ok(()));
    for at in 0..3 {
        cluster.nodes[at].node.recall_revocations(Tick(REVOCATIONS_READ_EVERY_MS), NOW);
    }
    cluster.settle();
    for at in 0..3 {
        assert!(cluster.refuses_ann(at, NOW));
        assert_eq!(cluster.nodes[at].revocations, [ann()]);
    }
}

#[test]
fn a_node_that_was_not_told_finds_it_noted_and_so_does_one_that_starts_later() {
    let mut cluster = Cluster::of(&["a", "b"]);
    for at in 0..2 {
        cluster.nodes[at].node.recall_revocations(Tick(0), NOW);
    }
    let (_, done) = slot();
    cluster.nodes[0].node.revoke(ann(), NOW, done);
    cluster.cut(0, Lane::Requests);
    cluster.settle();
    assert!(cluster.refuses_ann(0, NOW));
    assert!(!cluster.refuses_ann(1, NOW), "nobody told it");
    cluster.nodes[1].node.recall_revocations(Tick(REVOCATIONS_READ_EVERY_MS - 1), NOW);
    assert!(!cluster.refuses_ann(1, NOW), "it has just looked");
    cluster.nodes[1].node.recall_revocations(Tick(REVOCATIONS_READ_EVERY_MS), NOW);
    assert!(cluster.refuses_ann(1, NOW));
    cluster.settle();
    assert_eq!(cluster.nodes[1].revocations, [ann()], "its shards have to close what it concerns");
    cluster.start("c");
    let newer = Credential { id: None, issued_at: NOW };
    let objects =
        |cluster: &Cluster| cluster.nodes[2].node.objects(&UserId::new("ann"), &newer, NOW);
    assert_eq!(objects(&cluster), Some(TokenError::NotYet), "it knows nothing yet");
    cluster.nodes[2].node.recall_revocations(Tick(0), NOW);
    assert!(cluster.refuses_ann(2, NOW));
    assert_eq!(objects(&cluster), None);
}

#[test]
fn what_has_expired_makes_room_and_what_has_not_does_not() {
    let mut cluster = Cluster::of(&["a"]);
    let all = REVOCATIONS_PER_GROUP * REVOCATION_GROUPS as usize;
    let (soon, late) = (WallTime(NOW.0 + 1), WallTime(NOW.0 + 60_000));
    let mut kept = 0;
    let full = (0..2 * all).find(|&id| {
        let outcome = cluster.revoke(0, token(id, soon), NOW);
        kept += usize::from(outcome.is_ok());
        outcome == Err(BackendError::Full)
    });
    let full = full.expect("a group is full at some time");
    assert!((REVOCATIONS_PER_GROUP..=all).contains(&kept), "{kept}");
    assert_eq!(cluster.revoke(0, token(full, late), soon), Ok(()));
}
