//! What somebody meant who wrote something else.

use strsim::normalized_damerau_levenshtein as likeness;

/// How alike two names must be for one to be taken for the other; 1 is the same.
const ALIKE: f64 = 0.6;

/// The candidate that is most like `name`, if any is. What counts is the part after the last
/// dot, since right keys stand in wrong sections more often than the other way round; among equals
/// the one of the same section wins.
pub(crate) fn of(name: &str, candidates: impl Iterator<Item = &'static str>) -> Option<String> {
    let (section, own) = cut(name);
    let scored = candidates.map(|candidate| {
        let (other_section, other) = cut(candidate);
        (likeness(own, other), likeness(section, other_section), candidate)
    });
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    best.filter(|(score, ..)| *score >= ALIKE).map(|(.., candidate)| candidate.into())
}

fn cut(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}
