//! A member of a channel, as `scripts/member.lua` keeps it.

use std::sync::Arc;

use trunkline_core::identity::ClientInfo;
use trunkline_core::roster::Telling;

use super::info;

/// The letter that says who hears of comings and goings.
pub(crate) fn telling(telling: Telling) -> &'static str {
    match telling {
        Telling::Nothing => "n",
        Telling::Connections => "c",
        Telling::Users => "u",
    }
}

/// Reads who it is.
pub(crate) fn decode(value: &[u8]) -> Option<Arc<ClientInfo>> {
    let end = value.iter().position(|&byte| byte == b'\n')?;
    let head = std::str::from_utf8(&value[..end]).ok()?;
    let user_bytes: usize = head.rsplit(' ').next()?.parse().ok()?;
    info::decode(value[end + 1..].get(user_bytes..)?).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_core::identity::{ClientId, UserId};

    #[test]
    fn a_member_is_read_whatever_its_user_is_called() {
        for user in ["", "ann", "two\nlines 7", "ü 1"] {
            let user = UserId::new(user);
            let who = ClientInfo { user, client: ClientId(7), conn_info: None, chan_info: None };
            let head = format!("n~1 u {}\n{}", who.user.as_str().len(), who.user.as_str());
            let value = [head.as_bytes(), &info::encode(&who)].concat();
            assert_eq!(decode(&value).as_deref(), Some(&who));
            for end in 0..value.len() {
                let _ = decode(&value[..end]); // Never panics, whatever it takes it for.
            }
        }
    }
}
