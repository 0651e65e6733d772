//! Texts: which translation is meant, who has it, what is kept, and what happens when a provider does not answer.

mod common;

use std::sync::Arc;

use common::*;
use serde_json::json;
use verses_protocol::{ErrorCode, Limits, TextSource};
use verses_server::service::Service;
use verses_server::storage::Storage;
use verses_server::storage::memory::MemoryStorage;
use verses_server::texts::{TextError, Texts};

fn with(provider: &Arc<Scripted>) -> Service<MemoryStorage> {
    let texts = Texts::corpus().with(Arc::clone(provider) as _);
    Service::new(MemoryStorage::new(), texts, Limits::default())
}

fn in_translation(id: &str, reference: &str, translation: &str) -> verses_protocol::BatchOperation {
    operation(id, "create", json!({"reference": reference, "translation": translation, "occurredAt": NOON}))
}

fn prefer(id: &str, translation: &str) -> verses_protocol::BatchOperation {
    operation(id, "update_profile", json!({"occurredAt": NOON, "preferredTranslation": translation}))
}

#[test]
fn the_limits_tell_which_translations_there_are() {
    assert_eq!(with(&Arc::new(Scripted::new("ESV", false))).limits().translations, ["KJV", "WEB", "ESV"]);
}

#[tokio::test]
async fn a_reference_is_looked_up_however_it_is_written() {
    let service = service();
    for (typed, canonical, alias) in
        [("John 3:16", "John 3:16", false), ("jn 3.16", "John 3:16", true), (" John 3:16 ", "John 3:16", false)]
    {
        let found = service.lookup(USER, NOW, look(typed, None)).await.expect("answers");
        let verse = found.verse.expect("a text");
        assert_eq!((verse.reference.as_str(), verse.translation.as_str()), (canonical, "KJV"));
        assert_eq!((found.found_via_alias, found.source), (alias, Some(TextSource::Corpus)), "{typed}");
    }
    let web = service.lookup(USER, NOW, look("John 3:16", Some("WEB"))).await.expect("answers").verse.expect("a text");
    assert!(web.text.contains("For God so loved the world") && web.translation == "WEB");
    assert_eq!(service.storage().ledger_after(USER, 0, 1).await.expect("reads").last_seq, 0, "nothing is written");
}

#[tokio::test]
async fn a_lookup_of_something_unknown_says_so() {
    let service = service();
    let error = service.lookup(USER, NOW, look("Hezekiah 3:16", None)).await.expect_err("no passage");
    assert_eq!(error.code(), ErrorCode::InvalidReference);
    let found = service.lookup(USER, NOW, look("John 3:16", Some("NASB"))).await.expect("answers");
    assert_eq!((found.verse, found.source), (None, None));
}

#[tokio::test]
async fn a_lookup_brings_the_users_own_text_and_card_first() {
    let service = service();
    let own = json!({"reference": "John 3:16", "text": "My wording", "translation": "KJV"});
    send(
        &service,
        vec![
            operation("a", "create", own),
            operation("b", "create", json!({"reference": "Family motto", "text": "Ad fontes"})),
        ],
    )
    .await;
    for (reference, text) in [("jn 3:16", "My wording"), ("Family motto", "Ad fontes")] {
        let found = service.lookup(USER, NOW, look(reference, None)).await.expect("answers");
        assert_eq!(found.verse.map(|verse| verse.text).as_deref(), Some(text));
        assert_eq!(found.source, None);
        assert!(found.user_card.is_some());
    }
    let stranger = service.lookup(OTHER, NOW, look("Family motto", None)).await.expect_err("private");
    assert_eq!(stranger.code(), ErrorCode::InvalidReference);
}

#[tokio::test]
async fn without_a_translation_the_preferred_one_counts_if_its_text_is_there() {
    let service = service();
    let translation_of = |result: &verses_protocol::OperationResult| data(result)["verse"]["translation"].clone();
    let response = send(&service, vec![create("a", "Ps 1"), prefer("p1", "WEB"), create("b", "Ps 2")]).await;
    assert_eq!(translation_of(&response.results[0]), "KJV");
    assert_eq!(translation_of(&response.results[2]), "WEB", "set earlier in the same batch");
    assert_eq!(translation_of(&send_one(&service, create("c", "Ps 3")).await), "WEB");
    let found = service.lookup(USER, NOW, look("Ps 3:1", None)).await.expect("answers");
    assert_eq!(found.verse.map(|verse| verse.translation).as_deref(), Some("WEB"));

    let later = operation("p2", "update_profile", json!({"occurredAt": NOON + 1, "preferredTranslation": "NASB"}));
    send_one(&service, later).await;
    assert_eq!(translation_of(&send_one(&service, create("d", "Ps 4")).await), "KJV", "nobody has the NASB");
    let own = operation("e", "create", json!({"reference": "Ps 5:1", "text": "Typed from my NASB"}));
    assert_eq!(translation_of(&send_one(&service, own).await), "NASB", "the user's own text needs nobody");
}

