// What an app does with the unmodified Supabase client, step by step. The same file runs in Node and in a browser: it
// is given `createClient`, the server's address and a few words, and uses nothing of either place.

const PASSWORD = 'correct horse battery';
const FUNCTION = 'verse-operations';

/** Runs every step, gives the names of those that passed, and fails with the stories of all that did not. */
export async function flows({ createClient, url, run, options = {} }) {
  const world = { createClient, url, run, options, clients: 0 };
  const passed = [];
  const failed = [];
  for (const [name, step] of STEPS) {
    try {
      await step(world);
      passed.push(name);
    } catch (error) {
      failed.push(`${name}\n    ${error?.stack ?? error}`);
    }
  }
  if (failed.length > 0) throw new Error(`${run}: ${passed.length} passed, ${failed.length} failed\n\n${failed.join('\n\n')}`);
  return passed;
}

/** A client as an app makes it, each with a place of its own for its session. `fetch` may stand in between. */
function client(world, { fetch, ...auth } = {}) {
  world.clients += 1;
  return world.createClient(world.url, 'an-anon-key', {
    ...world.options,
    auth: { autoRefreshToken: false, detectSessionInUrl: false, storageKey: `e2e-${world.run}-${world.clients}`, ...auth },
    ...(fetch ? { global: { fetch } } : {}),
  });
}

let accounts = 0;

function address(world) {
  accounts += 1;
  return `user-${world.run}-${accounts}@example.org`;
}

async function signedUp(world, settings) {
  const app = client(world, settings);
  const email = address(world);
  const { data } = good(await app.auth.signUp({ email, password: PASSWORD, options: { data: { full_name: 'Ann' } } }));
  return { app, email, user: data.user, session: data.session };
}

async function signedIn(world, email) {
  const app = client(world);
  const { data } = good(await app.auth.signInWithPassword({ email, password: PASSWORD }));
  return { app, session: data.session };
}

