//! Lists in pages. A cursor names the last item that was told, so that what comes and goes meanwhile moves no other. Pure.
//! Source: section 3 of the console's page.

use super::call::Query;
use super::table::Order;
use crate::http::body::bad;
use crate::http::problem::Problem;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use serde_json::{json, Value};
use std::cmp::Ordering;

/// What a page may be asked with.
pub(in crate::http) const PARAMETERS: &[&str] = &["limit", "cursor"];

/// Items of a page that asks for no other number.
const LIMIT: usize = 50;

/// And at most.
const LIMIT_MAX: usize = 1_000;

/// Where an item stands in its list.
pub(in crate::http) type Place = Vec<Value>;

/// The page that the query asks for: `{"items", "cursor"}`; the cursor is null where nothing follows.
///
/// # Errors
/// 400 for a limit or a cursor that is none.
pub(in crate::http) fn page(mut items: Vec<Value>, order: Order, query: &Query) -> Result<Value, Problem> {
    let limit = limit(query)?;
    let after = after(query, order)?;
    items.sort_by(|a, b| compare(&place(a, order), &place(b, order), order));
    items.retain(|item| after.as_ref().is_none_or(|after| compare(&place(item, order), after, order).is_gt()));
    let more = items.len() > limit;
    items.truncate(limit);
    let cursor = items.last().filter(|_| more).map(|last| write(&place(last, order)));
    Ok(json!({ "items": items, "cursor": cursor }))
}

/// Where the page before ended, if there was one.
///
/// # Errors
/// 400 for a cursor that is none.
pub(in crate::http) fn after(query: &Query, order: Order) -> Result<Option<Place>, Problem> {
    let Some(cursor) = parameter(query, "cursor") else { return Ok(None) };
    read(cursor, order).map(Some).ok_or_else(|| bad("this cursor is not one of this list's"))
}

fn parameter<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// How many items a page has at most.
///
/// # Errors
/// 400 for a number that is none, or out of bounds.
pub(in crate::http) fn limit(query: &Query) -> Result<usize, Problem> {
    let Some(text) = parameter(query, "limit") else { return Ok(LIMIT) };
    let number = text.parse().ok().filter(|number| (1..=LIMIT_MAX).contains(number));
    number.ok_or_else(|| {
        bad(format!("limit must be a number from 1 to {LIMIT_MAX}, got {}", crate::observe::shown(text)))
    })
}

fn place(item: &Value, order: Order) -> Place {
    let at = |name: &&str| item.get(*name).cloned().unwrap_or_default();
    match order {
        Order::Names(names) => names.iter().map(at).collect(),
        Order::Newest => vec![at(&"number")],
    }
}

fn compare(a: &Place, b: &Place, order: Order) -> Ordering {
    let number = |place: &Place| place.first().and_then(Value::as_u64);
    match order {
        Order::Names(_) => a.iter().map(Value::as_str).cmp(b.iter().map(Value::as_str)),
        Order::Newest => number(b).cmp(&number(a)),
    }
}

fn write(place: &Place) -> String {
    URL_SAFE_NO_PAD.encode(json!(place).to_string())
}

fn read(cursor: &str, order: Order) -> Option<Place> {
    let place: Place = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let fits = match order {
        Order::Names(names) => place.len() == names.len() && place.iter().all(Value::is_string),
        Order::Newest => place.len() == 1 && place.iter().all(Value::is_u64),
    };
    fits.then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAMES: Order = Order::Names(&["name"]);

    fn query(limit: usize, cursor: Option<&str>) -> Query {
        let cursor = cursor.map(|cursor| ("cursor".to_owned(), cursor.to_owned()));
        [("limit".to_owned(), limit.to_string())].into_iter().chain(cursor).collect()
    }

    /// All pages, one after the other; `change` may change the list between two.
    fn walk(mut items: Vec<Value>, order: Order, limit: usize, mut change: impl FnMut(&mut Vec<Value>)) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let told = page(items.clone(), order, &query(limit, cursor.as_deref())).unwrap();
            all.extend(told["items"].as_array().unwrap().clone());
            match told["cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return all,
            }
            change(&mut items);
        }
    }

    proptest! {
        #[test]
        fn the_pages_of_a_list_are_the_list(names in prop::collection::btree_set(".{0,4}", 0..20), limit in 1..7_usize) {
            let items: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
            prop_assert_eq!(walk(items.iter().rev().cloned().collect(), NAMES, limit, |_| {}), items);
        }

        #[test]
        fn no_cursor_makes_a_page_fail_in_another_way_than_told(cursor in ".{0,20}", newest in any::<bool>()) {
            let order = if newest { Order::Newest } else { NAMES };
            if let Err(problem) = page(Vec::new(), order, &query(1, Some(&cursor))) {
                prop_assert_eq!(problem.status().as_u16(), 400);
            }
        }
    }

    #[test]
    fn what_comes_and_goes_moves_no_other_item() {
        let item = |name: &str| json!({ "name": name });
        let told = walk(["a", "c", "e"].map(item).to_vec(), NAMES, 1, |items| {
            items.retain(|item| item["name"] != "a" && item["name"] != "b");
            items.push(item("b"));
        });
        assert_eq!(told, ["a", "b", "c", "e"].map(item));
        let numbered = |number: u64| json!({ "number": number });
        let mut next = 4;
        let told = walk([3, 2, 1].map(numbered).to_vec(), Order::Newest, 2, |items| {
            items.insert(0, numbered(next));
            next += 1;
        });
        assert_eq!(told, [3, 2, 1].map(numbered), "what is newer than the first page is not in the next");
    }

    #[test]
    fn a_limit_that_is_none_and_a_cursor_of_another_list_are_told() {
        let of = |limit: &str| page(Vec::new(), NAMES, &vec![("limit".to_owned(), limit.to_owned())]).is_ok();
        assert_eq!(["0", "1", "1000", "1001", "x", "-1", ""].map(of), [false, true, true, false, false, false, false]);
        let cursor = write(&vec![json!(7)]);
        assert!(page(Vec::new(), NAMES, &query(1, Some(&cursor))).is_err());
        assert!(page(Vec::new(), Order::Newest, &query(1, Some(&cursor))).is_ok());
    }
}
