/** Asks the control API. The session is a cookie that this page cannot read. */

/** What went wrong, as the API's problem document says it; status 0 when there was no answer. */
export class Problem extends Error {
    constructor(status, detail, fields = [], retryAfter = 0) {
        super(detail);
        this.status = status;
        /** `{field, detail}` each. */
        this.fields = fields;
        /** Seconds. */
        this.retryAfter = retryAfter;
    }
}

/** Sends `signedout` when the session is over, and `limited` with the seconds to wait as its `detail`. */
export const signals = new EventTarget();

/** A path whose values are encoded: path`/v1/calls/${id}`. */
export const path = (texts, ...values) => String.raw({ raw: texts }, ...values.map(encodeURIComponent));

/** A query string without what is empty; a list gives its name several times. */
export function queryText(query = {}) {
    const pairs = Object.entries(query).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
    const text = new URLSearchParams(pairs.filter(([, value]) => value !== undefined && value !== '')).toString();
    return text && `?${text}`;
}

/**
 * Answers `{value, tag}`: the document, null without one, and its entity tag for `match` of a later change.
 * Throws a Problem, or an AbortError by `signal`.
 */
export async function request(method, target, { body, query, match, signal } = {}) {
    const headers = {};
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (match) headers['If-Match'] = match;
    let response;
    try {
        response = await fetch(target + queryText(query), { method, headers, signal, body: JSON.stringify(body) });
    } catch (error) {
        if (signal?.aborted) throw error;
        throw new Problem(0, 'The edge cannot be reached.');
    }
    if (response.ok) {
        const value = response.status === 204 ? null : await response.json();
        return { value, tag: response.headers.get('ETag') };
    }
    throw await refusal(response, method === 'POST' && target === '/v1/session');
}

/** What a GET answers. */
export async function get(target, query, signal) {
    return (await request('GET', target, { query, signal })).value;
}

async function refusal(response, isSigningIn) {
    const document = await response.json().catch(() => ({}));
    const detail = document.detail || document.title || `The edge answered with status ${response.status}.`;
    switch (response.status) {
    case 401:
        if (!isSigningIn) signals.dispatchEvent(new Event('signedout'));
        return new Problem(401, detail);
    case 412:
        return new Problem(412, 'Somebody else has changed this in the meantime. Close this and look at it again.');
    case 429: {
        const seconds = Math.max(1, Number(response.headers.get('Retry-After')) || 1);
        signals.dispatchEvent(new CustomEvent('limited', { detail: seconds }));
        return new Problem(429, `Too many requests, again in ${seconds} s.`, [], seconds);
    }
    default:
        return new Problem(response.status, detail, document.errors);
    }
}
