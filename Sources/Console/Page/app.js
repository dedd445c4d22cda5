/** The console: who is signed in, which page is shown, and when it asks the edge anew. */
import { h, fill, announce, badge } from './dom.js';
import { form } from './forms.js';
import { get, request, signals, Problem } from './api.js';
import { clock, zone } from './format.js';

const pages = [
    ['now', 'Now', () => import('./now.js')], ['calls', 'Calls', () => import('./calls.js')],
    ['access', 'Access', () => import('./access.js')],
    ['certificates', 'Certificates', () => import('./certificates.js')],
    ['witness', 'Witness', () => import('./witness.js')], ['health', 'Health', () => import('./health.js')],
];
const roles = ['viewer', 'operator', 'admin'];
const byID = (id) => document.getElementById(id);
const [rail, main, trouble] = [byID('rail'), byID('main'), byID('trouble')];

let session = null;
/** Ends what belongs to the page that is shown. */
let page = new AbortController();
/** No polling before this, after a 429. */
let quietUntil = 0;
let freshAt = Date.now();
let latest = { at: 0, answer: null };

/** The edge's status; asked once for all who want it at the same time. */
function status() {
    if (Date.now() - latest.at < 4000) return latest.answer;
    const answer = get('/v1/status').then((value) => {
        showNode(value);
        return value;
    });
    latest = { at: Date.now(), answer };
    return answer;
}

function showNode({ node, version, ready, reasons }) {
    const text = `${node} ${ready}`;
    if (byID('node').dataset.shown !== text) {
        const state = ready ? badge('good', 'ready') : badge('bad', 'not ready');
        fill(byID('node'), h('a', { href: '#/health' }, node), state);
        byID('node').dataset.shown = text;
    }
    byID('node').title = reasons.join(' ');
    fill(byID('version'), `Sallyport ${version}`);
}

/** Runs a page's tasks in turn: one request every 5 s at most, none while the page is hidden. */
function poll(tasks, signal) {
    const turns = tasks.map((task) => ({ ...task, due: Date.now() + task.every * 1000 }));
    let isBusy = false;
    let before = Date.now();
    const tick = async () => {
        if (isBusy || document.hidden || Date.now() < quietUntil || Date.now() - before < 4900) return;
        const next = turns.reduce((one, other) => (one.due <= other.due ? one : other));
        // Timers are not exact: what is due in a moment need not wait for another turn.
        if (next.due > Date.now() + 1000) return;
        next.due = Date.now() + next.every * 1000;
        before = Date.now();
        isBusy = true;
        try {
            await attempt(next.run().then(fresh));
        } finally {
            isBusy = false;
        }
    };
    const timer = setInterval(tick, 5000);
    document.addEventListener('visibilitychange', tick, { signal });
    signal.addEventListener('abort', () => clearInterval(timer));
}

function fresh() {
    freshAt = Date.now();
    clearTrouble();
}

function clearTrouble() {
    if (Date.now() >= quietUntil) fill(trouble);
}

/** Waits for something that may go wrong, and says so above the page. */
async function attempt(promise) {
    try {
        await promise;
    } catch (error) {
        if (error.name === 'AbortError' || error.status === 401 || error.status === 429) return;
        if (!(error instanceof Problem)) throw error;
        const text = error.status === 0 ? `Not up to date since ${clock(freshAt)}. ${error.message}` : error.message;
        if (trouble.textContent !== text) fill(trouble, h('p', { class: 'bad' }, text));
    }
}

/** Counts the seconds down for the eye, and says them once for the ear. */
signals.addEventListener('limited', ({ detail: seconds }) => {
    if (Date.now() < quietUntil) return;
    quietUntil = Date.now() + seconds * 1000;
    const left = h('span', { 'aria-hidden': 'true' });
    fill(trouble, h('p', { class: 'fair' },
        'Too many requests. ', left, h('span', { class: 'unseen' }, `The console asks again in ${seconds} seconds.`)));
    const count = () => {
        const rest = Math.ceil((quietUntil - Date.now()) / 1000);
        fill(left, `The console asks again in ${rest} s.`);
        if (rest > 0) return;
        clearInterval(timer);
        clearTrouble();
    };
    const timer = setInterval(count, 1000);
    count();
});

signals.addEventListener('signedout', () => {
    if (session) showSignIn('Your key does not open this page any more: it was revoked or has expired.');
});

function closeEverything() {
    page.abort();
    document.querySelectorAll('dialog').forEach((dialog) => dialog.close());
    clearTrouble();
}

