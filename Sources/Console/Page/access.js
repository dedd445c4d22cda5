/** Who may call, and who may use this console. */
import { h, section, table } from './dom.js';
import { confirm } from './forms.js';
import { get, request } from './api.js';

/** The parts of the page: their name in the address, title, least role, and the module that shows them. */
const parts = [
    ['allowlist', 'Allowlist', 'viewer', () => import('./networks.js')],
    ['bans', 'Bans', 'viewer', () => import('./networks.js')],
    ['experts', 'Experts', 'viewer', () => import('./people.js')],
    ['subscribers', 'Subscribers', 'viewer', () => import('./people.js')],
    ['keys', 'Keys', 'admin', () => import('./people.js')],
    ['test', 'Would this call get in?', 'viewer', () => import('./trial.js')],
];

export async function show(context) {
    const offered = parts.filter(([, , role]) => context.can(role));
    const current = offered.find(([name]) => name === (context.path[1] ?? 'allowlist')) ?? offered[0];
    const [name, title, , load] = current;
    const views = await load();
    return [
        h('h1', {}, 'Access'),
        h('nav', { class: 'tabs', 'aria-label': 'Parts of access' }, offered.map((part) =>
            h('a', { href: `#/access/${part[0]}`, 'aria-current': part === current && 'page' }, part[1]))),
        await views[name](context, title),
    ];
}

const actionColumn = { title: 'Actions', unseen: true, class: 'row-actions' };

/**
 * A list of the API, a page at a time.
 * - `source`: its path, the name of its items and what they are sorted by; `actions(item)`: buttons of a row.
 */
export async function listing(context, title, { lead, source, columns, key, empty, add, actions }) {
    const after = context.query.get('after') ?? undefined;
    const page = await get(source.path, { after }, context.signal);
    const rows = table({
        caption: title, key, empty,
        columns: actions ? [...columns, { ...actionColumn, cell: actions }] : columns,
    });
    rows.update(page[source.items]);
    const here = `#/access/${context.path[1] ?? 'allowlist'}`;
    return section(title, { id: 'listing', wide: true, actions: add },
        h('p', { class: 'lead' }, lead), rows.element,
        h('p', { class: 'pages' },
            after && h('a', { href: here }, 'From the beginning'),
            page.next && h('a', { href: `${here}?after=${encodeURIComponent(page.next)}` }, 'Next page')));
}

export const addButton = (text, onclick) => h('button', { type: 'button', class: 'primary', onclick }, text);

/** A button in a row; `object` is said too, for those who hear buttons out of their row. */
export const rowButton = (text, object, onclick) =>
    h('button', { type: 'button', 'aria-label': `${text} ${object}`, onclick }, text);

/** Asks, sends DELETE, and shows the list anew. */
export function removal(context, { title, text, action, done, target }) {
    confirm({
        title, text, action, done,
        run: async () => {
            await request('DELETE', target);
            await context.reload();
        },
    });
}

/** Changes something only if it still is as it was when `read` got it. */
export async function change(method, target, read, body) {
    const { tag } = read ?? (await request('GET', target));
    await request(method, target, { match: tag, body });
}
