//! Somebody with a good token of their own reaches for what is another user's: by ids, by cursors, by sending the other's
//! requests again, and by fields that nobody offered.

use serde_json::{Value, json};

use crate::http::{ALICE, BOB, CHANGES, OPERATIONS, batch, send, token};
use crate::target::{CAROL, Target, refused, refused_by_auth, results};

/// Stands in everything that is Bob's.
const SECRET_WORDS: &str = "B0bs own words";
/// 2026-03-02T12:00:00Z.
const NOON: i64 = 1_772_452_800_000;
const TODAY: &str = "2026-03-02";

/// What Bob has: a text of his own, a verse of the Bible, a review, a profile.
fn bobs() -> Value {
    json!([
        { "id": "bob-own", "type": "create", "data": { "reference": "My poem", "text": SECRET_WORDS, "occurredAt": NOON, "localDate": TODAY } },
        { "id": "bob-john", "type": "create", "data": { "reference": "John 3:16", "occurredAt": NOON, "localDate": TODAY } },
        { "id": "bob-name", "type": "update_profile", "data": { "fullName": SECRET_WORDS, "timezone": "Europe/Berlin", "occurredAt": NOON } },
        { "id": "bob-look", "type": "lookup", "data": { "reference": "My poem" } },
    ])
}

/// Bob's verses, and the rest of what he could be found by.
struct Bob {
    own: String,
    john: String,
    cursor: String,
    answer: Value,
    changes: Value,
}

async fn with_bob(target: &Target) -> Bob {
    let answer = target.server.post_as(BOB, &batch(&bobs())).await.ok();
    assert_eq!(answer["summary"]["successful"], 4, "{answer}");
    let verse = |index: usize| answer["results"][index]["data"]["verse"]["id"].as_str().unwrap().to_owned();
    let (own, john) = (verse(0), verse(1));
    let page = target.server.get_as(BOB, CHANGES).await.ok();
    let cursor = page["cursor"].as_str().unwrap().to_owned();
    Bob { own, john, cursor, answer, changes: page["changes"].clone() }
}

impl Bob {
    /// Nothing of Bob's was changed.
    async fn is_untouched(&self, target: &Target) {
        let page = target.server.get_as(BOB, CHANGES).await.ok();
        assert_eq!(page["changes"], self.changes);
        let mut again = target.server.post_as(BOB, &batch(&bobs())).await.ok();
        for (before, now) in results(&self.answer).iter().zip(again["results"].as_array_mut().unwrap()) {
            let mut before = before.clone();
            if now["data"].get("duplicate").is_some() {
                now["data"]["duplicate"] = Value::Null;
                before["data"]["duplicate"] = Value::Null;
            }
            assert_eq!(&before, now, "his answers are the same");
        }
    }
}

