//! What was taken back: tokens that are good by themselves, and are refused all the same.

use std::collections::HashMap;

use crate::identity::UserId;
use crate::limits::{REVOCATIONS, TOKEN_ID_BYTES};
use crate::time::WallTime;

/// The id that a token gives itself (`jti`): RFC 7519, section 4.1.7.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(Box<str>);

impl TokenId {
    /// An id of 1 to [`TOKEN_ID_BYTES`] bytes; `None` for any other text.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (1..=TOKEN_ID_BYTES).contains(&text.len()).then(|| Self(text.into()))
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a connection or a subscription is allowed by, as far as it can be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credential {
    /// The token's id, if it has one.
    pub id: Option<TokenId>,
    /// When the token was issued. One that does not say so may be as old as any. Where there is no
    /// token it is when the application was asked who the client is: what it answers may have been
    /// taken back while the answer was on its way.
    pub issued_at: WallTime,
}

/// What is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// One token, whenever it was issued.
    Token(TokenId),
    /// What a user has.
    User(UserId),
    /// What anybody has.
    Everybody,
}

/// Something that was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// What.
    pub subject: Subject,
    /// Only what was issued before. Of no meaning for a [`Subject::Token`].
    pub issued_before: WallTime,
    /// Until when it has to be remembered: later nothing is left that it could concern.
    pub expires_at: WallTime,
}

impl Revocation {
    /// Whether it concerns what this user is allowed by this credential.
    #[must_use]
    pub fn concerns(&self, user: &UserId, credential: &Credential) -> bool {
        let older = credential.issued_at < self.issued_before;
        match &self.subject {
            Subject::Token(id) => credential.id.as_ref() == Some(id),
            Subject::User(whose) => older && user == whose,
            Subject::Everybody => older,
        }
    }
}

/// What is remembered of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    issued_before: WallTime,
    expires_at: WallTime,
}

/// Everything that was taken back and may still be shown to somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations {
    entries: HashMap<Subject, Entry>,
}

impl Revocations {
    /// Remembers a revocation, together with what is known of its subject already. Says whether
    /// that is news. More than [`REVOCATIONS`] are not remembered.
    pub fn add(&mut self, revocation: &Revocation) -> bool {
        let Revocation { subject, issued_before, expires_at } = revocation;
        if let Some(known) = self.entries.get_mut(subject) {
            let before = *known;
            known.issued_before = known.issued_before.max(*issued_before);
            known.expires_at = known.expires_at.max(*expires_at);
            return *known != before;
        }
        if self.entries.len() >= REVOCATIONS {
            return false;
        }
        let entry = Entry { issued_before: *issued_before, expires_at: *expires_at };
        self.entries.insert(subject.clone(), entry);
        true
    }

    /// Whether what this user is allowed by this credential was taken back.
    #[must_use]
    pub fn concern(&self, user: &UserId, credential: &Credential, now: WallTime) -> bool {
        if self.entries.is_empty() {
            return false;
        }
        let older = |subject: Subject| {
            self.entries.get(&subject).is_some_and(|entry| {
                entry.expires_at > now
                    && (matches!(subject, Subject::Token(_))
                        || credential.issued_at < entry.issued_before)
            })
        };
        let token = credential.id.clone().map(Subject::Token);
        token.is_some_and(older) || older(Subject::User(user.clone())) || older(Subject::Everybody)
    }

    /// Forgets what has to be remembered no longer.
    pub fn forget_expired(&mut self, now: WallTime) {
        self.entries.retain(|_, entry| entry.expires_at > now);
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = Revocation> {
        self.entries.iter().map(|(subject, entry)| Revocation {
            subject: subject.clone(),
            issued_before: entry.issued_before,
            expires_at: entry.expires_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> WallTime {
        WallTime(seconds * 1000)
    }

    fn credential(id: Option<&str>, issued_at: u64) -> Credential {
        Credential { id: id.and_then(TokenId::new), issued_at: at(issued_at) }
    }

    fn revoked(subject: Subject, issued_before: u64, expires_at: u64) -> Revocation {
        Revocation { subject, issued_before: at(issued_before), expires_at: at(expires_at) }
    }

    #[test]
    fn only_what_is_meant_is_taken_back() {
        let (ann, bob) = (UserId::new("ann"), UserId::new("bob"));
        let mut all = Revocations::default();
        all.add(&revoked(Subject::User(ann.clone()), 100, 1000));
        all.add(&revoked(Subject::Token(TokenId::new("t1").unwrap()), 0, 1000));
        for (user, shown, concerned) in [
            (&ann, credential(None, 0), true),
            (&ann, credential(Some("t2"), 99), true),
            (&ann, credential(Some("t2"), 100), false),
            (&bob, credential(Some("t2"), 99), false),
            (&bob, credential(Some("t1"), 500), true),
        ] {
            assert_eq!(all.concern(user, &shown, at(200)), concerned, "{user:?} {shown:?}");
            let each = all.iter().any(|one| one.concerns(user, &shown));
            assert_eq!(each, concerned, "{user:?} {shown:?}");
        }
        all.add(&revoked(Subject::Everybody, 50, 1000));
        assert!(all.concern(&bob, &credential(None, 49), at(200)));
        assert!(!all.concern(&bob, &credential(None, 50), at(200)));
    }

    #[test]
    fn a_later_revocation_adds_to_an_earlier_one_and_takes_nothing_from_it() {
        let ann = || Subject::User(UserId::new("ann"));
        let mut all = Revocations::default();
        assert!(all.add(&revoked(ann(), 100, 1000)));
        assert!(!all.add(&revoked(ann(), 90, 900)));
        assert!(all.add(&revoked(ann(), 90, 2000)));
        assert_eq!(all.iter().collect::<Vec<_>>(), [revoked(ann(), 100, 2000)]);
    }

    #[test]
    fn what_has_expired_concerns_nobody_and_is_forgotten() {
        let ann = UserId::new("ann");
        let mut all = Revocations::default();
        all.add(&revoked(Subject::User(ann.clone()), 100, 1000));
        assert!(all.concern(&ann, &credential(None, 1), at(999)));
        assert!(!all.concern(&ann, &credential(None, 1), at(1000)));
        all.forget_expired(at(1000));
        assert!(all.is_empty());
    }

    #[test]
    fn no_more_are_remembered_than_may_be() {
        let mut all = Revocations::default();
        for n in 0..REVOCATIONS {
            assert!(all.add(&revoked(Subject::User(UserId::new(&n.to_string())), 1, 2)));
        }
        assert!(!all.add(&revoked(Subject::Everybody, 1, 2)));
        assert_eq!(all.len(), REVOCATIONS);
    }
}
