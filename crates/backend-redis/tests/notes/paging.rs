//! Pages of very many notes that are due at the same time.

use std::collections::BTreeSet;

use trunkline_core::note::{Due, Window};
use trunkline_core::time::WallTime;

use crate::fixture::{Fixture, key, put};

/// When all of them are due: far ahead.
const DUE: u64 = 253_402_300_799_999;

/// Notes that are asked for together.
const PAGE: usize = 200;

/// Notes with names that no two orders agree about, beside the channel of one note that is there.
fn fill(fixture: &Fixture, count: u64) -> BTreeSet<String> {
    fixture.change(put(key("c", "first"), Due::At(WallTime(DUE)))).unwrap();
    let fill = "
        local tag = string.sub(redis.sha1hex('c'), 1, 2)
        local notes, due = 't:{' .. tag .. '}:notes:', 't:{' .. tag .. '}:due:'
        for nth = 1, tonumber(ARGV[1]) do
          local case = nth % 2 == 0 and 'n' or 'N'
          local field = 'c ' .. case .. string.sub(redis.sha1hex(nth), 1, 1 + nth % 9) .. '-' .. nth
          redis.call('HSET', notes, field, nth .. ' ' .. ARGV[2] .. ' v')
          redis.call('ZADD', due, ARGV[2], field)
        end
        return table.concat(redis.call('HKEYS', notes), ',')";
    let fields = fixture.eval(fill, &[&count.to_string(), &DUE.to_string()]);
    fields.split(',').filter_map(|field| Some(field.strip_prefix("c ")?.to_owned())).collect()
}

/// How often Redis was asked for rows.
fn ranges(fixture: &Fixture) -> u64 {
    let stats = fixture.redis.command(&["INFO", "commandstats"]).unwrap().text();
    let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_zrange:calls="));
    line.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
}

#[test]
fn a_page_costs_the_same_wherever_it_is() {
    let fixture = Fixture::start();
    let all = fill(&fixture, 12_000);
    let (mut found, mut after, mut costs) = (Vec::new(), None, Vec::new());
    loop {
        let before = ranges(&fixture);
        let page = fixture.pending("c", Window { after, due_now: false, limit: PAGE });
        costs.push(ranges(&fixture) - before);
        let Some(last) = page.notes.last() else { break };
        after = last.due.map(|due| (due, last.key.clone()));
        found.extend(page.notes.into_iter().map(|note| note.key.name.to_string()));
    }
    assert!(found.is_sorted() && found.len() == all.len(), "{} of {}", found.len(), all.len());
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), all);
    // The page itself, and as many as it takes to halve 12,000 down to one.
    assert!(costs.iter().all(|cost| *cost <= 1 + 14), "{costs:?}");
}

#[test]
fn nothing_is_passed_over_while_notes_are_removed_between_pages() {
    let fixture = Fixture::start();
    let all = fill(&fixture, 10_500);
    let (mut found, mut after) = (BTreeSet::new(), None);
    loop {
        let page = fixture.pending("c", Window { after, due_now: false, limit: PAGE });
        let Some(last) = page.notes.last() else { break };
        after = last.due.map(|due| (due, last.key.clone()));
        // The last one too: what is asked for next begins behind a note that is not there any more.
        for note in page.notes.iter().rev().take(20) {
            let removal = put(note.key.clone(), Due::Never);
            fixture.change(trunkline_core::note::Change { wanted: None, ..removal }).unwrap();
        }
        for note in page.notes {
            assert!(found.insert(note.key.name.to_string()), "{} came twice", note.key.name);
        }
    }
    assert_eq!(found, all);
}