#[tokio::test]
async fn a_preference_that_is_refused_or_out_of_date_counts_no_more_in_its_batch_than_alone() {
    let service = service();
    let translation_of = |result: &verses_protocol::OperationResult| data(result)["verse"]["translation"].clone();
    let response = send(&service, vec![prefer("p1", ""), create("a", "Ps 1")]).await;
    assert!(!response.results[0].success);
    assert_eq!(translation_of(&response.results[1]), "KJV", "the malformed one fails alone");

    send_one(&service, prefer("p2", "WEB")).await;
    let older = operation("p3", "update_profile", json!({"occurredAt": NOON - 1, "preferredTranslation": "KJV"}));
    let response = send(&service, vec![older, create("b", "Ps 2")]).await;
    assert_eq!(translation_of(&response.results[1]), "WEB", "the newer preference stays");

    send_one(
        &service,
        operation("p4", "update_profile", json!({"occurredAt": NOON + 1, "preferredTranslation": "KJV"})),
    )
    .await;
    let response = send(&service, vec![prefer("p2", "WEB"), create("c", "Ps 3")]).await;
    assert_eq!(translation_of(&response.results[1]), "KJV", "a repetition does not count again");
}

#[tokio::test]
async fn without_any_text_the_user_is_told_what_there_is_and_to_supply_it() {
    let result = send_one(&service(), in_translation("a", "John 3:16", "NASB")).await;
    assert_eq!(code(&result), "text_required");
    let text = result.error.expect("a text");
    assert!(["NASB", "KJV", "WEB", "supply"].iter().all(|word| text.contains(word)), "{text}");
}

#[tokio::test]
async fn a_provider_that_fails_is_retryable_for_its_operation_alone() {
    let provider = Arc::new(Scripted::new("ESV", false));
    let service = with(&provider);
    let sent = vec![create("a", "Ps 1"), in_translation("b", "John 3:16", "ESV"), create("c", "Ps 2")];
    let response = send(&service, sent.clone()).await;
    assert_eq!(code(&response.results[1]), "provider_unavailable");
    assert_eq!(response.results[1].retryable, Some(true));
    assert_eq!(response.summary.successful, 2);
    // The same operations, unchanged, when the provider is back.
    provider.set("John 3:16", Ok("The stand-in's words (ESV)"));
    let response = send(&service, sent).await;
    assert_eq!(response.summary.failed, 0);
    assert_eq!(data(&response.results[0])["duplicate"], true);
    let created = data(&response.results[1]);
    assert_eq!((&created["duplicate"], &created["source"]), (&json!(false), &json!("esv")));
}

#[tokio::test]
async fn a_failing_provider_of_the_preferred_translation_does_not_change_the_translation() {
    let provider = Arc::new(Scripted::new("ESV", false));
    let service = with(&provider);
    send_one(&service, prefer("p", "ESV")).await;
    assert_eq!(code(&send_one(&service, create("a", "John 3:16")).await), "provider_unavailable");
    provider.set("John 3:16", Err(TextError::Unavailable("not there".into())));
    let created = send_one(&service, create("a", "John 3:16")).await;
    assert_eq!(data(&created)["verse"]["translation"], "KJV", "known to be missing there, so the default");
}

#[tokio::test]
async fn a_text_that_may_not_be_stored_is_nowhere_in_the_database_and_yet_in_every_answer() {
    let provider = Arc::new(Scripted::new("ESV", false));
    let secret = "Words of the publisher (ESV)";
    provider.set("John 3:16", Ok(secret));
    let service = with(&provider);
    let first = send_one(&service, in_translation("a", "John 3:16", "ESV")).await;
    assert_eq!(data(&first)["verse"]["text"], secret);

    let dump = format!("{:?}", service.storage());
    assert!(dump.contains("John 3:16") && !dump.contains("Words of the publisher"), "{dump}");

    let again = send_one(&service, in_translation("a", "John 3:16", "ESV")).await;
    assert_eq!((&data(&again)["duplicate"], &data(&again)["verse"]["text"]), (&json!(true), &json!(secret)));
    let page = service.changes(USER, NOW, None, None).await.expect("reads");
    assert_eq!(page.changes[0].verse.as_ref().map(|verse| verse.text.as_str()), Some(secret));
    let found = service.lookup(USER, NOW, look("John 3:16", Some("ESV"))).await.expect("answers");
    assert_eq!((found.verse.map(|v| v.text).as_deref(), found.source), (Some(secret), Some(TextSource::Esv)));

    // Without the provider the change still comes, only without words.
    provider.set("John 3:16", Err(TextError::Failed("down".into())));
    let page = service.changes(USER, NOW, None, None).await.expect("reads");
    assert_eq!(page.changes[0].verse.as_ref().map(|verse| verse.text.as_str()), Some(""));
}

