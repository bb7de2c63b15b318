//! What was done on accounts, from and to its schema.

use trunkline_core::identity::UserId;
use trunkline_core::rate::{Account, Doing, Spent};

use super::signal_schema as schema;

/// In the order of their numbers.
const DOINGS: [Doing; 4] = [Doing::Connect, Doing::Subscribe, Doing::Publish, Doing::Command];

pub(super) fn to_schema(spent: &[Spent]) -> schema::Spent {
    let mut all = schema::Spent::default();
    for Spent { account, doing, times } in spent {
        all.accounts.push(match account {
            Account::User(user) => format!("u{}", user.as_str()),
            Account::Address(address) => format!("a{address}"),
        });
        let number = DOINGS.iter().position(|known| known == doing).unwrap_or(DOINGS.len());
        all.doings.push(u32::try_from(number).unwrap_or(u32::MAX));
        all.times.push(*times);
    }
    all
}

/// What cannot be read is passed over.
pub(super) fn from_schema(all: schema::Spent) -> Vec<Spent> {
    let entries = all.accounts.iter().zip(all.doings).zip(all.times);
    let entry = |((account, doing), times): ((&String, u32), u32)| {
        let doing = *DOINGS.get(usize::try_from(doing).ok()?)?;
        let account = match account.split_at_checked(1)? {
            ("u", user) => Account::User(UserId::new(user)),
            ("a", address) => Account::Address(address.parse().ok()?),
            _ => return None,
        };
        Some(Spent { account, doing, times })
    };
    entries.filter_map(entry).collect()
}
