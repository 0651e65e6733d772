// What a page on another origin can see of the server's raw answers: only what CORS allows. Runs in the browser.

export async function raw(url) {
  const passed = [];
  for (const [name, path, init, status, headers] of CASES) {
    const answer = await fetch(url + path, init);
    if (answer.status !== status) throw new Error(`${name}: status ${answer.status}, expected ${status}`);
    for (const header of ['x-request-id', 'date', ...headers]) {
      if (!answer.headers.get(header)) throw new Error(`${name}: the page cannot read ${header}`);
    }
    const text = await answer.text();
    if (status !== 204 && typeof JSON.parse(text) !== 'object') throw new Error(`${name}: no JSON object but ${text}`);
    passed.push(name);
  }
  return passed;
}

const AUTH = ['x-supabase-api-version', 'x-sb-error-code'];
const JSON_TYPE = { 'content-type': 'application/json' };
const EVERYTHING = {
  apikey: 'k', authorization: 'Bearer k', 'x-client-info': 'c', 'x-supabase-api-version': '2024-01-01', 'x-region': 'r',
  'x-retry-count': '1', 'idempotency-key': 'i', prefer: 'p', traceparent: 't', tracestate: 's', baggage: 'b', 'accept-profile': 'public', 'content-profile': 'public', ...JSON_TYPE,
};

// Name, path, request, status, and the headers the page must be able to read besides the id and the date.
const CASES = [
  ['a wrong password', '/auth/v1/token?grant_type=password', { method: 'POST', headers: JSON_TYPE, body: '{"email":"a@b.c","password":"x"}' }, 400, AUTH],
  ['no token', '/auth/v1/user', {}, 401, AUTH],
  ['a bad token, with every header a client may send', '/auth/v1/user', { headers: EVERYTHING }, 403, AUTH],
  ['a change without a token', '/auth/v1/user', { method: 'PUT', headers: JSON_TYPE, body: '{}' }, 401, AUTH],
  ['a body that is too large', '/auth/v1/signup', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ email: 'x'.repeat(2_000_000) }) }, 413, AUTH],
  ['an unknown path of sign-in', '/auth/v1/nothing', {}, 404, []],
  ['a wrong method of sign-in', '/auth/v1/token', { method: 'DELETE' }, 405, []],
  ['a function without a token', '/functions/v1/verse-operations', { method: 'POST', headers: JSON_TYPE, body: '{}' }, 401, []],
  ['an unknown function', '/functions/v1/nothing', { method: 'POST', headers: EVERYTHING, body: '{}' }, 404, []],
  ['a wrong method of a function', '/functions/v1/verse-operations', { method: 'DELETE' }, 405, []],
  ['a table', '/rest/v1/verses?select=*', { headers: { apikey: 'k' } }, 404, []],
];