#[tokio::test]
async fn a_text_that_may_be_stored_is_asked_for_once_for_all_users() {
    let provider = Arc::new(Scripted::new("OEB", true));
    provider.set("John 3:16", Ok("Open words"));
    let service = with(&provider);
    let twice = vec![in_translation("a", "John 3:16", "OEB"), in_translation("b", "jn 3:16", "OEB")];
    let response = send(&service, twice).await;
    assert_eq!((response.summary.failed, provider.calls()), (0, 1), "one call for one passage");
    assert_eq!(data(&response.results[1])["duplicate"], true);
    let of_other = service.operation(OTHER, NOW, in_translation("a", "John 3:16", "OEB")).await.expect("answers");
    assert_eq!((&data(&of_other)["source"], provider.calls()), (&json!("database"), 1));
    assert_eq!(data(&of_other)["verse"]["text"], "Open words");
}

#[tokio::test]
async fn a_repetition_asks_no_provider_for_what_may_be_stored() {
    let provider = Arc::new(Scripted::new("OEB", true));
    provider.set("John 3:16", Ok("Open words"));
    let service = with(&provider);
    send_one(&service, in_translation("a", "John 3:16", "OEB")).await;
    provider.set("John 3:16", Err(TextError::Failed("down".into())));
    let again = send_one(&service, in_translation("a", "John 3:16", "OEB")).await;
    assert_eq!((&data(&again)["verse"]["text"], provider.calls()), (&json!("Open words"), 1));
}

#[tokio::test]
async fn a_text_of_ones_own_asks_nobody() {
    let provider = Arc::new(Scripted::new("ESV", false));
    let service = with(&provider);
    let own = json!({"reference": "John 3:16", "translation": "ESV", "text": "Typed by hand"});
    assert_eq!(data(&send_one(&service, operation("a", "create", own)).await)["verse"]["text"], "Typed by hand");
    assert_eq!(provider.calls(), 0);
}

#[tokio::test]
async fn a_passage_of_very_many_verses_is_refused_with_the_advice_to_split_it() {
    let service = service();
    let result = send_one(&service, create("a", "Genesis 1-50")).await;
    assert_eq!(code(&result), "text_required");
    assert!(result.error.is_some_and(|text| text.contains("500") && text.contains("split")));
    assert!(data(&send_one(&service, create("b", "Psalm 119")).await)["verse"]["text"].is_string());
}

#[tokio::test]
async fn what_others_added_makes_no_difference_to_ones_own_text() {
    let service = service();
    let of_other = service.operation(OTHER, NOW, create("a", "John 3:16")).await.expect("answers");
    assert!(of_other.success);
    let own = json!({"reference": "John 3:16", "text": "My wording", "translation": "KJV"});
    let created = send_one(&service, operation("a", "create", own)).await;
    assert_eq!(data(&created)["verse"]["text"], "My wording");
    let found = service.lookup(USER, NOW, look("John 3:16", None)).await.expect("answers");
    assert_eq!(found.verse.map(|verse| verse.text).as_deref(), Some("My wording"));
}

#[tokio::test]
async fn a_verse_added_again_without_a_text_gets_the_providers_everywhere() {
    let service = service();
    let own = json!({"reference": "John 3:16", "text": "My wording", "occurredAt": NOON - DAY});
    send_one(&service, operation("own", "create", own)).await;
    let again = send_one(&service, create("again", "John 3:16")).await;
    let verified = &data(&again)["verse"];
    assert_eq!((&data(&again)["duplicate"], &verified["isVerified"]), (&json!(true), &json!(true)));
    let found = service.lookup(USER, NOW, look("John 3:16", None)).await.expect("answers").verse.expect("a text");
    let page = service.changes(USER, NOW, None, None).await.expect("reads");
    for verse in [&found, page.changes[1].verse.as_ref().expect("a verse")] {
        assert_eq!(&serde_json::to_value(verse).expect("JSON"), verified);
    }
}

#[tokio::test]
async fn a_verse_in_the_catalogue_has_one_date_of_creation_for_all() {
    let service = service();
    let first = send_one(&service, create("a", "John 3:16")).await;
    let later = verses_core::UnixMillis(NOON + DAY);
    let of_other = service.operation(OTHER, later, create("a", "John 3:16")).await.expect("answers");
    assert_eq!(data(&of_other)["verse"], data(&first)["verse"]);
}
