//! Patches: what they look like, and that they lead back.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// More than any payload here has.
const MOST: usize = 1 << 20;

fn patch(old: &str, new: &str) -> String {
    let patch = diff(old.as_bytes(), new.as_bytes()).unwrap();
    assert_eq!(apply(old.as_bytes(), &patch, MOST).unwrap(), new.as_bytes());
    String::from_utf8(patch).unwrap()
}

#[test]
fn a_patch_copies_what_stayed_and_brings_what_is_new() {
    let (old, new) = ("the quick brown fox jumps over", "the quick brown cat jumps over");
    assert_eq!(patch(old, new), "U\nG@0,3:catB@J,1bsk0R;");
}

#[test]
fn a_payload_with_nothing_in_common_has_no_patch() {
    assert_eq!(diff(b"", b""), None);
    assert_eq!(diff(b"", b"a payload that is quite new"), None);
    assert_eq!(diff(b"{\"n\":1}", b"{\"n\":2}"), None, "too small to be worth it");
    assert_eq!(diff(&[7; 100], b"a payload that is quite new"), None);
}

#[test]
fn what_is_removed_or_emptied_is_small() {
    let old = "x".repeat(10) + &"y".repeat(1000) + "end of the payload";
    assert!(patch(&old, &(("x".repeat(10)) + "end of the payload")).len() < 25);
    assert!(patch(&old, &old).len() < 16);
}

#[test]
fn an_item_added_to_or_removed_from_a_list_costs_about_the_item() {
    let item = |n: u32| format!("{{\"id\":{n},\"x\":{},\"y\":{}}}", n * 7, n * 13);
    let list = |numbers: &[u32]| {
        let items: Vec<String> = numbers.iter().map(|n| item(*n)).collect();
        format!("[{}]", items.join(","))
    };
    let all: Vec<u32> = (1000..1200).collect();
    let old = list(&all);
    assert!(patch(&old, &list(&[&all[..], &[7777]].concat())).len() < 80);
    assert!(patch(&old, &list(&all[1..])).len() < 40);
    assert!(patch(&old, &list(&[&all[..99], &all[100..]].concat())).len() < 40);
    assert!(patch(&old, &list(&[&all[..50], &[5], &all[50..]].concat())).len() < 60);
}

#[test]
fn no_copy_ends_inside_a_character() {
    // The first byte is the same in both letters, and only the second differs.
    let old = "\u{43c}\u{438}\u{440} ".repeat(20);
    let mut new = old.clone();
    new.replace_range(72..74, "\u{430}");
    let patch = diff(old.as_bytes(), new.as_bytes()).unwrap();
    assert!(std::str::from_utf8(&patch).is_ok_and(|patch| patch.contains("2:\u{430}")));
    assert_eq!(apply(old.as_bytes(), &patch, MOST).unwrap(), new.as_bytes());
}

#[test]
fn repeated_bytes_take_no_longer_than_others() {
    // Quadratic work would not end within the patience of anybody.
    let old = vec![b'a'; MOST];
    let mut new = old.clone();
    for at in (0..new.len()).step_by(11) {
        new[at] = b'b';
    }
    let patch = diff(&old, &new);
    assert!(patch.is_none_or(|patch| apply(&old, &patch, MOST).unwrap() == new));
    assert!(diff(&new, &old).is_some());
}

#[test]
fn what_does_not_fit_is_broken() {
    let old = b"0123456789";
    for patch in [
        "",
        "A",
        "\n",
        "A\n",
        "A\nA@0,",
        "A\nA@0",
        "A\nA@0;",
        "A\nB@0,0;",
        "A\nA@1,0;",
        "A\n5@6,0;",
        "A\nA:01234",
        "A\nA@0,0;",
        "9\nA@0,0;",
        "A\n@0,0;",
        "A\nA!0,",
        "A\nA@~~~~~,",
        "B\nA@0,2Rphlr;",
        "~~~~~~\nA@0,",
    ] {
        assert_eq!(apply(old, patch.as_bytes(), MOST), Err(Broken), "{patch:?}");
    }
    let mut good = b"A\nA@0,".to_vec();
    number::write(&mut good, checksum(old));
    good.push(b';');
    assert_eq!(apply(old, &good, 10).unwrap(), old);
    assert_eq!(apply(old, &good, 9), Err(Broken), "more than is allowed");
    assert_eq!(apply(b"0123456780", &good, 10), Err(Broken), "another payload");
    good.push(b' ');
    assert_eq!(apply(old, &good, 10), Err(Broken), "something follows");
}

/// A step from a payload to a similar one: `(what, where, how much, filling)`.
type Edit = (u8, usize, usize, Vec<u8>);

fn edited(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for (what, at, length, filling) in edits {
        let start = at % (bytes.len() + 1);
        let end = (start + length).min(bytes.len());
        match what {
            0 => drop(bytes.splice(start..end, filling.iter().copied())),
            1 => drop(bytes.splice(start..start, filling.iter().copied())),
            2 => drop(bytes.drain(start..end)),
            _ => bytes.extend_from_within(start..end),
        }
    }
    bytes
}

proptest! {
    #[test]
    fn any_two_payloads_lead_to_each_other(old in vec(0u8..4, 0..300), new in vec(0u8..4, 0..300)) {
        if let Some(patch) = diff(&old, &new) {
            prop_assert!(patch.len() < new.len());
            prop_assert_eq!(apply(&old, &patch, new.len()), Ok(new));
        }
    }

    #[test]
    fn an_edited_payload_is_found_again(
        old in vec(any::<u8>(), 0..2000),
        edits in vec((0u8..4, any::<usize>(), 0usize..200, vec(any::<u8>(), 0..50)), 0..8),
    ) {
        let new = edited(old.clone(), &edits);
        if let Some(patch) = diff(&old, &new) {
            prop_assert!(patch.len() < new.len());
            prop_assert_eq!(apply(&old, &patch, new.len()), Ok(new));
        }
    }

    #[test]
    fn few_edits_make_a_small_patch(
        old in vec(any::<u8>(), 1000..2000),
        edits in vec((0u8..2, any::<usize>(), 0usize..20, vec(any::<u8>(), 0..20)), 1..4),
    ) {
        let new = edited(old.clone(), &edits);
        let patch = diff(&old, &new).expect("most stayed");
        prop_assert!(patch.len() < 200, "{} bytes", patch.len());
    }

    #[test]
    fn a_patch_between_texts_is_a_text(
        words in vec("[а-я一-三a😀-😃]{1,6}", 1..60), at in any::<usize>(), word in "[а-я一-三]{0,6}",
    ) {
        let old = words.join(" ");
        let mut words = words;
        let at = at % words.len();
        words[at] = word;
        let new = words.join(" ");
        if let Some(patch) = diff(old.as_bytes(), new.as_bytes()) {
            prop_assert!(std::str::from_utf8(&patch).is_ok());
            prop_assert_eq!(apply(old.as_bytes(), &patch, new.len()), Ok(new.into_bytes()));
        }
    }

    #[test]
    fn foreign_patches_never_panic(
        old in vec(any::<u8>(), 0..64),
        patch in prop_oneof![vec(any::<u8>(), 0..64), "[0-9A-Z]{1,3}\n([0-9A-Z]{1,3}(@[0-9]{1,2},|:|;)){0,6}".prop_map(String::into_bytes)],
        most in 0usize..200,
    ) {
        if let Ok(new) = apply(&old, &patch, most) {
            prop_assert!(new.len() <= most);
        }
    }
}