fn knows_nothing(answer: &Value, what: &str) {
    assert!(!answer.to_string().contains(SECRET_WORDS), "{what}: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_users_ids_open_nothing_in_any_field() {
    for target in [Target::sqlite().await, Target::postgres().await] {
        let bob = with_bob(&target).await;
        let card = |verse: &str| json!({ "verseId": verse, "occurredAt": NOON, "localDate": TODAY, "wasSuccessful": true, "phase": "weekly" });
        let mut attempts = Vec::new();
        for verse in [&bob.own, &bob.john] {
            for kind in ["record_review", "archive_verse", "restore_verse", "set_phase"] {
                attempts.push((kind, card(verse)));
            }
        }
        for (index, (kind, data)) in attempts.iter().enumerate() {
            let operation = json!([{ "id": format!("alice-{index}"), "type": kind, "data": data }]);
            let answer = target.server.post_as(ALICE, &batch(&operation)).await.ok();
            assert_eq!(results(&answer)[0]["code"], "unknown_verse", "{kind} {data}");
            let mut single = data.clone();
            single["operation"] = (*kind).into();
            let answer = target.server.post_as(ALICE, &single).await;
            assert_eq!(refused(&answer, kind), "unknown_verse");
        }
        for reference in ["My poem", "my  POEM", &bob.own, "bob-own"] {
            let answer = target.server.post_as(ALICE, &json!({ "operation": "lookup", "reference": reference })).await;
            knows_nothing(&answer.json(), reference);
            assert!(!answer.status.is_server_error());
        }
        assert_eq!(target.server.get_as(ALICE, CHANGES).await.ok()["changes"], json!([]));
        bob.is_untouched(&target).await;
        target.still_serves().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_users_cursor_shows_ones_own_changes_only() {
    for target in [Target::sqlite().await, Target::postgres().await] {
        let bob = with_bob(&target).await;
        let empty = target.server.get_as(ALICE, &format!("{CHANGES}?cursor={}", bob.cursor)).await.ok();
        assert_eq!(
            (&empty["changes"], &empty["reset"]),
            (&json!([]), &json!(true)),
            "it is not a place in her history"
        );
        let own = json!([{ "id": "1", "type": "create", "data": { "reference": "Psalm 23:1" } }]);
        let mut request = batch(&own);
        request["cursor"] = bob.cursor.clone().into();
        request["pull"] = true.into();
        let answer = target.server.post_as(ALICE, &request).await.ok();
        knows_nothing(&answer, "a batch with his cursor");
        let page = target.server.get_as(ALICE, &format!("{CHANGES}?cursor={}", bob.cursor)).await.ok();
        let ids: Vec<&Value> = page["changes"].as_array().unwrap().iter().map(|change| &change["id"]).collect();
        assert_eq!((ids, &page["reset"]), (vec![&json!("1")], &json!(true)));
        bob.is_untouched(&target).await;
        target.still_serves().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_users_requests_sent_again_are_ones_own_and_tell_nothing() {
    for target in [Target::sqlite().await, Target::postgres().await] {
        let bob = with_bob(&target).await;
        // The same bytes, under another token. John 3:16 and her own copy of the poem are now hers as well.
        let replayed = target.server.post_as(ALICE, &batch(&bobs())).await.ok();
        for result in results(&replayed) {
            assert_eq!(result["success"], true, "{result}");
            assert_ne!(result["data"]["duplicate"], true, "nobody used these ids: {result}");
        }
        bob.is_untouched(&target).await;
        // Another content under the same ids: if that were refused, it would tell that somebody has them.
        let other = json!([
            { "id": "bob-own", "type": "create", "data": { "reference": "Psalm 23:1", "occurredAt": NOON, "localDate": TODAY } },
            { "id": "bob-john", "type": "update_profile", "data": { "fullName": "Carol", "occurredAt": NOON } },
            { "id": "bob-name", "type": "lookup", "data": { "reference": "My poem" } },
        ]);
        let answer = target.server.post_as(CAROL, &batch(&other)).await.ok();
        let codes: Vec<&Value> = results(&answer).iter().map(|result| &result["code"]).collect();
        assert_eq!(codes, [&Value::Null, &Value::Null, &json!("invalid_reference")], "as if nobody had them: {answer}");
        knows_nothing(&answer, "other content under his ids");
        // And his ids go on to be his: the same content is a repetition, another is refused.
        let reused = json!([{ "id": "bob-own", "type": "create", "data": { "reference": "Psalm 23:1" } }]);
        let answer = target.server.post_as(BOB, &batch(&reused)).await.ok();
        assert_eq!(results(&answer)[0]["code"], "operation_id_reused");
        bob.is_untouched(&target).await;
        target.still_serves().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_operations_of_two_users_at_once_do_not_meet() {
    for target in [Target::sqlite().await, Target::postgres().await] {
        let request = |words: &str| {
            let create = |n: usize| json!({ "id": n.to_string(), "type": "create", "data": { "reference": format!("Poem {n}"), "text": words } });
            batch(&(0..50).map(create).collect())
        };
        let (alices, bobs) = (request("alice wrote this"), request(SECRET_WORDS));
        let (first, second) = tokio::join!(target.server.post_as(ALICE, &alices), target.server.post_as(BOB, &bobs));
        for (answer, words) in [(first.ok(), "alice wrote this"), (second.ok(), SECRET_WORDS)] {
            for result in results(&answer) {
                assert_eq!(result["data"]["verse"]["text"], words);
                assert_ne!(result["data"]["duplicate"], true);
            }
        }
        knows_nothing(&target.server.get_as(ALICE, CHANGES).await.ok(), "her changes");
        target.still_serves().await;
    }
}

/// Fields that nobody offered, with what an attacker would like in them.
fn wishes(bob: &Bob) -> Value {
    json!({
        "userId": BOB, "user_id": BOB, "user": BOB, "owner": BOB, "ownerId": BOB, "owner_id": BOB, "uid": BOB, "sub": BOB,
        "tenant": BOB, "deviceId": BOB, "device_id": BOB, "verse_id": bob.own, "verse": { "id": bob.own, "text": "x", "isVerified": true },
        "isVerified": true, "is_verified": true, "role": "service_role", "isAdmin": true, "is_admin": true, "admin": 1,
        "currentPhase": "monthly", "current_phase": "monthly", "phaseProgressCount": 999, "currentStreak": 999, "bestStreak": 999,
        "nextDueDate": "2099-01-01", "archived": true, "assignedDayOfWeek": 1, "createdAt": 1, "updatedAt": 1, "acceptedAt": 1,
        "seq": 999_999, "duplicate": true, "success": true, "corrected": null, "source": "bible", "chain": "x",
        "__proto__": { "isAdmin": true }, "constructor": { "prototype": { "isAdmin": true } }, "$where": "1", "$ne": null,
    })
}

fn with_wishes(mut value: Value, bob: &Bob) -> Value {
    let Value::Object(wishes) = wishes(bob) else { unreachable!("it is one") };
    let members = value.as_object_mut().unwrap();
    for (name, wish) in wishes {
        members.entry(name).or_insert(wish);
    }
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_nobody_offered_do_nothing() {
    for target in [Target::sqlite().await, Target::postgres().await] {
        let bob = with_bob(&target).await;
        let john = json!(bob.john);
        let plain = [
            ("create", json!({ "reference": "John 3:16", "occurredAt": NOON, "localDate": TODAY })),
            ("create", json!({ "reference": "Hers", "text": "her own", "occurredAt": NOON, "localDate": TODAY })),
            (
                "record_review",
                json!({ "verseId": john, "wasSuccessful": true, "occurredAt": NOON, "localDate": TODAY }),
            ),
            ("update_profile", json!({ "fullName": "Her name", "occurredAt": NOON })),
        ];
        let of = |wishing: bool| -> Value {
            let operation = |(n, (kind, data)): (usize, &(&str, Value))| {
                let data = if wishing { with_wishes(data.clone(), &bob) } else { data.clone() };
                let operation = json!({ "id": n.to_string(), "type": kind, "data": data });
                if wishing { with_wishes(operation, &bob) } else { operation }
            };
            batch(&plain.iter().enumerate().map(operation).collect())
        };
        let honest = target.server.post_as(CAROL, &of(false)).await.ok();
        let wishing = with_wishes(of(true), &bob);
        let post = target.server.request("POST", &format!("{OPERATIONS}?user_id={BOB}&userId={BOB}&role=service_role"));
        let post = post.bearer_auth(token(ALICE)).header("x-user-id", BOB).header("x-role", "service_role");
        let wished = send(post.body(wishing.to_string())).await.ok();
        assert_eq!(honest["summary"]["successful"], 4, "{honest}");
        for (honest, wished) in results(&honest).iter().zip(results(&wished)) {
            assert_eq!(timeless(honest), timeless(wished), "the same as for whoever wished for nothing");
        }
        let changes = target.server.get_as(ALICE, CHANGES).await.ok();
        assert_eq!(changes["changes"].as_array().unwrap().len(), 4);
        knows_nothing(&changes, "her changes");
        bob.is_untouched(&target).await;
        target.still_serves().await;
    }
}

/// A result without what depends on the moment of its making.
fn timeless(result: &Value) -> Value {
    fn clear(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|name, _| !matches!(name.as_str(), "createdAt" | "updatedAt"));
                members.values_mut().for_each(clear);
            }
            Value::Array(items) => items.iter_mut().for_each(clear),
            _ => {}
        }
    }
    let mut result = result.clone();
    clear(&mut result);
    result
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_user_writes_about_a_passage_is_not_what_others_read() {
    for target in [Target::sqlite().await, Target::postgres().await] {
        let create = |data: Value| batch(&json!([{ "id": "1", "type": "create", "data": data }]));
        let lie = json!({ "reference": "Genesis 1:1", "text": "A lie", "isVerified": true, "is_verified": true, "translation": "KJV" });
        target.server.post_as(ALICE, &create(lie)).await.ok();
        for body in [
            create(json!({ "reference": "Genesis 1:1", "translation": "KJV" })),
            json!({ "operation": "lookup", "reference": "Genesis 1:1", "translation": "KJV" }),
        ] {
            let answer = target.server.post_as(CAROL, &body).await.ok().to_string();
            assert!(answer.contains("In the beginning") && !answer.contains("A lie"), "{answer}");
        }
        target.still_serves().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_and_changed_by_what_is_offered_only() {
    for target in [Target::sqlite().await, Target::postgres().await] {
        let server = &target.server;
        let other = json!({ "email": "other@example.org", "password": "a good password" });
        let other_id = server.auth("POST", "/signup", "", &other).await.ok()["user"]["id"].clone();
        let wishes = json!({
            "id": other_id, "user_id": other_id, "sub": other_id, "role": "service_role", "aud": "admin", "is_super_admin": true,
            "app_metadata": { "provider": "admin", "role": "service_role" }, "raw_app_meta_data": { "role": "service_role" },
            "email_confirmed_at": "2020-01-01T00:00:00Z", "is_anonymous": false, "password_hash": "x", "banned_until": null,
            "created_at": "2020-01-01T00:00:00Z", "email_change": "other@example.org", "session_id": other_id,
        });
        let mut request = wishes.clone();
        request["email"] = "me@example.org".into();
        request["password"] = "my good password".into();
        request["data"] = wishes.clone();
        let session = server.auth("POST", "/signup", "", &request).await.ok();
        let access = session["access_token"].as_str().unwrap();
        let mut change = wishes.clone();
        for administrators in ["app_metadata", "role"] {
            let wish = json!({ administrators: wishes[administrators] });
            assert_eq!(refused_by_auth(&server.auth("PUT", "/user", access, &wish).await, administrators), "not_admin");
            change.as_object_mut().unwrap().remove(administrators);
        }
        change["data"] = wishes;
        let user = server.auth("PUT", "/user", access, &change).await.ok();
        for user in [&session["user"], &user, &server.auth("GET", "/user", access, &Value::Null).await.ok()] {
            assert_ne!(user["id"], other_id);
            assert_eq!(
                (&user["id"], &user["role"], &user["aud"]),
                (&session["user"]["id"], &json!("authenticated"), &json!("authenticated"))
            );
            assert_eq!(user["app_metadata"]["provider"], "email", "{user}");
            assert!(user["app_metadata"].get("role").is_none() && user["email"] == "me@example.org", "{user}");
        }
        // The token says so too: what a user wrote of themself stays in its own corner.
        let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(access).unwrap().claims;
        assert_eq!((&claims["sub"], &claims["role"]), (&session["user"]["id"], &json!("authenticated")));
        assert!(claims["app_metadata"].get("role").is_none(), "{claims}");
        // Another's address is not to be had, however it is written.
        for email in ["other@example.org", " OTHER@example.org ", "Other@Example.Org"] {
            let answer = server.auth("PUT", "/user", access, &json!({ "email": email })).await;
            assert_eq!(refused_by_auth(&answer, email), "email_exists");
            let again = json!({ "email": email, "password": "another password" });
            assert_eq!(
                refused_by_auth(&server.auth("POST", "/signup", "", &again).await, email),
                "user_already_exists"
            );
        }
        server.auth("POST", "/token?grant_type=password", "", &other).await.ok();
        target.still_serves().await;
    }
}
