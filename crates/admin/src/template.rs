//! Filling in the page.
//!
//! A slot is a name in double braces. What goes into one is escaped for where it stands: inside a
//! script as part of a string, elsewhere as HTML text or the value of a quoted attribute.

/// Where a slot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Html,
    Script,
}

/// `html` with every slot filled by what `value` says for its name. A slot it does not know stays
/// as it is.
pub(crate) fn fill<'v>(html: &str, value: impl Fn(&str) -> Option<&'v str>) -> String {
    let mut out = String::with_capacity(html.len() + 256);
    let mut place = Place::Html;
    let mut rest = html;
    while let Some(start) = rest.find("{{") {
        let (before, slot) = rest.split_at(start);
        place = place_after(place, before);
        out.push_str(before);
        let known = slot.find("}}").and_then(|end| Some((value(&slot[2..end])?, end + 2)));
        match known {
            Some((text, end)) => {
                escape(text, place, &mut out);
                rest = &slot[end..];
            }
            None => {
                out.push_str("{{");
                rest = &slot[2..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn place_after(before: Place, html: &str) -> Place {
    match (html.rfind("<script"), html.rfind("</script")) {
        (None, None) => before,
        (opened, closed) if opened > closed => Place::Script,
        _ => Place::Html,
    }
}

fn escape(text: &str, place: Place, out: &mut String) {
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | ':' | '/' | '~' | '=') {
            out.push(c);
        } else if place == Place::Html {
            out.push_str(&format!("&#{};", u32::from(c)));
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(html: &str, text: &str) -> String {
        fill(html, |name| (name == "slot").then_some(text))
    }

    #[test]
    fn a_value_cannot_leave_its_place() {
        let evil = "</script>\"'`\n\u{1f600}";
        assert_eq!(
            filled("<b title=\"{{slot}}\">", evil),
            "<b title=\"&#60;/script&#62;&#34;&#39;&#96;&#10;&#128512;\">"
        );
        assert_eq!(
            filled("<script>let a = \"{{slot}}\";</script>{{slot}}", evil),
            "<script>let a = \"\\u003c/script\\u003e\\u0022\\u0027\\u0060\\u000a\\ud83d\\ude00\";\
             </script>&#60;/script&#62;&#34;&#39;&#96;&#10;&#128512;"
        );
    }

    #[test]
    fn only_known_slots_are_filled() {
        assert_eq!(filled("{{other}} {{slot}} {{", "x"), "{{other}} x {{");
        assert_eq!(filled("{{{{slot}}", "x"), "{{x");
        assert_eq!(filled("${{a: 1}} {{slot}}", "x"), "${{a: 1}} x");
    }
}
