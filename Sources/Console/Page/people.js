/** Experts, subscribers, and the keys of this console and the API. */
import { h, badge, fill } from './dom.js';
import { ask, dialog, form } from './forms.js';
import { path, request } from './api.js';
import { day, exact, moment } from './format.js';
import { addButton, change, listing, removal, rowButton } from './access.js';

export function experts(context, title) {
    const mayChange = context.can('admin');
    return listing(context, title, {
        lead: 'Layer 6: an expert takes part in calls about the hazards that it specializes in, once it is verified.',
        source: { path: '/v1/experts', items: 'experts' }, key: ({ aor }) => aor, empty: 'No expert is registered.',
        columns: [
            {
                title: 'Expert', head: true,
                cell: ({ aor, name, contact }) => [
                    name, h('span', { class: 'sub mono' }, aor),
                    contact && h('span', { class: 'sub' }, 'calls go to ', h('span', { class: 'mono' }, contact)),
                ],
            },
            { title: 'Organization', cell: ({ organization }) => organization },
            { title: 'Specializations', cell: ({ specializations }) => specializations.join(', ') },
            {
                title: 'Verified',
                cell: ({ verified }) => (verified ? badge('good', 'verified') : badge('fair', 'not verified')),
            },
            { title: 'Signing keys', cell: (expert) => signingKeys(context, expert, mayChange) },
        ],
        add: mayChange && addButton('Add an expert', () => addExpert(context)),
        actions: mayChange && (({ aor, verified }) => [
            rowButton(verified ? 'Withdraw' : 'Verify', aor,
                () => context.attempt(setVerified(context, aor, !verified))),
            rowButton('Add key', `for ${aor}`, () => addSigningKey(context, aor)),
            rowButton('Remove', aor, () => removal(context, {
                title: `Remove ${aor}?`, action: 'Remove', target: path`/v1/experts/${aor}`,
                text: 'Its calls are refused from now on, and its signing keys go with it.',
                done: `${aor} was removed.`,
            })),
        ]),
    });
}

function signingKeys(context, { aor, keys }, mayChange) {
    if (!keys.length) return '–';
    return h('ul', { class: 'plain-list' }, keys.map((key) => h('li', {},
        h('span', { class: 'mono' }, key.id), key.not_after && ` until ${day(key.not_after)}`, ' ',
        mayChange && rowButton('Remove', `key ${key.id} of ${aor}`, () => removal(context, {
            title: `Remove the key ${key.id}?`, action: 'Remove', target: path`/v1/experts/${aor}/keys/${key.id}`,
            text: `Calls that ${aor} signs with it are refused from now on.`, done: `The key ${key.id} was removed.`,
        })))));
}

function addExpert(context) {
    ask({
        title: 'Add an expert', submit: 'Add', done: 'The expert was added.',
        fields: [
            { name: 'aor', label: 'Address of record', hint: 'Such as expert-safety@external.advisor', required: true },
            { name: 'name', label: 'Name', required: true },
            { name: 'organization', label: 'Organization', required: true },
            {
                name: 'specializations', label: 'Specializations', type: 'list', required: true,
                hint: 'Hazards, with commas between: safety, alignment',
            },
            { name: 'contact', label: 'Contact', hint: 'Where calls to it go, such as sip:expert@192.0.2.7' },
            { name: 'verified', label: 'Verified', type: 'checkbox', hint: 'Who it is has been checked' },
        ],
        run: async (expert) => {
            await request('POST', '/v1/experts', { body: expert });
            await context.reload();
        },
    });
}

async function setVerified(context, aor, verified) {
    await change('PATCH', path`/v1/experts/${aor}`, null, { verified });
    await context.reload();
}

function addSigningKey(context, aor) {
    ask({
        title: `Add a key for ${aor}`, submit: 'Add', done: 'The key was added.',
        fields: [
            { name: 'id', label: 'Key id', hint: 'As its signatures name it', required: true },
            { name: 'public_key', label: 'Public key', type: 'lines', hint: 'Ed25519', required: true },
            { name: 'not_after', label: 'Good until', type: 'date', hint: 'Empty: without end' },
        ],
        run: async (key) => {
            await request('POST', path`/v1/experts/${aor}/keys`, { body: key });
            await context.reload();
        },
    });
}