function showSignIn(reason) {
    session = null;
    closeEverything();
    rail.hidden = true;
    document.title = 'Sign in – Sallyport';
    const sign = form({
        submit: 'Sign in',
        fields: [{
            name: 'key', label: 'API key', type: 'password', required: true,
            hint: 'It is exchanged for a session and kept nowhere in this browser.',
        }],
        run: async (body) => {
            try {
                session = (await request('POST', '/v1/session', { body })).value;
            } catch (error) {
                if (error.status !== 401) throw error;
                throw new Problem(401, '', [{ field: 'key', detail: 'No such key is in force.' }]);
            }
            await showSession();
        },
    });
    fill(main, h('div', { class: 'sign-in' },
        h('img', { src: '/console/icon.svg', alt: '', width: 40, height: 40 }),
        h('h1', {}, 'Sign in to Sallyport'),
        reason && h('p', { class: 'reason', role: 'alert' }, reason),
        sign.element,
        h('p', { class: 'quiet' },
            'A key is made on the edge with ', h('code', {}, 'sallyport key create NAME --role viewer'), '.')));
    main.querySelector('input').focus();
}

async function showSession() {
    rail.hidden = false;
    fill(byID('who'), session.name, h('span', { class: 'sub' }, session.role));
    await render();
}

/** The hash as a path and a query: `#/calls/17?x=y`. */
function address() {
    const [text, query] = location.hash.replace(/^#\/?/, '').split('?');
    return { path: text.split('/').filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

function decoded(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text;
    }
}

/** Makes the page that the address names; `keepsFocus` where somebody is in the middle of something outside it. */
async function render({ keepsFocus = false } = {}) {
    const place = address();
    const [name, title, load] = pages.find(([id]) => id === (place.path[0] ?? 'now')) ?? [];
    closeEverything();
    page = new AbortController();
    const { signal } = page;
    const tasks = [{ every: 30, run: status }];
    const context = {
        ...place, signal, session, status, attempt,
        can: (role) => roles.indexOf(session.role) >= roles.indexOf(role),
        poll: async (more) => {
            tasks.push(...more);
            const results = await Promise.allSettled(more.map((task) => task.run()));
            const faults = results.filter(({ reason }) => reason);
            if (faults.length === more.length) throw faults[0].reason;
            faults.forEach(({ reason }) => attempt(Promise.reject(reason)));
        },
        reload: async () => session && render(),
        go: (hash) => {
            if (location.hash === hash) render();
            else location.hash = hash;
        },
    };
    main.setAttribute('aria-busy', 'true');
    let content;
    try {
        attempt(status());
        content = name ? await (await load()).show(context) : missing();
    } catch (error) {
        if (signal.aborted) return;
        content = failed(error);
    }
    if (signal.aborted) return;
    freshAt = Date.now();
    show(content, title ?? 'Not found', name, keepsFocus);
    poll(tasks, signal);
}

/** Puts a page in the place of another; focus stays on a part that both have, and goes to the heading otherwise. */
function show(content, title, name, keepsFocus) {
    const focused = document.activeElement === document.body ? null : document.activeElement?.getAttribute('href');
    document.title = `${title} – Sallyport`;
    for (const link of byID('links').querySelectorAll('a')) {
        if (link.hash === `#/${name}`) link.setAttribute('aria-current', 'page');
        else link.removeAttribute('aria-current');
    }
    const isSamePage = main.dataset.page === name;
    main.dataset.page = name;
    main.removeAttribute('aria-busy');
    fill(main, content);
    const heading = main.querySelector('h1');
    heading.tabIndex = -1;
    if (keepsFocus) return;
    const same = focused && [...main.querySelectorAll('a')].find((link) => link.getAttribute('href') === focused);
    (main.querySelector('[aria-invalid]') ?? same ?? heading).focus({ preventScroll: isSamePage });
    if (!isSamePage) scrollTo(0, 0);
}

const missing = () =>
    [h('h1', {}, 'Not found'), h('p', {}, 'There is no such page. ', h('a', { href: '#/now' }, 'Go to Now'))];

function failed(error) {
    const text = error instanceof Problem ? error.message : 'A part of the console could not be loaded.';
    const again = h('button', { type: 'button', class: 'primary', onclick: () => location.reload() }, 'Try again');
    return [h('h1', {}, error.status === 404 ? 'Not found' : 'This page could not be shown'), h('p', {}, text), again];
}

function openMenu(isOpen) {
    byID('menu').setAttribute('aria-expanded', String(isOpen));
    rail.classList.toggle('open', isOpen);
}

fill(byID('links'), pages.map(([id, title]) => h('li', {}, h('a', { href: `#/${id}` }, title))));
fill(byID('zone'), [['utc', 'UTC'], ['local', zone.local]].map(([value, text]) =>
    h('option', { value, selected: zone.choice === value }, text)));
byID('zone').addEventListener('change', ({ target }) => {
    zone.choice = target.value;
    render({ keepsFocus: true });
});
byID('menu').addEventListener('click', () => openMenu(!rail.classList.contains('open')));
byID('leave').addEventListener('click', () => attempt(request('DELETE', '/v1/session').then(() => {
    showSignIn();
    announce('You have signed out.');
})));
byID('skip').addEventListener('click', (event) => {
    event.preventDefault();
    main.focus();
});
addEventListener('hashchange', () => {
    openMenu(false);
    if (session) render();
});

try {
    session = await get('/v1/session');
    await showSession();
} catch (error) {
    if (error.status === 401) {
        showSignIn();
    } else {
        rail.hidden = true;
        fill(main, failed(error));
    }
}
