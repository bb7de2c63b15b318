//! How many notes there may be.

use trunkline_core::backend::BackendError;
use trunkline_core::channel::ChannelName;
use trunkline_core::note::{Changed, Due, Notes as _, Window};
use trunkline_core::time::WallTime;

use crate::fixture::{Fixture, key, put};

/// Notes in one partition, as docs/schedules.md has them.
const OF_A_PARTITION: u64 = 15_625;

const INTERNAL: &str = "$$webhooks";

/// Writes so many notes into a hash of a channel's partition.
fn fill(fixture: &Fixture, channel: &str, rest: &str, count: u64) {
    let fill = "
        local tag = string.sub(redis.sha1hex(ARGV[1]), 1, 2)
        for nth = 1, tonumber(ARGV[3]) do
          redis.call('HSET', 't:{' .. tag .. '}:notes:' .. ARGV[2], ARGV[1] .. ' n' .. nth, nth .. ' - v')
        end
        return ''";
    fixture.eval(fill, &[channel, rest, &count.to_string()]);
}

/// A channel that is in the partition of another one.
fn neighbour(fixture: &Fixture, of: &str) -> String {
    let find = "
        for nth = 1, 100000 do
          local one, other = redis.sha1hex('c' .. nth), redis.sha1hex(ARGV[1])
          if string.sub(one, 1, 2) == string.sub(other, 1, 2) then return 'c' .. nth end
        end";
    fixture.eval(find, &[of])
}

#[test]
fn notes_of_internal_channels_and_of_others_take_no_room_from_each_other() {
    let fixture = Fixture::start();
    let plain = neighbour(&fixture, INTERNAL);
    let far = Due::At(WallTime(253_402_300_799_999));
    fill(&fixture, INTERNAL, "$$", OF_A_PARTITION + 4_000);
    assert!(matches!(
        fixture.change(put(key(INTERNAL, "one-more"), far)),
        Ok(Changed::Made { .. })
    ));
    assert!(matches!(fixture.change(put(key(&plain, "first"), far)), Ok(Changed::Made { .. })));
    fill(&fixture, &plain, "", OF_A_PARTITION);
    assert_eq!(fixture.change(put(key(&plain, "one-more"), far)), Err(BackendError::NotesFull));
    assert!(matches!(fixture.change(put(key(INTERNAL, "yet-one"), far)), Ok(Changed::Made { .. })));
}

#[test]
fn notes_of_internal_channels_are_looked_through_by_themselves() {
    let fixture = Fixture::start();
    let plain = neighbour(&fixture, INTERNAL);
    for channel in [INTERNAL, &plain] {
        fixture.change(put(key(channel, "n"), Due::In(0))).unwrap();
    }
    for channel in [INTERNAL, &plain] {
        let page = fixture.pending(channel, Window { after: None, due_now: false, limit: 10 });
        let found: Vec<_> = page.notes.iter().map(|note| note.key.channel.as_str()).collect();
        assert_eq!(found, [channel]);
    }
    // Nodes look through those of others for what is due.
    let backend = &fixture.backend;
    let internal = backend.share_of(&ChannelName::parse(INTERNAL).unwrap());
    let of_plain = backend.share_of(&ChannelName::parse(&plain).unwrap());
    assert!(internal >= backend.shares() && of_plain < backend.shares());
}