function equal(actual, expected, what) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: got ${a}, expected ${b}`);
}

function holds(condition, what) {
  if (!condition) throw new Error(`this does not hold: ${what}`);
}

function good(answer) {
  if (answer.error) throw new Error(`unexpected ${answer.error.name} ${answer.error.code ?? ''}: ${answer.error.message}`);
  return answer;
}

/** The client's error, with the code, the status and the class that apps look at. */
function refused({ error }, code, status, name = 'AuthApiError') {
  holds(error, `refused with ${code}`);
  equal([error.code, error.status, error.name], [code, status, name], 'the error');
  holds(typeof error.message === 'string' && error.message.length > 0 && error.message !== '{}', 'it has a text');
}

/** Body of the answer of a function that refused. */
async function refusedByFunction({ data, error }, status, code) {
  equal(error?.name, 'FunctionsHttpError', 'the error of a function');
  equal([data, error.context.status], [null, status], 'its data and status');
  const body = await error.context.json();
  equal(body.code, code, 'the code in its body');
  holds(typeof body.error === 'string' && body.error.length > 0, 'the text is in `error`');
  return body;
}

async function stored(app) {
  return good(await app.auth.getSession()).data.session;
}

const STEPS = [
  ['sign-up gives a session and a user', async (world) => {
    const app = client(world);
    const email = address(world);
    const { data } = good(await app.auth.signUp({ email: email.toUpperCase(), password: PASSWORD, options: { data: { full_name: 'Ann' } } }));
    equal([data.user.email, data.user.is_anonymous, data.user.role, data.user.aud], [email, false, 'authenticated', 'authenticated'], 'user');
    equal(data.user.user_metadata.full_name, 'Ann', 'metadata');
    equal(data.user.identities.map((i) => i.provider), ['email'], 'identities');
    equal(data.user.app_metadata, { provider: 'email', providers: ['email'] }, 'app metadata');
    holds(data.session.expires_in > 90 && data.session.expires_at > Date.now() / 1000 + 90, 'the token lives longer than 90 s');
    equal((await stored(app)).access_token, data.session.access_token, 'the session is kept');
    equal(good(await app.auth.getUser()).data.user.id, data.user.id, 'getUser');
  }],
  ['sign-up with a taken address says so', async (world) => {
    const { email } = await signedUp(world);
    const answer = await client(world).auth.signUp({ email, password: PASSWORD });
    refused(answer, 'user_already_exists', 422);
  }],
  ['a weak password comes with its reasons', async (world) => {
    const answer = await client(world).auth.signUp({ email: address(world), password: '123' });
    refused(answer, 'weak_password', 422, 'AuthWeakPasswordError');
    equal(answer.error.reasons, ['length'], 'reasons');
  }],
  ['an address that is none is refused', async (world) => {
    refused(await client(world).auth.signUp({ email: 'nobody', password: PASSWORD }), 'validation_failed', 400);
  }],
  ['a wrong password and an unknown address are refused alike', async (world) => {
    const { email } = await signedUp(world);
    const app = client(world);
    const wrong = await app.auth.signInWithPassword({ email, password: 'wrong horse' });
    const unknown = await app.auth.signInWithPassword({ email: address(world), password: PASSWORD });
    refused(wrong, 'invalid_credentials', 400);
    refused(unknown, 'invalid_credentials', 400);
    equal(wrong.error.message, unknown.error.message, 'messages');
    equal(await stored(app), null, 'no session');
  }],
  ['an anonymous user becomes permanent and keeps the id', async (world) => {
    const app = client(world);
    const { data } = good(await app.auth.signInAnonymously());
    equal([data.user.is_anonymous, data.user.email, data.user.identities], [true, '', []], 'anonymous user');
    const email = address(world);
    const taken = await signedUp(world);
    refused(await app.auth.updateUser({ email: taken.email, password: PASSWORD }), 'email_exists', 422);
    refused(await app.auth.updateUser({ password: PASSWORD }), 'validation_failed', 422);
    const updated = good(await app.auth.updateUser({ email, password: PASSWORD, data: { full_name: 'Ann' } })).data.user;
    equal([updated.id, updated.email, updated.is_anonymous], [data.user.id, email, false], 'permanent user');
    equal(updated.identities.map((i) => i.provider), ['email'], 'identities');
    const fresh = good(await app.auth.refreshSession()).data;
    equal([fresh.user.id, fresh.user.is_anonymous], [data.user.id, false], 'after a refresh');
    equal(good(await signedIn(world, email).then(({ app }) => app.auth.getUser())).data.user.id, data.user.id, 'signed in again');
  }],
  ['updateUser merges metadata, and null takes a key away', async (world) => {
    const { app } = await signedUp(world);
    const merged = good(await app.auth.updateUser({ data: { theme: 'dark', nested: { a: [1, null] } } })).data.user.user_metadata;
    equal([merged.full_name, merged.theme, merged.nested], ['Ann', 'dark', { a: [1, null] }], 'merged');
    const fewer = good(await app.auth.updateUser({ data: { theme: null } })).data.user.user_metadata;
    equal([fewer.full_name, 'theme' in fewer], ['Ann', false], 'one key less');
    equal((await stored(app)).user.user_metadata.full_name, 'Ann', 'in the stored session');
  }],
  ['a new password must differ and ends the other sessions', async (world) => {
    const { app, email } = await signedUp(world);
    const other = await signedIn(world, email);
    refused(await app.auth.updateUser({ password: PASSWORD }), 'same_password', 422);
    const weak = await app.auth.updateUser({ password: 'abc' });
    refused(weak, 'weak_password', 422, 'AuthWeakPasswordError');
    good(await app.auth.updateUser({ password: `${PASSWORD} 2` }));
    good(await app.auth.getUser());
    holds((await other.app.auth.getUser()).error, 'the other session has ended');
    refused(await client(world).auth.signInWithPassword({ email, password: PASSWORD }), 'invalid_credentials', 400);
    good(await client(world).auth.signInWithPassword({ email, password: `${PASSWORD} 2` }));
  }],
  ['telephones are not there, and the client is told so', async (world) => {
    const phone = '+4912345678';
    refused(await client(world).auth.signUp({ phone, password: PASSWORD }), 'phone_provider_disabled', 400);
    refused(await client(world).auth.signInWithPassword({ phone, password: PASSWORD }), 'phone_provider_disabled', 400);
    const { app } = await signedUp(world);
    refused(await app.auth.updateUser({ phone }), 'phone_provider_disabled', 400);
  }],
  ['ways to sign in that are not there answer with a code', async (world) => {
    const app = client(world);
    refused(await app.auth.resetPasswordForEmail(address(world)), 'not_found', 404);
    refused(await app.auth.signInWithOtp({ email: address(world) }), 'not_found', 404);
    refused(await app.auth.verifyOtp({ email: address(world), token: '123456', type: 'email' }), 'not_found', 404);
    refused(await app.auth.resend({ type: 'signup', email: address(world) }), 'not_found', 404);
  }],
  ['what decides about rights is not the user\'s to change', async (world) => {
    const { app } = await signedUp(world);
    refused(await app.auth.updateUser({ app_metadata: { admin: true } }), 'not_admin', 403);
    refused(await app.auth.updateUser({ role: 'service_role' }), 'not_admin', 403);
    const { user } = good(await app.auth.getUser()).data;
    equal([user.role, user.app_metadata], ['authenticated', { provider: 'email', providers: ['email'] }], 'unchanged');
  }],
  ['refreshSession gives new tokens of the same session', async (world) => {
    const { app, session } = await signedUp(world);
    const fresh = good(await app.auth.refreshSession()).data.session;
    holds(fresh.refresh_token !== session.refresh_token, 'the refresh token rotates');
    equal(fresh.user.id, session.user.id, 'user');
    good(await app.auth.getUser());
  }],
  ['two clients that refresh with the same token at once both stay signed in', async (world) => {
    const { session } = await signedUp(world);
    const apps = [client(world), client(world)];
    const { refresh_token } = session;
    for (let round = 0; round < 3; round += 1) {
      const both = await Promise.all(apps.map((app) => app.auth.refreshSession(round === 0 ? { refresh_token } : undefined)));
      both.forEach(good);
    }
    for (const app of apps) {
      good(await app.auth.getUser());
      good(await app.auth.refreshSession());
    }
  }],
  ['a refresh whose answer was lost works when it is repeated', async (world) => {
    let lost = 0;
    const lossy = async (input, init) => {
      const answer = await fetch(input, init);
      if (String(input.url ?? input).includes('grant_type=refresh_token') && lost < 2) {
        lost += 1;
        throw new TypeError('Failed to fetch');
      }
      return answer;
    };
    const { app } = await signedUp(world, { fetch: lossy });
    good(await app.auth.refreshSession());
    equal(lost, 2, 'answers lost');
    good(await app.auth.getUser());
    good(await app.auth.refreshSession());
  }],
  ['an expired session is refreshed by getSession', async (world) => {
    const { session } = await signedUp(world);
    const app = client(world);
    good(await app.auth.setSession(session));
    const fresh = good(await app.auth.refreshSession({ refresh_token: session.refresh_token })).data.session;
    holds(fresh.expires_at >= session.expires_at, 'it lives longer');
    refused(await client(world).auth.refreshSession({ refresh_token: 'nonsense' }), 'refresh_token_not_found', 400);
  }],
  ['getClaims gives what the token says', async (world) => {
    const { app, user, email } = await signedUp(world);
    const { claims } = good(await app.auth.getClaims()).data;
    equal([claims.sub, claims.email, claims.role, claims.is_anonymous], [user.id, email, 'authenticated', false], 'claims');
    holds(claims.exp > claims.iat && claims.session_id && claims.iss, 'exp, iat, session_id and iss are there');
  }],
  ['signing out ends the sessions of its scope', async (world) => {
    const { app, email } = await signedUp(world);
    const here = await signedIn(world, email);
    const there = await signedIn(world, email);
    good(await here.app.auth.signOut({ scope: 'local' }));
    equal(await stored(here.app), null, 'local: gone here');
    good(await there.app.auth.getUser());
    good(await app.auth.signOut({ scope: 'others' }));
    good(await app.auth.getUser());
    holds((await there.app.auth.getUser()).error, 'others: gone there');
    const again = await signedIn(world, email);
    good(await again.app.auth.signOut());
    equal(await stored(again.app), null, 'global: gone here');
    holds((await app.auth.getUser()).error, 'global: gone everywhere');
    refused(await client(world).auth.refreshSession({ refresh_token: again.session.refresh_token }), 'refresh_token_not_found', 400);
  }],
  ['getUser after the session was ended elsewhere clears it here', async (world) => {
    const { app, email } = await signedUp(world);
    const other = await signedIn(world, email);
    good(await other.app.auth.signOut({ scope: 'global' }));
    const answer = await app.auth.getUser();
    equal(answer.error?.name, 'AuthSessionMissingError', 'the error');
    equal(await stored(app), null, 'the dead session is dropped');
  }],
  ['the client tells the app of each change', async (world) => {
    const app = client(world);
    const events = [];
    const { data } = app.auth.onAuthStateChange((event) => events.push(event));
    good(await app.auth.signUp({ email: address(world), password: PASSWORD }));
    good(await app.auth.updateUser({ data: { a: 1 } }));
    good(await app.auth.refreshSession());
    good(await app.auth.signOut());
    await new Promise((resolve) => setTimeout(resolve, 50));
    data.subscription.unsubscribe();
    equal(events.filter((e) => e !== 'INITIAL_SESSION'), ['SIGNED_IN', 'USER_UPDATED', 'TOKEN_REFRESHED', 'SIGNED_OUT'], 'events');
  }],
  ['functions look a verse up, create it and review it', async (world) => {
    const { app } = await signedUp(world);
    const call = async (body) => good(await app.functions.invoke(FUNCTION, { body })).data;
    const unknown = await call({ operation: 'lookup', reference: 'John 3:16', translation: 'KJV' });
    holds(unknown.verse.text.includes('God so loved the world'), 'the text');
    equal(unknown.userCard, null, 'no card yet');
    const created = await call({ operation: 'create', reference: 'jn 3:16', normalizedRef: 'john3:16', translation: 'KJV' });
    equal([created.verse.reference, created.userCard.currentPhase], ['John 3:16', 'daily'], 'created');
    const found = await call({ operation: 'lookup', reference: 'John 3:16', translation: 'KJV' });
    equal(found.userCard?.verseId, created.verse.id, 'the card is found');
    const now = Date.now();
    const localDate = new Date(now).toISOString().slice(0, 10);
    const data = { verseId: created.verse.id, wasSuccessful: true, occurredAt: now, localDate };
    const reviewed = await call({ operation: 'record_review', id: `review-${world.run}`, data });
    holds(reviewed.userCard.lastReviewedAt > 0, 'the review counts');
  }],
  ['a batch answers every operation on its own, also when it is sent again', async (world) => {
    const { app } = await signedUp(world);
    const operations = [
      { id: `a-${world.clients}`, type: 'create', data: { reference: 'Psalm 23:1', translation: 'KJV' } },
      { id: `b-${world.clients}`, type: 'create', data: { reference: 'No Such Book 1:1' } },
      { id: `c-${world.clients}`, type: 'lookup', data: { reference: 'John 3:16', translation: 'KJV' } },
      { id: `d-${world.clients}`, type: 'fly', data: {} },
    ];
    const send = async () => good(await app.functions.invoke(FUNCTION, { body: { operation: 'batch', batchId: 'b', operations } })).data;
    const [first, again] = [await send(), await send()];
    for (const answer of [first, again]) {
      equal(answer.results.map((r) => r.id), operations.map((o) => o.id), 'ids in order');
      equal(answer.results.map((r) => r.success), [true, false, true, false], 'each on its own');
      equal(answer.results[1].retryable, false, 'a verdict is no fault of the moment');
      equal(answer.summary, { total: 4, successful: 2, failed: 2 }, 'summary');
      holds(answer.results.filter((r) => !r.success).every((r) => typeof r.error === 'string' && r.code), 'errors are texts with codes');
    }
    equal([first.results[0].data.duplicate, again.results[0].data.duplicate], [false, true], 'applied once');
  }],
  ['the body of a refusal can be read', async (world) => {
    const { app } = await signedUp(world);
    const invoke = (body) => app.functions.invoke(FUNCTION, { body });
    await refusedByFunction(await invoke({ operation: 'create', reference: 'No Such Book 1:1' }), 422, 'invalid_reference');
    await refusedByFunction(await invoke({ nothing: true }), 400, 'malformed_request');
    await refusedByFunction(await invoke('not json'), 400, 'malformed_request');
    const tooMany = Array.from({ length: 5000 }, (_, n) => ({ id: `${n}`, type: 'lookup', data: { reference: 'John 3:16' } }));
    const many = await refusedByFunction(await invoke({ operation: 'batch', batchId: 'b', operations: tooMany }), 413, 'too_many_operations');
    holds(many.maxOperations > 0, 'the limit is told');
    const large = { operation: 'create', reference: 'John 3:16', text: 'x'.repeat(3_000_000) };
    await refusedByFunction(await invoke(large), 413, 'body_too_large');
    await refusedByFunction(await app.functions.invoke('no-such-function', { body: {} }), 404, 'not_found');
  }],
  ['without a session, and after its end, functions answer 401', async (world) => {
    const body = { operation: 'lookup', reference: 'John 3:16' };
    await refusedByFunction(await client(world).functions.invoke(FUNCTION, { body }), 401, 'invalid_token');
    const { app, email } = await signedUp(world);
    const other = await signedIn(world, email);
    good(await other.app.auth.signOut());
    await refusedByFunction(await app.functions.invoke(FUNCTION, { body }), 401, 'invalid_token');
  }],
  ['a user gets all data, and deletes the account with it', async (world) => {
    const { app, email, user } = await signedUp(world);
    const body = { operation: 'create', reference: 'John 3:16', translation: 'KJV' };
    good(await app.functions.invoke(FUNCTION, { body }));
    const all = good(await app.functions.invoke('verse-account', { method: 'GET' })).data;
    equal([all.account.id, all.account.email, all.account.user_metadata.full_name], [user.id, email, 'Ann'], 'the account');
    equal([all.cards.length, all.verses[0].reference, all.history.length], [1, 'John 3:16', 1], 'the verses');
    const erase = (confirm) => app.functions.invoke('verse-account', { method: 'DELETE', body: { confirm } });
    await refusedByFunction(await erase('yes'), 422, 'validation_failed');
    const gone = good(await erase('delete my account')).data;
    equal([gone.deleted, gone.accountDeleted], [true, true], 'deleted');
    equal(good(await erase('delete my account')).data, gone, 'asked again');
    await refusedByFunction(await app.functions.invoke(FUNCTION, { body }), 401, 'invalid_token');
    equal((await app.auth.getUser()).error?.name, 'AuthSessionMissingError', 'the session is over');
    equal(await stored(app), null, 'and dropped');
    refused(await client(world).auth.signInWithPassword({ email, password: PASSWORD }), 'invalid_credentials', 400);
    const again = good(await client(world).auth.signUp({ email, password: PASSWORD })).data.user;
    holds(again.id !== user.id, 'the address is free for a new account');
  }],
  ['tables are not there, and the client can say so', async (world) => {
    const { app } = await signedUp(world);
    const { error, status } = await app.from('verses').select('*');
    equal(status, 404, 'status');
    holds(error?.message || error?.detail || error?.error, 'an error with a text');
  }],
  ['settings and health', async (world) => {
    const settings = await (await fetch(`${world.url}/auth/v1/settings`, { headers: { apikey: 'an-anon-key' } })).json();
    equal([settings.external.email, settings.external.anonymous_users, settings.external.phone], [true, true, false], 'external');
    equal([settings.disable_signup, settings.mailer_autoconfirm], [false, true], 'switches');
    const health = await (await fetch(`${world.url}/auth/v1/health`)).json();
    holds(health.name && health.version && health.description, 'name, version and description');
  }],
];
