//! Rows that others have left there, and of which nobody can make a note.

use trunkline_core::note::{Due, Window};
use trunkline_core::time::WallTime;

use crate::fixture::{Fixture, key, put};

/// Notes that nodes look at together when they are due.
const PAGE: usize = 100;

/// Writes rows due at ARGV[1], and every 1,000 ms later: no channel, bytes that are no text, no
/// version, no note at all, and a note that says another time than its row.
const LITTER: &str = "
    local tag = string.sub(redis.sha1hex('c'), 1, 2)
    local notes, due = 't:{' .. tag .. '}:notes:', 't:{' .. tag .. '}:due:'
    for nth = 1, tonumber(ARGV[2]) do
      local at = string.format('%.0f', tonumber(ARGV[1]) + 1000 * nth)
      local what = {
        { 'nonsense' .. nth, '1 ' .. at .. ' v' }, { '\\255\\254 ' .. nth, '1 ' .. at .. ' v' },
        { 'c a' .. nth, 'x ' .. at .. ' v' }, { 'c b' .. nth }, { 'c c' .. nth, '1 7 v' },
      }
      local field, note = unpack(what[1 + nth % 5])
      if note then redis.call('HSET', notes, field, note) end
      redis.call('ZADD', due, at, field)
    end
    redis.call('ZADD', due, '-inf', 'c before')
    redis.call('ZADD', due, '+inf', 'c never')
    return ''";

fn names(fixture: &Fixture, window: Window) -> Vec<String> {
    let page = fixture.pending("c", window);
    page.notes.iter().map(|note| note.key.name.to_string()).collect()
}

#[test]
fn what_nobody_can_read_hides_nothing_that_is_due_behind_it() {
    let fixture = Fixture::start();
    let now = fixture.pending("c", Window::default()).now.0;
    let count = 3 * PAGE as u64;
    fixture.eval(LITTER, &[&(now - 1_000_000).to_string(), &count.to_string()]);
    fixture.change(put(key("c", "good"), Due::At(WallTime(now - 10)))).unwrap();
    let due_now = Window { after: None, due_now: true, limit: PAGE };
    assert_eq!(names(&fixture, due_now.clone()), ["good"]);
    let page = fixture.pending("c", due_now);
    assert!(page.next.is_some_and(|next| next > page.now), "nothing else is due: {page:?}");
}

#[test]
fn a_page_is_full_though_some_of_it_cannot_be_read() {
    let fixture = Fixture::start();
    let far = fixture.pending("c", Window::default()).now.0 + 86_400_000;
    fixture.eval(LITTER, &[&far.to_string(), "40"]);
    let wanted: Vec<String> = (10..50).map(|n| format!("n{n}")).collect();
    for (name, nth) in wanted.iter().zip(0..) {
        fixture.change(put(key("c", name), Due::At(WallTime(far + 1_000 * nth + 1)))).unwrap();
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = fixture.pending("c", Window { after, due_now: false, limit: 7 });
        // Whoever lists them takes a page that is not full for the last one.
        assert!(page.notes.len() == 7 || found.len() + page.notes.len() == wanted.len());
        let Some(last) = page.notes.last() else { break };
        after = last.due.map(|due| (due, last.key.clone()));
        found.extend(page.notes.into_iter().map(|note| note.key.name.to_string()));
    }
    assert_eq!(found, wanted);
}