export function subscribers(context, title) {
    const mayChange = context.can('admin');
    return listing(context, title, {
        lead: 'Layer 4: who can authenticate. Passwords are kept as hashes only.',
        source: { path: '/v1/subscribers', items: 'subscribers' }, key: ({ aor }) => aor,
        empty: 'There is no subscriber.',
        columns: [
            { title: 'Address of record', head: true, class: 'mono', cell: ({ aor }) => aor },
            {
                title: 'State',
                cell: ({ enabled }) => (enabled ? badge('good', 'enabled') : badge('plain', 'disabled')),
            },
            {
                title: 'Algorithms',
                cell: ({ algorithms, has_plaintext: isPlain }) =>
                    [algorithms.join(', '), isPlain && [' ', badge('fair', 'password in plain text')]],
            },
            {
                title: 'Changed',
                cell: ({ updated_at: changed, created_at: created }) => moment(changed ?? created) ?? '–',
            },
        ],
        add: mayChange && addButton('Add a subscriber', () => addSubscriber(context)),
        actions: mayChange && (({ aor, enabled }) => [
            rowButton(enabled ? 'Disable' : 'Enable', aor, () => context.attempt(setEnabled(context, aor, !enabled))),
            rowButton('Set password', `of ${aor}`, () => setPassword(context, aor)),
            rowButton('Remove', aor, () => removal(context, {
                title: `Remove ${aor}?`, action: 'Remove', target: path`/v1/subscribers/${aor}`,
                text: 'It cannot authenticate any more.', done: `${aor} was removed.`,
            })),
        ]),
    });
}

function addSubscriber(context) {
    ask({
        title: 'Add a subscriber', submit: 'Add', done: 'The subscriber was added.',
        fields: [
            { name: 'aor', label: 'Address of record', hint: 'Such as alice@external.advisor', required: true },
            { name: 'password', label: 'Password', type: 'password', required: true },
        ],
        run: async (subscriber) => {
            await request('POST', '/v1/subscribers', { body: subscriber });
            await context.reload();
        },
    });
}

async function setEnabled(context, aor, enabled) {
    await change('PATCH', path`/v1/subscribers/${aor}`, null, { enabled });
    await context.reload();
}

function setPassword(context, aor) {
    ask({
        title: `Password of ${aor}`, submit: 'Set', done: 'The password was set.',
        fields: [{ name: 'password', label: 'New password', type: 'password', required: true }],
        run: async (body) => {
            await change('PATCH', path`/v1/subscribers/${aor}`, null, body);
            await context.reload();
        },
    });
}

export function keys(context, title) {
    return listing(context, title, {
        lead: 'Keys open the control API and this console. Only hashes are kept, so a lost key stays lost.',
        source: { path: '/v1/keys', items: 'keys' }, key: ({ name }) => name, empty: 'There is no key.',
        columns: [
            {
                title: 'Name', head: true,
                cell: ({ name }) =>
                    [name, name === context.session.name && h('span', { class: 'sub' }, 'you are signed in with it')],
            },
            { title: 'Role', cell: ({ role }) => role },
            { title: 'Begins with', class: 'mono', cell: ({ prefix }) => prefix },
            { title: 'Created', cell: ({ created_at: created }) => moment(created) },
            { title: 'Last used', cell: ({ last_used_at: used }) => moment(used) ?? 'never' },
            { title: 'Expires', cell: ({ expires_at: end }) => moment(end, day) ?? 'never' },
        ],
        add: addButton('Create a key', () => createKey(context)),
        actions: ({ name }) => rowButton('Revoke', name, () => removal(context, {
            title: `Revoke ${name}?`, action: 'Revoke', target: path`/v1/keys/${name}`,
            text: name === context.session.name
                ? 'You are signed in with this key: you will be signed out.' : 'Whoever uses it is shut out at once.',
            done: `${name} was revoked.`,
        })),
    });
}

function createKey(context) {
    let isCreated = false;
    dialog('Create a key', (close, element) => {
        const body = h('div');
        element.addEventListener('cancel', (event) => isCreated && event.preventDefault());
        element.addEventListener('close', () => isCreated && context.reload());
        fill(body, form({
            submit: 'Create', cancel: close,
            fields: [
                { name: 'name', label: 'Name', hint: 'Who or what uses it', required: true },
                { name: 'role', label: 'Role', type: 'select', options: ['viewer', 'operator', 'admin'] },
                { name: 'expires', label: 'Expires', type: 'date', hint: 'Empty: never' },
            ],
            run: async (wish) => {
                const { value } = await request('POST', '/v1/keys', { body: wish });
                fill(body, createdKey(value, close));
                body.querySelector('output').focus();
                isCreated = true;
            },
        }).element);
        return body;
    });
}

function createdKey({ name, role, key, expires_at: end }, close) {
    const state = h('span', { role: 'status' });
    const copy = async () => {
        await navigator.clipboard.writeText(key);
        fill(state, 'Copied.');
    };
    return [
        h('p', {}, `The key of ${name}, ${role}${end ? `, until ${exact(end)}` : ''}. `,
            h('strong', {}, 'It is shown this once.')),
        h('output', { class: 'secret', tabindex: 0, 'aria-label': 'The key' }, key),
        h('div', { class: 'buttons' },
            // Browsers offer the clipboard to pages from loopback or over TLS only.
            navigator.clipboard && h('button', { type: 'button', onclick: copy }, 'Copy'),
            h('button', { type: 'button', class: 'primary', onclick: close }, 'I have stored it'), state),
    ];
}
